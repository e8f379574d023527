"""Intervals against published figures and against simulation."""

import numpy as np
import pytest
from scipy.stats import binom

from catml.evaluation.intervals import accuracy_interval, bootstrap, cross_validation_se, wilson


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


def answered(right, wrong):
    return np.arange(right + wrong) < right


def width(interval):
    return interval.high - interval.low


@pytest.mark.parametrize(("right", "photos"), [(160, 200), (90, 100), (50, 100)])
def test_bootstrap_of_single_photos_is_the_usual_interval(right, photos):
    interval = bootstrap(answered(right, photos - right), range(photos))
    share = right / photos
    half = 1.96 * np.sqrt(share * (1 - share) / photos)
    assert interval == pytest.approx((share - half, share + half), abs=0.012)


def test_bootstrap_of_groups_that_fail_together_is_wider():
    """Groups of nine of equal outcome: as if there were a ninth of the photos, so three times as wide."""
    right = answered(144, 36)
    alone, together = bootstrap(right, range(180)), bootstrap(right, np.arange(180) // 9)
    assert width(together) == pytest.approx(3 * width(alone), rel=0.1)


def test_bootstrap_of_groups_that_balance_has_no_width():
    """Each group has the same share of right ones: drawing other groups changes nothing."""
    right, groups = np.tile([True, True, False], 20), np.arange(60) // 3
    assert bootstrap(right, groups) == pytest.approx((2 / 3, 2 / 3))


def test_bootstrap_weighs_groups_by_their_photos():
    """One group of 50 that is right, 50 single photos that are wrong: half right, and anything between is possible."""
    interval = bootstrap(answered(50, 50), ["burst"] * 50 + [f"photo {number}" for number in range(50)])
    assert interval.low == 0
    assert 0.6 < interval.high < 0.8


def test_bootstrap_does_not_depend_on_order_or_names():
    right, groups = answered(30, 10), np.arange(40) // 4
    order = np.arange(40)[::-1]
    assert bootstrap(right, groups) == bootstrap(right, groups)
    assert bootstrap(right[order], groups[order]) == bootstrap(right, groups)
    assert bootstrap(right, [str(group) for group in groups]) == bootstrap(right, groups)


def test_single_photos_have_wilsons_interval():
    assert accuracy_interval(answered(57, 3), range(60)) == wilson(57, 60)


def test_groups_widen_the_interval():
    right, groups = answered(144, 36), np.arange(180) // 9
    plain, drawn = wilson(144, 180), bootstrap(right, groups)
    assert drawn.low < plain.low
    assert drawn.high > plain.high
    assert accuracy_interval(right, groups) == drawn


def test_groups_never_make_it_narrower():
    balanced, groups = np.tile([True, True, False], 20), np.arange(60) // 3
    assert accuracy_interval(balanced, groups) == wilson(40, 60)


def test_one_pair_does_not_lift_the_interval():
    """Almost all single photos, almost all right: the bootstrap's interval lies higher, but is narrower."""
    right, groups = answered(57, 3), [0, *range(59)]
    plain, drawn = wilson(57, 60), bootstrap(right, groups)
    assert drawn.low > plain.low
    assert drawn.high > plain.high
    assert accuracy_interval(right, groups) == plain


def test_where_all_came_out_right_it_is_wilsons():
    """The bootstrap would say that nothing could ever come out wrong."""
    right, groups = answered(60, 0), np.arange(60) // 10
    assert bootstrap(right, groups) == (1, 1)
    assert accuracy_interval(right, groups) == wilson(60, 60)


def test_confidence_counts_for_both():
    right = answered(144, 36)
    for groups in (range(180), np.arange(180) // 9):
        assert width(accuracy_interval(right, groups, 0.8)) < 0.75 * width(accuracy_interval(right, groups))


def test_interval_of_grouped_photos_holds_the_truth():
    """Wilson's alone, on 30 groups of four that fail together, misses it several times as often as it says."""
    generator = np.random.default_rng(0)
    groups, truth, inside, wilsons = np.arange(120) // 4, 0.8, 0, 0
    for _ in range(100):
        right = (generator.random(30) < truth)[groups]
        low, high = accuracy_interval(right, groups)
        inside += low <= truth <= high
        low, high = wilson(int(right.sum()), 120)
        wilsons += low <= truth <= high
    assert inside >= 85 > wilsons
