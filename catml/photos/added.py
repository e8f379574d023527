"""Photos that came later, beside those that a classifier was first learnt from: one set of both."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from catml.errors import did_you_mean
from catml.photos.listing import BYTES_SHA256, Listing, list_photos
from catml.photos.split import LEARN


def add(listing: Listing, sources: Sequence[Path]) -> Listing:
    """Return a listing with the photos of folders and tables that came later.

    Paths become relative to the folder of the listing. A file that is in it already is no new one.

    Args:
        listing: the photos there were.
        sources: folders with a folder per label, or tables, such as `catml predict --log` keeps, with labels filled in.

    Raises:
        InputError: a source can't be listed.
    """
    labelled = 0
    for source in sources:
        later = list_photos(source, later=True)
        labelled += int(later.files["label"].ne("").sum())
        listing = _with(listing, later, str(source))
    if sources and not labelled:
        names = ", ".join(map(str, sources))
        how = "Fill in the column 'label' of a table, or put the photos into one folder per label."
        return replace(listing, problems=(*listing.problems, f"new_photos: no photo in {names} has a label. {how}"))
    came = pd.Series(listing.added, dtype=object).value_counts(sort=False)
    said = ", ".join(f"{count} from {name}" for name, count in came.items())
    notes = [*listing.notes, *([f"{came.sum()} files came later: {said}"] if said else [])]
    return replace(listing, notes=tuple(notes))


def changed(table: pd.DataFrame, listing: Listing) -> Iterator[str]:
    """Yield a problem for each file that is another one now than when its label was said."""
    for path, now in zip(table["path"], table[BYTES_SHA256], strict=True):
        if now and listing.sha256.get(path, now) != now:
            yield (
                f"{listing.added[path]}: {path} is another file now than the one the row is about. Look at it: if the "
                f"label is right, empty the row's {BYTES_SHA256}; if not, take the row out."
            )


def _with(listing: Listing, later: Listing, name: str) -> Listing:
    within = _Within(listing.folder)
    there = {within(listing.folder / path): (path, label) for path, label in _rows(listing.files)}
    files = later.files[later.files["label"] != ""]
    paths = {path: within(later.folder / path) for path in files["path"]}
    files = files.assign(path=files["path"].map(paths))
    problems = [*listing.problems, *later.problems, *_unusable(files, listing, later, name)]
    files = _in_split(files, listing)
    new: dict[str, str] = {}
    for path, label in _rows(files):
        known, own = there.get(path, (path, new.get(path, label)))
        if own != label:
            where = name if path in new else listing.added.get(known, listing.source)
            problems.append(f"{name}: {path} is labelled {label}, but in {where} it is {own}. Keep the right one.")
        if path not in there:
            new[path] = label
    notes = [*listing.notes, *later.notes, *_new_labels(listing, new.values(), name)]
    if len(files) and not new:
        notes.append(f"{name}: all of its photos are among the others already")
    fresh = files[files["path"].isin(new)].drop_duplicates("path")
    places = {label: f"{name}: {label}" for label in new.values() if label not in listing.labels}
    said = {paths[path]: digest for path, digest in later.sha256.items() if paths.get(path) in new}
    return replace(
        listing,
        files=pd.concat([listing.files, fresh]).sort_values("path").reset_index(drop=True),
        labels=tuple(sorted({*listing.labels, *new.values()})),
        problems=tuple(problems),
        notes=tuple(notes),
        added={**listing.added, **dict.fromkeys(new, name)},
        places={**listing.places, **places},
        sha256={**listing.sha256, **said},
    )


def _rows(files: pd.DataFrame) -> Iterator[tuple[str, str]]:
    return zip(files["path"], files["label"], strict=True)


def _in_split(files: pd.DataFrame, listing: Listing) -> pd.DataFrame:
    """Return files that say as much of the split as the others: to learn from, where only those say anything."""
    others, own = listing.files["split"], files["split"]
    if others.any() == own.any():
        return files
    return files.assign(split=LEARN if others.any() else "")


def _unusable(files: pd.DataFrame, listing: Listing, later: Listing, name: str) -> Iterator[str]:
    """Say what can't be right about a source."""
    is_table = later.source != later.folder
    if files.empty and not is_table and any(later.folder.glob("*.csv")):
        yield f"{name}: tables in a folder are given as such: '{Path(name) / '*.csv'}'."
    if files["split"].any() and not listing.files["split"].any():
        way = "Drop its column 'split'" if is_table else "Give the folders in it, one by one"
        yield f"{name}: says which photos are for the test, and {listing.source} doesn't. {way}."
    for label in sorted(set(files["label"]) - set(listing.labels)):
        for twin in listing.labels:
            if twin.casefold() == label.casefold():
                yield f"{name}: the label '{label}' is '{twin}' but for its capitals. Write it the same way."


def _new_labels(listing: Listing, labels: Iterable[str], name: str) -> Iterator[str]:
    for label, count in sorted(Counter(labels).items()):
        if label not in listing.labels:
            near = did_you_mean(label, listing.labels)
            yield f"{name}: the label '{label}' is a new one, with {count} photos; none had it before.{near}"


class _Within:
    """Paths relative to a folder, whatever links lead there; each folder is looked at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._parents: dict[Path, str] = {}

    def __call__(self, path: Path) -> str:
        if path.parent not in self._parents:
            self._parents[path.parent] = os.path.relpath(path.parent.resolve(), self._folder)
        # Not a link's own target: that may have another name.
        return (Path(self._parents[path.parent]) / path.name).as_posix()
