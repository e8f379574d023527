"""What is said of one photo, and why: label, probabilities, nearest photos learnt from, where the network looked."""

import base64
import contextlib
import io
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catml.classifier import Classifier
from catml.heads.spec import Layer
from catml.heat import added, heat, overlaid
from catml.network import MAPS, PROBABILITIES, SEEN, heads_of, with_maps
from catml.photos.decode import Pixels, TooManyPixelsError, decode, measure

NEAREST = 3
LONGEST = 320  # side of a heat map's picture, in pixels
QUALITY = 80
LARGE = 24_000_000  # pixels; decoding takes up to 25 bytes each, so that larger photos are decoded one at a time


class Answering:
    """A classifier that answers one photo at a time, from any thread.

    Args:
        classifier: the model.
        megapixels: photos of more are not decoded.
    """

    def __init__(self, classifier: Classifier, megapixels: int) -> None:
        self.classifier = classifier
        self._most = megapixels
        self._network = with_maps(classifier.network)
        # Two passes at once would each take twice as long, and twice the memory.
        self._one_at_a_time = threading.Lock()
        self._one_large = threading.Lock()
        self._heads = self._explained_heads()
        self._answer([np.full((1, side, side, 3), 128, np.uint8) for side in classifier.description.input_sizes])

    def answer(self, data: bytes, *, explain: bool = False) -> dict[str, Any]:
        """Return what is to be said of a photo, ready for JSON.

        Args:
            data: the bytes of a photo file. Never a name of one.
            explain: with pictures: of the nearest photos learnt from, and of where the network looked.

        Raises:
            TooManyPixelsError: more than are allowed; nothing was decoded.
            DecodeError: no photo.
        """
        width, height = measure(data)
        if width * height > self._most * 1_000_000:
            raise TooManyPixelsError(f"{width} × {height} pixels, more than {self._most} megapixels")
        with self._one_large if width * height > LARGE else contextlib.nullcontext():
            pixels = [decode(data, size)[None] for size in self.classifier.description.input_sizes]
        given, similarity, nearest = self._answer(pixels)
        probabilities = given[PROBABILITIES][0].astype(np.float64)
        best, labels = int(probabilities.argmax()), self.classifier.description.labels
        reasons = self._reasons(probabilities.max(), similarity)
        said = {
            "label": labels[best],
            "probability": float(probabilities[best]),
            "unsure": bool(reasons),
            "reasons": reasons,
            "probabilities": dict(zip(labels, probabilities.tolist(), strict=True)),
            "similarity": similarity,
            "nearest": self._named(nearest, pictures=explain),
        }
        if explain:
            said["heat"] = self._heat(given, best, pixels[-1][0], (width, height))
        return said

    def _answer(
        self, pixels: list[Pixels]
    ) -> tuple[dict[str, NDArray[np.float32]], float | None, list[tuple[int, float]]]:
        """Return the network's outputs, the similarity of the nearest photo learnt from, and which the nearest are."""
        given: Any = pixels[0] if len(pixels) == 1 else pixels
        with self._one_at_a_time:
            if self._network is None:
                probabilities, similar = self.classifier.answer(pixels)
                similarity = float(similar[0]) if np.isfinite(similar[0]) else None
                return {PROBABILITIES: probabilities}, similarity, []
            found = {name: np.asarray(part) for name, part in self._network.predict_on_batch(given).items()}
        familiar = self.classifier.familiar
        if familiar is None:
            return found, None, []
        features = np.hstack([found[f"{SEEN}{number}"] for number in range(self._sets)])
        similar = familiar.similarities(features)[0]
        order = np.argsort(-similar, kind="stable")[:NEAREST]
        return found, float(similar[order[0]]), [(int(place), float(similar[place])) for place in order]

    def _reasons(self, probability: float, similarity: float | None) -> list[str]:
        """Return why the answer is not to be relied on; none where it is."""
        reasons = []
        if self.classifier.is_doubtful(np.array(probability)):
            reasons.append(f"less probable than {self.classifier.description.threshold:.1%}")
        if similarity is not None and self.classifier.is_strange(np.array(similarity, np.float32)):
            reasons.append("unlike all photos learnt from")
        return reasons

    def _named(self, nearest: list[tuple[int, float]], *, pictures: bool) -> list[dict[str, Any]]:
        kept = self.classifier.kept
        if kept is None:  # registered by an older catml
            return []
        found: list[dict[str, Any]] = []
        for place, similarity in nearest:
            one = {"name": kept.names[place], "label": kept.labels[place], "similarity": similarity}
            if pictures:
                one["picture"] = _as_address(kept.pictures[place]) if kept.pictures[place] else None
            found.append(one)
        return found

    @property
    def _sets(self) -> int:
        return len(set(self.classifier.description.backbones))

    def _explained_heads(self) -> list[tuple[list[Layer], list[str], NDArray[np.floating]]]:
        """Return each head: its layers, the outputs it looks at, and the mean of its features; none where not known."""
        familiar, sets = self.classifier.familiar, self.classifier.description.backbones
        if self._network is None or familiar is None or familiar.middle is None:
            return []
        widths = [self._network.output[f"{SEEN}{number}"].shape[-1] for number in range(self._sets)]
        parts = np.split(familiar.middle, np.cumsum(widths)[:-1])
        middles = dict(zip(dict.fromkeys(sets), parts, strict=True))
        return [
            (layers, [MAPS + name.replace("-", "_") for name in names.split("+")], middles[names])
            for names, layers in zip(sets, heads_of(self.classifier.network), strict=True)
        ]

    def _heat(
        self, given: dict[str, NDArray[np.float32]], best: int, pixels: Pixels, shape: tuple[int, int]
    ) -> str | None:
        """Return a picture of where the heads looked; None where that isn't known, or nothing speaks for the answer."""
        parts = [
            part
            for layers, outputs, middle in self._heads
            for part in added(layers, [given[name][0] for name in outputs], best, middle)
        ]
        found = heat(parts) if parts else np.zeros(1)
        if not found.any():
            return None
        scale = LONGEST / max(shape)
        size = max(1, round(scale * shape[0])), max(1, round(scale * shape[1]))
        file = io.BytesIO()
        overlaid(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC), found).save(
            file, "JPEG", quality=QUALITY
        )
        return _as_address(file.getvalue())


def _as_address(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
