"""Whether new photos look unlike the old ones, those learnt from.

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

from catml.evaluation.familiarity import fit_familiar
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

    @property
    def photos(self) -> int:
        """How many new photos there are."""
        return len(self.similar)


def drift(
    old_features: NDArray[np.floating],
    old_labels: Sequence[object],
    old_groups: Sequence[object],
    new_features: NDArray[np.floating],
    new_labels: Sequence[object],
    new_groups: Sequence[object],
    blocks: Sequence[int],
) -> Drift:
    """Compare new photos, at least one, with old ones.

    Old photos are compared with old ones of other groups only, new ones with all: one that nearly is an old photo over
    again looks familiar, and is.

    Args:
        old_features: shape (n, d), not centred.
        old_labels: of each.
        old_groups: of each.
        new_features: shape (m, d).
        new_labels: of each, corrected. Photos of a label without old photos are left out of the test.
        new_groups: of each.
        blocks: widths of the features of each backbone, their sum being d.
    """
    familiar = fit_familiar(old_features, old_groups, blocks)
    before = familiar.left_out(old_features, old_groups)
    similar = familiar.of(new_features)
    strange = similar < familiar.least
    old = by_moment(before, *(np.asarray(of).astype(str)[familiar.rows] for of in (old_labels, old_groups)))
    new = by_moment(similar, *(np.asarray(of).astype(str) for of in (new_labels, new_groups)))
    return Drift(similar, strange, accuracy_interval(strange, new_groups), *ranked_lower(*old, *new))


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
