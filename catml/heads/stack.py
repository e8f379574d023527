"""Many heads of one shape trained at once, as one stacked computation.

Each layer of all heads is one tensor with the head as its first axis, so that a step of all of them is a handful of
batched matrix products; and all steps of all epochs are one program, compiled by XLA, that fetches the photos of a step
when it comes to it. Every head has its own photos, labels, order of photos, initial weights, dropout pattern, learning
rate and L2, all drawn from its own seed: the result does not depend on what it was stacked with.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catml.evaluation.metrics import SMALLEST
from catml.heads.batches import Orders, Photos, Task, round_up
from catml.heads.spec import HeadSpec, Layer

# Part of every study's key: raise it whenever the same features would give other heads.
HEADS_VERSION = 4
BATCH = 32
ADAM_BETA_1, ADAM_BETA_2, ADAM_EPSILON = 0.9, 0.999, 1e-7  # Kingma & Ba 2015, Keras's defaults
# Widths are rounded up to a multiple of so many, which vector instructions take at once, with units that stay zero.
UNITS = 16
# Layers of so few columns are updated as one long row, for which XLA uses vector instructions, too.
NARROW = 16
# Bytes that the orders of the epochs of one call may take; it bounds memory where there are very many photos.
ORDERS_BYTES = 32 * 2**20
MOST_UNITS = 2**16
Tensors = list[Any]


@dataclass(frozen=True)
class Trained:
    """What came out of a stack: `log_loss` and `accuracy` after each epoch, shape (heads, epochs), and the layers."""

    log_loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    layers: list[list[Layer]]


def train_stack(
    tasks: Sequence[Task],
    specs: Sequence[HeadSpec],
    classes: int,
    epochs: int,
    *,
    batch: int = BATCH,
    orders_bytes: int = ORDERS_BYTES,
) -> Trained:
    """Train one head per task for `epochs` epochs.

    Args:
        tasks: what to train on, one a head.
        specs: how, one a head; all of the same hidden widths.
        classes: number of classes.
        epochs: passes over each head's own training photos.
        batch: photos in a step.
        orders_bytes: what the orders of the epochs of one call may take.

    Returns:
        Scores on the validation photos after every epoch (NaN where a task has none), and the layers after the last.
    """
    import tensorflow as tf

    if len({spec.hidden for spec in specs}) != 1:
        raise ValueError("all heads of a stack need the same hidden widths")
    width = round_up(max(task.inputs.shape[1] for task in tasks), 16)
    sizes = [width, *(round_up(units, UNITS) for units in specs[0].hidden), classes]
    photos = Photos(tasks, width)
    weights = [tf.constant(weight) for weight in _initial(tasks, specs[0].hidden, sizes)]
    state = (weights, [tf.zeros_like(w) for w in weights], [tf.zeros_like(w) for w in weights])
    settings = [
        tf.constant([getattr(spec, name) for spec in specs], tf.float32) for name in ("learning_rate", "l2", "dropout")
    ]
    seeds = tf.constant([task.seed % 2**32 for task in tasks], tf.uint32)
    steps = -(-max(len(task.labels) for task in tasks) // batch)
    orders = Orders(tasks, photos.first_rows, batch, steps)
    at_once = _epochs_at_once(epochs, steps * len(tasks) * batch * 4, orders_bytes)
    held = (photos.inputs, photos.labels, photos.counts, photos.held_out, photos.held_out_counts)
    scores = []
    for first in range(0, epochs, at_once):
        rows = tf.constant(orders.next_epochs(at_once))
        *state, scored = _program()(*state, tf.constant(first), rows, *held, *settings, seeds)
        scores.append(scored.numpy())
    log_loss, accuracy = np.concatenate(scores).astype(np.float64).transpose(1, 2, 0)
    return Trained(log_loss, accuracy, _layers([w.numpy() for w in state[0]], tasks, specs[0].hidden))


def stack_bytes(heads: int, rows: int, width: int, hidden: Sequence[int], classes: int) -> int:
    """Return roughly how many bytes training takes: weights, gradients and Adam's two moments, and the photos.

    Photos are there three times: as they are given, in one table, and as a tensor.
    """
    sizes = [width, *(round_up(units, UNITS) for units in hidden), classes]
    return 4 * (4 * heads * sum(one * other for one, other in pairwise(sizes)) + 3 * rows * width)


def _epochs_at_once(epochs: int, bytes_each: int, limit: int) -> int:
    """Return the largest divisor of `epochs` that fits: one program serves all calls."""
    fits = [number for number in range(1, epochs + 1) if epochs % number == 0 and number * bytes_each <= limit]
    return max(fits, default=1)


@functools.cache
def _program() -> Any:
    """Return the traced function, made once a process; XLA compiles it once for each shape of its arguments."""
    import tensorflow as tf

    return tf.function(_run_epochs, jit_compile=True, autograph=False)


def _run_epochs(
    weights: Tensors,
    first_moment: Tensors,
    second_moment: Tensors,
    first_epoch: Any,
    rows: Any,
    inputs: Any,
    labels: Any,
    counts: Any,
    held_out: Any,
    held_out_counts: Any,
    learning_rate: Any,
    l2: Any,
    dropout: Any,
    seeds: Any,
) -> tuple[Tensors, Tensors, Tensors, Any]:
    """Train for the epochs of `rows`, shape (epochs, steps, heads, batch), and score after each of them.

    Returns:
        The weights, both moments, and log loss and accuracy, shape (epochs, 2, heads).
    """
    import tensorflow as tf

    epochs, steps, heads, batch = rows.shape
    taken = (counts + batch - 1) // batch  # steps of each head in an epoch
    place = tf.range(batch)[None, :]

    def step(epoch: Any, number: Any, weights: Tensors, first: Tensors, second: Tensors) -> tuple[Any, ...]:
        chosen = rows[epoch, number]
        photos, answers = tf.gather(inputs, chosen), tf.gather(labels, chosen)
        left = counts - number * batch
        present = tf.cast(place < left[:, None], tf.float32)
        count = (first_epoch + epoch) * taken + number
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits = _logits(weights, photos, (seeds, count, dropout))
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(answers, logits) * present
            penalty = sum(tf.reduce_sum(kernel**2, axis=[1, 2]) for kernel in weights[::2])
            means = tf.reduce_sum(losses, axis=1) / tf.cast(tf.clip_by_value(left, 1, batch), tf.float32)
            # Heads share no weight, so the gradient of the sum is each head's own gradient.
            loss = tf.reduce_sum(means + l2 * penalty)
        gradients = tape.gradient(loss, weights)
        power = tf.cast(count + 1, tf.float32)
        rate = learning_rate * tf.sqrt(1 - ADAM_BETA_2**power) / (1 - ADAM_BETA_1**power)
        # Where a head has no photos left for this step, neither its weights nor its moments move.
        moves = tf.cast(left > 0, tf.float32)[:, None, None]
        rate = rate[:, None, None] * moves
        updated = [_adam(*of, rate, moves) for of in zip(weights, first, second, gradients, strict=True)]
        return epoch, number + 1, *(list(part) for part in zip(*updated, strict=True))

    def one_epoch(epoch: Any, weights: Tensors, first: Tensors, second: Tensors, scores: Any) -> tuple[Any, ...]:
        state = (epoch, tf.constant(0), weights, first, second)
        _, _, *result = tf.while_loop(lambda _, number, *__: number < steps, step, state)
        scored = _score(result[0], inputs, labels, held_out, held_out_counts)
        return epoch + 1, *result, tf.tensor_scatter_nd_update(scores, [[epoch]], scored[None])

    state = (tf.constant(0), list(weights), list(first_moment), list(second_moment), tf.zeros((epochs, 2, heads)))
    _, *result = tf.while_loop(lambda epoch, *_: epoch < epochs, one_epoch, state)
    return tuple(result)


def _adam(weight: Any, first: Any, second: Any, gradient: Any, rate: Any, moves: Any) -> tuple[Any, Any, Any]:
    """Return one layer's weights and both moments after a step; `rate` and `moves` have the shape (heads, 1, 1)."""
    import tensorflow as tf

    parts = [weight, first, second, gradient]
    if weight.shape[2] <= NARROW:
        parts = [tf.reshape(part, [weight.shape[0], 1, -1]) for part in parts]
    w, m, v, g = parts
    m += moves * (1 - ADAM_BETA_1) * (g - m)
    v += moves * (1 - ADAM_BETA_2) * (g**2 - v)
    w -= rate * m / (tf.sqrt(v) + ADAM_EPSILON)
    return tf.reshape(w, weight.shape), tf.reshape(m, weight.shape), tf.reshape(v, weight.shape)


