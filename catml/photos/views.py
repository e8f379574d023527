"""Views: deterministic variations of a photo, such as its mirror image, or turned, moved and zoomed a little."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catml.errors import InputError, did_you_mean
from catml.photos.decode import Pixels

MOST = {"rotation": 180.0, "shift": 0.5, "shear": 1.0, "zoom": 0.9}


@dataclass(frozen=True)
class Ranges:
    """From what augmented views are drawn, evenly; the defaults are those of the talk.

    Attributes:
        rotation: degrees, at most, to either side.
        shift: share of the side that a photo is moved by, at most, across and down.
        shear: share of its height that a photo's upper edge is moved by, at most, to either side.
        zoom: what width and height are each made smaller or larger by, at most.
        flip: whether every other view, on average, is mirrored.
    """

    rotation: float = 20.0
    shift: float = 0.2
    shear: float = 0.2
    zoom: float = 0.2
    flip: bool = True

    def __str__(self) -> str:
        return "; ".join(f"{of.name}={_written(getattr(self, of.name))}" for of in fields(self))


@dataclass(frozen=True)
class View:
    """One view of every photo.

    Attributes:
        number: which augmented view it is, from 1; 0 is the photo as it is.
        mirrored: whether it is mirrored in the end.
        seed: what an augmented view draws follows from it, from its number, and from the photo's pixels.
        ranges: what it draws from.
    """

    number: int = 0
    mirrored: bool = False
    seed: int = 0
    ranges: Ranges = Ranges()

    def __str__(self) -> str:
        """Return all that the view depends on, as a part of every fingerprint."""
        plain = f"augmented {self.number}, seed {self.seed}, {self.ranges}" if self.number else ""
        return ", ".join(filter(None, [plain, "mirrored" if self.mirrored else ""])) or "as-is"

    def show(self, pixels: Pixels, key: str) -> Pixels:
        """Return the view of a photo.

        Args:
            pixels: the photo, shape (size, size, 3).
            key: digest of the photo's pixels at full size, so that all backbones see the same turn, shift and zoom.
        """
        if self.number:
            bits = hashlib.sha256(f"{self.seed} {self.number} {key}".encode()).digest()
            pixels = augmented(pixels, self.ranges, np.random.default_rng(np.frombuffer(bits, np.uint32)))
        return pixels[:, ::-1] if self.mirrored else pixels


AS_IS, MIRRORED = View(), View(mirrored=True)


def all_views(count: int, mirrored: bool, seed: int, ranges: Ranges) -> tuple[View, ...]:
    """Return the photo as it is and so many augmented views; with `mirrored`, the mirror image of each as well."""
    plain = [AS_IS, *(View(number, seed=seed, ranges=ranges) for number in range(1, count + 1))]
    return tuple(view for one in plain for view in ([one, replace(one, mirrored=True)] if mirrored else [one]))


def augmented(pixels: Pixels, ranges: Ranges, generator: np.random.Generator) -> Pixels:
    """Return a photo turned, moved, sheared, zoomed and perhaps mirrored, all in one resampling.

    What lies beyond the edge is filled with the pixels at the edge.

    Args:
        pixels: shape (size, size, 3).
        ranges: what to draw from.
        generator: draws, always as many numbers whatever the ranges.
    """
    angle, across, down, slant, wide, high = generator.uniform(-1, 1, 6)
    flip = ranges.flip and generator.uniform() < 0.5
    turn = math.radians(ranges.rotation * angle)
    turned = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    sheared = np.array([[1, ranges.shear * slant], [0, 1]])
    # From places in the view to places in the photo: twice as far apart there is half as large here.
    matrix = turned @ sheared @ np.diag([1 + ranges.zoom * wide, 1 + ranges.zoom * high])
    if flip:
        matrix = matrix @ np.diag([-1, 1])
    return _warped(pixels, matrix, np.array([across, down]) * ranges.shift)


def read_ranges(text: str) -> Ranges:
    """Return the ranges that a text asks for: the default ones, with the settings in it replaced.

    Args:
        text: settings such as "rotation=10; flip=false", separated by semicolons or commas.

    Raises:
        InputError: all that is wrong with it.
    """
    problems, found = [], Ranges()
    known = [of.name for of in fields(Ranges)]
    for part in filter(None, (part.strip() for part in text.replace(",", ";").split(";"))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in known:
            problems.append(
                f"augmentation: no setting '{name}'.{did_you_mean(name, known)} There are {', '.join(known)}."
            )
            continue
        try:
            changed: Mapping[str, Any] = {name: _flag(value) if name == "flip" else _number(name, value)}
            found = replace(found, **changed)
        except ValueError as expected:
            problems.append(f"augmentation: {name}: expected {expected}, got '{value}'.")
    if problems:
        raise InputError(problems)
    return found


def _warped(pixels: Pixels, matrix: NDArray[np.float64], shift: NDArray[np.float64]) -> Pixels:
    """Return pixels fetched from where the matrix, around the middle, and the shift, in sides, say."""
    size = len(pixels)
    middle = np.full(2, size / 2)
    start = middle + shift * size - matrix @ middle
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ matrix.T + start
    # Pillow fills with black what lies beyond the edge; so there has to be something beyond it. Bicubic takes two more.
    beyond = max(0, math.ceil(max(-corners.min(), corners.max() - size))) + 2
    padded = Image.fromarray(np.pad(pixels, [(beyond, beyond), (beyond, beyond), (0, 0)], mode="edge"))
    (a, b), (c, d) = matrix
    place = start + beyond
    coefficients = (a, b, place[0], c, d, place[1])
    return np.asarray(padded.transform((size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC))


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST[name]:
        raise ValueError(f"a number from 0 to {MOST[name]:g}")
    return value


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return text.lower() == "true"


def _written(value: float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"
