"""What the tables and pictures are made of, whether it comes from stored arrays or from photos."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from catml.evaluation.intervals import Interval, cross_validation_se, wilson
from catml.evaluation.paired import Paired
from experiments.talk.published import VALIDATION_PHOTOS

TEST_SHARE = VALIDATION_PHOTOS / 289  # validation photos over those learnt from
TOO_RARE = 0.05 / 6  # six cells are looked at (Bonferroni)
DEAD = (0.48, 0.52)  # 25 or 26 of 51: what a constant answer gets


@dataclass(frozen=True)
class Estimate:
    """A mean validation accuracy with its 95 % interval."""

    value: float
    interval: Interval


def of_splits(accuracies: NDArray[np.floating] | tuple[float, ...]) -> Estimate:
    """Return the five splits' mean accuracy with its interval: Student's t on Nadeau and Bengio's error (2003)."""
    value = float(np.mean(accuracies))
    reach = float(t.ppf(0.975, len(accuracies) - 1)) * cross_validation_se(list(accuracies), TEST_SHARE)
    return Estimate(value, Interval(max(0.0, value - reach), min(1.0, value + reach)))


def of_one_split(share: float, photos: int = VALIDATION_PHOTOS) -> Estimate:
    """Return an accuracy with Wilson's interval for so many photos, one split's."""
    return Estimate(share, wilson(round(share * photos), photos))


@dataclass(frozen=True)
class Tested:
    """The 60 test photos: whether each came out right, in the talk's order, shape (60,)."""

    __test__ = False  # not a test of pytest's

    right: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """How many came out right."""
        return int(self.right.sum())

    @property
    def wrong(self) -> list[int]:
        """Positions of the others."""
        return np.flatnonzero(~self.right).tolist()

    @property
    def interval(self) -> Interval:
        """Wilson's 95 % interval."""
        return wilson(self.count, len(self.right))


@dataclass(frozen=True)
class Spread:
    """A cell of the talk's table done again with other random numbers.

    Attributes:
        accuracy: of the last epoch, shape (seeds, splits).
        best: of the epoch that is in the file, likewise.
        test: of the files on the 60 test photos, likewise.
    """

    accuracy: NDArray[np.float64]
    best: NDArray[np.float64]
    test: NDArray[np.float64]

    @property
    def means(self) -> NDArray[np.float64]:
        """The cell as the talk computed it, once a seed, shape (seeds,)."""
        return self.accuracy.mean(axis=1)

    @property
    def dead(self) -> float:
        """Share of fits that always say the same."""
        return float(((self.accuracy > DEAD[0]) & (self.accuracy < DEAD[1])).mean())

    @property
    def living(self) -> float:
        """Mean accuracy of the other fits; NaN where there are none."""
        alive = self.accuracy[(self.accuracy <= DEAD[0]) | (self.accuracy >= DEAD[1])]
        return float(alive.mean()) if len(alive) else float("nan")

    def chance(self, published: float) -> float:
        """Return the two-sided chance of a mean as far out as a published one.

        Fits of different splits share no random number, so any choice of one fit a split is a run of the notebook: 20
        seeds make 20^5 of them, and their distribution is the convolution of the five splits' own.
        """
        sums = np.ones(1)
        for split in self.accuracy.T:
            counts = np.bincount(np.rint(split * VALIDATION_PHOTOS).astype(int), minlength=VALIDATION_PHOTOS + 1)
            sums = np.convolve(sums, counts / len(split))
        at = round(published * VALIDATION_PHOTOS * self.accuracy.shape[1])
        return float(min(1.0, 2 * min(sums[: at + 1].sum(), sums[at:].sum())))

    def holds(self, published: float) -> bool:
        """Tell whether a published mean is one of those that fits give, and not too far out for six cells."""
        return self.chance(published) >= TOO_RARE


@dataclass(frozen=True)
class ValidationRow:
    """A cell of the talk's tables of validation accuracies.

    Attributes:
        key: for metrics and file names.
        title: what it is.
        published: with the interval the talk didn't give.
        reproduced: with all its mistakes; None where what it takes is missing.
        corrected: without them; None likewise.
        missing: what is missing; empty where nothing is.
        note: anything else worth knowing.
    """

    key: str
    title: str
    published: Estimate
    reproduced: Spread | None = None
    corrected: Estimate | None = None
    missing: str = ""
    note: str = ""


@dataclass(frozen=True)
class TestRow:
    """A classifier on the 60 test photos.

    Attributes:
        key: for metrics and file names.
        title: what it is.
        published: how many the talk says were right; None where it doesn't say.
        reproduced: the author's own stored head, or the step repeated with its mistakes; None where that is missing.
        seeds: as published, trained anew: the fifth fit's file, one accuracy a seed.
        corrected: without the mistakes.
        missing: what is missing; empty where nothing is.
    """

    __test__ = False  # not a test of pytest's

    key: str
    title: str
    published: int | None = None
    reproduced: Tested | None = None
    seeds: NDArray[np.float64] | None = None
    corrected: Tested | None = None
    missing: str = ""


@dataclass(frozen=True)
class PairRow:
    """Two classifiers on the same test photos."""

    first: str
    second: str
    paired: Paired


@dataclass(frozen=True)
class CostRow:
    """What becomes of a backbone's three heads with some mistakes switched off.

    Attributes:
        backbone: its title.
        off: the switches; empty where all mistakes are made.
        validation: mean over heads and splits, one a seed.
        test: mean over heads, one a seed; empty where nothing was tested.
    """

    backbone: str
    off: tuple[str, ...]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]


@dataclass(frozen=True)
class Results:
    """All rows, in the order they are shown in; those of stored arrays and those of photos are simply put together."""

    validation: list[ValidationRow] = field(default_factory=list)
    test: list[TestRow] = field(default_factory=list)
    pairs: list[PairRow] = field(default_factory=list)
    costs: list[CostRow] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
