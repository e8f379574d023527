"""Which heads are tried."""

from collections.abc import Sequence
from typing import Any

import optuna

from catml.heads.spec import SCALINGS, HeadSpec

HIDDEN = ("0", "16", "64", "256", "40-20")  # "0" is the linear head; "40-20" the talk's deepest
MAX_EPOCHS = 60
DROPOUT = (0.0, 0.25, 0.5)
# The plain linear head every study begins with, on each backbone: as good as most on a few hundred photos.
FIRST_L2 = 0.1
LINEAR_L2 = (1e-4, 10.0)
HIDDEN_L2 = (1e-5, 1e-1)
LEARNING_RATE = (3e-4, 1e-2)


def description() -> dict[str, Any]:
    """Return all of the above, for the study's key: another space is another study."""
    return {
        "hidden": HIDDEN,
        "scaling": SCALINGS,
        "max_epochs": MAX_EPOCHS,
        "dropout": DROPOUT,
        "first_l2": FIRST_L2,
        "linear_l2": LINEAR_L2,
        "hidden_l2": HIDDEN_L2,
        "learning_rate": LEARNING_RATE,
    }


def first_trial(backbone: str) -> dict[str, Any]:
    """Return the linear head on a backbone, as parameters for `enqueue_trial`."""
    return {"backbone": backbone, "hidden": "0", "scaling": SCALINGS[0], "linear_l2": FIRST_L2}


def suggest(trial: optuna.trial.BaseTrial, backbones: Sequence[str]) -> tuple[str, HeadSpec]:
    """Return the backbone and the head a trial is to try."""
    backbone = trial.suggest_categorical("backbone", list(backbones))
    shape = trial.suggest_categorical("hidden", list(HIDDEN))
    scaling = trial.suggest_categorical("scaling", list(SCALINGS))
    if shape == "0":
        return backbone, HeadSpec((), scaling, trial.suggest_float("linear_l2", *LINEAR_L2, log=True))
    return backbone, HeadSpec(
        tuple(int(width) for width in shape.split("-")),
        scaling,
        trial.suggest_float("hidden_l2", *HIDDEN_L2, log=True),
        trial.suggest_categorical("dropout", list(DROPOUT)),
        trial.suggest_float("learning_rate", *LEARNING_RATE, log=True),
        MAX_EPOCHS,
    )
