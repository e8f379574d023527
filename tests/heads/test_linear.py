"""The linear head is scikit-learn's, found in fewer dimensions, and its penalty means what it says."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from catml.evaluation.metrics import softmax
from catml.heads.geometry import fit_geometry
from catml.heads.linear import fit_linear

L2 = 0.02


def problem(classes, photos=40, width=60):
    generator = np.random.default_rng(classes)
    labels = np.arange(photos) % classes
    return generator.normal(size=(photos, width)) + generator.normal(size=(classes, width))[labels], labels


def standardised(classes):
    features, labels = problem(classes)
    geometry = fit_geometry(features, "each")
    return geometry, (features - geometry.mean) / geometry.scale, labels


@pytest.mark.parametrize("classes", [2, 4])
def test_same_as_scikit_learn_on_all_features(classes):
    geometry, features, labels = standardised(classes)
    layer = fit_linear(features @ geometry.basis, labels, classes, L2)
    # scikit-learn minimises the sum of losses + |w|^2 / (2 C); two classes share one w = w_1 - w_0, of which each of
    # our columns is a half, up to sign.
    penalty = L2 / 2 if classes == 2 else L2
    theirs = LogisticRegression(C=1 / (2 * len(labels) * penalty), max_iter=5000, tol=1e-8).fit(features, labels)
    ours = softmax(features @ geometry.basis @ layer.kernel + layer.bias)
    np.testing.assert_allclose(ours, theirs.predict_proba(features), atol=1e-3)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("l2", [1e-3, 0.1, 3.0])
def test_is_the_minimum_of_the_loss_it_states(classes, l2):
    geometry, features, labels = standardised(classes)
    coordinates = features @ geometry.basis
    layer = fit_linear(coordinates, labels, classes, l2)
    assert layer.kernel.shape == (coordinates.shape[1], classes)
    assert layer.bias.shape == (classes,)
    excess = (softmax(coordinates @ layer.kernel + layer.bias) - np.eye(classes)[labels]) / len(labels)
    np.testing.assert_allclose(coordinates.T @ excess + 2 * l2 * layer.kernel, 0, atol=1e-4)
    np.testing.assert_allclose(excess.sum(axis=0), 0, atol=1e-4)


def test_strong_penalty_leaves_only_the_shares():
    features, labels = problem(2)
    unequal = np.where(np.arange(len(labels)) < 10, 0, 1)
    layer = fit_linear(features, unequal, 2, 1e6)
    np.testing.assert_allclose(softmax(features @ layer.kernel + layer.bias), [[0.25, 0.75]] * 40, atol=1e-3)
