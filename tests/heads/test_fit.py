"""Scores come from the side that was not trained on, and the refitted head is the one that was scored."""

import numpy as np
import pytest

from catml.evaluation.metrics import softmax
from catml.heads import fit as fit_module
from catml.heads.batches import Task
from catml.heads.fit import cross_validate, fit_head, make_folds, with_views
from catml.heads.geometry import fit_geometry
from catml.heads.spec import HeadSpec
from catml.heads.stack import Trained, train_stack
from catml.network import keras_head

LINEAR = HeadSpec((), "common", 0.1)
HIDDEN = HeadSpec((16,), "each", 1e-3, 0.25, 3e-3, 12)


def photos(count=120, width=200, classes=3, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(count) % classes)
    features = generator.gamma(1, 1, (count, width)) + 0.5 * generator.normal(size=(classes, width))[labels]
    return features.astype(np.float32), labels


def folds_of(labels, count=4):
    rows = np.arange(len(labels))
    return [(rows[rows % count != fold], rows[rows % count == fold]) for fold in range(count)]


def prepared(features, labels, scaling):
    return make_folds(features, labels, folds_of(labels), scaling)


def test_folds_are_fitted_on_their_training_side_only():
    features, labels = photos()
    before = prepared(features, labels, "each")
    spoilt = features.copy()
    spoilt[folds_of(labels)[0][1]] *= 100
    after = prepared(spoilt, labels, "each")
    np.testing.assert_array_equal(after[0].training, before[0].training)
    assert np.abs(after[1].training).mean() != pytest.approx(np.abs(before[1].training).mean())


@pytest.mark.parametrize("spec", [LINEAR, HIDDEN], ids=["linear", "hidden"])
def test_score_has_one_number_a_fold(spec):
    features, labels = photos()
    score = cross_validate(prepared(features, labels, spec.scaling), spec, 3, 42)
    assert len(score.log_loss) == len(score.accuracy) == 4
    assert np.mean(score.log_loss) < 0.5 * np.log(3)
    assert np.mean(score.accuracy) > 0.75


def test_epoch_with_the_lowest_mean_is_taken(monkeypatch):
    losses = np.array([[0.9, 0.5, 0.1, 0.8], [0.9, 0.4, 0.9, 0.1], [0.9, 0.6, 0.9, 0.9]])
    trained = Trained(losses, 1 - losses, [])
    monkeypatch.setattr(fit_module, "train_stack", lambda *_: trained)
    features, labels = photos()
    score = cross_validate(prepared(features, labels, "each")[:3], HIDDEN, 3, 42)
    assert score.spec == HIDDEN.with_epochs(2)
    assert score.log_loss == (0.5, 0.4, 0.6)
    assert score.accuracy == (0.5, 0.6, 0.4)


def test_score_is_that_of_training_for_the_chosen_epochs():
    features, labels = photos()
    folds = prepared(features, labels, "each")
    score = cross_validate(folds, HIDDEN, 3, 42)
    tasks = [
        Task(fold.training, fold.training_labels, (fold.validation, fold.validation_labels), fold.width, seed)
        for fold, seed in zip(folds, fit_module._seeds(42, 4), strict=True)
    ]
    trained = train_stack(tasks, [score.spec] * 4, 3, score.spec.epochs)
    assert trained.log_loss[:, -1].tolist() == list(score.log_loss)


def test_linear_head_does_not_depend_on_the_seed():
    features, labels = photos()
    folds = prepared(features, labels, "common")
    assert cross_validate(folds, LINEAR, 3, 1) == cross_validate(folds, LINEAR, 3, 2)


def test_hidden_head_depends_on_the_seed_alone():
    features, labels = photos()
    folds = prepared(features, labels, "each")
    first = cross_validate(folds, HIDDEN, 3, 1)
    assert cross_validate(folds, HIDDEN, 3, 1) == first
    assert cross_validate(folds, HIDDEN, 3, 2).log_loss != first.log_loss


