"""Intervals against published figures and against simulation."""

import numpy as np
import pytest
from scipy.stats import binom

from catml.evaluation.intervals import cross_validation_se, wilson


@pytest.mark.parametrize(
    ("right", "photos", "low", "high"), [(57, 60, 0.863, 0.983), (60, 60, 0.940, 1.0), (0, 60, 0.0, 0.060)]
)
def test_wilson(right, photos, low, high):
    interval = wilson(right, photos)
    assert interval == pytest.approx((low, high), abs=5e-4)
    assert interval.low == interval[0]
    assert interval.high == interval[1]


def test_less_confidence_is_narrower():
    assert wilson(57, 60, 0.8).low > wilson(57, 60).low
    assert wilson(57, 60, 0.8).high < wilson(57, 60).high


def test_wilson_covers_the_truth_where_plus_minus_does_not():
    """The figures in the docstring: a true accuracy of 95 %, 60 photos."""
    right = np.arange(61)
    share, truth = right / 60, 0.95
    chances = binom.pmf(right, 60, truth)
    half = 1.96 * np.sqrt(share * (1 - share) / 60)
    usual = chances[(share - half <= truth) & (truth <= share + half)].sum()
    inside = [wilson(int(count), 60).low <= truth <= wilson(int(count), 60).high for count in right]
    assert usual == pytest.approx(0.81, abs=0.005)
    assert chances[inside].sum() == pytest.approx(0.97, abs=0.005)


def test_cross_validation_se_is_half_as_large_again_for_five_folds():
    scores = [0.9, 0.95, 0.85, 0.92, 0.97]
    naive = np.std(scores, ddof=1) / np.sqrt(5)
    assert cross_validation_se(scores, test_share=1 / 4) == pytest.approx(1.5 * naive)


def test_equal_scores_have_no_error():
    assert cross_validation_se([0.9] * 5, 0.25) == pytest.approx(0)
