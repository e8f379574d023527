"""The heads of a study in kinds, one a backbone and hidden shape, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from catml.champion import Champion, as_good
from catml.evaluation.intervals import cross_validation_se
from catml.study.sweep import Trial


@dataclass(frozen=True)
class Scored:
    """A head, or an average of heads, by cross-validation.

    Attributes:
        name: "trial 12", or what is averaged.
        log_loss: mean over the folds.
        accuracy: mean over the folds.
        log_loss_se: standard error (Nadeau & Bengio 2003).
        accuracy_se: likewise.
        as_good: whether it can't be told from the best.
        chosen: whether it is the champion, or a part of it.
    """

    name: str
    log_loss: float
    accuracy: float
    log_loss_se: float
    accuracy_se: float
    as_good: bool
    chosen: bool


@dataclass(frozen=True)
class Kind:
    """All heads of one shape on one backbone, the best first."""

    backbone: str
    shape: str
    heads: tuple[Scored, ...]

    @property
    def best(self) -> Scored:
        """The one with the lowest mean log loss."""
        return self.heads[0]


def kinds(trials: Sequence[Trial], champion: Champion, test_share: float) -> list[Kind]:
    """Return the heads of a study by kind: the backbone with the best head first, and in it the best kind.

    What is as good as the best is what `catml.champion.as_good` says, and the champion.

    Args:
        trials: all of the study.
        champion: what was chosen; where it averages heads, it is a kind of its own, and the first one.
        test_share: photos in a validation fold, over photos in its training side.
    """
    averaged = len(champion.heads) > 1
    everything: list[Trial | Champion] = [*trials, champion]
    lowest = min(everything, key=lambda one: float(np.mean(one.log_losses)))

    def scored(one: Trial | Champion, name: str, chosen: bool) -> Scored:
        return Scored(
            name,
            float(np.mean(one.log_losses)),
            float(np.mean(one.accuracies)),
            cross_validation_se(one.log_losses, test_share),
            cross_validation_se(one.accuracies, test_share),
            chosen or as_good(one.log_losses, lowest.log_losses, test_share),
            chosen,
        )

    found: dict[tuple[str, str], list[Scored]] = {}
    for trial in sorted(trials, key=lambda one: one.log_loss):
        chosen = trial in champion.heads
        kind = found.setdefault((trial.backbone, trial.spec.title), [])
        kind.append(scored(trial, f"trial {trial.number}", chosen))
    order = list(dict.fromkeys(backbone for backbone, _ in found))
    ranked = [Kind(backbone, shape, tuple(heads)) for backbone, shape in found for heads in [found[backbone, shape]]]
    ranked.sort(key=lambda kind: order.index(kind.backbone))
    if averaged:
        numbers = " + ".join(str(head.number) for head in champion.heads)
        own = scored(champion, f"trials {numbers}", True)
        ranked.insert(0, Kind("several heads", f"mean of {len(champion.heads)}", (own,)))
    return ranked
