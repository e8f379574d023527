"""Whether a photo looks like any that was learnt from: a probability alone can't tell a third cat.

A photo is as familiar as it is similar to the nearest photo learnt from (Sun et al. 2022, "Out-of-distribution
detection with deep nearest neighbors", section 3): the cosine of their features, which are not centred, since what
all photos learnt from have in common is what a stranger lacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# How many of a hundred photos like those learnt from may be called unfamiliar.
STRANGE_PERCENT = 2.0
MOST_KEPT = 2000  # photos that are compared with; of more, so many are drawn
ROWS = 1024


@dataclass(frozen=True)
class Familiar:
    """What familiar photos look like.

    Attributes:
        directions: of the photos learnt from, unit length, float16, shape (n, d).
        rows: which photos those are, as rows of what it was fitted on.
        least: similarity below which a photo is unlike all of them.
        blocks: how wide the features of each backbone are; each backbone weighs the same.
        middle: the mean of the features of all photos learnt from, shape (d,); None in what an older catml has saved.
    """

    directions: NDArray[np.float16]
    rows: NDArray[np.intp]
    least: float
    blocks: tuple[int, ...]
    middle: NDArray[np.float32] | None = None

    def save(self, path: Path) -> None:
        """Write it as plain arrays."""
        arrays: dict[str, Any] = {"directions": self.directions, "rows": self.rows, "least": self.least}
        arrays |= {"blocks": np.array(self.blocks)} | ({} if self.middle is None else {"middle": self.middle})
        with path.open("wb") as file:
            np.savez(file, **arrays)

    def similarities(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the cosines of photos, features (m, d), with those learnt from: shape (m, n)."""
        return _unit(features, self.blocks) @ self.directions.astype(np.float32).T

    def of(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the similarity of each photo to the nearest one learnt from, shape (m,)."""
        found = np.empty(len(features), np.float32)
        for start in range(0, len(features), ROWS):
            found[start : start + ROWS] = self.similarities(features[start : start + ROWS]).max(axis=1)
        return found

    def left_out(self, features: NDArray[np.floating], groups: Sequence[object]) -> NDArray[np.float32]:
        """Return the similarity of each photo kept to the nearest one of another group, shape (n,); -1 without one.

        Args:
            features: of all photos it was fitted on.
            groups: of each of those.
        """
        _, numbers = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
        own = numbers[self.rows]
        found = np.empty(len(own), np.float32)
        for start in range(0, len(own), ROWS):
            part = slice(start, start + ROWS)
            others = own[part, None] != own
            found[part] = np.where(others, self.similarities(features[self.rows[part]]), -1).max(axis=1)
        return found


def fit_familiar(features: NDArray[np.floating], groups: Sequence[object], blocks: Sequence[int]) -> Familiar:
    """Fit on the photos learnt from: the line is drawn so that two in a hundred of them, left out, would be below.

    Args:
        features: shape (n, d).
        groups: of each photo; a photo is compared with those of other groups only.
        blocks: widths of the features of each backbone, their sum being d.
    """
    rows = np.arange(len(features))
    if len(rows) > MOST_KEPT:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_KEPT, replace=False))
    kept = Familiar(_unit(features[rows], blocks).astype(np.float16), rows, -1.0, tuple(blocks))
    least = float(np.percentile(kept.left_out(features, groups), STRANGE_PERCENT))
    middle = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    return Familiar(kept.directions, rows, least, tuple(blocks), middle)


def load_familiar(path: Path) -> Familiar:
    """Load what `Familiar.save` wrote."""
    with np.load(path) as kept:
        blocks = tuple(int(width) for width in kept["blocks"])
        middle = kept.get("middle")
        return Familiar(kept["directions"], kept["rows"], float(kept["least"]), blocks, middle)


def _unit(features: NDArray[np.floating], blocks: Sequence[int]) -> NDArray[np.float32]:
    found = np.array(features, np.float32)
    ends = np.cumsum(blocks)
    for start, end in zip(ends - np.asarray(blocks), ends, strict=True):
        part = found[:, start:end]
        part /= np.linalg.norm(part, axis=1, keepdims=True).clip(1e-12) * np.sqrt(len(blocks))
    return found
