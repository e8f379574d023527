"""Whether probabilities mean what they say: how often answers are right, by how probable they were said to be."""

from typing import NamedTuple

import numpy as np

from catml.evaluation.intervals import Interval, wilson
from catml.evaluation.metrics import Labels, Probabilities

BINS = 8
FEWEST = 15  # photos in a bin, where there are so many


class Bin(NamedTuple):
    """Photos whose answers are about equally probable."""

    photos: int
    right: int
    probability: float
    share: float
    interval: Interval


def reliability(probabilities: Probabilities, labels: Labels) -> list[Bin]:
    """Return bins of about as many photos each, the least probable answers first.

    Bins of equal width would be almost empty but for the last one.

    Args:
        probabilities: of photos not learnt from, shape (n, classes).
        labels: class numbers, shape (n,).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = max(1, min(BINS, len(labels) // FEWEST))
    found = []
    for places in np.array_split(np.argsort(confidence, kind="stable"), bins):
        count, hits = len(places), int(right[places].sum())
        found.append(Bin(count, hits, float(confidence[places].mean()), hits / count, wilson(hits, count)))
    return found
