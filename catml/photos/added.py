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
    paths = {path: within(later.folder / path) for path in later.files["path"]}
    files = later.files.assign(path=later.files["path"].map(paths))
    problems = [*listing.problems, *later.problems, *_unusable(files, listing, later, name)]
    new: dict[str, str] = {}
    for path, label in _rows(files):
        known, own = there.get(path, (path, new.get(path, label)))
        if own != label:
            where = name if path in new else listing.added.get(known, listing.source)
            problems.append(f"{name}: {path} is labelled {label}, but in {where} it is {own}. Keep the right one.")
        if path not in there:
            new[path] = label
    fresh = files[files["path"].isin(new)].drop_duplicates("path")
    places = {label: f"{name}: {label}" for label in later.labels if label not in listing.labels}
    said = {paths[path]: digest for path, digest in later.sha256.items() if paths[path] in new}
    return replace(
        listing,
        files=pd.concat([listing.files, fresh]).sort_values("path").reset_index(drop=True),
        labels=tuple(sorted({*listing.labels, *later.labels})),
        problems=tuple(problems),
        notes=(*listing.notes, *later.notes),
        added={**listing.added, **dict.fromkeys(new, name)},
        places={**listing.places, **places},
        sha256={**listing.sha256, **said},
    )


def _rows(files: pd.DataFrame) -> Iterator[tuple[str, str]]:
    return zip(files["path"], files["label"], strict=True)


def _unusable(files: pd.DataFrame, listing: Listing, later: Listing, name: str) -> Iterator[str]:
    """Say where a source has no labels, or a split where the others have none, or the other way round."""
    is_table = later.source != later.folder
    splits, others_split = bool(files["split"].any()), bool(listing.files["split"].any())
    if files.empty and is_table:
        yield f"{name}: no photo in it has a label. Fill in the column 'label', or leave it out."
    elif files.empty and any(later.folder.glob("*.csv")):
        yield f"{name}: tables in a folder are given as such: '{Path(name) / '*.csv'}'."
    elif files.empty:
        return
    elif splits and not others_split:
        way = "Drop its column 'split'" if is_table else "Give the folders in it, one by one"
        yield f"{name}: says which photos are for the test, and {listing.source} doesn't. {way}."
    elif others_split and not splits:
        way = "in a column 'split': test, or train" if is_table else "by folders train and test with label folders"
        yield f"{name}: {listing.source} says which photos are for the test, so this has to say it as well, {way}."


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
