"""The heads of the drawn cats: ears, face, eyes, whiskers, seen from any side."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from catml.photos.drawn.canvas import Canvas, Colour, Mark, Points
from catml.photos.drawn.shapes import Placement, closed, ellipse, moved, strand, turned

Eyes = Literal["open", "wide", "half", "closed"]


@dataclass(frozen=True)
class Coat:
    """How one cat looks: the pattern, its colours, and the shape of its face."""

    pattern: Literal["tuxedo", "tabby"]
    base: Colour
    mark: Colour  # the white of a tuxedo, the dark stripes of a tabby
    pale: Colour  # muzzle, chin and belly
    iris: Colour
    nose: Colour
    ear_width: float
    ear_height: float
    cheeks: float  # half the width of the face


@dataclass(frozen=True)
class HeadPose:
    """Where a head is and where it looks, in the cat's units; yaw and pitch in radians."""

    x: float
    y: float
    size: float = 1.0
    yaw: float = 0.0  # above 0: towards the cat's own front, to the right before mirroring
    pitch: float = 0.0  # above 0: looks down
    roll: float = 0.0
    eyes: Eyes = "open"
    from_behind: bool = False


class _Face:
    """Projects places on a round head to the canvas."""

    def __init__(self, place: Placement, pose: HeadPose) -> None:
        self.place, self.pose = place, pose
        self.unit = place.unit * pose.size

    def __call__(self, points: Points | list[tuple[float, float]], lift: float = 1.0) -> Points:
        """Return pixels of face coordinates: -1 to 1 across and down, `lift` times as far out as the skull."""
        flat = np.asarray(points, dtype=float)
        depth = np.sqrt(np.clip(1.0 - 0.72 * (flat**2).sum(axis=1), 0.02, None)) * lift
        yaw, pitch = self.pose.yaw, self.pose.pitch
        x = flat[:, 0] * np.cos(yaw) + depth * np.sin(yaw) * 0.85
        depth = depth * np.cos(yaw) - flat[:, 0] * np.sin(yaw)
        y = flat[:, 1] * np.cos(pitch) + depth * np.sin(pitch) * 0.85
        return self.flat(np.column_stack([x, y]))

    def flat(self, points: Points) -> Points:
        """Return pixels of points that don't turn with yaw and pitch, such as the outline of the skull."""
        return self.place(moved(turned(points, self.pose.roll) * self.pose.size, self.pose.x, self.pose.y))


def draw_head(canvas: Canvas, place: Placement, coat: Coat, pose: HeadPose) -> None:
    """Paint a head over what is there."""
    face = _Face(place, pose)
    _ears(canvas, face, coat)
    outline = face.flat(_skull(coat))
    up = place.angle(np.array([np.sin(pose.roll), -np.cos(pose.roll)]))
    marks = _back_marks(face, coat) if pose.from_behind else _face_marks(face, coat)
    canvas.fur(outline, coat.base, marks, unit=face.unit, angle=up, thickness=1.5 * face.unit)
    if pose.from_behind:
        return
    _muzzle(canvas, face, coat)
    for side in (-1.0, 1.0):
        if abs(pose.yaw) < 0.75 or side * pose.yaw < 0:
            _eye(canvas, face, coat, side)
    _whiskers(canvas, face)


def _skull(coat: Coat) -> Points:
    wide = coat.cheeks
    right = [(0.0, -0.86), (0.5, -0.8), (0.88, -0.42), (wide, 0.14), (0.98 * wide, 0.42), (0.66, 0.74), (0.3, 0.9)]
    left = [(-x, y) for x, y in right[:0:-1]]
    return closed(np.array([*right, (0.0, 0.94), *left]))


def _ears(canvas: Canvas, face: _Face, coat: Coat) -> None:
    wide, tall, yaw = coat.ear_width, coat.ear_height, face.pose.yaw
    for side in (-1.0, 1.0):
        # A turned head brings the far ear towards the middle and narrows it.
        shift = 0.24 * np.sin(yaw)
        narrow = 1.0 - 0.35 * max(0.0, side * np.sin(yaw))
        inner, outer, tip = 0.20 * side, (0.30 + wide) * side * narrow, (0.34 + 0.62 * wide) * side * narrow
        ear = np.array(
            [
                (inner + shift, -0.62),
                (0.5 * (inner + tip) - 0.04 * side + shift, -0.74 - 0.6 * tall),
                (tip + shift, -0.72 - tall),
                (tip + 0.09 * side + shift, -0.66 - 0.85 * tall),
                (outer + shift, -0.25),
            ]
        )
        outline = face.flat(closed(ear))
        canvas.fur(outline, coat.base, unit=face.unit, angle=np.pi / 2, thickness=0.5 * face.unit)
        if not face.pose.from_behind:
            middle = ear.mean(axis=0)
            inside = face.flat(closed(middle + (ear - middle) * [0.62, 0.7] + [0.02 * side, 0.06]))
            pink = (0.72, 0.47, 0.44) if coat.pattern == "tuxedo" else (0.66, 0.48, 0.44)
            canvas.shape(inside, pink, blur=0.05 * face.unit, opacity=0.8)
            _tuft(canvas, face, coat, moved(middle, 0.0, 0.12), side)