def _logits(weights: Tensors, inputs: Any, noise: tuple[Any, Any, Any] | None) -> Any:
    """Return logits, shape (heads, rows, classes); `noise` is (seeds, step, rates) of dropout while training."""
    import tensorflow as tf

    hidden = inputs
    for number in range(0, len(weights) - 2, 2):
        hidden = tf.nn.relu(tf.matmul(hidden, weights[number]) + weights[number + 1])
        if noise is not None:
            rate = noise[2][:, None, None]
            kept = _uniform(noise[0], noise[1], number, tf.shape(hidden)) >= rate
            hidden = hidden * tf.cast(kept, tf.float32) / (1 - rate)
    return tf.matmul(hidden, weights[-2]) + weights[-1]


def _uniform(seeds: Any, step: Any, layer: int, shape: Any) -> Any:
    """Return numbers in [0, 1), each a hash of (head's seed, step, layer, row, unit) alone.

    A counter-based generator (Salmon et al. 2011) with the mixing function of MurmurHash3: what a head draws can't
    depend on its place in the stack, nor on how wide its layers were rounded up.
    """
    import tensorflow as tf

    def mixed(bits: Any) -> Any:
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
            bits = bits * tf.constant(factor, tf.uint32)
        return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))

    stream = mixed(mixed(seeds) + tf.cast(step * 64 + layer, tf.uint32))
    place = tf.range(shape[1])[None, :, None] * MOST_UNITS + tf.range(shape[2])[None, None, :]
    bits = mixed(stream[:, None, None] + mixed(tf.cast(place, tf.uint32)))
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24


