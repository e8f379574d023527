"""Walls, floors and grass for the drawn scenes."""

import numpy as np

from catml.photos.drawn.canvas import Box, Canvas, Colour
from catml.photos.drawn.shapes import ellipse, moved, rectangle, strand
from catml.photos.drawn.things import any_colour, calm_colour, shaded


def fill(canvas: Canvas, top: float, bottom: float, upper: Colour, lower: Colour) -> Box:
    """Paint a band over the whole width, from one colour to another, and return it."""
    box = Box(0, max(int(top), 0), canvas.width, min(int(bottom), canvas.height))
    steps = np.linspace(0, 1, box.size[1], dtype=np.float32)[:, None]
    for plane, start, end in zip(canvas.area(box), upper, lower, strict=True):
        plane[:] = start + (end - start) * steps
    return box


def wall(canvas: Canvas, bottom: float) -> None:
    """Paint a wall down to `bottom`: plain, papered, of bricks, or with a picture on it."""
    rng = canvas.rng
    colour = calm_colour(rng)
    box = fill(canvas, 0, bottom, colour, shaded(colour, rng.uniform(0.8, 1.0)))
    style, second = rng.random(), shaded(colour, rng.uniform(0.75, 1.25))
    if style < 0.25:
        gap = rng.uniform(30, 90)
        bars = [rectangle(x, 0, x + 0.4 * gap, bottom) for x in np.arange(0, canvas.width, gap)]
        canvas.shapes(bars, second, opacity=0.7)
    elif style < 0.4:
        bricks(canvas, 0, bottom, colour)
    elif style < 0.7:
        _picture(canvas, bottom)
    canvas.grain(box, 0.035)


def _picture(canvas: Canvas, bottom: float) -> None:
    rng = canvas.rng
    wide, tall = rng.uniform(90, 190, 2)
    left, top = rng.uniform(0, canvas.width - wide), rng.uniform(-30, 0.3 * bottom)
    frame = rectangle(left, top, left + wide, top + tall)
    canvas.cast_shadow(frame + 6, blur=6, strength=0.4)
    canvas.solid(frame, any_colour(rng), roundness=6)
    canvas.shape(rectangle(left + 10, top + 10, left + wide - 10, top + tall - 10), any_colour(rng))
    for _ in range(3):
        x, y = left + wide * rng.uniform(0.3, 0.7), top + tall * rng.uniform(0.35, 0.7)
        canvas.shape(ellipse(x, y, 0.17 * wide, 0.17 * tall), any_colour(rng), blur=2)


def bricks(canvas: Canvas, top: float, bottom: float, colour: Colour) -> None:
    """Paint a wall of bricks over what is there, which shows as mortar."""
    rng = canvas.rng
    tall, wide = rng.uniform(18, 32), rng.uniform(44, 80)
    laid = [
        rectangle(x + 1.5, y + 1.5, x + wide - 1.5, min(y + tall - 1.5, bottom))
        for row, y in enumerate(np.arange(top, bottom, tall))
        for x in np.arange(-wide * (row % 2) / 2, canvas.width, wide)
    ]
    rng.shuffle(laid)
    for k, tone in enumerate((0.8, 0.9, 1.0, 1.1, 1.2)):
        canvas.shapes(laid[k::5], shaded(colour, tone), blur=1.0)


def floor(canvas: Canvas, top: float) -> None:
    """Paint boards, tiles or carpet from `top` down."""
    rng = canvas.rng
    style = rng.random()
    colour = (
        calm_colour(rng) if style > 0.4 else (rng.uniform(0.4, 0.7), rng.uniform(0.28, 0.45), rng.uniform(0.16, 0.3))
    )
    box = fill(canvas, top, canvas.height, shaded(colour, 0.8), colour)
    if style < 0.4:
        for y in top + (canvas.height - top) * np.linspace(0, 1, 6) ** 1.6:
            canvas.shape(rectangle(0, y, canvas.width, y + 2.5), shaded(colour, 0.45), blur=1, opacity=0.7)
        canvas.grain(box, 0.07, angle=0.0)
    elif style < 0.7:
        _tiles(canvas, top, any_colour(rng))
        canvas.grain(box, 0.03)
    else:
        canvas.grain(box, 0.1)
    canvas.cast_shadow(rectangle(0, top - 4, canvas.width, top + 8), blur=8, strength=0.4)


def _tiles(canvas: Canvas, top: float, second: Colour) -> None:
    """Paint a chequered floor in perspective."""
    middle, deep = canvas.width * canvas.rng.uniform(0.3, 0.7), canvas.height - top
    edges = top + deep * np.linspace(0, 1, 6) ** 1.7
    fan = np.linspace(-2.2, 2.2, 15) * canvas.width

    def corner(column: float, y: float) -> tuple[float, float]:
        return middle + column * (0.25 + 0.75 * (y - top) / deep), y

    tiles = []
    for row in range(5):
        for k in range(row % 2, 14, 2):
            upper, lower = edges[row], edges[row + 1]
            tiles.append(
                np.array(
                    [corner(fan[k], upper), corner(fan[k + 1], upper), corner(fan[k + 1], lower), corner(fan[k], lower)]
                )
            )
    canvas.shapes(tiles, second, blur=0.8, opacity=0.9)


def grass(canvas: Canvas, top: float, bottom: float, green: Colour, count: int) -> None:
    """Paint blades of grass that stand between two heights."""
    rng = canvas.rng
    for tone in (0.6, 0.95, 1.25):
        blades = []
        for _ in range(count // 3):
            foot = np.array([rng.uniform(0, canvas.width), rng.uniform(top, bottom)])
            tip = moved(foot, rng.uniform(-9, 9), -rng.uniform(12, 32))
            blades.append(strand(foot, moved((foot + tip) / 2, rng.uniform(-4, 4), 0.0), tip, 4.0))
        canvas.shapes(blades, shaded(green, tone), blur=0.5, opacity=0.8)
