"""The poses of the drawn cats, as knots of tubes, in units of about the size of a head; the ground is at y = 0."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from catml.photos.drawn.heads import Eyes, HeadPose
from catml.photos.drawn.shapes import Tube

Kind = Literal["flank", "chest", "rump", "thigh", "leg", "paw", "tail"]
Knot = tuple[float, float, float]

FAR = 0.68  # brightness of what lies on the far side of the body


@dataclass(frozen=True)
class Part:
    """A piece of the body; flanks run from rear to front and legs downwards, which says where their marks go."""

    kind: Kind
    tube: Tube
    shade: float = 1.0


@dataclass(frozen=True)
class Figure:
    """A cat in one pose: what is painted before its head, its head, and what lies in front of it."""

    behind: list[Part]
    head: HeadPose
    before: list[Part]
    left: float  # how far it reaches, in units
    right: float
    height: float


def _part(kind: Kind, *knots: Knot, shade: float = 1.0) -> Part:
    return Part(kind, Tube.through(*knots), shade)


def _leg(*knots: Knot, shade: float = 1.0, toes: float = 0.28) -> list[Part]:
    """Return a leg with the paw at its lower end, toes pointing to the cat's front."""
    x, y, radius = knots[-1]
    paw = _part("paw", (x - 0.02, y, radius), (x + toes, y + 0.04, 0.92 * radius), shade=shade)
    return [_part("leg", *knots, shade=shade), paw]


def _front_paw(x: float) -> Part:
    return _part("paw", (x, -0.34, 0.33), (x, -0.24, 0.34))


def _eyes(rng: np.random.Generator, sleepy: float = 0.1) -> Eyes:
    if rng.random() < sleepy:
        return "closed" if rng.random() < 0.5 else "half"
    return "wide" if rng.random() < 0.3 else "open"


def _look(
    rng: np.random.Generator, x: float, y: float, yaw: float, *, size: float = 1.0, sleepy: float = 0.1
) -> HeadPose:
    """Return a head that looks about `yaw`, a little different every time."""
    return HeadPose(
        x=x + rng.uniform(-0.08, 0.08),
        y=y + rng.uniform(-0.08, 0.08),
        size=size * rng.uniform(0.95, 1.05),
        yaw=yaw + rng.uniform(-0.25, 0.25),
        pitch=rng.uniform(-0.12, 0.22),
        roll=rng.uniform(-0.2, 0.2),
        eyes=_eyes(rng, sleepy),
    )


def _sitting_front(rng: np.random.Generator) -> Figure:
    sway = rng.uniform(-0.2, 0.2)
    curl = rng.uniform(0.0, 1.0)
    tail = _part("tail", (1.0, -0.45, 0.3), (2.0, -0.3, 0.28), (2.6, -0.5 - curl, 0.26), (2.5, -1.1 - 1.6 * curl, 0.22))
    body = _part("chest", (sway, -4.15, 0.8), (sway, -3.2, 1.02), (0.0, -2.0, 1.25), (0.0, -1.35, 1.35))
    haunches = [
        _part("thigh", (side * 0.95, -1.35, 0.8), (side * 1.25, -0.8, 0.68), (side * 1.3, -0.5, 0.5))
        for side in (-1, 1)
    ]
    feet = [_part("paw", (side * 1.3, -0.28, 0.3), (side * 1.05, -0.2, 0.3)) for side in (-1, 1)]
    legs = []
    for side in (-1, 1):
        foot = side * rng.uniform(0.36, 0.5)
        legs += [
            _part("leg", (side * 0.46, -2.7, 0.4), (side * 0.45, -1.3, 0.35), (foot, -0.3, 0.31)),
            _front_paw(foot),
        ]
    head = _look(rng, sway * 1.3, -4.85, rng.uniform(-0.45, 0.45), size=1.08)
    return Figure([tail, body, *haunches, *feet, *legs], head, [], -1.9, 2.8, 6.4)


def _sitting_side(rng: np.random.Generator) -> Figure:
    curl = rng.uniform(0.0, 1.3)
    tail = _part(
        "tail", (-1.7, -0.5, 0.32), (-2.7, -0.28, 0.28), (-3.5, -0.4 - 0.4 * curl, 0.25), (-3.9, -0.6 - curl, 0.2)
    )
    far = _leg((0.75, -2.6, 0.45), (1.0, -1.3, 0.34), (1.1, -0.27, 0.27), shade=FAR)
    body = _part("flank", (-0.95, -1.2, 1.2), (-0.7, -2.1, 1.18), (0.05, -3.1, 0.98), (0.5, -3.95, 0.75))
    thigh = _part("thigh", (-0.95, -1.4, 0.95), (-0.35, -0.85, 0.72), (-0.15, -0.55, 0.5))
    foot = _part("paw", (-0.7, -0.28, 0.28), (0.35, -0.24, 0.27))
    near = _leg((0.55, -2.7, 0.5), (0.7, -1.4, 0.36), (0.72, -0.28, 0.28))
    head = _look(rng, 0.9, -4.75, rng.uniform(0.25, 0.75))
    return Figure([tail, *far, body, thigh, foot, *near], head, [], -3.9, 2.1, 6.2)


