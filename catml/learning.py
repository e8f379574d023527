"""What is learnt from a study: the champion, refitted and calibrated, when it is unsure, and what looks familiar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catml.champion import Champion, answers, choose, cooled, refit, said
from catml.evaluation.calibration import Threshold, fit_temperature, fit_threshold, tempered
from catml.evaluation.familiarity import Familiar, fit_familiar
from catml.evaluation.intervals import cross_validation_se
from catml.network import Head
from catml.study.sweep import Sweep, Trial


@dataclass(frozen=True)
class Wanted:
    """What a classifier is to be like.

    Attributes:
        average: how many heads at most to average.
        precision: share of right ones wanted among its answers.
        costs: seconds a photo takes, by backbone.
    """

    average: int
    precision: float
    costs: Mapping[str, float]


@dataclass(frozen=True)
class Learnt:
    """A classifier on features, learnt from the photos in the folds of a study and from no others.

    Attributes:
        champion: the heads that were chosen.
        validated: what cross-validation says their accuracy is at least: the mean over the folds less twice its error.
        heads: refitted on all those photos, calibrated.
        temperature: what their logits were divided by.
        threshold: from which probability on a photo is answered.
        familiar: what familiar photos look like.
        rows: the photos learnt from.
        held_out: calibrated probabilities of those photos, each from heads that had not learnt from it, mean over the
            repeats; shape (rows, classes).
    """

    champion: Champion
    validated: float
    heads: tuple[Head, ...]
    temperature: float
    threshold: Threshold
    familiar: Familiar
    rows: NDArray[np.intp]
    held_out: NDArray[np.float64]

    def answer(self, features: Mapping[str, NDArray[np.float32]]) -> "Answers":
        """Answer photos by their features, matrices (n, width) by backbone."""
        probabilities = answers(self.heads, features)
        similar = self.familiar.of(joined(self.heads, features))
        return Answers(
            probabilities,
            similar,
            (probabilities.max(axis=1) >= self.threshold.probability) & (similar >= self.familiar.least),
        )


@dataclass(frozen=True)
class Answers:
    """What is said of n photos: probabilities (n, classes), similarity to known ones (n,), whether it is sure (n,)."""

    probabilities: NDArray[np.float64]
    similar: NDArray[np.float32]
    sure: NDArray[np.bool_]


def learn(trials: Sequence[Trial], sweep: Sweep, groups: Sequence[object], wanted: Wanted) -> Learnt:
    """Choose the champion of a completed study, calibrate it, refit it on all photos in the study's folds.

    Args:
        trials: all of the study.
        sweep: the study.
        groups: of all photos, test photos too, in the order of the material's rows.
        wanted: what the classifier is to be like.
    """
    material = sweep.material
    champion = choose(trials, sweep, wanted.average, wanted.costs)
    given = [np.concatenate(said(trial, sweep)) for trial in champion.heads]
    places = np.concatenate([validation for _, validation in material.folds])
    rows = np.unique(places)
    own_groups = np.asarray(groups, dtype=object)[rows].tolist()
    temperature = fit_temperature(given, material.labels[places])
    calm = tempered(given, temperature)
    threshold = fit_threshold(calm, material.labels[places], len(set(own_groups)), wanted.precision)
    held_out = np.zeros((len(rows), material.classes))
    np.add.at(held_out, np.searchsorted(rows, places), calm)
    learnt_from = np.isin(np.arange(len(material.labels)), rows)
    heads = tuple(cooled(head, temperature) for head in refit(champion, material, learnt_from, sweep.seed))
    known = joined(heads, material.features)[rows]
    widths = [
        width
        for head in dict.fromkeys("+".join(head.backbones) for head in heads)
        for width in material.blocks.get(head, (material.features[head].shape[1],))
    ]
    familiar = fit_familiar(known, own_groups, widths)
    validated = float(np.mean(champion.accuracies)) - 2 * cross_validation_se(champion.accuracies, sweep.test_share)
    held_out /= held_out.sum(axis=1, keepdims=True)
    return Learnt(champion, validated, heads, temperature, threshold, familiar, rows, held_out)


def joined(heads: Sequence[Head], features: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the features that heads look at, side by side, each set once."""
    sets = dict.fromkeys("+".join(head.backbones) for head in heads)
    return np.hstack([features[name] for name in sets])
