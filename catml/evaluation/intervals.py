"""How far a figure may be from the truth."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest


class Interval(NamedTuple):
    """Both ends of a confidence interval."""

    low: float
    high: float


def wilson(right: int, photos: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval (1927) of an accuracy of `right` out of `photos`.

    The usual plus-minus interval covers the truth in only 81 of 100 cases at 60 photos and 95 %; this one in 97.
    """
    ends = binomtest(right, photos).proportion_ci(confidence, method="wilson")
    return Interval(float(ends.low), float(ends.high))


def cross_validation_se(scores: Sequence[float], test_share: float) -> float:
    """Return the standard error of the mean of scores of J folds: s * sqrt(1/J + test/training photos).

    Folds share training photos, so s / sqrt(J) is too small (Nadeau & Bengio 2003, section 4).

    Args:
        scores: one a fold.
        test_share: photos in a validation fold, over photos in its training side.
    """
    return float(np.std(scores, ddof=1) * np.sqrt(1 / len(scores) + test_share))
