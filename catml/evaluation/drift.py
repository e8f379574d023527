"""Whether new photos look unlike the old ones.

A photo is as similar as it is to the nearest old photo of another group (`familiarity`). The mean of a group stands
for a moment, since photos of one moment are no independent evidence. New moments are ranked among old ones of their own
label: some labels always look alike and others never do, and another mix of labels is no drift. That is Wilcoxon's
rank-sum test, stratified (van Elteren 1960, "On the combination of independent two sample tests of Wilcoxon"), each
new moment weighing the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from catml.evaluation.familiarity import Familiar, fit_familiar
from catml.evaluation.intervals import Interval, accuracy_interval


@dataclass(frozen=True)
class Drift:
    """New photos beside old ones.

    Attributes:
        similar: similarity of each new photo to the nearest old one, shape (m,).
        strange: which of them are below the line that two in a hundred old ones are below, shape (m,).
        strange_share: 95 % interval of the share of such photos.
        moments: how many new moments were compared; those of labels without old photos are not.
        less_similar: probability that a new moment is less similar than an old one of its label; .5 = no difference.
        p: one-sided p-value, that new moments are so much less similar by chance; 1 where none could be compared.
    """

    similar: NDArray[np.float32]
    strange: NDArray[np.bool_]
    strange_share: Interval
    moments: int
    less_similar: float
    p: float


@dataclass(frozen=True)
class Before:
    """What old photos look like: which are familiar, and how similar to the others, by moment, with its label."""

    familiar: Familiar
    moments: NDArray[np.float64]
    labels: NDArray[Any]


def look_back(
    features: NDArray[np.floating], labels: Sequence[object], groups: Sequence[object], blocks: Sequence[int]
) -> Before:
    """Look at old photos. Each is compared with those of other groups only.

    Args:
        features: shape (n, d), not centred.
        labels: of each.
        groups: of each.
        blocks: widths of the features of each backbone, their sum being d.
    """
    familiar = fit_familiar(features, groups, blocks)
    own = (np.asarray(of).astype(str)[familiar.rows] for of in (labels, groups))
    return Before(familiar, *by_moment(familiar.left_out(features, groups), *own))


def drift(before: Before, features: NDArray[np.floating], labels: Sequence[object], groups: Sequence[object]) -> Drift:
    """Compare new photos, at least one, with old ones.

    They are compared with all of them: one that nearly is an old photo over again looks familiar, and is.

    Args:
        before: what old photos look like.
        features: of new photos, shape (m, d).
        labels: of each, corrected. Photos of a label without old photos are left out of the test.
        groups: of each.
    """
    similar = before.familiar.of(features)
    strange = similar < before.familiar.least
    new = by_moment(similar, *(np.asarray(of).astype(str) for of in (labels, groups)))
    found = ranked_lower(before.moments, before.labels, *new)
    return Drift(similar, strange, accuracy_interval(strange, groups), *found)


def ranked_lower(
    old: NDArray[np.floating], old_labels: NDArray[Any], new: NDArray[np.floating], new_labels: NDArray[Any]
) -> tuple[int, float, float]:
    """Say whether new values are lower than old ones of their label.

    Args:
        old: values, shape (n,).
        old_labels: of each.
        new: values, shape (m,).
        new_labels: of each.

    Returns:
        How many new ones were compared, the probability that a new one is lower, and its one-sided p-value.
    """
    compared, lower, variance = 0, 0.0, 0.0
    for label in np.intersect1d(old_labels, new_labels):
        ours, theirs = old[old_labels == label], new[new_labels == label]
        n, m = len(ours), len(theirs)
        ranks = rankdata(np.concatenate([theirs, ours]))  # the mean rank where they are equal
        compared += m
        lower += m - (ranks[:m].sum() - m * (m + 1) / 2) / n
        variance += m * ranks.var(ddof=1) / (n * (n + m))
    if not variance:
        return compared, 0.5, 1.0
    return compared, lower / compared, float(norm.sf((lower - compared / 2) / np.sqrt(variance)))


def by_moment(
    values: NDArray[np.floating], labels: NDArray[Any], groups: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return the mean value of each group, and the label of its first photo."""
    _, first, numbers = np.unique(groups, return_index=True, return_inverse=True)
    return np.bincount(numbers, values) / np.bincount(numbers), labels[first]
