"""What a stack of heads is trained on: photos, each held once, and the order in which each head takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HELD_OUT_BATCH = 512  # validation photos scored at once


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
    """The photos of all tasks in one table, each array once however many tasks hold it, and which of them is whose.

    Attributes:
        inputs: tensor (rows, width), zeros on the right where an array has fewer columns.
        labels: tensor (rows,).
        counts: training photos of each task, tensor (heads,).
        first_rows: where each task's training photos begin, shape (heads,).
        held_out: rows of validation photos, tensor (batches, heads, photos), and `held_out_counts` (heads,).
    """

    def __init__(self, tasks: Sequence[Task], width: int) -> None:
        import tensorflow as tf

        parts: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
        for task in tasks:
            parts[id(task.inputs)] = (task.inputs, task.labels)
            if task.validation is not None:
                parts[id(task.validation[0])] = task.validation
        sizes = [len(labels) for _, labels in parts.values()]
        begins = dict(zip(parts, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        # Rounded up, as everything that has a size: folds that differ by a photo or two share a compiled program.
        inputs = np.zeros((round_up(sum(sizes), 64), width), np.float32)
        labels = np.zeros(len(inputs), np.int32)
        for key, (part, answers) in parts.items():
            inputs[begins[key] : begins[key] + len(part), : part.shape[1]] = part
            labels[begins[key] : begins[key] + len(part)] = answers
        self.inputs, self.labels = tf.constant(inputs), tf.constant(labels)
        self.counts = tf.constant([len(task.labels) for task in tasks], tf.int32)
        self.first_rows = np.array([begins[id(task.inputs)] for task in tasks], np.int32)
        held_out = [0 if task.validation is None else len(task.validation[1]) for task in tasks]
        self.held_out_counts = tf.constant(held_out, tf.int32)
        longest = round_up(max(1, *held_out), 16)
        at_once = min(longest, HELD_OUT_BATCH)
        rows = np.zeros((len(tasks), round_up(longest, at_once)), np.int32)
        for head, task in enumerate(tasks):
            if task.validation is not None:
                rows[head, : held_out[head]] = begins[id(task.validation[0])] + np.arange(held_out[head])
        self.held_out = tf.constant(rows.reshape(len(tasks), -1, at_once).swapaxes(0, 1).copy())


class Orders:
    """Each head's photos in a new order every epoch, from its own seed."""

    def __init__(self, tasks: Sequence[Task], first_rows: NDArray[np.int32], batch: int, steps: int) -> None:
        self._generators = [np.random.default_rng([task.seed, 1]) for task in tasks]
        self._counts = [len(task.labels) for task in tasks]
        self._first_rows = first_rows
        self._batch, self._steps = batch, steps

    def next_epochs(self, epochs: int) -> NDArray[np.int32]:
        """Return rows of `Photos.inputs`, shape (epochs, steps, heads, batch); places beyond a head's photos hold 0."""
        rows = np.zeros((epochs, len(self._counts), self._steps * self._batch), np.int32)
        for head, (generator, count) in enumerate(zip(self._generators, self._counts, strict=True)):
            for epoch in range(epochs):
                rows[epoch, head, :count] = generator.permutation(count)
            rows[:, head, :count] += self._first_rows[head]
        shape = (epochs, len(self._counts), self._steps, self._batch)
        return rows.reshape(shape).swapaxes(1, 2).copy()


def round_up(number: int, multiple: int) -> int:
    """Return the smallest multiple that is not below the number."""
    return -(-number // multiple) * multiple
