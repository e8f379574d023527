"""Paint for the drawn sample: soft shapes, fur and shadows on a float image."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats = NDArray[np.float32]
Points = NDArray[np.float64]  # shape (n, 2): x to the right, y down
Colour = tuple[float, float, float]  # red, green, blue from 0 to 1

# Pictures are painted at this multiple of their size and reduced, which smooths every edge.
OVERSAMPLING = 1.25
# Larger than any canvas, so that a crop of a texture never needs wrapping round.
TEXTURE_SIDE = 600
# Where the light comes from: above, a little from the left.
LIGHT = (-0.45, -0.9)
# Blurs wider than this many pixels are done on a picture so many times smaller: it looks the same and is far quicker.
SHRUNK_BLURS = ((5.0, 4), (1.8, 2))
# In units of the animal: how far hairs blur its outline, and how far its parts shade those behind.
FRINGE, GLOOM = 0.045, 0.13
# How far hairs move the edge between two colours.
RAGGEDNESS = 0.11


class Box(NamedTuple):
    """A rectangle of the canvas in whole pixels, right and bottom excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True)
class Mark:
    """A marking on fur: shapes of one colour, with hairs reaching over their edges."""

    outlines: Sequence[Points]
    colour: Colour
    strength: float = 1.0
    softness: float = 0.06  # in the same unit as the fur's own


class Canvas:
    """A picture in the making: colours, and how far something in front covers the background."""

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.width, self.height, self.rng = width, height, rng
        # Colour by colour, not pixel by pixel: numpy is several times faster along long rows than along three values.
        self.pixels: Floats = np.zeros((3, height, width), dtype=np.float32)
        self.covered: Floats = np.zeros((height, width), dtype=np.float32)

    def box(self, points: Points, margin: float = 0.0) -> Box | None:
        """Return the part of the canvas that holds these points, or None if they lie outside."""
        left, top = np.floor(points.min(axis=0) - margin).astype(int)
        right, bottom = np.ceil(points.max(axis=0) + margin).astype(int) + 1
        box = Box(max(int(left), 0), max(int(top), 0), min(int(right), self.width), min(int(bottom), self.height))
        return box if box.left < box.right and box.top < box.bottom else None

    def area(self, box: Box) -> Floats:
        """Return the colours in a box, shape (3, height, width), to read or change."""
        return self.pixels[(slice(None), *box.slices)]

    def blend(self, box: Box, colour: Colour | Floats, alpha: Floats) -> None:
        """Lay a colour (one, or one a pixel) over the box, as opaque as `alpha` says."""
        area = self.area(box)
        area += (_planes(colour) - area) * alpha

    def shape(self, points: Points, colour: Colour, *, blur: float = 0.0, opacity: float = 1.0) -> None:
        """Fill one outline with one colour."""
        self.shapes([points], colour, blur=blur, opacity=opacity)

    def shapes(self, outlines: Sequence[Points], colour: Colour, *, blur: float = 0.0, opacity: float = 1.0) -> None:
        """Fill several outlines with one colour."""
        box = self.box(np.concatenate(outlines), margin=3 * blur)
        if box is not None:
            self.blend(box, colour, opacity * soften(mask(box, outlines), blur))

    def solid(
        self, points: Points, colour: Colour, *, roundness: float = 12.0, grain: float = 0.03, soft: float = 0.8
    ) -> None:
        """Fill an outline as a lit, slightly rounded and grainy thing."""
        box = self.box(points, margin=3 * soft)
        if box is None:
            return
        flat = mask(box, [points])
        light = 1.0 + 0.45 * relief(flat, roundness) + grain * texture_crop(self.rng, box, None)
        self.blend(box, _planes(colour) * light, soften(flat, soft))

    def cast_shadow(self, points: Points, *, blur: float, strength: float) -> None:
        """Darken what lies under an outline."""
        box = self.box(points, margin=2 * blur)
        if box is not None:
            area = self.area(box)
            area *= 1.0 - strength * soften(mask(box, [points]), blur)

    def fur(
        self,
        outline: Points,
        colour: Colour,
        marks: Sequence[Mark] = (),
        *,
        unit: float,
        angle: float,
        thickness: float,
        shade: float = 1.0,
    ) -> None:
        """Paint a furry part of an animal.

        Args:
            outline: its silhouette.
            colour: of its coat.
            marks: painted on the coat in turn.
            unit: pixels in one unit of length of the animal, which sets how long hairs look.
            angle: direction of the hairs in radians.
            thickness: of the part in pixels; the form is shaded over about half of it.
            shade: brightness of the whole part, below 1 for parts that lie further back.
        """
        fringe, gloom = max(FRINGE * unit, 1.0), GLOOM * unit
        box = self.box(outline, margin=max(2 * gloom, 3 * fringe))
        if box is None:
            return
        hairs = texture_crop(self.rng, box, angle)
        flat = mask(box, [outline])
        coat: Floats = np.empty((3, *flat.shape), dtype=np.float32)
        coat[:] = _planes(colour)
        for mark in marks:
            edge = max(mark.softness * unit, 0.8)
            cover = mark.strength * _ragged(soften(mask(box, mark.outlines), edge), hairs)
            coat += (_planes(mark.colour) - coat) * cover
        form = relief(flat, 0.35 * thickness)
        # Light on hair adds a sheen even where the coat is black; without it a black cat would be a hole.
        sheen = np.clip(form, 0.0, None) * 0.10 + np.clip(hairs, 0.0, 2.5) * 0.012
        coat *= 1.0 + 0.55 * form + 0.08 * hairs
        coat += sheen
        covered = self.covered[box.slices]
        area = self.area(box)
        area *= 1.0 - 0.45 * soften(flat, gloom) * covered  # what of the animal lies right behind gets less light
        alpha = _ragged(soften(flat, fringe), hairs)
        self.blend(box, coat * np.float32(shade), alpha)
        np.maximum(covered, alpha, out=covered)

    def grain(self, box: Box, strength: float, angle: float | None = None) -> None:
        """Roughen a rectangle with cloudy noise, or with streaks in one direction."""
        area = self.area(box)
        area *= 1.0 + strength * texture_crop(self.rng, box, angle)


