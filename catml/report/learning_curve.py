"""How much better a head gets with more photos, and what twice the photos would add."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catml.evaluation.intervals import cross_validation_se
from catml.evaluation.metrics import Labels, accuracy, log_loss
from catml.heads.fit import fit_head
from catml.heads.spec import HeadSpec, respond

SHARES = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0)
DRAWS = 10  # fits a share, as far as the time allows
MOST_PHOTOS = 2000  # learnt from in one fit
# Numbers of an n x n matrix, summed over all fits: some three seconds on two cores.
MOST_WORK = 5e6
DRAWN_AGAIN = 2000
HARDLY = 0.003  # of accuracy: less is no reason to take photos
Folds = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]


@dataclass(frozen=True)
class Curve:
    """Scores of one head on validation photos, learnt from more and more photos.

    Attributes:
        photos: how many were learnt from, mean over the draws, shape (s,).
        accuracies: of each draw, shape (draws, s).
        log_losses: likewise.
        validated: how many photos all draws were validated on, together.
        test_share: photos in a validation fold, over photos in its training side.
        total: how many photos there are to learn from.
    """

    photos: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    log_losses: NDArray[np.float64]
    validated: int
    test_share: float
    total: int

    def se(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard error of each mean of scores, shape (draws, s), as Nadeau and Bengio have it."""
        return np.array([cross_validation_se(column.tolist(), self.test_share) for column in scores.T])


@dataclass(frozen=True)
class Outlook:
    """What the curve promises: error(n) = scale * n ** -slope.

    Attributes:
        scale: error of one photo, if the law held that far down.
        slope: 0 where photos don't help.
        gain: accuracy that twice the photos would add.
        low: of its 95 % interval.
        high: likewise.
    """

    scale: float
    slope: float
    gain: float
    low: float
    high: float

    def error(self, photos: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the error expected of so many photos."""
        return np.asarray(self.scale * photos**-self.slope)


def learning_curve(
    features: NDArray[np.float32],
    labels: Labels,
    groups: Sequence[object],
    folds: Folds,
    spec: HeadSpec,
    seed: int,
    blocks: Sequence[int] = (),
) -> Curve:
    """Fit a linear head on growing shares of the training side of each fold, and score it on the validation side.

    Shares are of whole groups, of each label its share, and a larger one holds the smaller ones of the same draw. The
    penalty weighs as much against the sum of losses, whatever the share: the same prior on the kernel.

    Args:
        features: of all photos, shape (n, d).
        labels: class numbers, shape (n,).
        groups: of each photo.
        folds: (training rows, validation rows) of each fold; of many photos, the first folds alone are used.
        spec: a linear head.
        seed: of the draws.
        blocks: as for `fit_head`.
    """
    size = min(MOST_PHOTOS, max(len(training) for training, _ in folds))
    draws = int(np.clip(MOST_WORK // size**2, 2, DRAWS))
    classes = int(labels.max()) + 1
    names = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]
    sizes, right, losses, validated = [], [], [], 0
    for draw in range(draws):
        training, validation = folds[draw % len(folds)]
        validated += len(validation)
        most = min(1.0, MOST_PHOTOS / len(training))
        rows_of = [
            drawn(training, labels, names, most * share, np.random.default_rng([seed, draw])) for share in SHARES
        ]
        said = []
        for rows in rows_of:
            fitted = HeadSpec((), spec.scaling, spec.l2 * len(training) / len(rows))
            layers = fit_head(features[rows], labels[rows], fitted, classes, seed, blocks)
            said.append(respond(layers, features[validation]))
        sizes.append([len(rows) for rows in rows_of])
        right.append([accuracy(given, labels[validation]) for given in said])
        losses.append([log_loss(given, labels[validation]) for given in said])
    share = float(np.mean([len(validation) / len(training) for training, validation in folds]))
    total = len(np.unique(np.concatenate([np.concatenate(fold) for fold in folds])))
    return Curve(np.mean(sizes, axis=0), np.array(right), np.array(losses), validated, share, total)


def drawn(
    rows: NDArray[np.intp],
    labels: Labels,
    groups: NDArray[np.integer],
    share: float,
    generator: np.random.Generator,
) -> NDArray[np.intp]:
    """Return some of the rows: whole groups, of each label about its share and at least one group.

    Args:
        rows: to draw from, shape (m,).
        labels: class numbers of all rows there are.
        groups: their groups, as numbers.
        share: of each label's rows, up to 1.
        generator: with one of the same state, a larger share holds a smaller one.
    """
    taken: set[int] = set()
    for label in np.unique(labels[rows]):
        names, sizes = np.unique(groups[rows[labels[rows] == label]], return_counts=True)
        order = generator.permutation(len(names))
        counts = sizes[order].cumsum()
        # As many groups as come nearest to the share.
        last = int(np.abs(counts - share * counts[-1]).argmin())
        taken |= set(names[order[: last + 1]].tolist())
    return rows[np.isin(groups[rows], list(taken))]


def outlook(curve: Curve) -> Outlook:
    """Fit the power law and say what twice the photos would add.

    By least squares on logarithms (Cortes et al. 1994, "Learning curves: asymptotic values and rate of convergence");
    half a mistake stands for none, whose logarithm there is not. The interval comes from drawing the draws anew,
    widened as they share photos (Nadeau & Bengio 2003).
    """
    floor = 0.5 / curve.validated
    errors = 1 - curve.accuracies
    draws = len(errors)

    def fit(mean: NDArray[np.float64]) -> tuple[float, float]:
        slope, height = np.polyfit(np.log(curve.photos), np.log(mean.clip(floor)), 1)
        return float(np.exp(height)), float(-slope)

    def gain(scale: float, slope: float) -> float:
        return float(scale * curve.total**-slope * (1 - 2**-slope))

    scale, slope = fit(errors.mean(axis=0))
    generator = np.random.default_rng(0)
    again = generator.integers(0, draws, (DRAWN_AGAIN, draws))
    gains = [gain(*fit(errors[some].mean(axis=0))) for some in again]
    middle = gain(scale, slope)
    reach = 1.96 * float(np.std(gains)) * np.sqrt(1 + draws * curve.test_share)
    return Outlook(scale, slope, middle, middle - reach, middle + reach)


def said(curve: Curve, ahead: Outlook) -> str:
    """Say in a sentence what twice the photos would add to the accuracy."""
    made = 1 - float(curve.accuracies[:, -1].mean())
    if made == 0:
        return "Twice the photos would add hardly anything: with those there are, no mistake is left to be seen."
    if ahead.gain < HARDLY:
        more = f", at most about {_points(ahead.high)}" if ahead.high >= HARDLY else ""
        return f"Twice the photos would add hardly anything{more}."
    low = "nothing" if ahead.low < HARDLY else _points(ahead.low)
    high = _points(min(ahead.high, made))
    return f"Twice the photos would add about {_points(ahead.gain)} (between {low} and {high})."


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
