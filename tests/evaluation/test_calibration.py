"""Probabilities that mean what they say, and a threshold whose claim holds."""

import numpy as np
import pytest
from scipy.stats import beta

from catml.evaluation.calibration import (
    HIGHEST,
    LOWEST,
    Threshold,
    fit_temperature,
    fit_threshold,
    takes,
    tempered,
)
from catml.evaluation.metrics import log_loss, softmax


def drawn(rows, classes=3, seed=0, spread=2.0):
    """Logits, and labels drawn with exactly the probabilities that they give."""
    generator = np.random.default_rng(seed)
    logits = spread * generator.normal(size=(rows, classes))
    steps = softmax(logits).cumsum(axis=1)
    labels = (generator.random((rows, 1)) > steps).sum(axis=1).clip(max=classes - 1)
    return logits, labels


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_a_known_temperature_is_found(factor, classes):
    logits, labels = drawn(20_000, classes)
    assert fit_temperature([softmax(factor * logits)], labels) == pytest.approx(factor, rel=0.06)


def test_overconfident_probabilities_are_brought_back():
    logits, labels = drawn(20_000)
    given = [softmax(4 * logits)]
    found = tempered(given, fit_temperature(given, labels))
    np.testing.assert_allclose(found, softmax(logits), atol=0.02)
    assert log_loss(found, labels) < log_loss(given[0], labels) - 0.1


def test_the_mean_of_several_heads_is_what_is_calibrated():
    """Of two heads, each with an error of its own, the mean is less confident than either one."""
    generator = np.random.default_rng(1)
    logits, labels = drawn(5_000)
    heads = [softmax(3 * (logits + generator.normal(size=logits.shape))) for _ in range(2)]
    found = fit_temperature(heads, labels)
    losses = [log_loss(tempered(heads, found * factor), labels) for factor in (0.9, 1.0, 1.1)]
    assert losses[1] == pytest.approx(min(losses), abs=1e-5)
    assert found != pytest.approx(fit_temperature(heads[:1], labels), rel=0.05)


def test_tempered_by_one_is_the_mean():
    heads = [softmax(drawn(20, seed=seed)[0]) for seed in range(3)]
    np.testing.assert_allclose(tempered(heads, 1.0), np.mean(heads, axis=0))


def test_tempered_by_hand():
    """Odds of 9 to 1, and temperature 2: the square root of them."""
    np.testing.assert_allclose(tempered([np.array([[0.9, 0.1]])], 2.0), [[0.75, 0.25]])
    np.testing.assert_allclose(tempered([np.array([[0.75, 0.25]])], 0.5), [[0.9, 0.1]])


@pytest.mark.parametrize("sharpness", [1.0, 8.0, 50.0])
@pytest.mark.parametrize("photos", [20, 200])
def test_where_all_come_out_right_nothing_becomes_certain(photos, sharpness):
    labels = np.arange(photos) % 2
    logits = sharpness * np.eye(2)[labels]
    given = [softmax(logits + np.random.default_rng(0).normal(size=logits.shape) / 10)]
    temperature = fit_temperature(given, labels)
    assert LOWEST <= temperature <= HIGHEST
    found = tempered(given, temperature)
    assert found.max() < 1
    # The target is (n + 1) / (n + 2) with n photos of each label.
    assert found.max(axis=1).mean() == pytest.approx((photos / 2 + 1) / (photos / 2 + 2), abs=0.02)


def test_probabilities_of_zero_are_no_crash():
    temperature = fit_temperature([np.eye(2)[[0, 1, 0, 1, 0]]], np.array([0, 1, 0, 1, 1]))
    assert np.isfinite(temperature)
    assert np.isfinite(tempered([np.eye(2)], temperature)).all()


def two(confidence, right):
    """Rows of two classes with so confident answers, and labels that make them right or wrong."""
    confidence = np.asarray(confidence)
    return np.column_stack([confidence, 1 - confidence]), np.where(right, 0, 1)


def test_a_claim_takes_59_right_answers():
    """The exact bound of 59 of 59 is 0.05 ** (1 / 59) = 95.05 %."""
    confidence = np.linspace(0.99, 0.8, 59)
    probabilities, labels = two(confidence, [True] * 59)
    assert fit_threshold(probabilities, labels, 59, 0.95) == Threshold(0.95, 0.0, True, 1.0, 1.0)
    assert not fit_threshold(probabilities[1:], labels[1:], 58, 0.95).claimed