def _planes(colour: Colour | Floats) -> Floats:
    values = np.asarray(colour, dtype=np.float32)
    return values[:, None, None] if values.ndim == 1 else values


def mask(box: Box, outlines: Sequence[Points]) -> Floats:
    """Return 1 inside the outlines and 0 outside, over one box."""
    image = Image.new("L", box.size)
    draw = ImageDraw.Draw(image)
    for outline in outlines:
        draw.polygon((outline - box[:2]).ravel().tolist(), fill=255)
    return _from_bytes(image)


def soften(flat: Floats, radius: float) -> Floats:
    """Blur a mask."""
    if radius < 0.3:
        return flat
    image = _to_bytes(flat)
    shrunk = next((factor for limit, factor in SHRUNK_BLURS if radius > limit), 1)
    if shrunk == 1:
        return _from_bytes(image.filter(ImageFilter.GaussianBlur(radius)))
    small = image.reduce(shrunk).filter(ImageFilter.GaussianBlur(radius / shrunk))
    return _from_bytes(small.resize(image.size, Image.Resampling.BILINEAR))


def relief(flat: Floats, radius: float) -> Floats:
    """Return how a rounded body of this outline is lit: above 0 towards the light, below 0 away from it."""
    image = _to_bytes(flat)
    small = _from_bytes(image.reduce(4).filter(ImageFilter.GaussianBlur(max(radius / 4, 0.5))))
    if min(small.shape) < 2:
        return np.zeros_like(flat)
    down, right = np.gradient(small)
    slope = (right * LIGHT[0] + down * LIGHT[1]) * np.float32(-0.8 * radius / 4)
    # Brought to the middle of what bytes hold, as resizing bytes is far quicker than resizing floats.
    middled = np.asarray(np.clip(slope + np.float32(0.5), 0.0, 1.0), dtype=np.float32)
    lit = _to_bytes(middled).resize(image.size, Image.Resampling.BILINEAR)
    return (_from_bytes(lit) - np.float32(128 / 255)) * 2


def _to_bytes(values: Floats) -> Image.Image:
    return Image.fromarray((values * np.float32(255) + np.float32(0.5)).astype(np.uint8))


def _from_bytes(image: Image.Image) -> Floats:
    return np.asarray(image, dtype=np.float32) * np.float32(1 / 255)


def texture_crop(rng: np.random.Generator, box: Box, angle: float | None) -> Floats:
    """Return noise of mean 0 and deviation 1 over a box: streaks along `angle`, or clouds where it is None."""
    width, height = box.size
    left, top = rng.integers(0, TEXTURE_SIDE - width + 1), rng.integers(0, TEXTURE_SIDE - height + 1)
    whole = _clouds() if angle is None else _streaks(round(angle / np.pi * 8) % 8)
    return whole[top : top + height, left : left + width]


def _ragged(soft: Floats, hairs: Floats) -> Floats:
    """Turn a blurred mask into one whose edge follows the hairs."""
    return np.clip((soft + np.float32(RAGGEDNESS) * hairs * (soft > 0.02) - 0.5) * 2.2 + 0.5, 0.0, 1.0)


@lru_cache(maxsize=8)
def _streaks(eighth: int) -> Floats:
    """Return hairs lying at `eighth` eighths of half a turn, the same in every picture until cropped."""
    rng = np.random.default_rng(eighth)
    noise = rng.standard_normal((TEXTURE_SIDE, TEXTURE_SIDE), dtype=np.float32)
    noise += 0.9 * _normal(_blurred(noise, 1.3))  # some hairs are thick
    angle = eighth * np.pi / 8
    total = np.zeros_like(noise)
    for step in range(-5, 6):
        total += np.roll(noise, (round(step * np.sin(angle)), round(step * np.cos(angle))), axis=(0, 1))
    return _normal(total)


@lru_cache(maxsize=1)
def _clouds() -> Floats:
    """Return noise with detail at several sizes."""
    rng = np.random.default_rng(8)  # the next after the eight directions of `_streaks`
    total = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), dtype=np.float32)
    for radius in (0.7, 2.5, 8.0, 24.0):
        total += _normal(_blurred(rng.standard_normal(total.shape, dtype=np.float32), radius))
    return _normal(total)


def _blurred(noise: Floats, radius: float) -> Floats:
    # Through 8 bits, as Pillow's blur takes no floats; the few levels lost vanish in the picture's own 8 bits.
    lowest, highest = float(noise.min()), float(noise.max())
    scaled = ((noise - lowest) / (highest - lowest) * 255).astype(np.uint8)
    return np.asarray(Image.fromarray(scaled).filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)


def _normal(noise: Floats) -> Floats:
    centred: Floats = noise - noise.mean()
    return centred / np.float32(centred.std())
