"""What to try next: all heads of a small space, or what TPE makes of the heads tried so far.

Heads are proposed in rounds. What a round proposes depends on the seed and on the completed rounds before it, on
nothing else: so a study comes to the same result whether it ran through or was stopped, in one process or in several.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import create_trial

from catml.study.space import Params, Space

ROUND = 20  # heads proposed at once; drawn at random until TPE has so many to model


def grid(space: Space, backbones: Sequence[str], trials: int) -> list[dict[str, Any]] | None:
    """Return every head of a space that has no more than `trials` of them, in the order of trying; else None.

    The plain linear heads come first, whether or not they are among them.
    """
    cells = space.cells(backbones)
    if cells is None:
        return None
    first = space.firsts(backbones)
    cells = first + [cell for cell in cells if cell not in first]
    return cells if len(cells) <= trials else None


def propose(
    space: Space, backbones: Sequence[str], seed: int, number: int, done: Sequence[tuple[Params, float]]
) -> list[dict[str, Any]]:
    """Return the heads of the round whose first trial is `number`.

    Args:
        space: what to choose from.
        backbones: names of those there are features of.
        seed: of the study.
        number: a multiple of `ROUND`.
        done: parameters and score of the trials 0 to `number` - 1, in order; the lower a score, the better.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # Trials of one round don't know each other's scores; `constant_liar` keeps them apart all the same.
        sampler = optuna.samplers.TPESampler(
            seed=int(np.random.SeedSequence([seed, number]).generate_state(1)[0]),
            n_startup_trials=ROUND,
            constant_liar=True,
        )
    study = optuna.create_study(sampler=sampler)
    for params, value in done:
        if params["hidden"] not in space.shapes:
            continue  # the linear head that every study begins with, where the user wants none
        distributions = space.distributions(params, backbones)
        study.add_trial(create_trial(params=dict(params), distributions=distributions, value=value))
    found: list[dict[str, Any]] = []
    first = space.firsts(backbones)
    for each in range(number, number + ROUND):
        if each < len(first):
            found.append(first[each])
        else:
            found.append(space.suggest(study.ask(), backbones))
    return found


def same_as(params: Params, earlier: Mapping[int, Params]) -> int | None:
    """Return the number of the first earlier trial of the same head; None for a new one."""
    return next((number for number in sorted(earlier) if dict(earlier[number]) == dict(params)), None)
