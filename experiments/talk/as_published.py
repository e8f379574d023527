"""The talk's heads trained as Keras 2.2.4 trained them, many fits at once.

Adam (Kingma & Ba 2015) with Keras's epsilon, glorot_uniform kernels, zero biases, shuffled batches of 32 with what is
left over as the last one, and `K.binary_crossentropy` of a layer that is no sigmoid: the output clipped to
[1e-7, 1 - 1e-7]. Where an output lies outside, and a ReLU's is outside for about half of all photos at first, the clip
passes no gradient. Features are taken as they are: Adam divides by each weight's own gradients, so a rotation
(`catml/heads/geometry.py`) would change what it does.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catml.heads.threads import one_thread

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
BATCH, EPOCHS = 32, 50
LOWEST, HIGHEST = np.float32(1e-7), np.float32(1 - 1e-7)
WEIGHTS, ORDER, DROPOUT = range(3)  # a stream of random numbers each
TOGETHER = 4  # fits whose weights and batch still fit into a core's cache; an even number of stacks for the quick run
THREADS = 2
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """A head: units of its hidden ReLU layers, the share of each dropped while training, and "relu" or "sigmoid"."""

    hidden: tuple[int, ...]
    dropout: float
    output: str


@dataclass(frozen=True)
class Task:
    """One fit.

    Attributes:
        inputs: features to learn from, shape (n, d), float32; all tasks of a stack have the same n, d and m.
        labels: 0 or 1, shape (n,).
        validation: features, shape (m, d), and labels, shape (m,).
        seed: of this fit alone.
    """

    inputs: Floats
    labels: NDArray[np.integer]
    validation: tuple[Floats, NDArray[np.integer]]
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Fits:
    """What came out of a stack.

    Attributes:
        loss: on the validation photos after each epoch, shape (fits, epochs).
        accuracy: likewise, with the threshold .5.
        last: weights after the last epoch: kernel (fits, inputs, units) and bias (fits, 1, units) in turn.
        checkpoint: weights after the epoch with the lowest validation loss.
    """

    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    last: list[Floats]
    checkpoint: list[Floats]

    @property
    def last_accuracy(self) -> NDArray[np.float64]:
        """Validation accuracy after the last epoch, shape (fits,)."""
        return self.accuracy[:, -1]

    @property
    def best_accuracy(self) -> NDArray[np.float64]:
        """Validation accuracy of the checkpoint, shape (fits,)."""
        best = self.loss.argmin(axis=1)
        return np.take_along_axis(self.accuracy, best[:, None], axis=1)[:, 0]


def stream(seed: Sequence[int], use: int) -> np.random.Generator:
    """Return a fit's random numbers for one use: `WEIGHTS`, `ORDER` or `DROPOUT`."""
    return np.random.default_rng([*seed, use])


def initial(seed: Sequence[int], width: int, hidden: Sequence[int]) -> list[Floats]:
    """Return a fit's first kernels, glorot_uniform (Glorot & Bengio 2010), each followed by its bias of zeros."""
    generator = stream(seed, WEIGHTS)
    sizes = [width, *hidden, 1]
    weights: list[Floats] = []
    for rows, units in pairwise(sizes):
        limit = np.sqrt(6 / (rows + units))
        weights += [
            generator.uniform(-limit, limit, (rows, units)).astype(np.float32),
            np.zeros((1, units), np.float32),
        ]
    return weights


def outputs(weights: Sequence[Floats], inputs: Floats, output: str) -> Floats:
    """Return what heads say, shape (…, n), of inputs, shape (…, n, d): no clipping, no threshold."""
    hidden = inputs
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        hidden = np.maximum(hidden @ kernel + bias, 0)
    return _activate((hidden @ weights[-2] + weights[-1])[..., 0], output)


def train(tasks: Sequence[Task], recipe: Recipe, epochs: int = EPOCHS) -> Fits:
    """Train a head for each task; what comes out of a fit doesn't depend on what it is stacked with.

    Args:
        tasks: what to train on.
        recipe: the head.
        epochs: passes over the photos.
    """
    one_thread()
    stacks = [tasks[start : start + TOGETHER] for start in range(0, len(tasks), TOGETHER)]
    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(lambda stack: _train(stack, recipe, epochs), stacks))
    return Fits(
        np.concatenate([part.loss for part in parts]),
        np.concatenate([part.accuracy for part in parts]),
        *(
            [np.concatenate(of) for of in zip(*(getattr(part, name) for part in parts), strict=True)]
            for name in ("last", "checkpoint")
        ),
    )


