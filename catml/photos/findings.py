"""What is wrong with a photo table, and what should be known about it before anything is learnt from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml.errors import did_you_mean
from catml.photos.added import add, changed
from catml.photos.groups import Links, find_links, group
from catml.photos.listing import Listing, list_photos
from catml.photos.scan import scan

SHOWN = 5
# A label that is known from the size of the photo or from the camera is hardly learnt from what is on the photo.
TELLING = 0.9


@dataclass(frozen=True)
class Checked:
    """A set of photos, looked through: `stops` are reasons not to learn from it, `notes` what should be known."""

    listing: Listing
    table: pd.DataFrame  # one row a file
    photos: pd.DataFrame  # those without a problem, each once, their groups known, sorted by content and not by name
    links: Links  # by row position in `photos`
    stops: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def broken(self) -> pd.DataFrame:
        """The files that are no photos: `path`, `label`, `problem`."""
        return self.table.loc[self.table["problem"] != "", ["path", "label", "problem"]]


def examine(
    source: Path, cache: Path, min_photos: int, *, skip_broken: bool = False, later: Sequence[Path] = ()
) -> Checked:
    """Read all photos of a folder or table, group them, and find what is wrong.

    Args:
        source: what `list_photos` takes.
        cache: folder for the table of the last scan.
        min_photos: how many different photos each label needs.
        skip_broken: whether files that are no photos are left out instead of being a reason to stop.
        later: what `add` takes: photos that came later.

    Raises:
        InputError: nothing can be listed.
    """
    listing = add(list_photos(source), later)
    table = scan(listing, cache)
    fine = table[table["problem"] == ""]
    stops = [] if skip_broken else _broken(table, listing)
    stops += [*listing.problems, *changed(table, listing), *_too_few(fine, listing, min_photos)]
    stops += _contradictions(fine, listing.folder)
    # By content, so that no result depends on what files are called. Of copies, one that was there first stays.
    # A group that is given for one of them is given for all.
    groups = fine.groupby("pixels_sha256")["group"].transform("max")
    photos = fine.assign(group=groups, later=fine["path"].isin(listing.added))
    photos = photos.sort_values(["label", "pixels_sha256", "later", "path"]).drop_duplicates("pixels_sha256")
    photos = photos.drop(columns="later").reset_index(drop=True)
    links = find_links(photos)
    photos["group"] = group(photos, links)
    notes = [*listing.notes, *_telling(photos), *_copies(fine, photos)]
    if skip_broken:
        notes = [*_left_out(table), *notes]
    return Checked(listing, table, photos, links, tuple(stops), tuple(notes))


def group_notes(photos: pd.DataFrame, links: Links) -> Iterator[str]:
    """Say how many photos belong together, and which of them have different labels or given groups."""
    sizes = photos["group"].value_counts()
    sizes = sizes[sizes > 1]
    if sizes.empty:
        return
    yield (
        f"{sizes.sum()} photos look alike, are of one moment or were given one group, in {len(sizes)} "
        f"group{'s' if len(sizes) > 1 else ''} of at most {sizes.max()}: each group stays on one side of every split"
    )
    labels, groups = photos["label"].to_numpy(), photos["group"].to_numpy()
    across = (labels[links.first] != labels[links.second]) & (links.reason != "equal")
    yield from _pairs(photos, links, across, "have different labels: is one mislabelled?")
    yield from _pairs(photos, links, groups[links.first] != groups[links.second], "were given different groups")


def _pairs(photos: pd.DataFrame, links: Links, which: NDArray[np.bool_], what: str) -> Iterator[str]:
    paths = photos["path"].to_numpy()
    found = list(zip(paths[links.first[which]], paths[links.second[which]], strict=True))
    for first, second in found[:SHOWN]:
        yield f"{first} and {second} look alike or are of one moment, but {what}"
    if len(found) > SHOWN:
        yield f"{len(found) - SHOWN} more pairs look alike, but {what}"


def _broken(table: pd.DataFrame, listing: Listing) -> list[str]:
    broken = table[table["problem"] != ""]
    if broken.empty:
        return []
    if len(broken) == len(table) and (broken["problem"].str.contains("No such file")).all():
        return [
            f"{listing.source}: none of its {len(table)} files is there, {broken['path'].iloc[0]} for example. Paths "
            f"are taken relative to {listing.folder}."
        ]
    problems = [
        f"{listing.folder / path}: {problem}" + (f" ({listing.added[path]})" if path in listing.added else "")
        for path, problem in zip(broken["path"], broken["problem"], strict=True)
    ]
    return [*problems, "Repair these files or take them out; or go on without them with skip_broken=true."]


def _left_out(table: pd.DataFrame) -> list[str]:
    broken = table[table["problem"] != ""]
    notes = [
        f"left out: {path}: {problem}"
        for path, problem in zip(broken["path"][:SHOWN], broken["problem"][:SHOWN], strict=True)
    ]
    if len(broken) > SHOWN:
        notes.append(f"left out: {len(broken) - SHOWN} more files that are no photos ('catml check' lists them)")
    return notes


def _too_few(fine: pd.DataFrame, listing: Listing, min_photos: int) -> Iterator[str]:
    different = fine.groupby("label")["pixels_sha256"].nunique()
    for label in listing.labels:
        count = int(different.get(label, 0))
        if count < min_photos:
            where, near = listing.place(label), ""
            if label in listing.places:  # typed in, it may be another one misspelt
                first = fine.loc[fine["label"] == label, "path"].head(1)
                where += "".join(f", {path}" for path in first)
                near = did_you_mean(label, set(listing.labels) - {*listing.places})
            yield (
                f"{where}: holds {count} different readable photos; at least {min_photos} are needed.{near} "
                f"{'Correct the label, add photos' if near else 'Add photos'}, or take the label away."
            )


def _contradictions(fine: pd.DataFrame, folder: Path) -> Iterator[str]:
    """Yield a problem for each photo that is there several times and said to be different things."""
    copies = fine[fine.duplicated("pixels_sha256", keep=False)]
    for column, what in (("label", "under different labels"), ("split", "on both sides of the split"),
                         ("group", "in different groups")):  # fmt: skip
        said = copies[column].replace("", pd.NA)  # where nothing is said, nothing is contradicted
        differ = said.groupby(copies["pixels_sha256"]).transform("nunique") > 1
        for _, same in copies[differ].groupby("pixels_sha256", sort=False):
            places = ", ".join(str(folder / path) for path in same["path"])
            yield f"The same photo lies {what}: {places}. Keep the right one."


def _copies(fine: pd.DataFrame, photos: pd.DataFrame) -> list[str]:
    count = len(fine) - len(photos)
    return [f"{count} files are exact copies of others; each photo counts once"] if count else []


def _telling(photos: pd.DataFrame) -> Iterator[str]:
    """Say where the label could be guessed without a look at the photo.

    Each photo's label is guessed to be the most frequent among the other photos of the same size, or camera.
    """
    counts = photos["label"].value_counts()
    if len(counts) < 2:
        return
    shape = photos["width"].astype(str) + "x" + photos["height"].astype(str)
    number = counts.index.get_indexer(pd.Index(photos["label"]))
    everyone = np.arange(len(photos))
    for what, values in (("size", shape), ("camera", photos["camera"])):
        table = pd.crosstab(values, photos["label"])[counts.index]
        votes = table.to_numpy()[table.index.get_indexer(pd.Index(values))]
        votes[everyone, number] -= 1  # its own vote doesn't count, and it loses a draw
        own = votes[everyone, number].copy()
        votes[everyone, number] = -1
        right = float((own > votes.max(axis=1)).mean())
        if right >= TELLING and right > (1 + counts.iloc[0] / len(photos)) / 2:
            yield (
                f"{100 * right:.0f} % of the labels could be guessed from the {what} of the photo alone: are the "
                "photos of each label from a source of their own? Then the source may be what is learnt"
            )
