"""Many heads of one shape trained at once, as one stacked computation.

Each layer of all heads is one tensor with the head as its first axis, so that a step of all of them is a handful of
batched matrix products. Every head has its own photos, labels, order of photos, initial weights, dropout pattern,
learning rate and L2, all drawn from its own seed: the result does not depend on what it was stacked with.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catml.heads.batches import Orders, Photos, Task, round_up
from catml.heads.spec import HeadSpec, Layer

# Part of every study's key: raise it whenever the same features would give other heads.
HEADS_VERSION = 3
BATCH = 32
# So few heads are not worth a second of compiling.
ALONE = 2
BUDGET = 64 * 2**20
ADAM_BETA_1, ADAM_BETA_2, ADAM_EPSILON = 0.9, 0.999, 1e-7  # Kingma & Ba 2015, Keras's defaults
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
    places: int = 0,
    budget: int = BUDGET,
) -> Trained:
    """Train one head per task for `epochs` epochs.

    Args:
        tasks: what to train on, one a head.
        specs: how, one a head; all of the same hidden widths.
        classes: number of classes.
        epochs: passes over each head's own training photos.
        batch: photos in a step.
        places: the computation is made for at least so many heads, so that it need not be compiled once more.
        budget: bytes that photos fetched for steps to come may take.

    Returns:
        Scores on the validation photos after every epoch (NaN where a task has none), and the layers after the last.
    """
    import tensorflow as tf

    if len({spec.hidden for spec in specs}) != 1:
        raise ValueError("all heads of a stack need the same hidden widths")
    heads = len(tasks)
    idle = max(0, places - heads)
    tasks, specs = [*tasks, *[tasks[0]] * idle], [*specs, *[specs[0]] * idle]
    # Rounded up: sets of photos that differ by one or two share a program.
    width = round_up(max(task.inputs.shape[1] for task in tasks), 16)
    photos = Photos(tasks, width)
    weights = [tf.constant(weight) for weight in _initial(tasks, specs[0].hidden, width, classes)]
    state = (weights, [tf.zeros_like(w) for w in weights], [tf.zeros_like(w) for w in weights])
    settings = [
        tf.constant([getattr(spec, name) for spec in specs], tf.float32) for name in ("learning_rate", "l2", "dropout")
    ]
    seeds = tf.constant([task.seed % 2**32 for task in tasks], tf.uint32)
    counts = [len(task.labels) for task in tasks]
    steps = -(-max(counts) // batch)
    # Photos are fetched for so many steps at once; a head that has no more of them takes empty steps.
    fetched = min(steps, max(1, budget // (len(tasks) * batch * width * 4)))
    orders = Orders(tasks, heads, batch, round_up(steps, fetched))
    taken = np.array([-(-count // batch) for count in counts], np.int32)
    run, score = _graph(compiled=len(tasks) > ALONE)
    scores = []
    for epoch in range(epochs):
        order, present = orders.next_epoch()
        for start in range(0, len(order), fetched):
            rows = order[start : start + fetched]
            done = tf.constant(epoch * taken + start)
            here = tf.constant(present[start : start + fetched])
            state = run(*state, *photos.fetch(rows), here, *settings, seeds, done)
        scores.append([value.numpy() for value in score(state[0], *photos.held_out, photos.places)])
    log_loss, accuracy = np.array(scores, np.float64).transpose(1, 2, 0)
    layers = _layers([w.numpy() for w in state[0]], tasks)
    return Trained(log_loss[:heads], accuracy[:heads], layers[:heads])


@functools.cache
def _graph(*, compiled: bool) -> tuple[Any, Any]:
    """Return the two traced functions, made once a process: one program, by XLA, takes about a second."""
    import tensorflow as tf

    return tf.function(_run_steps, jit_compile=compiled), tf.function(_score)


def _run_steps(
    weights: Tensors,
    first_moment: Tensors,
    second_moment: Tensors,
    photos: Any,
    answers: Any,
    present: Any,
    learning_rate: Any,
    l2: Any,
    dropout: Any,
    seeds: Any,
    done: Any,
) -> tuple[Tensors, Tensors, Tensors]:
    """Take one Adam step per row of `photos`, shape (steps, heads, batch, r); each head took `done` before."""
    import tensorflow as tf

    def step(number: Any, weights: Tensors, first: Tensors, second: Tensors) -> tuple[Any, ...]:
        count = done + number
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits = _logits(weights, photos[number], (seeds, count, dropout))
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(answers[number], logits) * present[number]
            penalty = sum(tf.reduce_sum(kernel**2, axis=[1, 2]) for kernel in weights[::2])
            photos_taken = tf.reduce_sum(present[number], axis=1)
            means = tf.reduce_sum(losses, axis=1) / tf.maximum(photos_taken, 1)
            # Heads share no weight, so the gradient of the sum is each head's own gradient.
            loss = tf.reduce_sum(means + l2 * penalty)
        gradients = tape.gradient(loss, weights)
        power = tf.cast(count + 1, tf.float32)
        rate = learning_rate * tf.sqrt(1 - ADAM_BETA_2**power) / (1 - ADAM_BETA_1**power)
        # In an empty step neither the weights nor the moments of a head move.
        moves = tf.cast(photos_taken > 0, tf.float32)[:, None, None]
        rate = rate[:, None, None] * moves
        first = [m + moves * (1 - ADAM_BETA_1) * (g - m) for m, g in zip(first, gradients, strict=True)]
        second = [v + moves * (1 - ADAM_BETA_2) * (g**2 - v) for v, g in zip(second, gradients, strict=True)]
        weights = [w - rate * m / (tf.sqrt(v) + ADAM_EPSILON) for w, m, v in zip(weights, first, second, strict=True)]
        return number + 1, weights, first, second

    steps = photos.shape[0]
    state = (tf.constant(0), list(weights), list(first_moment), list(second_moment))
    _, *result = tf.while_loop(lambda number, *_: number < steps, step, state)
    return tuple(result)


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
    depend on its place in the stack.
    """
    import tensorflow as tf

    def mixed(bits: Any) -> Any:
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
            bits = bits * tf.constant(factor, tf.uint32)
        return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))

    stream = mixed(mixed(seeds) + tf.cast(step * 64 + layer, tf.uint32))
    place = tf.reshape(tf.range(shape[1] * shape[2]), [1, shape[1], shape[2]])
    bits = mixed(stream[:, None, None] + mixed(tf.cast(place, tf.uint32)))
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24


