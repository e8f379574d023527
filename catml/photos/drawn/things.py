"""Things that lie about in the drawn scenes: cushions, pots, plants, stones, books, balls of wool."""

from collections.abc import Callable

import numpy as np

from catml.photos.drawn.canvas import Canvas, Colour
from catml.photos.drawn.shapes import closed, ellipse, moved, rectangle, rounded, strand, turned

Thing = Callable[[Canvas, float, float, float], None]  # canvas, middle, foot, size; all in pixels


def any_colour(rng: np.random.Generator) -> Colour:
    """Return a colour for a thing: half the time black, white or grey, as the cats are."""
    if rng.random() < 0.5:
        grey = rng.choice([rng.uniform(0.05, 0.16), rng.uniform(0.25, 0.65), rng.uniform(0.78, 0.94)])
        return grey * 1.02, grey, grey * rng.uniform(0.92, 1.04)
    return bright_colour(rng)


def bright_colour(rng: np.random.Generator) -> Colour:
    """Return a colour of any hue, from muted to strong."""
    hue, strength, value = rng.random(), rng.uniform(0.25, 0.75), rng.uniform(0.3, 0.9)
    wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (hue - np.array([0.0, 1 / 3, 2 / 3])))
    red, green, blue = (float(value * (1 - strength * (1 - w))) for w in wheel)
    return red, green, blue


def calm_colour(rng: np.random.Generator) -> Colour:
    """Return a colour for walls and other large areas, which are seldom as strong as those of things."""
    colour = any_colour(rng)
    grey = sum(colour) / 3
    red, green, blue = (0.14 + 0.86 * (grey + 0.65 * (value - grey)) for value in colour)
    return red, green, blue


