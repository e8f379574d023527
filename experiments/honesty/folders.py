"""Folders of photos as a user might have them, drawn from the talk's 400, and the photos left outside."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BACKBONE = "inception"
LABELS = ("gepetto", "kuki")


@dataclass(frozen=True)
class Photos:
    """Features and class numbers of all photos there are, in the same order."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]


def talk(file: Path) -> Photos:
    """Read the talk's features; the first half of the rows are one cat, the second half the other."""
    features = np.load(file).astype(np.float32)
    return Photos(features, np.repeat([0, 1], len(features) // 2))


def drawn(labels: NDArray[np.int64], size: int, number: int) -> NDArray[np.intp]:
    """Return the rows in folder `number` of `size` photos, as many of each label.

    Photos are dealt like cards: the next folder goes on where this one ends, and starts at the top again; they are
    shuffled anew when all have been in equally many folders. Each folder is as random as if drawn by itself, and luck
    with easy photos evens out sooner.
    """
    places, each = len(labels) // 2, size // 2
    cycle = places // math.gcd(each, places)
    generator = np.random.default_rng([size, number // cycle])
    positions = (number % cycle * each + np.arange(each)) % places
    decks = [generator.permutation(np.flatnonzero(labels == label)) for label in (0, 1)]
    return np.sort(np.concatenate([deck[positions] for deck in decks]))


def table(rows: NDArray[np.intp], labels: NDArray[np.int64]) -> pd.DataFrame:
    """Return the photo table of a folder; every photo is a moment of its own."""
    names = [f"{row:03}" for row in rows]
    named = [LABELS[label] for label in labels]
    return pd.DataFrame({"path": names, "label": named, "group": names, "pixels_sha256": names})
