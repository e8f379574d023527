"""Whether one classifier is better than another on the same photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from scipy.stats import t as student

from catml.evaluation.intervals import cross_validation_se

CHANCE = 0.05  # differences with a larger p-value are not told from chance


@dataclass(frozen=True)
class Paired:
    """Two classifiers on the same photos.

    Attributes:
        photos: how many.
        only_first: how many photos the first one alone got right.
        only_second: how many the second one alone got right.
    """

    photos: int
    only_first: int
    only_second: int

    @property
    def ahead(self) -> int:
        """How many more the first one got right; negative where fewer."""
        return self.only_first - self.only_second

    @property
    def p(self) -> float:
        """Return the exact two-sided p-value of McNemar's test (1947): that so large a difference is chance."""
        differing = self.only_first + self.only_second
        return float(binomtest(self.only_first, differing).pvalue) if differing else 1.0

    @property
    def said(self) -> str:
        """Say it as a sentence would go on."""
        if not self.only_first + self.only_second:
            return f"the same {self.photos} photos right and wrong"
        how = f"{abs(self.ahead)} {'more' if self.ahead > 0 else 'fewer'} right" if self.ahead else "equally many right"
        return f"{how} of {self.photos} photos (McNemar p = {self.p:.2g})"


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Paired:
    """Compare two classifiers by whether each got each photo right, both of shape (n,)."""
    return Paired(len(first), int((first & ~second).sum()), int((~first & second).sum()))


def corrected_t(differences: Sequence[float], test_share: float) -> float:
    """Return the two-sided p-value of the corrected resampled t-test (Nadeau & Bengio 2003, section 4).

    Args:
        differences: between two scores, one a fold.
        test_share: photos in a validation fold, over photos in its training side.
    """
    se = cross_validation_se(differences, test_share)
    mean = abs(float(np.mean(differences)))
    if se == 0:
        return 0.0 if mean else 1.0
    return float(2 * student.sf(mean / se, len(differences) - 1))
