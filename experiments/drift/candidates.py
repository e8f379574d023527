"""Ways to ask whether new photos look unlike the old ones; each gives a p-value."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu

from catml.evaluation.drift import by_moment, ranked_lower
from catml.evaluation.familiarity import STRANGE_PERCENT, fit_familiar

NAMES = (
    "less similar",
    "less similar, by label",
    "less similar within its label",
    "strange ones",
    "classifier, Mann-Whitney",
    "classifier, shuffled within labels",
)
FOLDS, SHUFFLES, RIDGE = 5, 200, 0.1


def candidates(
    old: NDArray[np.float32],
    old_labels: NDArray[np.int64],
    old_groups: NDArray[np.str_],
    new: NDArray[np.float32],
    new_labels: NDArray[np.int64],
    new_groups: NDArray[np.str_],
    seed: int,
) -> tuple[NDArray[np.float64], float]:
    """Return the p-value of each candidate, in the order of `NAMES`, and how probably a new moment is less similar."""
    familiar = fit_familiar(old, old_groups, [old.shape[1]])
    among, to_old = familiar.similarities(old), familiar.similarities(new)  # there are too few for any to be drawn
    among[old_groups[:, None] == old_groups] = -1
    ours = by_moment(among.max(axis=1), old_labels, old_groups)
    theirs = by_moment(to_old.max(axis=1), new_labels, new_groups)
    _, less_similar, by_label = ranked_lower(*ours, *theirs)
    among[old_labels[:, None] != old_labels] = -1
    to_old[new_labels[:, None] != old_labels] = -1
    within = ranked_lower(
        *by_moment(among.max(axis=1), old_labels, old_groups), *by_moment(to_old.max(axis=1), new_labels, new_groups)
    )[2]
    strange = int((theirs[0] < familiar.least).sum())
    found = [
        float(mannwhitneyu(theirs[0], ours[0], alternative="less").pvalue),
        by_label,
        within,
        float(binomtest(strange, len(theirs[0]), STRANGE_PERCENT / 100, alternative="greater").pvalue),
        *told_apart(old, old_labels, old_groups, new, new_labels, new_groups, np.random.default_rng(seed)),
    ]
    return np.array(found), less_similar


def told_apart(old, old_labels, old_groups, new, new_labels, new_groups, generator) -> tuple[float, float]:
    """Say whether a linear classifier can tell new photos from old ones (Lopez-Paz & Oquab 2017, section 3).

    It is ridge regression on -1 and 1, scored on folds of whole groups. Its answers outside of the fold are then linear
    in the targets, so that a permutation test costs little.

    Returns:
        The p-value of Mann-Whitney's test on the answers, by moments; and that of shuffling old and new moments within
        each label, where answers are compared within labels.
    """
    features, labels = np.concatenate([old, new]), np.concatenate([old_labels, new_labels])
    groups = np.concatenate([np.char.add("old ", old_groups), np.char.add("new ", new_groups)])
    _, first, numbers = np.unique(groups, return_index=True, return_inverse=True)
    is_new = np.arange(len(features))[first] >= len(old)
    labels = labels[first]
    # A moment's mean features stand for it. Nearly all moments are one photo.
    order = numbers.argsort(kind="stable")
    middle = np.add.reduceat(features[order], np.searchsorted(numbers[order], np.arange(len(first))))
    middle /= np.bincount(numbers)[:, None].astype(np.float32)
    middle -= middle.mean(axis=0)
    gram = middle @ middle.T
    gram /= np.trace(gram) / len(gram)
    targets = np.where(is_new, 1.0, -1.0)
    shuffled = np.repeat(targets[:, None], SHUFFLES + 1, axis=1)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        shuffled[rows, 1:] = generator.permuted(shuffled[rows, 1:], axis=0)
    fold = generator.permutation(len(first)) % FOLDS
    answers = np.empty_like(shuffled)
    for number in range(FOLDS):
        held, kept = fold == number, fold != number
        inner = gram[np.ix_(kept, kept)] + RIDGE * np.eye(kept.sum())
        answers[held] = gram[np.ix_(held, kept)] @ np.linalg.solve(inner, shuffled[kept] - shuffled[kept].mean(axis=0))
    plain = float(mannwhitneyu(answers[is_new, 0], answers[~is_new, 0], alternative="greater").pvalue)
    apart = np.zeros(SHUFFLES + 1)
    for label in np.unique(labels[is_new]):
        rows = labels == label
        new_ones = shuffled[rows] > 0
        if rest := (~new_ones[:, 0]).sum():
            ranks = answers[rows].argsort(axis=0).argsort(axis=0)
            apart += (ranks * new_ones).sum(axis=0) / rest
    return plain, float((apart >= apart[0]).mean())