@pytest.mark.parametrize("spec", [LINEAR, HIDDEN], ids=["linear", "hidden"])
@pytest.mark.parametrize("classes", [2, 3])
def test_layers_on_raw_features_are_those_on_coordinates(spec, classes):
    features, labels = photos(classes=classes)
    network = keras_head(fit_head(features, labels, spec, classes, 42), spec)
    geometry = fit_geometry(features, spec.scaling)
    coordinates = geometry.coordinates(features)
    if spec.hidden:
        task = Task(coordinates, labels, None, features.shape[1], fit_module._seeds(42, 1)[0])
        first, last = train_stack([task], [spec], classes, spec.epochs).layers[0]
        logits = np.maximum(coordinates @ first.kernel + first.bias, 0) @ last.kernel + last.bias
    else:
        layer = fit_module.fit_linear(coordinates, labels, classes, spec.l2)
        logits = coordinates @ layer.kernel + layer.bias
    np.testing.assert_allclose(network.predict_on_batch(features), softmax(logits), atol=1e-4)


def test_refit_scores_as_cross_validation_promised():
    features, labels = photos(count=240)
    for spec in (LINEAR, HIDDEN):
        score = cross_validate(prepared(features[:120], labels[:120], spec.scaling), spec, 3, 42)
        layers = fit_head(features[:120], labels[:120], score.spec, 3, 42)
        found = keras_head(layers, score.spec).predict_on_batch(features[120:]).argmax(axis=1)
        assert (found == labels[120:]).mean() > np.mean(score.accuracy) - 0.1


@pytest.mark.parametrize("spec", [LINEAR, HIDDEN], ids=["linear", "hidden"])
def test_labels_without_meaning_score_no_better_than_chance(spec):
    features, labels = photos()
    meaningless = np.random.default_rng(5).permutation(labels)
    score = cross_validate(prepared(features, meaningless, spec.scaling), spec, 3, 42)
    assert np.mean(score.log_loss) > 0.9 * np.log(3)
    assert np.mean(score.accuracy) < 0.5


def with_copies(features, labels, views=2, noise=0.3):
    """The features of photos and of their augmented views, view by view."""
    generator = np.random.default_rng(9)
    copies = [features + noise * generator.normal(size=features.shape) for _ in range(views)]
    return np.concatenate([features, *copies]).astype(np.float32)


@pytest.mark.parametrize("spec", [LINEAR, HIDDEN], ids=["linear", "hidden"])
def test_views_are_trained_on_as_photos_of_their_own(spec):
    """A table in which each view is one more photo, that of validation photos left out, gives the very same."""
    features, labels = photos()
    table, count = with_copies(features, labels), len(labels)
    folds = make_folds(table, labels, folds_of(labels), spec.scaling, views=2)
    rows = [
        (np.concatenate([training, training + count, training + 2 * count]), validation)
        for training, validation in folds_of(labels)
    ]
    by_hand = make_folds(table, np.tile(labels, 3), rows, spec.scaling)
    assert cross_validate(folds, spec, 3, 42) == cross_validate(by_hand, spec, 3, 42)
    assert cross_validate(folds, spec, 3, 42) != cross_validate(prepared(features, labels, spec.scaling), spec, 3, 42)


def test_views_of_validation_photos_are_not_used():
    features, labels = photos()
    table = with_copies(features, labels)
    (training, validation), *_ = folds_of(labels)
    spoilt = table.copy()
    for view in (1, 2):
        spoilt[view * len(labels) + validation] = np.nan
    scores = [
        cross_validate(make_folds(of, labels, [(training, validation)], "each", views=2), LINEAR, 3, 0)
        for of in (table, spoilt)
    ]
    assert scores[0] == scores[1]
    assert np.isfinite(scores[0].log_loss).all()


def test_rows_with_views():
    assert with_views(np.array([0, 3]), 5, 0).tolist() == [0, 3]
    assert with_views(np.array([0, 3]), 5, 2).tolist() == [0, 3, 5, 8, 10, 13]
