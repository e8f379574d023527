"""Photos that came later, beside those that a classifier was first learnt from: one set of both."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from catml.photos.listing import BYTES_SHA256, Listing, list_photos


def add(listing: Listing, sources: Sequence[Path]) -> Listing:
    """Return a listing with the photos of folders and tables that came later.

    Paths become relative to the folder of the listing. A file that is in it already is no new one.

    Args:
        listing: the photos there were.
        sources: folders with a folder per label, or tables, such as `catml predict --log` keeps, with labels filled in.

    Raises:
        InputError: a source can't be listed.
    """
    for source in sources:
        listing = _with(listing, list_photos(source, later=True), str(source))
    came = pd.Series(listing.added, dtype=object).value_counts(sort=False)
    said = ", ".join(f"{count} from {name}" for name, count in came.items())
    notes = [*listing.notes, *([f"{came.sum()} photos came later: {said}"] if said else [])]
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
    folder = listing.folder.resolve()
    paths = {path: _relative(later.folder / path, folder) for path in later.files["path"]}
    files = later.files.assign(path=later.files["path"].map(paths))
    is_known = files["path"].isin(listing.files["path"])
    problems = [*listing.problems, *later.problems, *_contradictions(files, listing, name)]
    if later.files.empty:
        problems.append(f"{name}: no photo in it has a label. Fill in the column 'label', or leave it out.")
    elif bool(files["split"].any()) != bool(listing.files["split"].any()):
        problems.append(
            f"{name}: says which photos are for the test, and {listing.source} doesn't. Drop its column 'split'."
            if files["split"].any()
            else f"{name}: {listing.source} says which photos are for the test, so this has to say it as well, in a "
            "column 'split': test, or train."
        )
    fresh = files[~is_known]
    new = set(fresh["path"])
    places = {label: f"{name}: {label}" for label in later.labels if label not in listing.labels}
    said = {paths[path]: digest for path, digest in later.sha256.items() if paths[path] in new}
    return replace(
        listing,
        files=pd.concat([listing.files, fresh]).sort_values("path").reset_index(drop=True),
        labels=tuple(sorted({*listing.labels, *later.labels})),
        problems=tuple(problems),
        notes=(*listing.notes, *later.notes),
        added={**listing.added, **dict.fromkeys(fresh["path"], name)},
        places={**listing.places, **places},
        sha256={**listing.sha256, **said},
    )


def _contradictions(files: pd.DataFrame, listing: Listing, name: str) -> Iterator[str]:
    known = dict(zip(listing.files["path"], listing.files["label"], strict=True))
    for path, label in zip(files["path"], files["label"], strict=True):
        if path in known and known[path] != label:
            where = listing.added.get(path, listing.source)
            yield f"{name}: {path} is labelled {label}, but in {where} it is {known[path]}. Keep the right one."


def _relative(path: Path, folder: Path) -> str:
    # Not a link's own target: that may have another name.
    return Path(os.path.relpath(path.parent.resolve() / path.name, folder)).as_posix()
