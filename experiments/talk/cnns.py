"""The talk's networks from scratch, as it trained them: one ReLU output, and the accuracy of the last epoch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catml.heads import scratch
from catml.heads.scratch import Architecture, Pixels, Rows

EPOCHS = 20
LOWEST = 1e-7


@dataclass(frozen=True)
class Published:
    """A network after its last epoch: accuracy on the validation photos, and which test photos came out right."""

    validation: float
    test: NDArray[np.bool_]


def train(
    architecture: Architecture,
    pixels: Pixels,
    labels: NDArray[np.integer],
    rows: tuple[Rows, Rows, Rows],
    seed: int,
    done: Callable[[], object] = lambda: None,
) -> Published:
    """Train a network for 20 epochs with the last layer `Dense(1, activation="relu")` under binary cross-entropy.

    Args:
        architecture: one of `catml.heads.scratch.CNNS`.
        pixels: of all photos, shape (n, size, size, 3).
        labels: 0 or 1, shape (n,).
        rows: to learn from, to validate on, to test.
        seed: for initial weights, order and dropout.
        done: called after each epoch.
    """
    import keras

    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    learn, validation, test = rows
    body = scratch.build(architecture, pixels.shape[1], 2)
    network = keras.Sequential([*body.layers[:-1], keras.layers.Dense(1, activation="relu")])
    network.compile(keras.optimizers.Adam(scratch.LEARNING_RATE), clipped_cross_entropy, jit_compile=False)
    for _ in range(EPOCHS):
        network.fit(scratch.batches(pixels, generator.permutation(learn), labels), shuffle=False, verbose=0)
        done()
    said = [scratch.answer(network, pixels, of)[:, 0] > 0.5 for of in (validation, test)]
    right = [given == (labels[of] == 1) for given, of in zip(said, (validation, test), strict=True)]
    return Published(float(right[0].mean()), right[1])


def clipped_cross_entropy(truth: Any, said: Any) -> Any:
    """Return the loss as Keras 2.2.4 computed it: where the output lies outside the clip, there is no gradient."""
    import tensorflow as tf

    clipped = tf.clip_by_value(said, LOWEST, 1 - LOWEST)
    truth = tf.cast(tf.reshape(truth, tf.shape(said)), tf.float32)
    return -tf.reduce_mean(truth * tf.math.log(clipped) + (1 - truth) * tf.math.log(1 - clipped), axis=-1)
