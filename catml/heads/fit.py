"""Fit heads on features: score one by cross-validation, or train it for good."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catml.evaluation.metrics import accuracy, log_loss, softmax
from catml.heads.batches import Task
from catml.heads.geometry import Coordinates, fit_geometry
from catml.heads.linear import fit_linear
from catml.heads.spec import HeadSpec, Layer
from catml.heads.stack import train_stack

Labels = NDArray[np.integer]


@dataclass(frozen=True)
class Fold:
    """One fold, turned onto the span of its own training photos."""

    training: Coordinates
    training_labels: Labels
    validation: Coordinates
    validation_labels: Labels
    width: int


@dataclass(frozen=True)
class Score:
    """What cross-validation says of a head; `spec` has the number of epochs that was best for all folds together."""

    spec: HeadSpec
    log_loss: tuple[float, ...]
    accuracy: tuple[float, ...]


def make_folds(
    features: NDArray[np.float32],
    labels: Labels,
    folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    scaling: str,
) -> list[Fold]:
    """Prepare each fold once for all heads: centring, scaling and rotation are fitted on its training side only."""
    prepared = []
    for training, validation in folds:
        geometry = fit_geometry(features[training], scaling)
        prepared.append(
            Fold(
                geometry.coordinates(features[training]),
                labels[training],
                geometry.coordinates(features[validation]),
                labels[validation],
                features.shape[1],
            )
        )
    return prepared


def cross_validate(folds: Sequence[Fold], spec: HeadSpec, classes: int, seed: int) -> Score:
    """Score a head on every fold.

    A head with hidden layers is trained for `spec.epochs` epochs on all folds; the returned `spec` has the epoch at
    which the mean validation log loss over the folds was lowest. One number is chosen for all folds, as any other
    setting of the head, and is what the refit uses; a best epoch of each fold's own would flatter the score.

    Args:
        folds: as `make_folds` gives them.
        spec: the head.
        classes: number of classes.
        seed: for initial weights, order and dropout; fold i uses its own stream.
    """
    if not spec.hidden:
        losses, accuracies = [], []
        for fold in folds:
            layer = fit_linear(fold.training, fold.training_labels, classes, spec.l2)
            probabilities = softmax(fold.validation @ layer.kernel + layer.bias)
            losses.append(log_loss(probabilities, fold.validation_labels))
            accuracies.append(accuracy(probabilities, fold.validation_labels))
        return Score(spec, tuple(losses), tuple(accuracies))
    assert spec.epochs is not None  # HeadSpec sees to it  # noqa: S101
    tasks = [
        Task(fold.training, fold.training_labels, (fold.validation, fold.validation_labels), fold.width, sub_seed)
        for fold, sub_seed in zip(folds, _seeds(seed, len(folds)), strict=True)
    ]
    trained = train_stack(tasks, [spec] * len(tasks), classes, spec.epochs)
    best = int(trained.log_loss.mean(axis=0).argmin())
    return Score(
        spec.with_epochs(best + 1), tuple(trained.log_loss[:, best].tolist()), tuple(trained.accuracy[:, best].tolist())
    )


def fit_head(features: NDArray[np.float32], labels: Labels, spec: HeadSpec, classes: int, seed: int) -> list[Layer]:
    """Train a head on all rows and return its layers on raw features, the last one softmax, the others ReLU."""
    geometry = fit_geometry(features, spec.scaling)
    coordinates = geometry.coordinates(features)
    if spec.hidden:
        assert spec.epochs is not None  # noqa: S101
        task = Task(coordinates, labels, None, features.shape[1], _seeds(seed, 1)[0])
        first, *others = train_stack([task], [spec], classes, spec.epochs).layers[0]
    else:
        first, others = fit_linear(coordinates, labels, classes, spec.l2), []
    return [geometry.fold_back(first), *others]


def _seeds(seed: int, count: int) -> list[int]:
    return [int(state) for state in np.random.SeedSequence(seed).generate_state(count)]