def _walking(rng: np.random.Generator) -> Figure:
    step = rng.uniform(-0.5, 0.5)
    wave = rng.uniform(-0.8, 0.6)
    tail = _part(
        "tail", (-3.0, -3.0, 0.32), (-3.8, -3.5, 0.27), (-4.2 + 0.3 * wave, -4.5, 0.25), (-3.9 + wave, -5.4, 0.2)
    )
    far = _leg((1.3, -2.3, 0.55), (1.5 + 0.5 * step, -1.2, 0.35), (1.6 + 1.2 * step, -0.28, 0.28), shade=FAR)
    far += _leg(
        (-2.3, -2.5, 0.8),
        (-2.1 - 0.3 * step, -1.5, 0.46),
        (-2.5 - step, -0.9, 0.3),
        (-2.4 - 1.3 * step, -0.28, 0.27),
        shade=FAR,
    )
    body = _part(
        "flank", (-2.4, -2.75, 1.0), (-1.1, -2.7, 1.08), (0.2, -2.7, 1.05), (1.3, -2.85, 0.98), (2.0, -3.3, 0.78)
    )
    near = _leg((1.3, -2.3, 0.6), (1.2 - 0.6 * step, -1.2, 0.38), (1.1 - 1.3 * step, -0.28, 0.3))
    thigh = _part("thigh", (-2.4, -2.7, 0.9), (-2.2, -2.1, 0.75), (-2.0, -1.6, 0.55))
    hind = _leg(
        (-2.2, -2.0, 0.6), (-2.0 + 0.3 * step, -1.4, 0.45), (-2.5 + step, -0.9, 0.31), (-2.3 + 1.2 * step, -0.28, 0.28)
    )
    head = _look(rng, 2.55, -3.95, rng.uniform(0.35, 0.8), size=0.95, sleepy=0.0)
    return Figure([tail, *far, body, *hind, thigh, *near], head, [], -4.3, 3.7, 5.4)


def _loaf(rng: np.random.Generator) -> Figure:
    body = _part("flank", (-1.7, -1.2, 1.15), (-0.6, -1.35, 1.3), (0.6, -1.3, 1.2), (1.3, -1.6, 0.9))
    breast = _part("chest", (1.35, -1.7, 0.75), (1.4, -0.9, 0.85))
    paws = [_part("paw", (1.0 + 0.75 * i, -0.3, 0.3), (1.2 + 0.75 * i, -0.26, 0.3)) for i in (0, 1)]
    thigh = _part("thigh", (-1.7, -1.1, 0.95), (-0.9, -0.7, 0.65), (-0.6, -0.5, 0.45))
    tail = _part("tail", (-2.6, -0.5, 0.3), (-1.6, -0.22, 0.29), (-0.5, -0.2, 0.27), (0.2, -0.22, 0.22))
    head = _look(rng, 1.6, -2.45, rng.uniform(-0.1, 0.5), sleepy=0.5)
    return Figure([body, breast, thigh, *paws, tail], head, [], -2.9, 2.8, 3.9)


def _loaf_front(rng: np.random.Generator) -> Figure:
    body = _part("thigh", (-0.85, -1.15, 1.1), (0.0, -1.35, 1.3), (0.85, -1.15, 1.1))
    breast = _part("chest", (0.0, -2.0, 0.8), (0.0, -1.05, 1.0))
    paws = [_part("paw", (side * 0.5, -0.36, 0.33), (side * 0.32, -0.28, 0.34)) for side in (-1, 1)]
    tail = _part("tail", (1.5, -0.4, 0.28), (2.1, -0.3, 0.27), (2.5, -0.55, 0.22))
    head = _look(rng, 0.0, -2.6, rng.uniform(-0.4, 0.4), size=1.1, sleepy=0.5)
    return Figure([tail, body, breast, *paws], head, [], -1.9, 2.5, 4.2)


def _lying(rng: np.random.Generator) -> Figure:
    reach = rng.uniform(-0.3, 0.3)
    tail = _part("tail", (-3.0, -0.6, 0.32), (-4.0, -0.3, 0.28), (-4.7, -0.35, 0.25), (-5.2, -0.7, 0.2))
    far = _leg((1.2, -0.9, 0.45), (2.2, -0.5, 0.33), (3.0 - reach, -0.42, 0.28), shade=FAR)
    body = _part("flank", (-2.4, -1.05, 1.0), (-1.1, -1.15, 1.12), (0.3, -1.2, 1.05), (1.3, -1.7, 0.82))
    thigh = _part("thigh", (-2.3, -1.05, 0.92), (-1.6, -0.7, 0.7), (-1.2, -0.5, 0.45))
    foot = _part("paw", (-1.7, -0.28, 0.28), (-0.7, -0.25, 0.27))
    near = _leg((0.9, -0.8, 0.5), (1.7, -0.36, 0.34), (2.6 + reach, -0.28, 0.28))
    head = _look(rng, 1.75, -2.5, rng.uniform(0.0, 0.6), sleepy=0.25)
    return Figure([tail, *far, body, thigh, foot, *near], head, [], -5.3, 3.3, 4.0)