def _tuft(canvas: Canvas, face: _Face, coat: Coat, root: Points, side: float) -> None:
    hairs = [
        strand(moved(root, -0.14 * side, 0.12), moved(root, 0.02, -0.04), moved(root, spread * side, -0.2), 0.035)
        for spread in (-0.02, 0.06, 0.13)
    ]
    canvas.shapes([face.flat(hair) for hair in hairs], coat.pale, blur=0.01 * face.unit, opacity=0.7)


def _face_marks(face: _Face, coat: Coat) -> list[Mark]:
    if coat.pattern == "tuxedo":
        # The blaze leans to one side and the chin has a dark spot: what his people know him by.
        blaze = [(-0.03, -0.62), (0.08, -0.28), (0.15, 0.02), (0.5, 0.24), (0.66, 0.55), (0.4, 0.92), (0.0, 1.04)]
        blaze += [(-0.44, 0.92), (-0.64, 0.52), (-0.42, 0.22), (-0.13, 0.0), (-0.1, -0.3)]
        return [Mark([face(closed(np.array(blaze)))], coat.mark, softness=0.045)]
    around_eyes = [face(ellipse(0.42 * side, -0.06, 0.33, 0.29)) for side in (-1.0, 1.0)]
    chin = face(ellipse(0.0, 0.62, 0.5, 0.36))
    return [
        Mark([*around_eyes, chin], coat.pale, strength=0.75, softness=0.1),
        Mark([face(stripe) for stripe in _forehead() + _cheeks()], coat.mark, strength=0.92, softness=0.04),
    ]


def _band(points: list[tuple[float, float]], width: float) -> Points:
    start, bend, end = (np.array(point) for point in points)
    return strand(start, bend, end, width, pointed="none")


def _forehead() -> list[Points]:
    """Return the M on a tabby's forehead and the lines over the crown."""
    lines = [_band([(0.0, -0.86), (0.0, -0.7), (0.0, -0.36)], 0.09)]
    for side in (-1.0, 1.0):
        lines.append(_band([(0.1 * side, -0.3), (0.12 * side, -0.5), (0.22 * side, -0.62)], 0.11))
        lines.append(_band([(0.2 * side, -0.62), (0.36 * side, -0.56), (0.5 * side, -0.3)], 0.12))
        lines.append(_band([(0.22 * side, -0.62), (0.2 * side, -0.76), (0.17 * side, -0.88)], 0.1))
        lines.append(_band([(0.42 * side, -0.56), (0.44 * side, -0.7), (0.4 * side, -0.84)], 0.09))
    return lines


def _cheeks() -> list[Points]:
    lines = []
    for side in (-1.0, 1.0):
        lines.append(_band([(0.66 * side, -0.04), (0.84 * side, -0.02), (1.08 * side, 0.14)], 0.09))
        lines.append(_band([(0.58 * side, 0.18), (0.8 * side, 0.26), (1.04 * side, 0.4)], 0.1))
        lines.append(_band([(0.56 * side, 0.42), (0.7 * side, 0.5), (0.84 * side, 0.66)], 0.09))
    return lines


def _back_marks(face: _Face, coat: Coat) -> list[Mark]:
    if coat.pattern == "tuxedo":
        return []
    lines = [_band([(x, -0.8), (1.15 * x, -0.2), (0.8 * x, 0.5)], 0.13) for x in (-0.5, -0.25, 0.0, 0.25, 0.5)]
    return [Mark([face.flat(line) for line in lines], coat.mark, strength=0.9)]


