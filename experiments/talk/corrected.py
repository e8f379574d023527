"""The talk's heads as catml makes them, on the talk's own splits."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catml.heads.fit import cross_validate, fit_head, make_folds, with_views
from catml.heads.spec import HeadSpec, Layer, respond
from catml.study.space import FIRST_L2, Space
from experiments.talk.published import HEADS, Head, Rows

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Corrected:
    """A head without the talk's mistakes.

    Attributes:
        spec: what it is, with the number of epochs that is best for the five splits together.
        accuracy: on each split's validation photos, mean over the seeds, shape (splits,).
        layers: refitted on all photos but the test's, for raw features.
    """

    spec: HeadSpec
    accuracy: NDArray[np.float64]
    layers: list[Layer]

    def right(self, features: Floats, labels: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Tell which photos come out right, shape (n,)."""
        return respond(self.layers, features).argmax(axis=1) == labels


def spec(head: Head, views: int = 0) -> HeadSpec:
    """Return the talk's head with settings that were chosen for other photos: those of a study's first trial.

    That trial is linear and has no learning rate; with a hidden layer, it is the middle of the study's range, on its
    own scale.
    """
    space = Space()
    scaling = space.first("")["scaling"]
    if not head.hidden:
        return HeadSpec((), scaling, FIRST_L2, views=views)
    rates = space.learning_rate
    middle = math.sqrt(rates.low * rates.high)  # type: ignore[union-attr]
    return HeadSpec(head.hidden, scaling, FIRST_L2, head.dropout, middle, space.epochs[0], views)  # type: ignore[index]


def heads(
    features: Floats,
    labels: NDArray[np.integer],
    learn: Rows,
    splits: Sequence[tuple[Rows, Rows]],
    seeds: Sequence[int],
    done: Callable[[], object] = lambda: None,
    of: Sequence[Head] = HEADS,
    views: int = 0,
) -> dict[int, Corrected]:
    """Score heads on the five splits and refit each on all photos but the test's; by number.

    Args:
        features: of all photos, shape (n, d); of their augmented views behind them, shape (n (1 + views), d).
        labels: class numbers, shape (n,).
        learn: rows of all photos but the test's.
        splits: (training rows, validation rows) of each split.
        seeds: a head with a hidden layer is trained once with each, and refitted with the first.
        done: called after each head.
        of: the heads; those that were tried on each backbone unless others are given.
        views: how many augmented views of each photo to learn from.
    """
    found = {}
    folds = make_folds(features, labels, splits, spec(of[0]).scaling, views=views)
    taken, classes = with_views(learn, len(labels), views), int(labels.max()) + 1
    for head in of:
        own = spec(head, views)
        scores = [cross_validate(folds, own, classes, seed) for seed in (seeds if head.hidden else seeds[:1])]
        layers = fit_head(features[taken], np.tile(labels, 1 + views)[taken], scores[0].spec, classes, seeds[0])
        found[head.number] = Corrected(scores[0].spec, np.mean([score.accuracy for score in scores], axis=0), layers)
        done()
    return found
