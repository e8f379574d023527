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
OVERSAMPLING = 2
# Larger than any canvas, so that a crop of a texture never needs wrapping round.
TEXTURE_SIDE = 1024
# Where the light comes from: above, a little from the left.
LIGHT = (-0.45, -0.9)
# Blurs wider than this are done on a picture four times smaller: nobody sees the difference, and it is far quicker.
WIDE_BLUR = 8.0


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
        self.pixels: Floats = np.zeros((height, width, 3), dtype=np.float32)
        self.covered: Floats = np.zeros((height, width), dtype=np.float32)

    def box(self, points: Points, margin: float = 0.0) -> Box | None:
        """Return the part of the canvas that holds these points, or None if they lie outside."""
        left, top = np.floor(points.min(axis=0) - margin).astype(int)
        right, bottom = np.ceil(points.max(axis=0) + margin).astype(int) + 1
        box = Box(max(int(left), 0), max(int(top), 0), min(int(right), self.width), min(int(bottom), self.height))
        return box if box.left < box.right and box.top < box.bottom else None

    def blend(self, box: Box, colour: Colour | Floats, alpha: Floats) -> None:
        """Lay a colour (one, or one a pixel) over the box, as opaque as `alpha` says."""
        area = self.pixels[box.slices]
        area += (np.asarray(colour, dtype=np.float32) - area) * alpha[..., None]

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
        form = relief(flat, roundness)
        light = 1.0 + 0.45 * form + grain * texture_crop(self.rng, box, None)
        self.blend(box, np.asarray(colour, dtype=np.float32) * light[..., None], soften(flat, soft))

    def cast_shadow(self, points: Points, *, blur: float, strength: float, only_covered: bool = False) -> None:
        """Darken what lies under an outline; with `only_covered`, not the background."""
        box = self.box(points, margin=2 * blur)
        if box is None:
            return
        alpha = strength * soften(mask(box, [points]), blur)
        if only_covered:
            alpha = alpha * self.covered[box.slices]
        self.pixels[box.slices] *= (1.0 - alpha)[..., None]

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
        fringe = max(0.05 * unit, 1.0)
        box = self.box(outline, margin=3 * fringe)
        if box is None:
            return
        hairs = texture_crop(self.rng, box, angle)
        flat = mask(box, [outline])
        coat = np.empty((*flat.shape, 3), dtype=np.float32)
        coat[:] = colour
        for mark in marks:
            edge = max(mark.softness * unit, 0.8)
            cover = mark.strength * _ragged(soften(mask(box, mark.outlines), edge), hairs, 0.16)
            coat += (np.asarray(mark.colour, dtype=np.float32) - coat) * cover[..., None]
        form = relief(flat, 0.35 * thickness)
        # Light on hair adds a sheen even where the coat is black; without it a black cat would be a hole.
        sheen = np.clip(form, 0.0, None) * 0.10 + np.clip(hairs, 0.0, 2.5) * 0.012
        coat = (coat * (1.0 + 0.55 * form + 0.09 * hairs)[..., None] + sheen[..., None]) * np.float32(shade)
        alpha = _ragged(soften(flat, fringe), hairs, 0.14)
        self.cast_shadow(outline + 0.07 * unit, blur=0.14 * unit, strength=0.38, only_covered=True)
        self.blend(box, coat, alpha)
        covered = self.covered[box.slices]
        np.maximum(covered, alpha, out=covered)

    def grain(self, box: Box, strength: float, angle: float | None = None) -> None:
        """Roughen a rectangle with cloudy noise, or with streaks in one direction."""
        self.pixels[box.slices] *= (1.0 + strength * texture_crop(self.rng, box, angle))[..., None]

    def whole(self) -> Box:
        """Return the box of the whole canvas."""
        return Box(0, 0, self.width, self.height)


