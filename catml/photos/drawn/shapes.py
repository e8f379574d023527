"""Outlines for the drawn sample: smooth curves, tubes with points on their surface, and where a cat is placed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from catml.photos.drawn.canvas import Points

STEPS = 10  # points on a curve between two of its knots


@dataclass(frozen=True)
class Placement:
    """Where a figure drawn in its own units stands on the canvas."""

    x: float
    y: float
    unit: float  # pixels in one unit
    flipped: bool = False
    tilt: float = 0.0  # radians

    def __call__(self, points: Points) -> Points:
        """Return points in pixels."""
        mirrored = points * np.array([-1.0, 1.0]) if self.flipped else points
        return moved(turned(mirrored, self.tilt) * self.unit, self.x, self.y)

    def angle(self, direction: Points) -> float:
        """Return the angle in pixels of a direction given in units."""
        start, end = self(np.array([[0.0, 0.0], direction]))
        return float(np.arctan2(end[1] - start[1], end[0] - start[0]))


@dataclass(frozen=True)
class Tube:
    """A part of the body: a spine with a thickness, seen from the side.

    `t` runs from 0 to 1 along the spine; `s` from -1 to 1 across it, to the right hand of who walks along the spine.
    """

    spine: Points
    radius: Points  # shape (n,)
    normal: Points

    @classmethod
    def through(cls, *knots: tuple[float, float, float]) -> "Tube":
        """Return the tube through knots (x, y, radius)."""
        line = curve(np.array(knots, dtype=float))
        along = np.gradient(line[:, :2], axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
        return cls(line[:, :2], line[:, 2], np.column_stack([-along[:, 1], along[:, 0]]))

    def at(self, places: Points | list[tuple[float, float]]) -> Points:
        """Return the points at places (t, s) on the surface."""
        t, s = np.asarray(places, dtype=float).T
        along, index = np.clip(t, 0.0, 1.0) * (len(self.spine) - 1), np.arange(len(self.spine))
        reach = s * np.interp(along, index, self.radius)
        return np.column_stack(
            [
                np.interp(along, index, self.spine[:, axis]) + reach * np.interp(along, index, self.normal[:, axis])
                for axis in (0, 1)
            ]
        )

    def path(self, places: Sequence[tuple[float, float]]) -> Points:
        """Return the smooth closed outline through places (t, s) on the surface."""
        return closed(self.at(list(places)))

    def stripe(self, t: float, start: float, end: float, width: float, bow: float = 0.0) -> Points:
        """Return a stripe across the tube at `t`, from side to side, tapered, its middle bowed along the spine."""
        across = np.linspace(start, end, 7)
        half = 0.5 * width * np.sqrt(np.linspace(1.05, 0.05, 7))
        middle = t + bow * (1.0 - across**2)
        there, back = np.column_stack([middle - half, across]), np.column_stack([middle + half, across])
        return self.at(np.concatenate([there, back[::-1]]))

    def ring(self, t: float, width: float) -> Points:
        """Return a band all across the tube at `t`."""
        across = np.array([-1.2, -0.5, 0.5, 1.2])
        middle = t + 0.02 * (1.0 - across**2)
        there, back = np.column_stack([middle - width / 2, across]), np.column_stack([middle + width / 2, across])
        return self.at(np.concatenate([there, back[::-1]]))

    def end_from(self, t: float) -> Points:
        """Return all of the tube from `t` on, its round end included."""
        start, end = (
            self.at([(t, -1.4), ((t + 1) / 2, -1.4), (1.0, -1.6)]),
            self.at([(1.0, 1.6), ((t + 1) / 2, 1.4), (t, 1.4)]),
        )
        beyond = self.spine[-1] - self.spine[-2]
        beyond *= 1.5 * self.radius[-1] / (np.linalg.norm(beyond) + 1e-9)
        start[2] += beyond
        end[0] += beyond
        return np.concatenate([start, end])

    @property
    def outline(self) -> Points:
        """The silhouette, with round ends."""
        left, right = self.spine - self.normal * self.radius[:, None], self.spine + self.normal * self.radius[:, None]
        return np.concatenate([left, self._cap(-1, 1.0), right[::-1], self._cap(0, -1.0)])

    def _cap(self, end: int, forward: float) -> Points:
        normal = self.normal[end]
        along = np.array([normal[1], -normal[0]]) * forward
        turn = np.linspace(-np.pi / 2, np.pi / 2, 9)[1:-1, None]
        rim = np.cos(turn) * along + np.sin(turn) * normal * forward
        return np.asarray(self.spine[end] + self.radius[end] * rim)


def moved(points: Points, right: float, down: float) -> Points:
    """Return points somewhere else."""
    return np.asarray(points + np.array([right, down]))


def turned(points: Points, angle: float) -> Points:
    """Return points turned clockwise round (0, 0), by radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]))


def curve(knots: Points) -> Points:
    """Return the smooth open curve (Catmull-Rom) through knots of any dimension."""
    padded = np.concatenate([[2 * knots[0] - knots[1]], knots, [2 * knots[-1] - knots[-2]]])
    return np.concatenate([_segments(padded), knots[-1:]])


def closed(knots: Points) -> Points:
    """Return the smooth closed curve (Catmull-Rom) through knots."""
    return _segments(np.concatenate([knots[-1:], knots, knots[:2]]))


def _segments(knots: Points) -> Points:
    u = np.linspace(0, 1, STEPS, endpoint=False)[None, :, None]
    before, start, end, after = (knots[i : len(knots) - 3 + i][:, None, :] for i in range(4))
    points = 0.5 * (
        2 * start
        + (end - before) * u
        + (2 * before - 5 * start + 4 * end - after) * u**2
        + (3 * start - before - 3 * end + after) * u**3
    )
    return np.asarray(points.reshape(-1, knots.shape[1]))


def ellipse(x: float, y: float, across: float, down: float, tilt: float = 0.0) -> Points:
    """Return an ellipse of these half axes."""
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return moved(turned(np.column_stack([across * np.cos(turn), down * np.sin(turn)]), tilt), x, y)


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """Return the four corners of a rectangle."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=float)


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Points:
    """Return a rectangle with round corners."""
    radius = min(radius, (right - left) / 2, (bottom - top) / 2)
    turn = np.linspace(0, np.pi / 2, 6)
    arc = np.column_stack([np.cos(turn), np.sin(turn)]) * radius
    centres = [
        (right - radius, bottom - radius),
        (left + radius, bottom - radius),
        (left + radius, top + radius),
        (right - radius, top + radius),
    ]
    quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
    return np.concatenate([arc @ np.linalg.matrix_power(quarter, k) + centre for k, centre in enumerate(centres)])


def strand(
    start: Points, bend: Points, end: Points, width: float, *, pointed: Literal["end", "none"] = "end"
) -> Points:
    """Return a thin bent strand, such as a whisker or a blade of grass, as an outline."""
    u = np.linspace(0, 1, 9)[:, None]
    line = (1 - u) ** 2 * start + 2 * u * (1 - u) * bend + u**2 * end
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    half = 0.5 * width * ((1 - u) if pointed == "end" else np.ones_like(u))
    side = np.column_stack([-along[:, 1], along[:, 0]]) * half
    return np.concatenate([line + side, (line - side)[::-1]])
