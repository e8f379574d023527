"""Kinds of new photos, drawn again and again: some like the old ones, some unlike them in a known way."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.drift.album import AS_IS, CHANGED, Album

MOST = 0.4  # of all photos, and of those of a label, at most so many are new
SKEW = 0.8  # of the new photos are of one label, where they are of another mix
Rows = NDArray[np.intp]


class Drawn(NamedTuple):
    """Old and new photos, as rows; what all are called, which belong together, and how the new ones were changed."""

    old: Rows
    new: Rows
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    change: str = AS_IS


Draw = Callable[[int, np.random.Generator], Drawn | None]


def kinds(album: Album) -> Iterator[tuple[str, Draw]]:
    """Yield name and draw of each kind there can be in a folder; a draw is None where there are too few photos."""

    def alike(
        size: int, generator: np.random.Generator, drawn_by=album.groups, known=album.groups, change=AS_IS
    ) -> Drawn | None:
        drawn = _split(album, _some(np.arange(len(drawn_by)), drawn_by, size, generator), size)
        return drawn and drawn._replace(groups=known, change=change)

    def other_mix(size: int, generator: np.random.Generator) -> Drawn | None:
        mostly = album.labels == generator.integers(album.labels.max() + 1)
        of_it = min(round(SKEW * size), int(MOST * mostly.sum()))
        parts = [
            _some(np.flatnonzero(side), album.groups, count, generator)
            for side, count in ((mostly, of_it), (~mostly, size - of_it))
        ]
        return _split(album, np.concatenate(parts), size)

    def newcomers(size: int, generator: np.random.Generator) -> Drawn | None:
        order = generator.permutation(album.labels.max() + 1)
        sizes = np.bincount(album.labels)[order].cumsum()
        count = int(np.searchsorted(sizes, size)) + 1
        if count > len(order) / 2:
            return None
        new = generator.choice(np.flatnonzero(np.isin(album.labels, order[:count])), size, replace=False)
        labels = album.labels.copy()
        for label, called in zip(order[:count], order[count:], strict=False):
            labels[album.labels == label] = called
        return Drawn(np.flatnonzero(~np.isin(album.labels, order[:count])), new, labels, album.groups)

    def of_author(size: int, generator: np.random.Generator) -> Drawn:
        old, new = (np.flatnonzero(album.starting(side)) for side in ("train_", "test_"))
        return Drawn(old, _some(new, album.groups, size, generator), album.labels, album.groups)

    yield "alike", alike
    yield "alike, but another mix of labels", other_mix
    yield "alike, of other scenes", partial(alike, drawn_by=album.scenes)
    yield "alike, of other scenes, all known", partial(alike, drawn_by=album.scenes, known=album.scenes)
    for change in CHANGED:
        yield change, partial(alike, change=change)
    if album.labels.max() > 1:
        yield "of other labels, called by an old one", newcomers
    if album.starting("test_").any():
        yield "the author's test photos", of_author


def _some(rows: Rows, groups: NDArray[np.str_], size: int, generator: np.random.Generator) -> Rows:
    """Draw whole groups until there are so many rows."""
    of = groups[rows]
    names, counts = np.unique(of, return_counts=True)
    order = generator.permutation(len(names))
    enough = int(np.searchsorted(counts[order].cumsum(), size)) + 1
    return rows[np.isin(of, names[order[:enough]])]


def _split(album: Album, new: Rows, size: int) -> Drawn | None:
    if size > MOST * len(album.labels):
        return None
    return Drawn(np.setdiff1d(np.arange(len(album.labels)), new), new, album.labels, album.groups)
