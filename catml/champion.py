"""The champion: the head, or the average of heads, that cross-validation finds best, and its refit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catml.evaluation.metrics import accuracy, log_loss
from catml.heads.fit import fit_head, out_of_fold
from catml.network import Head
from catml.study.sweep import Material, Sweep, Trial, best


@dataclass(frozen=True)
class Champion:
    """One head, or several whose probabilities are averaged, and how they scored on each fold."""

    heads: tuple[Trial, ...]
    log_losses: tuple[float, ...]
    accuracies: tuple[float, ...]

    @property
    def backbone(self) -> str:
        """Where the features come from; of each head, where there are several."""
        return ", ".join(dict.fromkeys(head.backbone for head in self.heads))

    @property
    def params(self) -> dict[str, object]:
        """The settings of the head; where there are several, those of each, in turn."""
        each: list[dict[str, object]] = [{"backbone": head.backbone, **head.spec.params()} for head in self.heads]
        names = dict.fromkeys(name for params in each for name in params)
        return {name: _joined([params.get(name, "") for params in each]) for name in names}


def choose(trials: Sequence[Trial], sweep: Sweep, most: int) -> Champion:
    """Return the best head; or the average of the best ones, where that has a lower mean log loss over the folds.

    Averaged are the best heads of different kind, by backbone and hidden layers: those that differ little from each
    other would not gain by it.

    Args:
        trials: of the study.
        sweep: knows how to train them once more, for their probabilities.
        most: how many heads at most.
    """
    winner = best(trials)
    champion = Champion((winner,), winner.log_losses, winner.accuracies)
    kinds: dict[tuple[str, tuple[int, ...]], Trial] = {}
    for trial in sorted(trials, key=lambda trial: trial.log_loss):
        kinds.setdefault((trial.backbone, trial.spec.hidden), trial)
    candidates = list(kinds.values())[:most]
    if len(candidates) < 2:
        return champion
    given = [
        out_of_fold(sweep.folds(t.backbone, t.spec.scaling), t.spec, sweep.classes, sweep.seed_of(t))
        for t in candidates
    ]
    answers = sweep.validation_labels()
    for count in range(2, len(candidates) + 1):
        means = [
            np.mean([probabilities[fold] for probabilities in given[:count]], axis=0) for fold in range(len(answers))
        ]
        losses = tuple(log_loss(mean, labels) for mean, labels in zip(means, answers, strict=True))
        if np.mean(losses) < np.mean(champion.log_losses):
            right = tuple(accuracy(mean, labels) for mean, labels in zip(means, answers, strict=True))
            champion = Champion(tuple(candidates[:count]), losses, right)
    return champion


def refit(champion: Champion, material: Material, rows: NDArray[np.bool_], seed: int) -> list[Head]:
    """Train the champion's heads on all photos in `rows`."""
    return [
        Head(
            tuple(trial.backbone.split("+")),
            fit_head(
                material.features[trial.backbone][rows],
                material.labels[rows],
                trial.spec,
                material.classes,
                seed,
                material.blocks.get(trial.backbone, ()),
            ),
            trial.spec,
        )
        for trial in champion.heads
    ]


def _joined(values: Sequence[object]) -> object:
    return values[0] if len(values) == 1 else ", ".join(map(str, values))
