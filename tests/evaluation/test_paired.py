"""McNemar's exact test against figures by hand."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from catml.evaluation.paired import Paired, corrected_t, paired


@pytest.mark.parametrize(
    ("first", "second", "p"),
    # Twice the lower tail of a coin: 2 * (1/2)^2, 2 * (1/2)^6, 2 * (1 + 10 + 45) / 2^10; at a draw there is nothing.
    [(0, 2, 0.5), (6, 0, 0.03125), (2, 8, 0.109375), (5, 5, 1.0), (1, 0, 1.0), (0, 0, 1.0)],
)
def test_p_is_the_exact_one(first, second, p):
    assert Paired(60, first, second).p == pytest.approx(p)
    assert Paired(60, second, first).p == pytest.approx(p)


def test_photos_that_both_get_right_or_wrong_do_not_count():
    assert Paired(10, 6, 0).p == Paired(10_000, 6, 0).p


def test_pairs_are_counted():
    first = np.array([True, True, True, False, False, True])
    second = np.array([True, False, False, True, False, True])
    found = paired(first, second)
    assert found == Paired(6, 2, 1)
    assert found.ahead == 1
    assert paired(second, first) == Paired(6, 1, 2)
    assert paired(second, first).ahead == -1


def test_equal_classifiers():
    right = np.array([True, False, True])
    found = paired(right, right)
    assert (found.ahead, found.p) == (0, 1)
    assert found.said == "the same 3 photos right and wrong"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (8, 2, "6 more right of 60 photos (McNemar p = 0.11)"),
        (0, 6, "6 fewer right of 60 photos (McNemar p = 0.031)"),
        (3, 3, "equally many right of 60 photos (McNemar p = 1)"),
    ],
)
def test_how_it_is_said(first, second, said):
    assert Paired(60, first, second).said == said


def test_a_true_null_is_seldom_rejected():
    """The exact test keeps its level: of two coins equally good, at most 5 % differ significantly."""
    generator = np.random.default_rng(0)
    draws = generator.random((2000, 2, 40)) < 0.8
    rejected = np.mean([paired(first, second).p <= 0.05 for first, second in draws])
    assert 0.005 < rejected <= 0.05


def test_corrected_t_is_students_where_nothing_is_shared():
    differences = np.random.default_rng(1).normal(0.3, 1, 12)
    assert corrected_t(differences, 0) == pytest.approx(ttest_1samp(differences, 0).pvalue)
    assert corrected_t(differences, 0.25) > 2 * corrected_t(differences, 0)  # folds share training photos


def test_corrected_t_of_equal_scores():
    assert corrected_t([0.0, 0.0, 0.0], 0.25) == 1
    assert corrected_t([0.5, 0.5, 0.5], 0.25) == 0