def test_the_line_is_below_the_last_answer_that_the_claim_holds_for():
    """The surest 100 are right, then right and wrong take turns: with one wrong 93 are needed, with two 124."""
    confidence = np.linspace(0.99, 0.6, 140)
    right = np.array([True] * 100 + [False, True] * 20)
    found = fit_threshold(*two(confidence, right), 140, 0.95)
    assert found.claimed
    assert confidence[101] > found.probability > confidence[102]  # one wrong of 102; two of 103 would be too many
    assert found.answered == pytest.approx(102 / 140)
    assert found.right == pytest.approx(101 / 102)


def test_the_order_of_rows_does_not_matter():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1, 400)
    probabilities, labels = two(confidence, generator.random(400) < confidence)
    order = generator.permutation(400)
    assert fit_threshold(probabilities, labels, 400, 0.9) == fit_threshold(
        probabilities[order], labels[order], 400, 0.9
    )


def test_a_large_groups_photos_count_for_one_together():
    probabilities, labels = two(np.linspace(0.99, 0.8, 100), [True] * 100)
    assert fit_threshold(probabilities, labels, 100, 0.95).claimed
    found = fit_threshold(probabilities, labels, 50, 0.95)
    assert not found.claimed
    assert (found.answered, found.right) == (1, 1)


def test_repeated_rows_show_no_more_than_the_photos_themselves():
    """Folds drawn three times give three rows a photo; there are no more photos for it."""
    probabilities, labels = two(np.linspace(0.99, 0.6, 100), np.arange(100) < 98)
    once = fit_threshold(probabilities, labels, 100, 0.95)
    thrice = fit_threshold(probabilities.repeat(3, axis=0), labels.repeat(3), 100, 0.95)
    assert thrice.claimed
    assert thrice.claimed == once.claimed
    assert thrice.answered == pytest.approx(once.answered)


def test_between_equal_probabilities_no_line_is_drawn():
    """Seventy right ones, then thirty of one and the same probability, the first five right and all others wrong."""
    confidence = np.array([*np.linspace(0.99, 0.9, 70), *[0.7] * 30])
    found = fit_threshold(*two(confidence, np.arange(100) < 75), 100, 0.95)
    assert found.claimed
    assert found.answered == 0.7
    assert 0.7 < found.probability < 0.9


def test_what_can_not_be_claimed_is_what_was_seen():
    """Twenty photos are too few for any claim of 95 %; up to the first mistake the precision seen is 100 %."""
    confidence = np.linspace(0.99, 0.6, 20)
    found = fit_threshold(*two(confidence, np.arange(20) < 15), 20, 0.95)
    assert not found.claimed
    assert confidence[14] > found.probability > confidence[15]
    assert (found.answered, found.right) == (0.75, 1)


def test_what_can_not_be_reached_is_never_answered():
    probabilities, labels = two(np.linspace(0.99, 0.6, 50), [False] * 50)
    found = fit_threshold(probabilities, labels, 50, 0.9)
    assert (found.claimed, found.answered) == (False, 0)
    assert np.isnan(found.right)
    assert not (probabilities.max(axis=1) >= found.probability).any()


def test_where_everything_is_good_enough_every_photo_is_answered():
    """Also one less probable than any that was seen."""
    found = fit_threshold(*two(np.linspace(0.99, 0.9, 300), [True] * 300), 300, 0.95)
    assert found.probability == 0


def test_a_higher_precision_answers_no_more():
    logits, labels = drawn(600, 2)
    shares = [fit_threshold(softmax(logits), labels, 600, precision) for precision in (0.8, 0.9, 0.95)]
    assert all(found.claimed for found in shares)
    assert shares[0].answered > shares[1].answered > shares[2].answered


def test_the_claim_holds():
    """In 200 studies, how often the true precision of what is answered is below what was claimed with 95 %."""
    claims = misses = 0
    wide, wide_labels = drawn(100_000, 2, seed=999)
    wide_confidence, wide_right = softmax(wide).max(axis=1), wide.argmax(axis=1) == wide_labels
    for seed in range(200):
        logits, labels = drawn(300, 2, seed)
        found = fit_threshold(softmax(logits), labels, 300, 0.9)
        if found.claimed:
            claims += 1
            misses += wide_right[wide_confidence >= found.probability].mean() < 0.9
    assert claims > 150
    assert misses / claims <= 0.1


@pytest.mark.parametrize(("precision", "counts"), [(0.95, [59, 93, 124]), (0.98, [149, 236, 313]), (0.9, [29, 46, 61])])
def test_how_many_answers_a_claim_takes(precision, counts):
    """Tables of exact one-sided intervals, as for acceptance sampling: "59 of 59"."""
    assert [takes(precision, errors) for errors in range(3)] == counts
    for errors, count in enumerate(counts):
        assert beta.ppf(0.05, count - errors, errors + 1) >= precision > beta.ppf(0.05, count - errors - 1, errors + 1)
