"""What a stack of heads is trained on: sets of photos, each held once, and the order in which each head takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Task:
    """One head to train.

    Attributes:
        inputs: training coordinates, shape (n, r).
        labels: their class numbers, shape (n,).
        validation: coordinates and labels to score each epoch on; None where there are none (the refit).
        fan_in: width of the raw features, which initial weights are scaled by (as He et al. 2015 would on them).
        seed: of this head alone.
    """

    inputs: NDArray[np.floating]
    labels: NDArray[np.integer]
    validation: tuple[NDArray[np.floating], NDArray[np.integer]] | None
    fan_in: int
    seed: int


class Photos:
    """The photos of all tasks, each array once however many tasks hold it, and which of them is whose."""

    def __init__(self, tasks: Sequence[Task], width: int) -> None:
        import tensorflow as tf

        distinct = {id(task.inputs): task for task in tasks}
        numbers = {key: number for number, key in enumerate(distinct)}
        self.places = tf.constant([numbers[id(task.inputs)] for task in tasks], tf.int32)
        none = (np.empty((0, width)), np.empty(0, np.int32))
        inputs, labels, _ = _padded([(task.inputs, task.labels) for task in distinct.values()], width)
        self.held_out = _padded([task.validation or none for task in distinct.values()], width)
        self._first_rows = (self.places * tf.shape(inputs)[1])[None, :, None]
        self._inputs, self._labels = tf.reshape(inputs, [-1, width]), tf.reshape(labels, [-1])

    def fetch(self, rows: NDArray[np.int32]) -> tuple[Any, Any]:
        """Return photos and labels, shape (steps, heads, batch, …), of rows within each head's own photos."""
        import tensorflow as tf

        found = tf.constant(rows) + self._first_rows
        return tf.gather(self._inputs, found), tf.gather(self._labels, found)


class Orders:
    """Each head's photos in a new order every epoch, from its own seed; idle heads have none."""

    def __init__(self, tasks: Sequence[Task], heads: int, batch: int, steps: int) -> None:
        self._generators = [np.random.default_rng([task.seed, 1]) for task in tasks[:heads]]
        self._counts = [len(task.labels) for task in tasks[:heads]]
        self._shape = (len(tasks), steps, batch)
        present = np.zeros((len(tasks), steps * batch), np.float32)
        for head, count in enumerate(self._counts):
            present[head, :count] = 1
        self._present = present.reshape(self._shape).swapaxes(0, 1).copy()

    def next_epoch(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return rows of each head's photos, shape (steps, heads, batch), and 1 where a place is taken."""
        order = np.zeros((self._shape[0], self._shape[1] * self._shape[2]), np.int32)
        for head, (generator, count) in enumerate(zip(self._generators, self._counts, strict=True)):
            order[head, :count] = generator.permutation(count)
        return order.reshape(self._shape).swapaxes(0, 1).copy(), self._present


def round_up(number: int, multiple: int) -> int:
    """Return the smallest multiple that is not below the number."""
    return -(-number // multiple) * multiple


def _padded(parts: Sequence[tuple[NDArray[Any], NDArray[Any]]], width: int) -> tuple[Any, Any, Any]:
    """Stack (coordinates, labels) of different sizes: zeros to the right and below, and 1 where a row is real."""
    import tensorflow as tf

    rows = max(len(labels) for _, labels in parts)
    inputs = np.zeros((len(parts), rows, width), np.float32)
    labels = np.zeros((len(parts), rows), np.int32)
    present = np.zeros((len(parts), rows), np.float32)
    for number, (part, answers) in enumerate(parts):
        inputs[number, : len(part), : part.shape[1]] = part
        labels[number, : len(part)] = answers
        present[number, : len(part)] = 1
    return tf.constant(inputs), tf.constant(labels), tf.constant(present)