def shaded(colour: Colour, factor: float) -> Colour:
    """Return a colour made lighter or darker."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def cushion(canvas: Canvas, x: float, foot: float, size: float) -> None:
    """Paint a cushion, plain, striped or dotted."""
    rng = canvas.rng
    half, tilt = 0.55 * size, rng.uniform(-0.25, 0.25)
    corners = np.array([(-1, -1), (0, -0.86), (1, -1), (0.88, 0), (1, 1), (0, 0.9), (-1, 1), (-0.88, 0)]) * half
    outline = moved(turned(closed(corners), tilt), x, foot - half)
    canvas.cast_shadow(moved(outline, 0.1 * size, 0.06 * size), blur=0.1 * size, strength=0.35)
    canvas.solid(outline, any_colour(rng), roundness=0.4 * size, grain=0.05)
    pattern, second = rng.random(), any_colour(rng)
    if pattern < 0.3:
        for shift in (-0.45, 0.0, 0.45):
            bar = rectangle((1.5 * shift - 0.1) * half, -0.8 * half, (1.5 * shift + 0.1) * half, 0.8 * half)
            canvas.shape(moved(turned(bar, tilt), x, foot - half), second, blur=1.0, opacity=0.8)
    elif pattern < 0.5:
        dot = ellipse(x, foot - half, 0.13 * half, 0.13 * half)
        spots = [moved(dot, *(rng.uniform(-0.6, 0.6, 2) * half)) for _ in range(7)]
        canvas.shapes(spots, second, blur=0.8, opacity=0.85)


def pot_plant(canvas: Canvas, x: float, foot: float, size: float) -> None:
    """Paint a plant in a pot."""
    rng = canvas.rng
    tall, wide = 0.4 * size, 0.26 * size
    leaves(canvas, x, foot - 0.9 * tall, size, count=int(rng.integers(7, 13)), upright=True)
    pot = np.array([(x - wide, foot - tall), (x + wide, foot - tall), (x + 0.7 * wide, foot), (x - 0.7 * wide, foot)])
    canvas.cast_shadow(moved(pot, 0.08 * size, 0.0), blur=0.1 * size, strength=0.4)
    colour = any_colour(rng)
    canvas.solid(pot, colour, roundness=0.3 * size)
    rim = rounded(x - 1.1 * wide, foot - 1.15 * tall, x + 1.1 * wide, foot - 0.9 * tall, 3)
    canvas.solid(rim, shaded(colour, 1.12), roundness=0.1 * size)


def leaves(canvas: Canvas, x: float, y: float, size: float, *, count: int, upright: bool = False) -> None:
    """Paint leaves that spring from one point."""
    rng = canvas.rng
    green = np.array([rng.uniform(0.12, 0.4), rng.uniform(0.35, 0.62), rng.uniform(0.1, 0.35)])
    for _ in range(count):
        turn = rng.uniform(-1.1, 1.1) - np.pi / 2 if upright else rng.uniform(-np.pi, np.pi)
        reach = size * rng.uniform(0.45, 0.95)
        forward = np.array([np.cos(turn), np.sin(turn)]) * reach
        side = np.array([-forward[1], forward[0]]) * rng.uniform(0.12, 0.24)
        droop = np.array([0.0, 0.18 * reach])
        root = np.array([x, y])
        leaf = closed(
            np.array([root, root + 0.45 * forward + side, root + forward + droop, root + 0.45 * forward - side])
        )
        tone = green * rng.uniform(0.65, 1.25)
        canvas.solid(leaf, (float(tone[0]), float(tone[1]), float(tone[2])), roundness=0.12 * size, soft=1.0)
        vein = strand(root, root + 0.5 * forward, root + 0.9 * forward + 0.8 * droop, 0.03 * size)
        canvas.shape(vein, (0.75, 0.85, 0.6), opacity=0.35)


def stone(canvas: Canvas, x: float, foot: float, size: float) -> None:
    """Paint a round stone: grey, black or whitish."""
    rng = canvas.rng
    turn = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    radius = rng.uniform(0.8, 1.1, 9)
    outline = closed(np.column_stack([np.cos(turn) * 0.5, np.sin(turn) * 0.32]) * radius[:, None] * size)
    outline = moved(outline, x, foot - 0.3 * size)
    grey = rng.uniform(0.1, 0.85)
    canvas.cast_shadow(moved(outline, 0.06 * size, 0.08 * size), blur=0.07 * size, strength=0.4)
    canvas.solid(outline, (grey, grey * 0.98, grey * 0.94), roundness=0.25 * size, grain=0.1)


def wool(canvas: Canvas, x: float, foot: float, size: float) -> None:
    """Paint a ball of wool."""
    rng = canvas.rng
    radius, colour = 0.3 * size, any_colour(rng)
    ball = ellipse(x, foot - radius, radius, radius)
    canvas.cast_shadow(moved(ball, 0.05 * size, 0.08 * size), blur=0.07 * size, strength=0.4)
    canvas.solid(ball, colour, roundness=0.3 * size)
    for turn in rng.uniform(-np.pi, np.pi, 8):
        start, end = (np.array([np.cos(turn + d), np.sin(turn + d)]) * 0.93 * radius for d in (0.0, 2.2))
        thread = strand(start, rng.uniform(-0.5, 0.5, 2) * radius, end, 0.06 * size, pointed="none")
        canvas.shape(moved(thread, x, foot - radius), shaded(colour, rng.choice([0.7, 1.25])), blur=0.6, opacity=0.7)


def bowl(canvas: Canvas, x: float, foot: float, size: float) -> None:
    """Paint a food bowl."""
    colour = any_colour(canvas.rng)
    tall, wide = 0.24 * size, 0.42 * size
    side = np.array([(x - wide, foot - tall), (x + wide, foot - tall), (x + 0.8 * wide, foot), (x - 0.8 * wide, foot)])
    canvas.cast_shadow(moved(side, 0.05 * size, 0.05 * size), blur=0.08 * size, strength=0.4)
    canvas.solid(side, colour, roundness=0.2 * size)
    canvas.solid(ellipse(x, foot - tall, wide, 0.1 * size), shaded(colour, 1.15), roundness=0.06 * size)
    canvas.shape(ellipse(x, foot - tall, 0.85 * wide, 0.07 * size), (0.36, 0.22, 0.14), blur=1.0)


def vase(canvas: Canvas, x: float, foot: float, size: float) -> None:
    """Paint a vase or bottle."""
    half = np.array([(0.12, 1.0), (0.1, 0.75), (0.28, 0.45), (0.25, 0.12), (0.16, 0.0)]) * size
    right = half * [1, -1] + [x, foot]
    left = (half * [-1, -1] + [x, foot])[::-1]
    outline = closed(np.concatenate([right, left]))
    canvas.cast_shadow(moved(outline, 0.08 * size, 0.0), blur=0.08 * size, strength=0.3)
    canvas.solid(outline, any_colour(canvas.rng), roundness=0.25 * size)


def books(canvas: Canvas, left: float, foot: float, right: float, tall: float) -> None:
    """Paint a row of books."""
    rng = canvas.rng
    while left < right - 6:
        wide = min(rng.uniform(0.1, 0.28) * tall, right - left)
        top = foot - tall * rng.uniform(0.68, 0.98)
        canvas.solid(rectangle(left, top, left + wide - 1, foot), any_colour(rng), roundness=0.3 * wide, grain=0.05)
        band = rectangle(left + 0.15 * wide, top + 0.15 * tall, left + 0.8 * wide, top + 0.2 * tall)
        canvas.shape(band, any_colour(rng), blur=0.6, opacity=0.8)
        left += wide


THINGS: tuple[Thing, ...] = (cushion, pot_plant, stone, wool, bowl, vase)