def _curled(rng: np.random.Generator) -> Figure:
    body = _part("flank", (-1.35, -1.1, 1.1), (-0.5, -1.5, 1.3), (0.5, -1.45, 1.25), (1.2, -1.15, 1.0))
    thigh = _part("thigh", (-1.3, -0.95, 0.9), (-0.6, -0.6, 0.65), (-0.1, -0.5, 0.45))
    foot = _part("paw", (-0.3, -0.32, 0.28), (0.4, -0.32, 0.27))
    tail = _part(
        "tail", (-2.3, -0.6, 0.34), (-1.3, -0.24, 0.31), (-0.1, -0.18, 0.3), (1.0, -0.22, 0.26), (1.5, -0.3, 0.2)
    )
    paw = _part("paw", (1.9, -0.5, 0.3), (1.2, -0.34, 0.3))
    head = HeadPose(
        x=1.35,
        y=-1.05,
        size=0.95,
        yaw=rng.uniform(-0.4, 0.1),
        pitch=0.2,
        roll=rng.uniform(0.2, 0.7),
        eyes="closed" if rng.random() < 0.85 else "half",
    )
    return Figure([body, thigh, foot], head, [paw, tail], -2.6, 2.5, 3.0)


def _from_behind(rng: np.random.Generator) -> Figure:
    curl = rng.uniform(0.0, 0.9)
    body = _part("rump", (0.0, -4.0, 0.82), (0.0, -3.1, 1.08), (0.0, -2.0, 1.35), (0.0, -1.4, 1.42))
    haunches = [_part("thigh", (side * 0.9, -1.3, 0.8), (side * 1.2, -0.75, 0.7)) for side in (-1, 1)]
    feet = [_part("paw", (side * 1.35, -0.28, 0.28), (side * 1.5, -0.24, 0.28)) for side in (-1, 1)]
    tail = _part("tail", (0.0, -0.55, 0.36), (0.8, -0.25, 0.31), (1.9, -0.3, 0.28), (2.6, -0.5 - curl, 0.22))
    turned = rng.random() < 0.6
    head = HeadPose(
        x=rng.uniform(-0.1, 0.1),
        y=-4.8,
        yaw=rng.choice([-0.7, 0.7]) if turned else 0.0,
        roll=rng.uniform(-0.15, 0.15),
        eyes=_eyes(rng),
        from_behind=not turned,
    )
    return Figure([*feet, body, *haunches, tail], head, [], -1.9, 2.7, 6.3)


def _stretching(rng: np.random.Generator) -> Figure:
    wave = rng.uniform(-0.5, 0.5)
    tail = _part(
        "tail", (-2.7, -3.4, 0.33), (-3.3, -4.1, 0.28), (-3.4 + wave, -4.9, 0.25), (-2.9 + 2 * wave, -5.5, 0.2)
    )
    far = _leg((1.4, -1.1, 0.42), (2.4, -0.6, 0.32), (3.5, -0.42, 0.27), shade=FAR)
    far += _leg((-1.9, -2.7, 0.8), (-1.7, -1.5, 0.45), (-2.0, -0.8, 0.3), (-1.8, -0.3, 0.27), shade=FAR)
    body = _part("flank", (-2.2, -2.95, 1.0), (-1.0, -2.6, 1.02), (0.3, -1.85, 0.95), (1.4, -1.4, 0.8))
    thigh = _part("thigh", (-2.2, -2.8, 0.9), (-2.2, -2.1, 0.72), (-2.1, -1.6, 0.5))
    hind = _leg((-2.2, -2.0, 0.6), (-2.2, -1.4, 0.42), (-2.6, -0.8, 0.3), (-2.4, -0.28, 0.28))
    near = _leg((1.0, -1.1, 0.48), (2.0, -0.5, 0.34), (3.1, -0.28, 0.28))
    head = _look(rng, 2.0, -1.95, rng.uniform(0.1, 0.6), size=0.95, sleepy=0.5)
    return Figure([tail, *far, body, *hind, thigh, *near], head, [], -3.7, 3.9, 5.6)


POSES: dict[str, Callable[[np.random.Generator], Figure]] = {
    "sitting, front": _sitting_front,
    "sitting, side": _sitting_side,
    "walking": _walking,
    "loaf": _loaf,
    "loaf, front": _loaf_front,
    "lying": _lying,
    "curled": _curled,
    "from behind": _from_behind,
    "stretching": _stretching,
}
