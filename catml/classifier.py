"""The classifier: backbone, head and labels as one object, photos in, labels out, and how it lies on disk."""

import base64
import binascii
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml.errors import InputError
from catml.evaluation.familiarity import Familiar, load_familiar
from catml.network import with_features
from catml.photos.decode import DecodeError, Pixels, decode, read_bytes

if TYPE_CHECKING:
    import keras

MODEL_FILE, DESCRIPTION_FILE = "classifier.keras", "classifier.json"
JUDGED_FILE, FAMILIAR_FILE = "judged.csv", "familiar.npz"
BATCH = 16

# What predict takes: the bytes of a photo file, its path, or its bytes as base64 text.
Photo = bytes | bytearray | str | Path


@dataclass(frozen=True)
class Description:
    """What has to be known to use the network: labels in the order of its outputs, and how to bring photos to it.

    Attributes:
        labels: in the order of the outputs.
        input_sizes: side of the square of each input, in their order.
        backbones: what each head takes its features from, "a+b" where from two.
        heads: params of each head; several are averaged.
        mirrored: whether the network looks at the mirror image of each photo too.
        fingerprints: what the features of each backbone depend on.
        metrics: of the test.
        temperature: what the logits of the heads were divided by; it is in the network already.
        threshold: probability below which a photo is unsure.
        precision: share of right answers that the threshold is for.
        photos: what the set of photos is called.
    """

    labels: tuple[str, ...]
    input_sizes: tuple[int, ...]
    backbones: tuple[str, ...]
    heads: tuple[dict[str, object], ...]
    mirrored: bool
    fingerprints: dict[str, dict[str, object]]
    metrics: dict[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    threshold: float = 0.0
    precision: float = 0.0
    photos: str = ""


@dataclass(frozen=True)
class Classifier:
    """A network from pixels to probabilities, and its description.

    Attributes:
        network: from pixels to probabilities.
        description: what else has to be known.
        familiar: what photos like those learnt from look like; None: every photo is taken for familiar.
        judged: what was said of each photo by a classifier that had not learnt from it: `pixels_sha256`, `label`,
            `judged` ("test" or "learn"), `answer`. It tells which photos were learnt from, and allows a fair comparison
            with the next classifier.
    """

    network: "keras.Model"
    description: Description
    familiar: Familiar | None = None
    judged: pd.DataFrame | None = None

    def predict(self, photos: Sequence[Photo]) -> pd.DataFrame:
        """Say what is on photos.

        Args:
            photos: file contents, paths or base64 texts, in any mixture.

        Returns:
            One row a photo: `label`, the most probable one; `probability`, its; `unsure`, whether that is too little to
            be believed, or the photo too unlike all those learnt from; and `probability_LABEL` of every label.

        Raises:
            InputError: photos that can't be decoded, all of them, with reasons.
        """
        parts, problems = [np.empty((0, len(self.description.labels)), np.float32)], []
        similar = [np.empty(0, np.float32)]
        for start in range(0, len(photos), BATCH):  # decoded batch by batch: a million photos don't fit into memory
            pixels, wrong = _pixels(photos[start : start + BATCH], self.description.input_sizes, start)
            problems += wrong
            if not problems:
                batch = self.answer(pixels)
                parts.append(batch[0])
                similar.append(batch[1])
        if problems:
            raise InputError(problems)
        probabilities = np.concatenate(parts)
        best = probabilities.argmax(axis=1)
        least = -np.inf if self.familiar is None else self.familiar.least
        unsure = (probabilities.max(axis=1, initial=0) < self.description.threshold) | (np.concatenate(similar) < least)
        return pd.DataFrame(
            {
                "label": [self.description.labels[number] for number in best],
                "probability": probabilities[np.arange(len(best)), best].astype(np.float64),
                "unsure": unsure,
            }
            | {
                f"probability_{label}": probabilities[:, number].astype(np.float64)
                for number, label in enumerate(self.description.labels)
            }
        )

    def probabilities(self, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return probabilities (n, labels) of upright RGB photos as one batch.

        Args:
            pixels: of each of the input sizes, shape (n, size, size, 3), values 0-255.
        """
        return np.asarray(self.network.predict_on_batch(pixels[0] if len(pixels) == 1 else list(pixels)))

    def answer(self, pixels: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return probabilities (n, labels), and how similar each photo is to the nearest one learnt from, (n,)."""
        if self.familiar is None:
            return self.probabilities(pixels), np.full(len(pixels[0]), np.inf, np.float32)
        given = self._with_features.predict_on_batch(pixels[0] if len(pixels) == 1 else list(pixels))
        probabilities, *features = map(np.asarray, given)
        return probabilities, self.familiar.of(np.hstack(features))

    @cached_property
    def _with_features(self) -> "keras.Model":
        return with_features(self.network)

    def save(self, folder: Path) -> None:
        """Write the network, preprocessing inside, as one `.keras` file, and what else there is beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.network.save(folder / MODEL_FILE)
        (folder / DESCRIPTION_FILE).write_text(json.dumps(asdict(self.description), indent=2, ensure_ascii=False))
        if self.familiar is not None:
            self.familiar.save(folder / FAMILIAR_FILE)
        if self.judged is not None:
            self.judged.to_csv(folder / JUDGED_FILE, index=False)


def load(folder: Path) -> Classifier:
    """Load what `Classifier.save` wrote; nothing in the files is executed."""
    import keras

    values = json.loads((folder / DESCRIPTION_FILE).read_text())
    for name in ("labels", "input_sizes", "backbones", "heads"):
        values[name] = tuple(values[name])
    network = keras.saving.load_model(folder / MODEL_FILE, compile=False, safe_mode=True)
    familiar, judged = folder / FAMILIAR_FILE, folder / JUDGED_FILE
    return Classifier(
        network,
        Description(**values),
        load_familiar(familiar) if familiar.exists() else None,
        pd.read_csv(judged, dtype=str, keep_default_na=False) if judged.exists() else None,
    )


def _pixels(photos: Sequence[Photo], sizes: Sequence[int], first_row: int) -> tuple[list[Pixels], list[str]]:
    decoded: list[list[Pixels]] = []
    problems = []
    for row, photo in enumerate(photos, first_row):
        try:
            data = _bytes(photo)
            decoded.append([decode(data, size) for size in sizes])
        except DecodeError as reason:
            name = str(photo) if isinstance(photo, Path) or (isinstance(photo, str) and len(photo) < 300) else "photo"
            problems.append(f"row {row}, {name}: {reason}")
    if not decoded:
        return [np.empty((0, size, size, 3), np.uint8) for size in sizes], problems
    return [np.stack(of_size) for of_size in zip(*decoded, strict=True)], problems


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
