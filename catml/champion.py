"""The champion: the simplest head, or average of heads, that cross-validation can't tell from the best; its refit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from catml.evaluation.intervals import cross_validation_se
from catml.evaluation.metrics import accuracy, log_loss
from catml.heads.fit import fit_head, out_of_fold, with_views
from catml.heads.spec import Layer
from catml.network import Head
from catml.study.sweep import Material, Sweep, Trial


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

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many heads there are, how many hidden units they have, and how many augmented views they learn from."""
        return (
            len(self.heads),
            sum(sum(head.spec.hidden) for head in self.heads),
            sum(head.spec.views for head in self.heads),
        )


def choose(trials: Sequence[Trial], sweep: Sweep, most: int, costs: Mapping[str, float]) -> Champion:
    """Return the simplest of the heads, and averages of heads, that are as good as the best.

    As good is what `as_good` says (the one-standard-error rule of Breiman et al. 1984, section 3.4.3, on pairs).
    Simpler is what has the cheaper backbones, then fewer heads, then fewer hidden units, then fewer augmented views to
    learn from; among equally simple ones the lowest log loss decides. What is beaten by something simpler is never
    chosen, however uncertain its own score.

    Args:
        trials: of the study.
        sweep: knows how to train them once more, for their probabilities.
        most: how many heads at most are averaged.
        costs: seconds a photo takes, of each backbone.
    """
    candidates = [Champion((trial,), trial.log_losses, trial.accuracies) for trial in trials]
    candidates += _averages(trials, sweep, most)
    winner = min(candidates, key=lambda champion: float(np.mean(champion.log_losses)))

    def simplicity(champion: Champion) -> tuple[float, int, int, int, float]:
        used = {name for head in champion.heads for name in head.backbone.split("+")}
        return (round(sum(costs[name] for name in used), 6), *champion.sizes, float(np.mean(champion.log_losses)))

    good = [one for one in candidates if as_good(one.log_losses, winner.log_losses, sweep.test_share)]
    chosen = min(good, key=simplicity)
    at_most = float(np.mean(chosen.log_losses))
    return min((one for one in candidates if float(np.mean(one.log_losses)) <= at_most), key=simplicity)


def as_good(log_losses: Sequence[float], lowest: Sequence[float], test_share: float) -> bool:
    """Tell whether a head can't be told from the best one.

    Its mean log loss is above the lowest one by no more than the standard error (Nadeau and Bengio's) of the
    difference, fold by fold.
    """
    behind = np.subtract(log_losses, lowest)
    return float(behind.mean()) <= cross_validation_se(behind.tolist(), test_share)


def _averages(trials: Sequence[Trial], sweep: Sweep, most: int) -> list[Champion]:
    """Return the averages of the best two heads, of the best three, and so on.

    Averaged are the best heads of different kind, by backbone and hidden layers: those that differ little from each
    other would not gain by it.
    """
    kinds: dict[tuple[str, tuple[int, ...]], Trial] = {}
    for trial in sorted(trials, key=lambda trial: trial.log_loss):
        kinds.setdefault((trial.backbone, trial.spec.hidden), trial)
    heads = list(kinds.values())[:most]
    if len(heads) < 2:
        return []
    given, answers = [said(head, sweep) for head in heads], sweep.validation_labels()
    found = []
    for count in range(2, len(heads) + 1):
        means = [np.mean(fold, axis=0) for fold in zip(*given[:count], strict=True)]
        losses = tuple(log_loss(mean, labels) for mean, labels in zip(means, answers, strict=True))
        right = tuple(accuracy(mean, labels) for mean, labels in zip(means, answers, strict=True))
        found.append(Champion(tuple(heads[:count]), losses, right))
    return found


def said(trial: Trial, sweep: Sweep) -> list[NDArray[np.float64]]:
    """Return what a head says of the validation photos of each fold."""
    folds = sweep.folds(trial.backbone, trial.spec.scaling, trial.spec.views)
    return out_of_fold(folds, trial.spec, sweep.classes, sweep.seed_of(trial))


def refit(champion: Champion, material: Material, rows: NDArray[np.bool_], seed: int) -> list[Head]:
    """Train the champion's heads on all photos in `rows`, and their augmented views where they have any."""
    heads = []
    for trial in champion.heads:
        taken = with_views(np.flatnonzero(rows), len(material.labels), trial.spec.views)
        table, labels = material.table(trial.backbone, trial.spec.views), np.tile(material.labels, 1 + trial.spec.views)
        blocks = material.blocks.get(trial.backbone, ())
        layers = fit_head(table[taken], labels[taken], trial.spec, material.classes, seed, blocks)
        heads.append(Head(tuple(trial.backbone.split("+")), layers, trial.spec))
    return heads


def cooled(head: Head, temperature: float) -> Head:
    """Return the head with its logits divided by the temperature, which goes into its last layer."""
    *first, last = head.layers
    scaled = Layer(
        (last.kernel / temperature).astype(last.kernel.dtype), (last.bias / temperature).astype(last.bias.dtype)
    )
    return replace(head, layers=[*first, scaled])


def answers(heads: Sequence[Head], features: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return the mean probabilities (n, labels) of heads on features (n, width) by the names of their backbones."""
    given = [head.probabilities(features["+".join(head.backbones)]) for head in heads]
    return np.asarray(np.mean(given, axis=0))


def _joined(values: Sequence[object]) -> object:
    return values[0] if len(values) == 1 else ", ".join(map(str, values))