def _train(tasks: Sequence[Task], recipe: Recipe, epochs: int) -> Fits:
    width = tasks[0].inputs.shape[1]
    starts = [initial(task.seed, width, recipe.hidden) for task in tasks]
    weights = [np.stack(of) for of in zip(*starts, strict=True)]
    moments = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in weights]
    checkpoint = [weight.copy() for weight in weights]
    droppers = [stream(task.seed, DROPOUT) for task in tasks]
    held_out = np.stack([task.validation[0] for task in tasks])
    truth = np.stack([task.validation[1] for task in tasks]).astype(np.float32)
    batch = np.empty((len(tasks), BATCH, width), np.float32)
    losses, accuracies = np.empty((2, epochs, len(tasks)))
    lowest = np.full(len(tasks), np.inf)
    step = 0
    for epoch, order in zip(range(epochs), _orders(tasks), strict=False):
        for start in range(0, order.shape[1], BATCH):
            rows = order[:, start : start + BATCH]
            photos = batch[:, : rows.shape[1]]
            for task, chosen, place in zip(tasks, rows, photos, strict=True):
                np.take(
                    task.inputs, chosen, axis=0, out=place, mode="clip"
                )  # new memory would take longer than all else
            labels = np.stack([task.labels[chosen] for task, chosen in zip(tasks, rows, strict=True)])
            step += 1
            _move(weights, moments, _gradients(weights, photos, labels.astype(np.float32), recipe, droppers), step)
        said = outputs(weights, held_out, recipe.output)
        losses[epoch] = _cross_entropy(said, truth)
        accuracies[epoch] = ((said > 0.5) == (truth > 0.5)).mean(axis=1)
        better = losses[epoch] < lowest
        lowest[better] = losses[epoch][better]
        for kept, weight in zip(checkpoint, weights, strict=True):
            kept[better] = weight[better]
    return Fits(losses.T, accuracies.T, weights, checkpoint)


def _orders(tasks: Sequence[Task]) -> Iterator[NDArray[np.intp]]:
    """Yield each epoch's order of every fit's photos, shape (fits, n)."""
    generators = [stream(task.seed, ORDER) for task in tasks]
    while True:
        yield np.stack(
            [generator.permutation(len(task.labels)) for generator, task in zip(generators, tasks, strict=True)]
        )


def _gradients(
    weights: Sequence[Floats], photos: Floats, labels: Floats, recipe: Recipe, droppers: Sequence[np.random.Generator]
) -> list[Floats]:
    """Return the gradient of each fit's mean loss over a batch, in the order of the weights."""
    layers: list[Floats] = [photos]  # what goes into each layer
    factors: list[Floats] = []  # by which gradients pass back through ReLU and dropout
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        before = layers[-1] @ kernel + bias
        after = np.maximum(before, 0)
        factor = (before > 0).astype(np.float32)
        if recipe.dropout:
            drawn = np.stack([dropper.random(before.shape[1:], np.float32) for dropper in droppers])
            kept = (drawn >= recipe.dropout).astype(np.float32) / np.float32(1 - recipe.dropout)
            after, factor = after * kept, factor * kept
        layers.append(after)
        factors.append(factor)
    logits = (layers[-1] @ weights[-2] + weights[-1])[..., 0]
    back: Floats = _by_logit(logits, labels, recipe.output)[..., None]
    found: list[Floats] = []
    for number in reversed(range(len(layers))):
        found = [layers[number].swapaxes(1, 2) @ back, back.sum(axis=1, keepdims=True), *found]
        if number:
            back = (back @ weights[2 * number].swapaxes(1, 2)) * factors[number - 1]
    return found


def _by_logit(logits: Floats, labels: Floats, output: str) -> Floats:
    """Return the derivative of the mean cross-entropy by what goes into the last activation, both (fits, photos)."""
    said = _activate(logits, output)
    felt = (said >= LOWEST) & (said <= HIGHEST)
    clipped = said.clip(LOWEST, HIGHEST)
    slope = clipped - labels
    if output == "relu":
        slope = slope / (clipped * (1 - clipped))
    return np.where(felt, slope, np.float32(0)) / np.float32(logits.shape[1])


def _move(
    weights: list[Floats], moments: Sequence[tuple[Floats, Floats]], gradients: Sequence[Floats], step: int
) -> None:
    """Take one step of Adam, in place, as Keras writes it: the bias corrections in the learning rate."""
    rate = np.float32(LEARNING_RATE * np.sqrt(1 - BETA_2**step) / (1 - BETA_1**step))
    for weight, (first, second), gradient in zip(weights, moments, gradients, strict=True):
        first += np.float32(1 - BETA_1) * (gradient - first)
        np.multiply(gradient, gradient, out=gradient)
        second += np.float32(1 - BETA_2) * (gradient - second)
        np.sqrt(second, out=gradient)
        gradient += np.float32(EPSILON)
        np.divide(first, gradient, out=gradient)
        gradient *= rate
        weight -= gradient


def _activate(logits: Any, output: str) -> Any:
    if output == "relu":
        return np.maximum(logits, 0)
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-logits))


def _cross_entropy(said: Floats, truth: Floats) -> NDArray[np.float64]:
    clipped = said.clip(LOWEST, HIGHEST).astype(np.float64)
    return -np.where(truth > 0.5, np.log(clipped), np.log1p(-clipped)).mean(axis=1)