def mask(box: Box, outlines: Sequence[Points]) -> Floats:
    """Return 1 inside the outlines and 0 outside, over one box."""
    image = Image.new("L", box.size)
    draw = ImageDraw.Draw(image)
    for outline in outlines:
        draw.polygon([(x - box.left, y - box.top) for x, y in outline.tolist()], fill=255)
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def soften(flat: Floats, radius: float) -> Floats:
    """Blur a mask."""
    if radius < 0.3:
        return flat
    image = Image.fromarray((flat * 255).astype(np.uint8))
    if radius <= WIDE_BLUR:
        return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) / np.float32(255)
    small = image.reduce(4).filter(ImageFilter.GaussianBlur(radius / 4))
    return np.asarray(small.resize(image.size, Image.Resampling.BILINEAR), dtype=np.float32) / np.float32(255)


def relief(flat: Floats, radius: float) -> Floats:
    """Return how a rounded body of this outline is lit: above 0 towards the light, below 0 away from it."""
    height, width = flat.shape
    image = Image.fromarray((flat * 255).astype(np.uint8))
    # The border counts as outside: a part cut off by the frame would else be lit as if it ended there.
    small = image.reduce(4).filter(ImageFilter.GaussianBlur(max(radius / 4, 0.5)))
    bulge = np.asarray(small, dtype=np.float32) / np.float32(255)
    if min(bulge.shape) < 2:
        return np.zeros_like(flat)
    down, right = np.gradient(bulge)
    slope = (right * LIGHT[0] + down * LIGHT[1]) * np.float32(-radius / 4)
    lit = Image.fromarray(slope.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(lit, dtype=np.float32) * np.float32(1.6)


def texture_crop(rng: np.random.Generator, box: Box, angle: float | None) -> Floats:
    """Return noise of mean 0 and deviation 1 over a box: streaks along `angle`, or clouds where it is None."""
    width, height = box.size
    left, top = rng.integers(0, TEXTURE_SIDE - width + 1), rng.integers(0, TEXTURE_SIDE - height + 1)
    whole = _clouds() if angle is None else _streaks(round(angle / np.pi * 8) % 8)
    return whole[top : top + height, left : left + width]


def _ragged(soft: Floats, hairs: Floats, amount: float) -> Floats:
    """Turn a blurred mask into one whose edge follows the hairs."""
    return np.clip((soft + np.float32(amount) * hairs * (soft > 0.02) - 0.5) * 2.2 + 0.5, 0.0, 1.0)


@lru_cache(maxsize=8)
def _streaks(eighth: int) -> Floats:
    """Return hairs lying at `eighth` eighths of half a turn, the same in every picture until cropped."""
    rng = np.random.default_rng(eighth)
    noise = rng.standard_normal((TEXTURE_SIDE, TEXTURE_SIDE), dtype=np.float32)
    noise += 2.0 * _blurred(noise, 1.6) * 3.0
    angle = eighth * np.pi / 8
    total = np.zeros_like(noise)
    for step in range(-7, 8):
        total += np.roll(noise, (round(step * np.sin(angle)), round(step * np.cos(angle))), axis=(0, 1))
    return total / total.std()


@lru_cache(maxsize=1)
def _clouds() -> Floats:
    """Return noise with detail at several sizes."""
    rng = np.random.default_rng(99)
    total = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), dtype=np.float32)
    for radius in (0.7, 2.5, 8.0, 24.0):
        layer = _blurred(rng.standard_normal(total.shape, dtype=np.float32), radius)
        total += layer / layer.std()
    return total / total.std()


def _blurred(noise: Floats, radius: float) -> Floats:
    # Through 8 bits, as Pillow's blur takes no floats; the few levels lost vanish in the picture's own 8 bits.
    lowest, highest = float(noise.min()), float(noise.max())
    scaled = ((noise - lowest) / (highest - lowest) * 255).astype(np.uint8)
    soft = np.asarray(Image.fromarray(scaled).filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
    return soft - soft.mean()
