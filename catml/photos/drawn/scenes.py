"""Places for the drawn cats to be in: sofa, rug, garden, windowsill, kitchen, box, shelf, bed, yard."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from catml.photos.drawn.canvas import Box, Canvas, Colour
from catml.photos.drawn.shapes import closed, ellipse, moved, rectangle, rounded, strand
from catml.photos.drawn.surfaces import bricks, fill, floor, grass, wall
from catml.photos.drawn.things import THINGS, any_colour, books, bright_colour, calm_colour, leaves, pot_plant, shaded


@dataclass(frozen=True)
class Stage:
    """Where on a painted scene a cat can stand, and what hides part of it."""

    ground: float  # height of the cat's feet, in pixels from the top
    front: Callable[[Canvas], None] | None = None  # painted over the cat


Scene = Callable[[Canvas], Stage]

# Day, evening, night, clouds.
SKIES: tuple[Colour, ...] = ((0.75, 0.86, 0.97), (0.95, 0.75, 0.55), (0.12, 0.15, 0.28), (0.85, 0.87, 0.88))


def _litter(canvas: Canvas, ground: float, most: int) -> None:
    """Put a few things about, behind where the cat will be."""
    rng = canvas.rng
    for _ in range(rng.integers(1, most + 1)):
        thing = THINGS[rng.integers(len(THINGS))]
        size = canvas.height * rng.uniform(0.16, 0.36)
        thing(canvas, rng.uniform(0, canvas.width), ground - rng.uniform(0.0, 0.12) * canvas.height, size)


def _room(canvas: Canvas) -> Stage:
    line = canvas.height * canvas.rng.uniform(0.45, 0.7)
    wall(canvas, line)
    floor(canvas, line)
    _litter(canvas, line + 0.1 * canvas.height, 4)
    return Stage(canvas.height * canvas.rng.uniform(0.86, 0.97))


def _sofa(canvas: Canvas) -> Stage:
    rng, width, height = canvas.rng, canvas.width, canvas.height
    wall(canvas, height)
    colour = calm_colour(rng)
    seat = height * rng.uniform(0.68, 0.8)
    for k in range(2):
        back = rounded(width * (0.5 * k - 0.02), height * 0.24, width * (0.5 * k + 0.51), seat + 40, 50)
        canvas.solid(back, shaded(colour, 0.88), roundness=60, grain=0.05)
    _litter(canvas, seat + 0.06 * height, 3)
    canvas.cast_shadow(rectangle(0, seat, width, seat + 20), blur=14, strength=0.4)
    canvas.solid(rounded(-20, seat, width + 20, height + 60, 40), colour, roundness=40, grain=0.06)
    return Stage(seat + height * rng.uniform(0.1, 0.17))


def _rug(canvas: Canvas) -> Stage:
    rng, width, height = canvas.rng, canvas.width, canvas.height
    line = height * rng.uniform(0.2, 0.45)
    wall(canvas, line)
    floor(canvas, line)
    middle = width * rng.uniform(0.35, 0.65)
    colours = [any_colour(rng), any_colour(rng)]
    canvas.cast_shadow(ellipse(middle, 0.8 * height, 0.63 * width, 0.29 * height), blur=8, strength=0.4)
    for ring, size in enumerate(np.linspace(1.0, 0.25, int(rng.integers(2, 6)))):
        oval = ellipse(middle, 0.79 * height, 0.62 * width * size, 0.27 * height * size)
        canvas.solid(oval, colours[ring % 2], roundness=4, grain=0.12)
    _litter(canvas, line + 0.15 * height, 3)
    return Stage(height * rng.uniform(0.84, 0.94))


def _garden(canvas: Canvas) -> Stage:
    rng, width, height = canvas.rng, canvas.width, canvas.height
    line = height * rng.uniform(0.35, 0.6)
    sky = (rng.uniform(0.55, 0.8), rng.uniform(0.7, 0.85), rng.uniform(0.8, 0.98))
    fill(canvas, 0, line, sky, (0.88, 0.9, 0.88))
    for _ in range(9):
        green = shaded((rng.uniform(0.2, 0.4), 0.45, rng.uniform(0.15, 0.3)), rng.uniform(0.5, 1.1))
        bush = ellipse(rng.uniform(0, width), line, rng.uniform(50, 130), rng.uniform(50, 180))
        canvas.solid(bush, green, roundness=40, grain=0.14, soft=4)
    if rng.random() < 0.5:
        paint = any_colour(rng)
        for x in range(0, width, 46):
            canvas.solid(rounded(x, line - 110, x + 34, line + 20, 12), paint, roundness=8)
    green = (rng.uniform(0.3, 0.45), rng.uniform(0.45, 0.6), rng.uniform(0.15, 0.25))
    canvas.grain(fill(canvas, line, height, shaded(green, 0.75), green), 0.12, angle=np.pi / 2)
    grass(canvas, line, height, green, 130)
    for _ in range(rng.integers(0, 14)):
        canvas.shape(ellipse(rng.uniform(0, width), rng.uniform(line, height), 6, 5), bright_colour(rng), blur=1)
    _litter(canvas, line + 0.14 * height, 3)
    ground = height * rng.uniform(0.84, 0.95)
    return Stage(ground, lambda top: grass(top, ground - 5, ground + 45, green, 60))


def _windowsill(canvas: Canvas) -> Stage:
    rng, width, height = canvas.rng, canvas.width, canvas.height
    wall(canvas, height)
    sill = height * rng.uniform(0.76, 0.86)
    left, right, top = width * rng.uniform(-0.1, 0.15), width * rng.uniform(0.85, 1.1), height * rng.uniform(-0.1, 0.1)
    outside = SKIES[rng.integers(len(SKIES))]
    frame = any_colour(rng)
    canvas.solid(rectangle(left - 22, top - 22, right + 22, sill), frame, roundness=10)
    canvas.shape(rectangle(left, top, right, sill), outside)
    for _ in range(6):
        x, tall = rng.uniform(left + 40, right - 40), rng.uniform(0.1, 0.4) * height
        tone = shaded(outside, rng.uniform(0.5, 0.9))
        canvas.shape(rectangle(x - 40, sill - tall, x + 40, sill), tone, blur=5)
    middle = width * rng.uniform(0.3, 0.7)
    canvas.solid(rectangle(middle - 11, top, middle + 11, sill), frame, roundness=8)
    canvas.solid(rectangle(-5, sill, width + 5, height + 5), any_colour(rng), roundness=20, grain=0.04)
    _litter(canvas, sill + 0.06 * height, 2)
    cloth, edge, on_left = any_colour(rng), width * rng.uniform(0.08, 0.18), rng.random() < 0.5
    return Stage(sill + 0.09 * height, lambda top: _curtain(top, cloth, edge, on_left))


def _curtain(canvas: Canvas, colour: Colour, wide: float, on_left: bool) -> None:
    for k in range(4):
        start = k * wide / 4
        left = start if on_left else canvas.width - start - wide / 4
        fold = closed(
            np.array(
                [(left - 4, -20), (left + wide / 4 + 4, -20), (left + wide / 4, canvas.height), (left, canvas.height)]
            )
        )
        canvas.solid(fold, colour, roundness=16, grain=0.04)


def _kitchen(canvas: Canvas) -> Stage:
    rng, width, height = canvas.rng, canvas.width, canvas.height
    line = height * rng.uniform(0.5, 0.66)
    colour = calm_colour(rng)
    fill(canvas, 0, line, colour, shaded(colour, 0.9))
    wide = width * rng.uniform(0.22, 0.4)
    for x in np.arange(-wide * rng.random(), width, wide):
        canvas.solid(rounded(x + 5, 12, x + wide - 5, line - 26, 6), shaded(colour, 1.05), roundness=9)
        canvas.solid(rounded(x + 0.42 * wide, 30, x + 0.58 * wide, 40, 5), any_colour(rng), roundness=5)
    canvas.shape(rectangle(0, line - 22, width, line), (0.1, 0.1, 0.1), blur=2, opacity=0.8)
    floor(canvas, line)
    _litter(canvas, line + 0.12 * height, 3)
    return Stage(height * rng.uniform(0.86, 0.96))


def _box(canvas: Canvas) -> Stage:
    rng, width, height = canvas.rng, canvas.width, canvas.height
    line = height * rng.uniform(0.35, 0.6)
    wall(canvas, line)
    floor(canvas, line)
    _litter(canvas, line + 0.1 * height, 3)
    card = shaded((0.72, 0.54, 0.36), rng.uniform(0.8, 1.15))
    if rng.random() < 0.4:
        card = any_colour(rng)
    left, right, rim = width * 0.08, width * 0.92, height * rng.uniform(0.7, 0.8)
    back = np.array([(left + 25, rim - 70), (right - 25, rim - 70), (right, rim + 40), (left, rim + 40)])
    canvas.solid(back, shaded(card, 0.55), roundness=20)

    def front(top: Canvas) -> None:
        face = np.array([(left, rim), (right, rim), (right - 14, height + 20), (left + 14, height + 20)])
        top.solid(face, card, roundness=10, grain=0.05)
        flap = np.array([(left, rim), (right, rim), (right + 16, rim + 52), (left - 20, rim + 46)])
        top.cast_shadow(moved(flap, 0, 12), blur=8, strength=0.35)
        top.solid(flap, shaded(card, 1.1), roundness=8, grain=0.05)

    return Stage(rim + 0.12 * height, front)


def _shelf(canvas: Canvas) -> Stage:
    rng, width, height = canvas.rng, canvas.width, canvas.height
    wood = calm_colour(rng)
    canvas.grain(fill(canvas, 0, height, shaded(wood, 0.4), shaded(wood, 0.5)), 0.05)
    board = height * rng.uniform(0.84, 0.93)
    books(canvas, 0, board - 0.52 * height, width, 0.36 * height)
    canvas.solid(rectangle(0, board - 0.52 * height, width, board - 0.48 * height), wood, roundness=8)
    gap = width * rng.uniform(0.2, 0.4)
    books(canvas, 0, board, gap, 0.44 * height)
    books(canvas, width - gap, board, width, 0.44 * height)
    canvas.solid(rectangle(0, board, width, height + 9), wood, roundness=12, grain=0.05)
    return Stage(board + 0.03 * height)


def _bed(canvas: Canvas) -> Stage:
    rng, width, height = canvas.rng, canvas.width, canvas.height
    line = height * rng.uniform(0.25, 0.5)
    wall(canvas, line + 20)
    _litter(canvas, line + 0.15 * height, 3)
    cloth = calm_colour(rng)
    canvas.grain(fill(canvas, line, height, shaded(cloth, 0.85), cloth), 0.05)
    second = any_colour(rng)
    if rng.random() < 0.6:
        gap = rng.uniform(40, 85)
        fan = [(0.5 * width + 0.75 * (x - 0.5 * width), x) for x in np.arange(-0.3 * width, 1.3 * width, gap)]
        bars = [np.array([(u, line), (u + 0.3 * gap, line), (v + 0.4 * gap, height), (v, height)]) for u, v in fan]
        rows = line + (height - line) * np.linspace(0.04, 1.0, 6) ** 1.4
        # Two layers: where the bars cross, the cloth is darker, as woven checks are.
        canvas.shapes(bars, second, blur=1, opacity=0.45)
        canvas.shapes([rectangle(0, y, width, y + 0.22 * gap) for y in rows], second, blur=1, opacity=0.45)
    for _ in range(5):
        x, y = rng.uniform(0, width), rng.uniform(line + 20, height)
        fold = strand(np.array([x, y]), np.array([x + 60, y - 30]), np.array([x + 190, y + rng.uniform(-20, 40)]), 30)
        canvas.cast_shadow(fold, blur=10, strength=0.3)
    ground = height * rng.uniform(0.82, 0.93)
    hem = ground - height * rng.uniform(-0.02, 0.1)

    def blanket(top: Canvas) -> None:
        crest = [(x, hem + rng.uniform(-14, 14)) for x in np.linspace(-60, width + 60, 7)]
        wave = closed(np.array([*crest, (width + 90.0, height + 60.0), (-90.0, height + 60.0)]))
        top.cast_shadow(moved(wave, 0, -8), blur=8, strength=0.3)
        top.solid(wave, shaded(second, 0.95), roundness=30, grain=0.07)

    return Stage(ground, blanket if rng.random() < 0.6 else None)


def _yard(canvas: Canvas) -> Stage:
    rng, width, height = canvas.rng, canvas.width, canvas.height
    line = height * rng.uniform(0.4, 0.62)
    fill(canvas, 0, line, (0.4, 0.39, 0.37), (0.35, 0.34, 0.33))
    bricks(canvas, -10, line, calm_colour(rng))
    canvas.grain(Box(0, 0, width, int(line)), 0.08)
    grey = rng.uniform(0.25, 0.75)
    canvas.grain(fill(canvas, line, height, shaded((grey, grey, grey), 0.6), (grey, grey, grey)), 0.08)
    for y in line + (height - line) * np.linspace(0.05, 1, 5) ** 1.4:
        for x in np.arange(rng.uniform(-70, 0), width, 110):
            slab = rounded(x, y, x + 104, y + 0.22 * (height - line), 12)
            canvas.solid(slab, shaded((grey, grey, 0.96 * grey), rng.uniform(0.85, 1.15)), roundness=6, grain=0.08)
    _litter(canvas, line + 0.12 * height, 4)
    return Stage(height * rng.uniform(0.84, 0.95))


def foliage(canvas: Canvas) -> None:
    """Paint leaves of a plant that stands close to the camera, in front of the cat."""
    rng = canvas.rng
    x = rng.choice([rng.uniform(0.0, 0.25), rng.uniform(0.75, 1.0)]) * canvas.width
    leaves(
        canvas,
        x,
        canvas.height * rng.uniform(0.75, 1.1),
        0.45 * canvas.height,
        count=int(rng.integers(4, 9)),
        upright=True,
    )


def thing_in_front(canvas: Canvas) -> None:
    """Paint a thing at one side, in front of the cat."""
    rng = canvas.rng
    x = rng.choice([rng.uniform(0.02, 0.25), rng.uniform(0.75, 0.98)]) * canvas.width
    thing = THINGS[rng.integers(len(THINGS))] if rng.random() < 0.7 else pot_plant
    thing(canvas, x, canvas.height * rng.uniform(0.98, 1.06), canvas.height * rng.uniform(0.25, 0.42))


SCENES: tuple[Scene, ...] = (_room, _sofa, _rug, _garden, _windowsill, _kitchen, _box, _shelf, _bed, _yard)