def _muzzle(canvas: Canvas, face: _Face, coat: Coat) -> None:
    unit = face.unit
    pads = [face(ellipse(0.2 * side, 0.44, 0.27, 0.22), lift=1.22) for side in (-1.0, 1.0)]
    white = coat.mark if coat.pattern == "tuxedo" else coat.pale
    up = face.place.angle(np.array([0.0, -1.0]))
    for pad in [face(ellipse(0.0, 0.66, 0.2, 0.15), lift=1.08), *pads]:
        canvas.fur(pad, white, unit=0.4 * unit, angle=up, thickness=0.5 * unit)
    dark = (0.16, 0.10, 0.10)
    mouth = []
    for side in (-1.0, 1.0):
        mouth.append(strand(np.array([0.0, 0.42]), np.array([0.02 * side, 0.6]), np.array([0.26 * side, 0.58]), 0.045))
        dots = [ellipse((0.22 + 0.09 * i) * side, 0.42 + 0.05 * (i % 2), 0.014, 0.014) for i in range(3)]
        canvas.shapes([face(dot, lift=1.26) for dot in dots], dark, opacity=0.7, blur=0.3)
    canvas.shapes([face(line, lift=1.27) for line in mouth], dark, blur=0.012 * unit, opacity=0.85)
    nose = closed(np.array([(-0.13, 0.25), (0.0, 0.235), (0.13, 0.25), (0.06, 0.35), (0.0, 0.4), (-0.06, 0.35)]))
    canvas.solid(face(nose, lift=1.32), coat.nose, roundness=0.1 * unit, soft=0.02 * unit)
    nostrils = [ellipse(0.055 * side, 0.335, 0.025, 0.014) for side in (-1.0, 1.0)]
    canvas.shapes([face(hole, lift=1.32) for hole in nostrils], dark, blur=0.01 * unit, opacity=0.8)


def _eye(canvas: Canvas, face: _Face, coat: Coat, side: float) -> None:
    unit, eyes = face.unit, face.pose.eyes
    x, y = 0.41 * side, -0.07
    dark = (0.05, 0.04, 0.04)
    if eyes == "closed":
        lid = strand(
            np.array([x - 0.22, y]), np.array([x, y + 0.2]), np.array([x + 0.22, y - 0.02]), 0.06, pointed="none"
        )
        line = (0.62, 0.6, 0.58) if coat.pattern == "tuxedo" else dark
        canvas.shape(face(lid), line, blur=0.012 * unit, opacity=0.8)
        return
    opening = {"open": 0.2, "wide": 0.225, "half": 0.11}[eyes]

    def almond(scale: float) -> Points:
        tall = opening * scale
        knots = [(-0.25 * scale, 0.02), (-0.08, -tall), (0.1, -0.95 * tall), (0.25 * scale, 0.0), (0.08, 0.85 * tall)]
        knots += [(-0.1, 0.8 * tall)]
        # Outer corners sit higher.
        return moved(turned(closed(np.array(knots) * [side, 1.0]), -0.2 * side), x, y)

    canvas.shape(face(almond(1.22)), dark, blur=0.015 * unit)
    canvas.shape(face(almond(0.98)), coat.iris, blur=0.01 * unit)
    light, deep = (tuple(min(1.0, c * k) for c in coat.iris) for k in (1.35, 0.55))
    canvas.shape(
        face(ellipse(x, y + 0.1 * opening + 0.05, 0.15, 0.08)),
        (light[0], light[1], light[2]),
        blur=0.04 * unit,
        opacity=0.7,
    )
    canvas.shape(face(ellipse(x, y - opening, 0.26, 0.09)), (deep[0], deep[1], deep[2]), blur=0.03 * unit, opacity=0.8)
    pupil = {"open": 0.075, "wide": 0.165, "half": 0.05}[eyes]
    canvas.shape(face(ellipse(x, y, pupil, 0.92 * opening)), dark, blur=0.01 * unit)
    canvas.shape(face(ellipse(x - 0.06, y - 0.4 * opening, 0.045, 0.045)), (1.0, 1.0, 1.0), blur=0.006 * unit)
    canvas.shape(face(ellipse(x + 0.07, y + 0.4 * opening, 0.02, 0.02)), (1.0, 1.0, 1.0), opacity=0.6)


def _whiskers(canvas: Canvas, face: _Face) -> None:
    hairs = []
    for side in (-1.0, 1.0):
        for i, drop in enumerate((-0.16, 0.02, 0.2)):
            wobble = canvas.rng.uniform(-0.06, 0.06)
            start = np.array([0.3 * side, 0.42 + 0.05 * i])
            end = np.array([(1.5 - 0.06 * i) * side, 0.42 + 1.4 * drop + wobble])
            hairs.append(strand(start, (start + end) / 2 + [0.0, -0.12], end, 0.024))
        hairs.append(
            strand(np.array([0.36 * side, -0.34]), np.array([0.42 * side, -0.6]), np.array([0.6 * side, -0.9]), 0.018)
        )
    shift = np.array([0.55 * np.sin(face.pose.yaw), 0.55 * np.sin(face.pose.pitch)])
    # In a small picture whiskers are thinner than a pixel, so they are fainter instead.
    canvas.shapes(
        [face.flat(hair + shift) for hair in hairs],
        (0.93, 0.93, 0.91),
        blur=0.4,
        opacity=min(0.85, 0.25 + face.unit / 90),
    )
