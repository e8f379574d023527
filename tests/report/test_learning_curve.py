"""The curve rises where there is something to learn, ends at the score of the trial, and promises nothing it can't."""

import numpy as np
import pytest

from catml.heads.fit import cross_validate, make_folds
from catml.heads.spec import HeadSpec
from catml.report.learning_curve import Curve, drawn, learning_curve, outlook, said

PHOTOS, WIDTH = 240, 30
LABELS = np.arange(PHOTOS) % 2
ROWS = np.arange(PHOTOS)
FOLDS = [(np.delete(ROWS, ROWS[fold::5]), ROWS[fold::5]) for fold in range(5)] * 2
LINEAR = HeadSpec((), "each", 0.05)


def features(apart):
    generator = np.random.default_rng(0)
    middles = apart * generator.normal(size=(2, WIDTH))
    return (middles[LABELS] + generator.normal(size=(PHOTOS, WIDTH))).astype(np.float32)


def curve(apart=0.25):
    return learning_curve(features(apart), LABELS, ROWS.tolist(), FOLDS, LINEAR, 1)


def made(*errors, draws=6):
    """A curve with these errors, each draw a little beside the mean."""
    spread = np.linspace(-0.05, 0.05, draws)[:, None]
    accuracies = 1 - np.array(errors) * (1 + spread)
    return Curve(np.array([10.0, 20, 40, 60, 80]), accuracies, 1 - accuracies, 20 * draws, 0.25, 100)


def test_more_photos_are_better():
    found = curve()
    means = found.accuracies.mean(axis=0)
    assert means[-1] > means[0] + 0.03
    assert found.log_losses.mean(axis=0)[-1] < found.log_losses.mean(axis=0)[0]
    assert found.photos.tolist() == [24, 48, 96, 144, 192]
    ahead = outlook(found)
    assert ahead.slope > 0
    assert 0 < ahead.gain < 1 - means[-1]
    assert ahead.low < ahead.gain < ahead.high


def test_last_point_is_the_score_of_the_trial():
    found, score = curve(), cross_validate(make_folds(features(0.25), LABELS, FOLDS, "each"), LINEAR, 2, 0)
    np.testing.assert_allclose(found.log_losses[:, -1], score.log_loss, rtol=1e-3)
    np.testing.assert_allclose(found.accuracies[:, -1], score.accuracy, atol=1e-9)


def test_same_seed_same_curve():
    np.testing.assert_array_equal(curve().log_losses, curve().log_losses)


def test_power_law_is_found_again():
    ahead = outlook(made(*(0.8 * np.array([10.0, 20, 40, 60, 80]) ** -0.5)))
    assert ahead.slope == pytest.approx(0.5, abs=1e-3)
    assert ahead.gain == pytest.approx(0.08 * (1 - 2**-0.5), abs=1e-3)
    assert said(made(0.25, 0.18, 0.13, 0.1, 0.09), ahead).startswith("Twice the photos would add about 2.3 points")


def test_no_mistakes_nothing_to_gain():
    for errors in ((0, 0, 0, 0, 0), (0.1, 0.02, 0, 0, 0)):
        found = made(*errors)
        ahead = outlook(found)
        assert np.isfinite([ahead.gain, ahead.low, ahead.high]).all()
        assert "hardly anything" in said(found, ahead)


def test_where_photos_do_not_help_none_are_asked_for():
    found = made(0.1, 0.11, 0.1, 0.11, 0.11)
    assert "hardly anything" in said(found, outlook(found))


def test_many_photos_take_no_longer():
    rows = np.arange(6000)
    folds = [(rows[rows % 5 != fold], rows[rows % 5 == fold]) for fold in range(5)]
    wide = np.random.default_rng(0).normal(size=(6000, 8)).astype(np.float32)
    found = learning_curve(wide, rows % 3, rows.tolist(), folds, LINEAR, 0)
    assert found.photos[-1] == pytest.approx(2000, rel=0.01)
    assert len(found.accuracies) == 2
    assert found.total == 6000


def test_whole_groups_of_each_label():
    labels, groups = np.repeat([0, 1], [40, 8]), np.arange(48) // 4
    some = drawn(np.arange(48), labels, groups, 1 / 8, np.random.default_rng(0))
    more = drawn(np.arange(48), labels, groups, 1 / 2, np.random.default_rng(0))
    assert set(some) <= set(more)
    for rows in (some, more):
        assert all((groups[rows] == group).sum() == 4 for group in set(groups[rows]))
        assert set(labels[rows]) == {0, 1}
    assert (labels[more] == 0).sum() == 20
    np.testing.assert_array_equal(drawn(np.arange(48), labels, groups, 1, np.random.default_rng(3)), np.arange(48))
