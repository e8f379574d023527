"""Which photos came out wrong, and which labels are hard to believe, as plain data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catml.assessment import Assessment
from catml.evaluation.metrics import Labels
from catml.learning import Learnt, joined
from catml.preparation import Data

NEAREST = 2  # photos of each of the two labels that are shown beside a suspicious one


@dataclass(frozen=True)
class Mistake:
    """A photo of the test that came out wrong.

    Attributes:
        row: which photo.
        label: its own class number.
        answer: the one it was taken for.
        probability: of the answer.
        own: probability of its own label.
        unsure: whether it was called unsure.
        alike: rows of the most similar photos learnt from.
    """

    row: int
    label: int
    answer: int
    probability: float
    own: float
    unsure: bool
    alike: tuple[int, ...]


@dataclass(frozen=True)
class Suspect:
    """A photo learnt from whose label is hard to believe.

    Attributes:
        row: which photo.
        label: the class number it was given.
        answer: the more probable one.
        probability: of the answer.
        own: probability of the label it was given.
        like_label: rows of the most similar photos of the label it was given.
        like_answer: rows of the most similar photos of the other one.
    """

    row: int
    label: int
    answer: int
    probability: float
    own: float
    like_label: tuple[int, ...] = ()
    like_answer: tuple[int, ...] = ()


def mistakes(assessed: Assessment) -> list[Mistake]:
    """Return the photos that came out wrong, the most confident mistake first."""
    given = assessed.answers.probabilities
    found = [
        Mistake(
            int(assessed.rows[place]),
            int(assessed.labels[place]),
            int(given[place].argmax()),
            float(given[place].max()),
            float(given[place, assessed.labels[place]]),
            bool(~assessed.sure[place]),
            tuple(assessed.alike[place].tolist()),
        )
        for place in np.flatnonzero(~assessed.right)
    ]
    return sorted(found, key=lambda one: (-one.probability, one.row))


def suspicious(rows: NDArray[np.intp], held_out: NDArray[np.floating], labels: Labels) -> list[Suspect]:
    """Return the photos learnt from that heads which had not learnt from them take for another label.

    The least probable label comes first. A given label with a low held-out probability is wrong more often than others
    (Northcutt et al. 2021, "Confident learning", section 3).

    Args:
        rows: the photos learnt from, shape (n,).
        held_out: what was said of them by heads that had not learnt from them, shape (n, classes).
        labels: class numbers of all photos.
    """
    given = labels[rows]
    own = held_out[np.arange(len(rows)), given]
    answers = held_out.argmax(axis=1)
    found = [
        Suspect(
            int(rows[place]), int(given[place]), int(answers[place]), float(held_out[place].max()), float(own[place])
        )
        for place in np.flatnonzero(answers != given)
    ]
    return sorted(found, key=lambda one: (one.own, one.row))


def with_nearest(suspects: list[Suspect], learnt: Learnt, data: Data) -> list[Suspect]:
    """Return the same with the most similar photos learnt from, of both labels, of other groups than its own."""
    if not suspects:
        return []
    material, kept = data.material, learnt.rows[learnt.familiar.rows]
    groups = data.splits["group"].to_numpy()
    similar = learnt.familiar.similarities(joined(learnt.heads, material.features)[[one.row for one in suspects]])

    def nearest(place: int, row: int, label: int) -> tuple[int, ...]:
        fitting = (material.labels[kept] == label) & (groups[kept] != groups[row])
        order = np.argsort(-np.where(fitting, similar[place], -np.inf), kind="stable")[: min(NEAREST, fitting.sum())]
        return tuple(kept[order].tolist())

    return [
        Suspect(
            one.row,
            one.label,
            one.answer,
            one.probability,
            one.own,
            nearest(place, one.row, one.label),
            nearest(place, one.row, one.answer),
        )
        for place, one in enumerate(suspects)
    ]
