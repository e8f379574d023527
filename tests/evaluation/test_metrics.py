"""Metrics against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import log_loss as theirs

from catml.evaluation.metrics import accuracy, log_loss, softmax


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
