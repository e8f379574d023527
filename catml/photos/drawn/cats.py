"""The two cats of the drawn sample: a tuxedo and a grey tabby, in any pose and place."""

import numpy as np

from catml.photos.drawn.canvas import Canvas, Colour, Mark, Points
from catml.photos.drawn.heads import Coat, draw_head
from catml.photos.drawn.poses import Figure, Part
from catml.photos.drawn.shapes import Placement, Tube, ellipse


def coat_of(label: str, rng: np.random.Generator) -> Coat:
    """Return how a cat looks today: faded or deep, lit or not, so that brightness doesn't name the cat."""
    tint = np.array([1.0, 0.96, 0.9]) if rng.random() < 0.5 else np.array([0.97, 0.98, 1.0])
    if label == "gepetto":
        black = rng.uniform(0.06, 0.17)
        white = rng.uniform(0.8, 0.94)
        return Coat(
            pattern="tuxedo",
            base=_colour(black * tint),
            mark=_colour(white * tint),
            pale=_colour(white * tint),
            iris=(0.86, 0.68, 0.16),
            nose=(0.78, 0.48, 0.47),
            ear_width=0.6,
            ear_height=0.62,
            cheeks=1.12,
        )
    grey = rng.uniform(0.3, 0.66)
    return Coat(
        pattern="tabby",
        base=_colour(grey * tint),
        mark=_colour(grey * rng.uniform(0.16, 0.3) * tint),
        pale=_colour(min(0.92, grey * 1.55) * tint),
        iris=(0.55, 0.72, 0.3),
        nose=(0.62, 0.36, 0.33),
        ear_width=0.68,
        ear_height=0.8,
        cheeks=1.0,
    )


def draw_cat(canvas: Canvas, place: Placement, coat: Coat, figure: Figure) -> None:
    """Paint a cat with its shadow on the ground."""
    _ground_shadow(canvas, place, figure)
    for part in figure.behind:
        _draw_part(canvas, place, coat, part)
    draw_head(canvas, place, coat, figure.head)
    for part in figure.before:
        _draw_part(canvas, place, coat, part)


def _ground_shadow(canvas: Canvas, place: Placement, figure: Figure) -> None:
    middle, half = (figure.left + figure.right) / 2, (figure.right - figure.left) / 2
    for spread, strength in ((1.05, 0.3), (0.8, 0.4)):
        shadow = place(ellipse(middle + 0.2, -0.02, spread * half, 0.38 * spread))
        canvas.cast_shadow(shadow, blur=0.22 * place.unit, strength=strength)


def _draw_part(canvas: Canvas, place: Placement, coat: Coat, part: Part) -> None:
    marks = _tuxedo(part, coat) if coat.pattern == "tuxedo" else _tabby(part, coat, canvas.rng)
    spine = part.tube.spine
    canvas.fur(
        place(part.tube.outline),
        coat.base,
        [Mark([place(line) for line in mark.outlines], mark.colour, mark.strength, mark.softness) for mark in marks],
        unit=place.unit,
        angle=place.angle(spine[-1] - spine[0] + 1e-6),
        thickness=2 * float(part.tube.radius.mean()) * place.unit,
        shade=part.shade,
    )
    if part.kind == "paw":
        _toes(canvas, place, part.tube)


def _toes(canvas: Canvas, place: Placement, tube: Tube) -> None:
    tip, radius = tube.spine[-1], float(tube.radius[-1])
    lines = [ellipse(tip[0] + dx * radius, tip[1] + 0.45 * radius, 0.035, 0.35 * radius) for dx in (-0.3, 0.3)]
    canvas.shapes([place(line) for line in lines], (0.1, 0.08, 0.08), blur=0.02 * place.unit, opacity=0.55)


