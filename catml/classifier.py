"""The classifier: backbone, head and labels as one object, photos in, labels out, and how it lies on disk."""

import base64
import binascii
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml.errors import InputError
from catml.heads.spec import HeadSpec, Layer
from catml.photos.decode import DecodeError, Pixels, decode, read_bytes

if TYPE_CHECKING:
    import keras

MODEL_FILE, DESCRIPTION_FILE = "classifier.keras", "classifier.json"
BATCH = 16

# What predict takes: the bytes of a photo file, its path, or its bytes as base64 text.
Photo = bytes | bytearray | str | Path


@dataclass(frozen=True)
class Description:
    """What has to be known to use the network: labels in the order of its outputs, and how to bring photos to it."""

    labels: tuple[str, ...]
    input_size: int
    backbone: str
    head: dict[str, object]
    fingerprint: dict[str, object]
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Classifier:
    """A network from pixels to probabilities, and its description."""

    network: "keras.Model"
    description: Description

    def predict(self, photos: Sequence[Photo]) -> pd.DataFrame:
        """Say what is on photos.

        Args:
            photos: file contents, paths or base64 texts, in any mixture.

        Returns:
            One row a photo: `label`, the most probable one; `probability`, its; and `probability_LABEL` of every label.

        Raises:
            InputError: photos that can't be decoded, all of them, with reasons.
        """
        parts, problems = [np.empty((0, len(self.description.labels)), np.float32)], []
        for start in range(0, len(photos), BATCH):  # decoded batch by batch: a million photos don't fit into memory
            pixels, wrong = _pixels(photos[start : start + BATCH], self.description.input_size, start)
            problems += wrong
            if not problems:
                parts.append(self.probabilities(pixels))
        if problems:
            raise InputError(problems)
        probabilities = np.concatenate(parts)
        best = probabilities.argmax(axis=1)
        return pd.DataFrame(
            {
                "label": [self.description.labels[number] for number in best],
                "probability": probabilities[np.arange(len(best)), best].astype(np.float64),
            }
            | {
                f"probability_{label}": probabilities[:, number].astype(np.float64)
                for number, label in enumerate(self.description.labels)
            }
        )

    def probabilities(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return probabilities (n, labels) of upright RGB photos (n, size, size, 3), values 0-255, as one batch."""
        return np.asarray(self.network.predict_on_batch(pixels))

    def save(self, folder: Path) -> None:
        """Write the network, preprocessing inside, as one `.keras` file, and the description as JSON beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.network.save(folder / MODEL_FILE)
        (folder / DESCRIPTION_FILE).write_text(json.dumps(asdict(self.description), indent=2, ensure_ascii=False))


def load(folder: Path) -> Classifier:
    """Load what `Classifier.save` wrote; nothing in the files is executed."""
    import keras

    values = json.loads((folder / DESCRIPTION_FILE).read_text())
    values["labels"] = tuple(values["labels"])
    network = keras.saving.load_model(folder / MODEL_FILE, compile=False, safe_mode=True)
    return Classifier(network, Description(**values))


def assemble(backbone: "keras.Model", layers: Sequence[Layer], spec: HeadSpec) -> "keras.Model":
    """Join a backbone, pixels (n, size, size, 3) to features, and a trained head into one network."""
    import keras

    inputs = keras.Input(backbone.input_shape[1:], name="pixels")
    outputs = keras_head(layers, spec)(backbone(inputs))
    return keras.Model(inputs, outputs, name="classifier")


def keras_head(layers: Sequence[Layer], spec: HeadSpec) -> "keras.Model":
    """Return a trained head as ordinary Keras layers on raw features."""
    import keras

    head = keras.Sequential(name="head")
    head.add(keras.Input((layers[0].kernel.shape[0],)))
    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        dense = keras.layers.Dense(len(layer.bias), "softmax" if last else "relu", name="labels" if last else None)
        head.add(dense)
        dense.set_weights([layer.kernel, layer.bias])
        if not last and spec.dropout:
            head.add(keras.layers.Dropout(spec.dropout))
    return head


def _pixels(photos: Sequence[Photo], size: int, first_row: int) -> tuple[Pixels, list[str]]:
    decoded, problems = [], []
    for row, photo in enumerate(photos, first_row):
        try:
            decoded.append(decode(_bytes(photo), size))
        except DecodeError as reason:
            name = str(photo) if isinstance(photo, Path) or (isinstance(photo, str) and len(photo) < 300) else "photo"
            problems.append(f"row {row}, {name}: {reason}")
    return np.stack(decoded) if decoded else np.empty((0, size, size, 3), np.uint8), problems


def _bytes(photo: Any) -> bytes:
    if isinstance(photo, bytes | bytearray):
        return bytes(photo)
    if isinstance(photo, Path):
        return read_bytes(photo)
    if not isinstance(photo, str):
        raise DecodeError(f"expected bytes, a path or base64 text, got {type(photo).__name__}")
    if os.path.isfile(photo):  # noqa: PTH113, Path.is_file raises an error where a text is too long for a name
        return read_bytes(Path(photo))
    try:
        data = base64.b64decode("".join(photo.split()), validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError("neither an existing file nor base64 text") from None
    if len(data) < 32:  # no image format is that small: this was meant as a name
        raise DecodeError("no such file")
    return data


def describe(
    labels: Sequence[str], size: int, backbone: str, spec: HeadSpec, fingerprint: Mapping[str, object]
) -> Description:
    """Return a description without metrics yet."""
    return Description(tuple(labels), size, backbone, spec.params(), dict(fingerprint))
