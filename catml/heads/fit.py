"""Fit heads on features: score one by cross-validation, or train it for good."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catml.evaluation.metrics import accuracy, log_loss
from catml.heads.batches import Task, round_up
from catml.heads.geometry import Coordinates, Geometry, fit_geometry
from catml.heads.linear import fit_linear
from catml.heads.spec import HeadSpec, Layer, respond
from catml.heads.stack import Trained, stack_bytes, train_stack
from catml.heads.threads import one_thread

Labels = NDArray[np.integer]
# Folds whose coordinates take more are turned anew for every head, which then takes longer than that.
KEPT_BYTES = 256 * 2**20
# Folds are trained together as long as weights and photos take no more. It decides what is computed, to the last bit,
# so it is no setting.
STACK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Fold:
    """One fold, turned onto the span of its own training photos.

    Where coordinates are kept, the geometry is not: its basis would take more than they do.
    """

    rank: int
    geometry: Geometry | None
    features: NDArray[np.float32]
    labels: Labels
    training_rows: NDArray[np.intp]
    validation_rows: NDArray[np.intp]
    kept: tuple[Coordinates, Coordinates] | None

    @property
    def training(self) -> Coordinates:
        """Coordinates of the training photos, shape (n, r)."""
        return self.kept[0] if self.kept else self._turned(self.training_rows)

    @property
    def validation(self) -> Coordinates:
        """Coordinates of the validation photos, shape (m, r)."""
        return self.kept[1] if self.kept else self._turned(self.validation_rows)

    def _turned(self, rows: NDArray[np.intp]) -> Coordinates:
        assert self.geometry is not None  # noqa: S101
        return self.geometry.coordinates(self.features[rows])

    @property
    def width(self) -> int:
        """How many raw features there are."""
        return int(self.features.shape[1])

    @property
    def training_labels(self) -> Labels:
        """Class numbers of the training photos."""
        return self.labels[self.training_rows]

    @property
    def validation_labels(self) -> Labels:
        """Class numbers of the validation photos."""
        return self.labels[self.validation_rows]


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
    blocks: Sequence[int] = (),
    views: int = 0,
) -> list[Fold]:
    """Prepare each fold once for all heads: centring, scaling and rotation are fitted on its training side only.

    Args:
        features: of all photos, shape (n, d); behind them those of their augmented views, of all photos view by view,
            shape (n (1 + views), d).
        labels: class numbers of the photos, shape (n,).
        folds: (training rows, validation rows) of each fold, of photos. The views of training photos are trained on
            too; those of validation photos are not used.
        scaling: one of `SCALINGS`.
        blocks: as for `fit_geometry`.
        views: how many augmented views of each photo there are.
    """
    one_thread()
    prepared = []
    photos, labels = len(labels), np.tile(labels, 1 + views)
    for photos_in, validation in folds:
        training = with_views(photos_in, photos, views)
        geometry = fit_geometry(features[training], scaling, blocks)
        rank = geometry.rank
        bare = Fold(rank, geometry, features, labels, training, validation, None)
        if 4 * len(folds) * rank * (len(training) + len(validation)) <= KEPT_BYTES:
            kept = (bare.training, bare.validation)
            prepared.append(Fold(rank, None, features, labels, training, validation, kept))
        else:
            prepared.append(bare)
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
    one_thread()
    if not spec.hidden:
        losses, accuracies = [], []
        for fold in folds:
            layer = fit_linear(fold.training, fold.training_labels, classes, spec.l2)
            probabilities = respond([layer], fold.validation)
            losses.append(log_loss(probabilities, fold.validation_labels))
            accuracies.append(accuracy(probabilities, fold.validation_labels))
        return Score(spec, tuple(losses), tuple(accuracies))
    parts = _trained(folds, spec, classes, seed)
    losses_by_epoch = np.concatenate([trained.log_loss for trained in parts])
    accuracies_by_epoch = np.concatenate([trained.accuracy for trained in parts])
    best = int(losses_by_epoch.mean(axis=0).argmin())
    return Score(
        spec.with_epochs(best + 1),
        tuple(losses_by_epoch[:, best].tolist()),
        tuple(accuracies_by_epoch[:, best].tolist()),
    )


def out_of_fold(folds: Sequence[Fold], spec: HeadSpec, classes: int, seed: int) -> list[NDArray[np.float64]]:
    """Return what a head says of the validation photos of each fold: probabilities, shape (photos, classes).

    Args:
        folds: as `make_folds` gives them.
        spec: the head as `cross_validate` returned it, with the number of epochs to train for.
        classes: number of classes.
        seed: the one it was scored with.
    """
    one_thread()
    if spec.hidden:
        layers = [layers for trained in _trained(folds, spec, classes, seed) for layers in trained.layers]
    else:
        layers = [[fit_linear(fold.training, fold.training_labels, classes, spec.l2)] for fold in folds]
    return [respond(of, fold.validation) for fold, of in zip(folds, layers, strict=True)]


def _trained(folds: Sequence[Fold], spec: HeadSpec, classes: int, seed: int) -> list[Trained]:
    """Train a head with hidden layers on every fold, as many at once as go together."""
    assert spec.epochs is not None  # HeadSpec sees to it  # noqa: S101
    photos = max(len(fold.training_rows) + len(fold.validation_rows) for fold in folds)
    together = stacked(len(folds), photos, max(fold.rank for fold in folds), spec, classes)
    pairs = list(zip(folds, _seeds(seed, len(folds)), strict=True))
    parts = []
    for start in range(0, len(pairs), together):
        tasks = [
            Task(fold.training, fold.training_labels, (fold.validation, fold.validation_labels), fold.width, sub_seed)
            for fold, sub_seed in pairs[start : start + together]
        ]
        parts.append(train_stack(tasks, [spec] * len(tasks), classes, spec.epochs))
    return parts


def kept_bytes(folds: Sequence[Fold]) -> int:
    """Return how many bytes the coordinates of prepared folds take."""
    return sum(part.nbytes for fold in folds if fold.kept is not None for part in fold.kept)


def stacked(folds: int, photos: int, rank: int, spec: HeadSpec, classes: int) -> int:
    """Return how many folds are trained at once: as many as fit into `STACK_BYTES`, in equal parts."""
    sizes = [together for together in range(1, folds + 1) if folds % together == 0]
    return max((n for n in sizes if needed(n, photos, rank, spec, classes) <= STACK_BYTES), default=1)


def needed(folds: int, photos: int, rank: int, spec: HeadSpec, classes: int) -> int:
    """Return roughly how many bytes it takes to train a head on so many folds at once.

    Args:
        folds: how many.
        photos: in each fold, training and validation.
        rank: coordinates a photo has.
        spec: the head.
        classes: number of classes.
    """
    return stack_bytes(folds, folds * photos, round_up(rank, 16), spec.hidden, classes)


def with_views(rows: NDArray[np.intp], photos: int, views: int) -> NDArray[np.intp]:
    """Return rows of photos and of their augmented views, in a table of all photos and then of all views in turn."""
    return (rows + photos * np.arange(1 + views)[:, None]).ravel()


def fit_head(
    features: NDArray[np.float32],
    labels: Labels,
    spec: HeadSpec,
    classes: int,
    seed: int,
    blocks: Sequence[int] = (),
) -> list[Layer]:
    """Train a head on all rows and return its layers on raw features, the last one softmax, the others ReLU."""
    one_thread()
    geometry = fit_geometry(features, spec.scaling, blocks)
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
