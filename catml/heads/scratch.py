"""The benchmark: small convolutional networks trained from scratch, to see what a backbone is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catml.evaluation.metrics import Labels, log_loss

if TYPE_CHECKING:
    import keras

BACKBONE = "none (from scratch)"  # what stands in MLflow where heads have the name of their backbone
LEARNING_RATE = 0.001  # Adam's, Keras's default
BATCH = 20
KERNEL, POOL = 2, 2
Pixels = NDArray[np.uint8]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Architecture:
    """One network: pairs of convolution and max pooling, global average pooling, maybe a hidden layer, softmax.

    Attributes:
        filters: of the convolutions, one pair each.
        dense: width of the hidden layer; 0 is none.
        dropout: share of the hidden layer's outputs dropped while training.
    """

    filters: tuple[int, ...]
    dense: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.dropout and not self.dense:
            raise ValueError("dropout has no effect without a hidden layer")

    @property
    def title(self) -> str:
        """What it is called in a table: "16-32", "16-32, hidden 16"."""
        return "-".join(map(str, self.filters)) + (f", hidden {self.dense}" if self.dense else "")

    def params(self) -> dict[str, object]:
        """Return what has an effect on this network, by its name in MLflow."""
        named = {"backbone": BACKBONE, "filters": "-".join(map(str, self.filters)), "hidden": str(self.dense)}
        return {**named, **({"dropout": self.dropout} if self.dense else {}), "learning_rate": LEARNING_RATE}


CNNS = {
    "CNN 1": Architecture((16, 32)),
    "CNN 2": Architecture((16, 32), dense=16, dropout=0.2),
    "CNN 3": Architecture((16, 32, 64), dense=20, dropout=0.2),
}


@dataclass(frozen=True)
class Fitted:
    """A trained network, with the weights of its best epoch.

    Attributes:
        network: from pixels 0-255 to probabilities.
        epochs: the best one, the first being 1.
        training: log loss of each epoch on the photos learnt from, its mean while they are learnt from.
        validation: log loss after each epoch on the validation photos.
        held_out: probabilities of the validation photos after the best epoch, shape (photos, classes).
    """

    network: "keras.Model"
    epochs: int
    training: tuple[float, ...]
    validation: tuple[float, ...]
    held_out: NDArray[np.float32]


def deterministic() -> None:
    """Have TensorFlow compute everything in a fixed order, from now on and for the whole process.

    Without it, threads add up the gradients of a convolution in the order in which they come to it.
    """
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def build(architecture: Architecture, size: int, classes: int) -> "keras.Model":
    """Return the network, from pixels 0-255 of shape (n, size, size, 3) to probabilities (n, classes), not yet trained.

    Initial weights and dropout follow from the seed that Keras has been given.
    """
    from keras import Input, Sequential, layers

    network = Sequential([Input((size, size, 3), dtype="uint8"), layers.Rescaling(1 / 255)])
    for filters in architecture.filters:
        network.add(layers.Conv2D(filters, KERNEL, padding="same", activation="relu"))
        network.add(layers.MaxPooling2D(POOL))
    network.add(layers.GlobalAveragePooling2D())
    if architecture.dense:
        network.add(layers.Dense(architecture.dense, activation="relu"))
        network.add(layers.Dropout(architecture.dropout))
    network.add(layers.Dense(classes, activation="softmax"))
    return network


def fit(
    architecture: Architecture,
    pixels: Pixels,
    labels: Labels,
    rows: tuple[Rows, Rows],
    epochs: int,
    seed: int,
    after_epoch: Callable[[], object] = lambda: None,
) -> Fitted:
    """Train a network from scratch, and keep the weights of the epoch with the lowest log loss in validation.

    The same seed gives the same network bit for bit where `deterministic` was called before.

    Args:
        architecture: what to train.
        pixels: of all photos, shape (n, size, size, 3); may lie in a file.
        labels: class numbers of all photos, shape (n,).
        rows: of the photos to learn from, and of those to validate on.
        epochs: passes over the photos.
        seed: for initial weights, order and dropout.
        after_epoch: called after each.
    """
    import keras

    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    learn, validate = rows
    network = build(architecture, pixels.shape[1], int(labels.max()) + 1)
    # XLA would make convolutions on a CPU several times as slow.
    network.compile(keras.optimizers.Adam(LEARNING_RATE), "sparse_categorical_crossentropy", jit_compile=False)
    training: list[float] = []
    validation: list[float] = []
    weights, held_out = network.get_weights(), np.empty((0, 0), np.float32)
    for _ in range(epochs):
        history = network.fit(batches(pixels, generator.permutation(learn), labels), shuffle=False, verbose=0)
        training.append(float(history.history["loss"][0]))
        said = answer(network, pixels, validate)
        loss = log_loss(said, labels[validate])
        if not validation or loss < min(validation):
            weights, held_out = network.get_weights(), said
        validation.append(loss)
        after_epoch()
    network.set_weights(weights)
    return Fitted(network, int(np.argmin(validation)) + 1, tuple(training), tuple(validation), held_out)


def answer(network: "keras.Model", pixels: Pixels, rows: Rows) -> NDArray[np.float32]:
    """Return the probabilities (len(rows), classes) that a network gives to photos."""
    said: NDArray[np.float32] = network.predict(batches(pixels, rows), verbose=0)
    return said


def batches(pixels: Pixels, rows: Sequence[int] | Rows, labels: Labels | None = None) -> Any:
    """Return photos in batches, with their labels where they are given; the next ones are read while one computes."""
    import tensorflow as tf

    photos = tf.TensorSpec((None, *pixels.shape[1:]), tf.uint8)
    signature = photos if labels is None else (photos, tf.TensorSpec((None,), tf.int64))
    parts = [np.asarray(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]

    def read() -> Any:
        for part in parts:
            yield pixels[part] if labels is None else (pixels[part], labels[part])

    of = tf.data.Dataset.from_generator(read, output_signature=signature)
    return of.apply(tf.data.experimental.assert_cardinality(len(parts))).prefetch(2)
