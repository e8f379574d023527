"""The classifier: backbone, head and labels as one object, photos in, labels out, and how it lies on disk."""

import base64
import binascii
import itertools
import json
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
from catml.photos.kept import KeptPhotos, load_kept

if TYPE_CHECKING:
    import keras

MODEL_FILE, DESCRIPTION_FILE = "classifier.keras", "classifier.json"
JUDGED_FILE, FAMILIAR_FILE, KEPT_FILE = "judged.csv", "familiar.npz", "photos.npz"
BATCH, BATCHES_AHEAD = 16, 2
DATA_URL = re.compile(r"\s*data:[^,]{0,200};base64,", re.IGNORECASE)

# What predict takes: the bytes of a photo file, its path, or its bytes as base64 text, maybe in a data URL.
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
        kept: labels, and maybe small pictures, of the photos that `familiar` knows, in its order; None in what an older
            catml has saved.
    """

    network: "keras.Model"
    description: Description
    familiar: Familiar | None = None
    judged: pd.DataFrame | None = None
    kept: KeptPhotos | None = None

    def predict(self, photos: Sequence[Photo], *, paths: bool = True) -> pd.DataFrame:
        """Say what is on photos.

        Args:
            photos: file contents, paths or base64 texts, in any mixture.
            paths: whether a text may be a path. Where strangers send texts, one that is would be read for them.

        Returns:
            One row a photo: `label`, the most probable one; `probability`, its; `unsure`, whether that is too little to
            be believed, or the photo too unlike all those learnt from; and `probability_LABEL` of every label.

        Raises:
            InputError: photos that can't be decoded, all of them, with reasons.
        """
        answers = pd.concat([self._answers([], []), *self.stream(photos, paths=paths)], ignore_index=True)
        broken = answers["problem"] != ""
        if broken.any():
            wrong = zip(np.flatnonzero(broken), answers.loc[broken, "problem"], strict=True)
            raise InputError([f"row {row}, {_name(photos[int(row)])}: {problem}" for row, problem in wrong])
        return answers.drop(columns=["similarity", "problem"]).astype({"unsure": bool})

    def stream(self, photos: Iterable[Photo], *, paths: bool = True) -> Iterator[pd.DataFrame]:
        """Say what is on photos, batch by batch: as many photos as you like, in the memory that a few take.

        While a batch is answered, threads decode those that come next.

        Yields:
            Rows as those of `predict`, with two more columns: `similarity` to the nearest photo learnt from; and
            `problem`, why a photo can't be decoded, or empty. Where there is one, `label` is empty, the rest missing.
        """
        decoding: deque[list[Future[list[Pixels] | str]]] = deque()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for batch in _batches(photos):
                decoding.append([pool.submit(_decoded, photo, self.description.input_sizes, paths) for photo in batch])
                if len(decoding) > BATCHES_AHEAD:
                    yield self._answered([photo.result() for photo in decoding.popleft()])
            while decoding:
                yield self._answered([photo.result() for photo in decoding.popleft()])

    def _answered(self, photos: Sequence[list[Pixels] | str]) -> pd.DataFrame:
        """Return the rows of photos that are decoded, and of the reasons why they are not."""
        good = [photo for photo in photos if not isinstance(photo, str)]
        problems = [photo if isinstance(photo, str) else "" for photo in photos]
        if not good:
            return self._answers([], problems)
        given, similar = self.answer([np.stack(of_size) for of_size in zip(*good, strict=True)])
        return self._answers(list(zip(given, similar, strict=True)), problems)

    def _answers(self, given: Sequence[tuple[NDArray[np.float32], float]], problems: Sequence[str]) -> pd.DataFrame:
        """Return one row a photo: probabilities and similarity of those without a problem, in their order."""
        labels = self.description.labels
        rows = np.flatnonzero([not problem for problem in problems])
        probabilities = np.full((len(problems), len(labels)), np.nan)
        similar = np.full(len(problems), np.nan)
        for row, (of, to_nearest) in zip(rows, given, strict=True):
            probabilities[row], similar[row] = of, to_nearest
        best, unsure = np.full(len(problems), "", object), np.full(len(problems), None, object)
        best[rows] = np.array(labels, object)[probabilities[rows].argmax(axis=1)]
        most = probabilities.max(axis=1, initial=-np.inf)
        unsure[rows] = (self.is_doubtful(most) | self.is_strange(similar))[rows]
        return pd.DataFrame(
            {
                "label": best,
                "probability": np.where(np.isnan(probabilities[:, 0]), np.nan, most),
                "unsure": unsure,
                **{f"probability_{label}": probabilities[:, number] for number, label in enumerate(labels)},
                "similarity": similar,
                "problem": np.array(problems, object),
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

    def is_doubtful(self, probability: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Tell which probabilities of the best label are too low to be believed."""
        return np.asarray(probability < self.description.threshold)

    def is_strange(self, similarity: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Tell which photos are too unlike all those learnt from, by their similarity to the nearest."""
        return np.asarray(similarity < (-np.inf if self.familiar is None else self.familiar.least))

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
        if self.kept is not None:
            self.kept.save(folder / KEPT_FILE)


def load(folder: Path) -> Classifier:
    """Load what `Classifier.save` wrote; nothing in the files is executed."""
    import keras

    values = json.loads((folder / DESCRIPTION_FILE).read_text())
    for name in ("labels", "input_sizes", "backbones", "heads"):
        values[name] = tuple(values[name])
    network = keras.saving.load_model(folder / MODEL_FILE, compile=False, safe_mode=True)
    familiar, judged, kept = folder / FAMILIAR_FILE, folder / JUDGED_FILE, folder / KEPT_FILE
    return Classifier(
        network,
        Description(**values),
        load_familiar(familiar) if familiar.exists() else None,
        pd.read_csv(judged, dtype=str, keep_default_na=False) if judged.exists() else None,
        load_kept(kept) if kept.exists() else None,
    )


def _batches(photos: Iterable[Photo]) -> Iterator[list[Photo]]:
    rest = iter(photos)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def _decoded(photo: Photo, sizes: Sequence[int], paths: bool) -> list[Pixels] | str:
    """Return a photo in each of the sizes, or why that can't be."""
    try:
        data = _bytes(photo, paths)
        return [decode(data, size) for size in sizes]
    except DecodeError as reason:
        return str(reason)


def _name(photo: Photo) -> str:
    short = isinstance(photo, Path) or (isinstance(photo, str) and len(photo) < 300)
    return str(photo) if short and not isinstance(photo, bytes | bytearray) else "photo"


def _bytes(photo: Any, paths: bool) -> bytes:
    if isinstance(photo, bytes | bytearray):
        return bytes(photo)
    if isinstance(photo, Path):
        return read_bytes(photo)
    if not isinstance(photo, str):
        wanted = "bytes, a path or base64 text" if paths else "bytes or base64 text"
        raise DecodeError(f"expected {wanted}, got {type(photo).__name__}")
    # Path.is_file raises an error where a text is too long for a name.
    if paths and os.path.isfile(photo):  # noqa: PTH113
        return read_bytes(Path(photo))
    try:
        data = base64.b64decode("".join(DATA_URL.sub("", photo, count=1).split()), validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError("neither an existing file nor base64 text" if paths else "not base64 text") from None
    if paths and len(data) < 32:  # no image format is that small: this was meant as a name
        raise DecodeError("no such file")
    return data