def _score(weights: Tensors, inputs: Any, labels: Any, present: Any, places: Any) -> tuple[Any, Any]:
    """Return mean log loss and accuracy of each head on its validation photos, each of shape (heads,)."""
    import tensorflow as tf

    inputs, labels, present = (tf.gather(part, places) for part in (inputs, labels, present))
    logits = _logits(weights, inputs, None)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    right = tf.cast(tf.argmax(logits, axis=2, output_type=tf.int32) == labels, tf.float32)
    count = tf.reduce_sum(present, axis=1)
    return tf.reduce_sum(losses * present, axis=1) / count, tf.reduce_sum(right * present, axis=1) / count


def _initial(tasks: Sequence[Task], hidden: Sequence[int], width: int, classes: int) -> list[NDArray[np.float32]]:
    """Return kernels (heads, inputs, outputs) and biases (heads, 1, outputs) in turn: He's for ReLU, zero biases."""
    sizes = [width, *hidden, classes]
    generators = [np.random.default_rng([task.seed, 0]) for task in tasks]
    weights: list[NDArray[np.float32]] = []
    for number, (fan, out) in enumerate(pairwise(sizes)):
        kernel = np.zeros((len(tasks), fan, out), np.float32)
        for head, (task, generator) in enumerate(zip(tasks, generators, strict=True)):
            rows = task.inputs.shape[1] if number == 0 else fan
            scale = np.sqrt(2 / (task.fan_in if number == 0 else fan))
            kernel[head, :rows] = generator.normal(0, scale, (rows, out))
        weights += [kernel, np.zeros((len(tasks), 1, out), np.float32)]
    return weights


def _layers(weights: Sequence[NDArray[np.float32]], tasks: Sequence[Task]) -> list[list[Layer]]:
    """Return each head's layers, without the padding of its first kernel."""
    return [
        [
            Layer(kernel[head, : task.inputs.shape[1]] if number == 0 else kernel[head], bias[head, 0])
            for number, (kernel, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True))
        ]
        for head, task in enumerate(tasks)
    ]
