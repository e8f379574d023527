"""New photos unlike the old ones are told from new ones like them, and other things are not taken for it."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from catml.evaluation.drift import drift, look_back, ranked_lower

WIDTH = 12


def photos(count, seed, spread=1.0, middle=0, width=WIDTH):
    """Features around a direction of their own, `middle`: the wider their spread, the less similar they are."""
    found = np.random.default_rng(seed).normal(scale=spread, size=(count, width))
    found[:, middle] += 8
    return found


def compared(old, new, old_groups=None, new_groups=None, old_labels=None, new_labels=None, blocks=(WIDTH,)):
    """All of one label and each in a group of its own, where nothing else is said."""
    before = look_back(
        old,
        ["cat"] * len(old) if old_labels is None else old_labels,
        [f"old {row}" for row in range(len(old))] if old_groups is None else old_groups,
        blocks,
    )
    return drift(
        before,
        new,
        ["cat"] * len(new) if new_labels is None else new_labels,
        [f"new {row}" for row in range(len(new))] if new_groups is None else new_groups,
    )


def test_of_one_label_it_is_mann_whitneys_test():
    old, new = np.random.default_rng(0).normal(size=(2, 30))
    new = new[:12] - 0.5
    wanted = mannwhitneyu(new, old, alternative="less", method="asymptotic", use_continuity=False)
    count, lower, p = ranked_lower(old, np.zeros(30), new, np.zeros(12))
    assert (count, p) == (12, pytest.approx(wanted.pvalue))
    assert lower == pytest.approx(1 - wanted.statistic / (12 * 30))


def test_equal_values_count_half():
    old, new = np.array([1.0, 1, 2, 3]), np.array([1.0, 2, 2])
    wanted = mannwhitneyu(new, old, alternative="less", method="asymptotic", use_continuity=False)
    assert ranked_lower(old, np.zeros(4), new, np.zeros(3))[2] == pytest.approx(wanted.pvalue)
    assert ranked_lower(np.ones(5), np.zeros(5), np.ones(4), np.zeros(4)) == (4, 0.5, 1)


def test_the_p_value_is_that_of_shuffling_old_and_new_within_labels():
    generator = np.random.default_rng(1)
    values, labels, is_new = generator.normal(size=40), np.repeat([0, 1, 2], [20, 12, 8]), np.arange(40) % 4 == 0
    values += labels - 0.45 * is_new

    def lower(is_new):
        return ranked_lower(values[~is_new], labels[~is_new], values[is_new], labels[is_new])

    shuffled = np.empty((600, 40), bool)
    for label in range(3):
        rows = labels == label
        shuffled[:, rows] = generator.permuted(np.tile(is_new[rows], (600, 1)), axis=1)
    found = lower(is_new)
    assert 0.01 < found[2] < 0.3
    assert np.mean([lower(one)[1] >= found[1] for one in shuffled]) == pytest.approx(found[2], abs=0.04)


def test_photos_of_the_same_kind_seldom_look_unlike():
    found = [compared(photos(100, seed), photos(30, 1000 + seed)) for seed in range(100)]
    assert 0.01 <= np.mean([one.p < 0.05 for one in found]) <= 0.1
    assert np.mean([one.less_similar for one in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([one.strange.mean() for one in found]) == pytest.approx(0.02, abs=0.015)
    assert np.mean([one.strange_share.low <= 0.02 <= one.strange_share.high for one in found]) > 0.9


def test_unlike_photos_are_found():
    found = compared(photos(100, 0), photos(30, 1, spread=1.5))
    assert found.p < 1e-4
    assert found.less_similar > 0.8
    strangers = compared(photos(100, 0), photos(30, 1, middle=5))
    assert strangers.strange.all()
    assert strangers.strange_share.low > 0.85
    assert strangers.less_similar == 1


def test_photos_more_alike_than_the_old_ones_are_not_unlike():
    found = compared(photos(100, 0), photos(30, 1, spread=0.3))
    assert found.p > 0.99
    assert found.less_similar < 0.1


def test_another_mix_of_labels_is_not_unlike():
    """Photos of dogs are all over the place, those of cats are not; most of the new ones are of dogs."""
    old = np.concatenate([photos(160, 0), photos(40, 1, spread=2.5)])
    new = np.concatenate([photos(6, 2), photos(30, 3, spread=2.5)])
    found = compared(old, new, old_labels=["cat"] * 160 + ["dog"] * 40, new_labels=["cat"] * 6 + ["dog"] * 30)
    assert found.p > 0.05
    assert compared(old, new).p < 1e-6


def test_photos_of_one_moment_are_one_piece_of_evidence():
    old, new = photos(60, 0), photos(4, 1, spread=1.6)
    once = compared(old, new)
    often = compared(old, np.repeat(new, 25, axis=0), new_groups=[f"moment {row // 25}" for row in range(100)])
    assert (len(often.similar), often.moments) == (100, 4)
    assert often.p == pytest.approx(once.p)
    assert often.less_similar == pytest.approx(once.less_similar)
    apart = compared(old, np.repeat(new, 25, axis=0))
    assert apart.p < 1e-3 < often.p


def test_old_photos_are_no_neighbours_of_their_own_group():
    """Each old photo comes twice: with its copy for a neighbour, it would look more familiar than any new one."""
    old, new = np.repeat(photos(60, 0), 2, axis=0), photos(30, 1)
    assert compared(old, new, old_groups=[f"old {row // 2}" for row in range(120)]).p > 0.05
    assert compared(old, new).p < 1e-6


def test_a_new_photo_may_be_of_an_old_group():
    old = photos(60, 0)
    found = compared(old, old[:5], new_groups=[f"old {row}" for row in range(5)])
    np.testing.assert_allclose(found.similar, 1, atol=1e-3)
    assert found.p > 0.95


def test_a_label_without_old_photos_is_left_out_of_the_test():
    old, new = photos(60, 0), photos(20, 1)
    strangers = photos(10, 2, middle=5)
    found = compared(old, np.concatenate([new, strangers]), new_labels=["cat"] * 20 + ["dog"] * 10)
    alone = compared(old, new)
    assert (found.moments, found.p, found.less_similar) == (20, alone.p, alone.less_similar)
    assert len(found.similar) == 30
    assert found.strange[20:].all()


def test_nothing_that_can_be_compared():
    found = compared(photos(60, 0), photos(3, 1, middle=5), new_labels=["dog"] * 3)
    assert (found.moments, found.less_similar, found.p) == (0, 0.5, 1)
    assert found.strange.all()


def test_one_new_photo():
    found = compared(photos(60, 0), photos(1, 1, middle=5))
    assert (len(found.similar), found.moments, found.less_similar) == (1, 1, 1)
    assert 0.01 < found.p < 0.05  # one photo proves little, however strange
    assert found.strange_share.low < 0.3
    assert compared(photos(60, 0), photos(1, 1)).p > 0.05


def test_of_many_old_photos_some_are_compared_with(monkeypatch):
    monkeypatch.setattr("catml.evaluation.familiarity.MOST_KEPT", 80)
    labels = np.arange(400) % 2
    new = {"old_labels": labels, "new_labels": labels[:40]}
    assert compared(photos(400, 0), photos(40, 1), **new).p > 0.05
    assert compared(photos(400, 0), photos(40, 1, spread=1.5), **new).p < 1e-3


def test_unlike_to_one_of_two_backbones():
    old = np.hstack([photos(100, 0), photos(100, 1)])
    new = np.hstack([photos(30, 2), photos(30, 3, spread=2)])
    assert compared(old, new, blocks=(WIDTH, WIDTH)).p < 1e-3
