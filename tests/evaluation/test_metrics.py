"""Metrics against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.metrics import log_loss as theirs

from catml.evaluation.metrics import (
    accuracy,
    balanced_accuracy,
    brier,
    by_label,
    confusion,
    log_loss,
    metrics,
    softmax,
)


def drawn(classes, seed=0):
    generator = np.random.default_rng(seed)
    return softmax(generator.normal(size=(50, classes)) * 3), np.arange(50) % classes


@pytest.mark.parametrize("classes", [2, 5])
def test_log_loss(classes):
    probabilities, labels = drawn(classes)
    assert log_loss(probabilities, labels) == pytest.approx(theirs(labels, probabilities))
    assert log_loss(probabilities.astype(np.float32), labels) == pytest.approx(theirs(labels, probabilities), rel=1e-5)


def test_log_loss_by_hand():
    assert log_loss(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1])) == pytest.approx(
        -(np.log(0.5) + np.log(0.75)) / 2
    )


def test_certain_and_wrong_is_dear_but_finite():
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-7))
    assert log_loss(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_accuracy():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]])
    assert accuracy(probabilities, np.array([0, 1, 1, 1])) == 0.75


def test_softmax():
    np.testing.assert_allclose(softmax(np.array([[0, np.log(3)]])), [[0.25, 0.75]])
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4 + np.log(3)], [-1e4, 0]])), [[0.25, 0.75], [0, 1]])
    assert softmax(np.zeros((2, 2), np.float32)).dtype == np.float64


@pytest.mark.parametrize("classes", [2, 5])
def test_brier_at_its_ends(classes):
    labels = np.arange(10) % classes
    assert brier(np.eye(classes)[labels], labels) == 0
    assert brier(np.eye(classes)[(labels + 1) % classes], labels) == 2
    assert brier(np.full((10, classes), 1 / classes), labels) == pytest.approx(1 - 1 / classes)


def test_brier_by_hand():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]])
    assert brier(probabilities, np.array([0, 2])) == pytest.approx((0.09 + 0.04 + 0.01 + 0.25 + 0.25 + 1) / 2)


def test_balanced_accuracy_counts_each_label_once():
    """Nine of ten photos have the first label, and it is all that is ever said."""
    probabilities, labels = np.tile([0.8, 0.2], (10, 1)), np.array([0] * 9 + [1])
    assert accuracy(probabilities, labels) == 0.9
    assert balanced_accuracy(probabilities, labels) == 0.5


@pytest.mark.parametrize("classes", [2, 5])
def test_balanced_accuracy(classes):
    probabilities, _ = drawn(classes)
    labels = np.array([0] * 30 + [classes - 1] * 15 + list(range(classes)) * (5 // classes) + [0] * (5 % classes))
    usual = balanced_accuracy_score(labels, probabilities.argmax(axis=1))
    assert balanced_accuracy(probabilities, labels) == pytest.approx(usual)
    assert balanced_accuracy(probabilities, labels) != pytest.approx(accuracy(probabilities, labels))


def test_all_metrics_by_name():
    probabilities, labels = drawn(3)
    assert dict(metrics(probabilities, labels)) == {
        "accuracy": accuracy(probabilities, labels),
        "balanced_accuracy": balanced_accuracy(probabilities, labels),
        "log_loss": log_loss(probabilities, labels),
        "brier": brier(probabilities, labels),
    }


MIXED_UP = np.eye(3)[[0, 0, 1, 0, 0]]  # answers a, a, b, a, a
TRUTH = np.array([0, 0, 0, 1, 1])


def test_confusion_has_labels_in_rows_and_answers_in_columns():
    assert confusion(MIXED_UP, TRUTH).tolist() == [[2, 1, 0], [2, 0, 0], [0, 0, 0]]


def test_by_label():
    table = by_label(MIXED_UP, TRUTH, ["a", "b", "c"])
    assert table["label"].tolist() == ["a", "b", "c"]
    assert table["photos"].tolist() == [3, 2, 0]
    np.testing.assert_allclose(table["precision"], [0.5, 0, np.nan])
    np.testing.assert_allclose(table["recall"], [2 / 3, 0, np.nan])