def _score(weights: Tensors, inputs: Any, labels: Any, held_out: Any, counts: Any) -> Any:
    """Return mean log loss and accuracy of each head on its validation photos, shape (2, heads); NaN without any."""
    import tensorflow as tf

    batches, heads, at_once = held_out.shape

    def add(number: Any, sums: Any) -> tuple[Any, Any]:
        answers = tf.gather(labels, held_out[number])
        logits = _logits(weights, tf.gather(inputs, held_out[number]), None)
        present = tf.cast(number * at_once + tf.range(at_once)[None, :] < counts[:, None], tf.float32)
        losses = tf.minimum(tf.nn.sparse_softmax_cross_entropy_with_logits(answers, logits), -math.log(SMALLEST))
        right = tf.cast(tf.argmax(logits, axis=2, output_type=tf.int32) == answers, tf.float32)
        return number + 1, sums + tf.stack([tf.reduce_sum(part * present, axis=1) for part in (losses, right)])

    _, sums = tf.while_loop(lambda number, _: number < batches, add, (tf.constant(0), tf.zeros((2, heads))))
    return sums / tf.cast(counts, tf.float32)


def _initial(tasks: Sequence[Task], hidden: Sequence[int], sizes: Sequence[int]) -> list[NDArray[np.float32]]:
    """Return kernels (heads, inputs, outputs) and biases (heads, 1, outputs) in turn: He's for ReLU, zero biases.

    What a layer was rounded up by is zero, coming in and going out: ReLU passes no gradient there, so it stays zero.
    """
    generators = [np.random.default_rng([task.seed, 0]) for task in tasks]
    weights: list[NDArray[np.float32]] = []
    for number, (fan, out) in enumerate(pairwise(sizes)):
        kernel = np.zeros((len(tasks), fan, out), np.float32)
        columns = hidden[number] if number < len(hidden) else out
        for head, (task, generator) in enumerate(zip(tasks, generators, strict=True)):
            rows = task.inputs.shape[1] if number == 0 else hidden[number - 1]
            scale = np.sqrt(2 / (task.fan_in if number == 0 else rows))
            kernel[head, :rows, :columns] = generator.normal(0, scale, (rows, columns))
        weights += [kernel, np.zeros((len(tasks), 1, out), np.float32)]
    return weights


def _layers(weights: Sequence[NDArray[np.float32]], tasks: Sequence[Task], hidden: Sequence[int]) -> list[list[Layer]]:
    """Return each head's layers without what they were rounded up by."""
    found = []
    for head, task in enumerate(tasks):
        sizes = [task.inputs.shape[1], *hidden, weights[-1].shape[-1]]
        found.append(
            [
                Layer(kernel[head, :rows, :columns], bias[head, 0, :columns])
                for kernel, bias, rows, columns in zip(weights[::2], weights[1::2], sizes, sizes[1:], strict=False)
            ]
        )
    return found