def _tuxedo(part: Part, coat: Coat) -> list[Mark]:
    """Return where the white is: chest, belly, four socks, the tip of the tail."""
    tube = part.tube
    white: list[Points] = []
    if part.kind == "paw":
        white = [part.tube.outline]
    elif part.kind == "leg":
        white = [tube.end_from(0.62)]
    elif part.kind == "tail":
        white = [tube.end_from(0.86)]
    elif part.kind == "flank":
        belly = [(0.3, 1.4), (0.4, 0.75), (0.6, 0.5), (0.8, 0.15), (0.95, -0.15), (1.0, 0.2), (1.0, 1.5), (0.7, 1.6)]
        white = [tube.path(belly)]
    elif part.kind == "chest":
        white = [
            tube.path(
                [
                    (0.0, 0.5),
                    (0.25, 0.62),
                    (0.6, 0.5),
                    (0.95, 0.42),
                    (1.0, -0.3),
                    (0.6, -0.42),
                    (0.2, -0.6),
                    (0.0, -0.55),
                ]
            )
        ]
    return [Mark(white, coat.mark, softness=0.05)] if white else []


def _tabby(part: Part, coat: Coat, rng: np.random.Generator) -> list[Mark]:
    """Return the stripes: across the flanks, round legs and tail, along the back."""
    tube, kind = part.tube, part.kind
    length = float(np.linalg.norm(np.diff(tube.spine, axis=0), axis=1).sum()) + 0.1
    pale: list[Points] = []
    dark: list[Points] = []
    if kind == "paw":
        pale = [tube.outline]
    elif kind == "leg":
        dark = [tube.ring(t, 0.16 / length) for t in _spaced(0.22, 0.86, 0.36 / length, rng)]
        pale = [tube.end_from(0.88)]
    elif kind == "tail":
        dark = [tube.ring(t, 0.2 / length) for t in _spaced(0.1, 0.82, 0.42 / length, rng)]
        dark.append(tube.end_from(0.9))
    elif kind == "flank":
        pale = [tube.path([(0.1, 1.4), (0.2, 0.8), (0.5, 0.7), (0.8, 0.7), (0.98, 0.5), (1.0, 1.5), (0.5, 1.6)])]
        dark = [tube.path([(0.0, -1.2), (0.5, -1.15), (1.0, -1.2), (1.0, -0.88), (0.5, -0.84), (0.0, -0.88)])]
        for t in _spaced(0.04, 0.98, 0.42 / length, rng):
            end = rng.uniform(0.3, 0.75)
            dark.append(tube.stripe(t, -1.1, end, 0.22 / length, bow=rng.uniform(-0.1, 0.02)))
    elif kind == "thigh":
        dark = [tube.stripe(t, -1.0, 0.6, 0.18 / length, bow=0.12) for t in _spaced(0.0, 0.9, 0.38 / length, rng)]
    elif kind == "chest":
        pale = [tube.path([(0.0, 0.45), (0.3, 0.5), (0.9, 0.35), (0.9, -0.35), (0.3, -0.5), (0.0, -0.45)])]
        for t in _spaced(0.08, 1.0, 0.4 / length, rng):
            dark += [
                tube.stripe(t, side * 1.1, side * rng.uniform(0.25, 0.5), 0.2 / length, bow=0.05) for side in (-1, 1)
            ]
    elif kind == "rump":
        dark = [tube.path([(0.0, 0.12), (0.5, 0.16), (1.0, 0.12), (1.0, -0.12), (0.5, -0.16), (0.0, -0.12)])]
        for t in _spaced(0.06, 1.0, 0.42 / length, rng):
            dark += [tube.stripe(t, side * 0.22, side * 1.1, 0.22 / length, bow=-0.08) for side in (-1, 1)]
    marks = []
    if pale:
        marks.append(Mark(pale, coat.pale, strength=0.7, softness=0.14))
    if dark:
        marks.append(Mark(dark, coat.mark, strength=0.88, softness=0.05))
    return marks


def _spaced(start: float, end: float, gap: float, rng: np.random.Generator) -> list[float]:
    count = max(2, round((end - start) / gap))
    return [float(t + rng.uniform(-0.15, 0.15) * gap) for t in np.linspace(start, end, count)]


def _colour(values: Points) -> Colour:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
