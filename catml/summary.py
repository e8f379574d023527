"""What the user reads when a study is done."""

import shlex
from pathlib import Path
from urllib.parse import unquote

from catml import config, screen
from catml.study.sweep import Trial
from catml.train import Result

LEADERS = 3
ACTIVATE = ".venv/bin/activate"  # where `make setup` puts it


def show(result: Result, model: str, store: str) -> None:
    """Print the best heads of each backbone, the champion with its test, and how to look at it and use it."""
    screen.say("\nbest heads, by mean log loss over the folds\n" + leaders(result.trials))
    interval, champion = result.test_interval, result.champion
    heads = [f"trial {head.number}: {head.backbone}, {_head(head)}" for head in champion.heads]
    screen.say(f"\nchampion   {'; '.join(heads)}{' (averaged)' if len(heads) > 1 else ''}")
    screen.say(
        f"test       {result.test_right} of {result.test_photos} right: {screen.percent(result.test_accuracy)}, "
        f"95 % interval {screen.percent(interval.low)} to {screen.percent(interval.high)}"
    )
    first = "" if not Path(ACTIVATE).exists() else f"   (first: . {ACTIVATE})"
    screen.say(f"look       {_ui(store)}{first}")
    if result.version is not None:
        address = shlex.quote(f"models:/{model}@{config.CHAMPION}")
        option = "" if model == config.MODEL_NAME else f" --model {address}"
        screen.say(f"registered {model} version {result.version}, alias {config.CHAMPION}")
        screen.say(f"use        catml predict PHOTO...{option}")


def leaders(trials: list[Trial]) -> str:
    """Return the table of the best heads of each backbone."""
    head = ["backbone", "hidden", "scaling", "dropout", "l2", "val log loss", "val accuracy", "trial"]
    rows = []
    ranked = sorted(trials, key=lambda trial: trial.log_loss)
    for backbone in dict.fromkeys(trial.backbone for trial in ranked):
        for trial in [trial for trial in ranked if trial.backbone == backbone][:LEADERS]:
            params = trial.spec.params()
            rows.append(
                [
                    backbone,
                    trial.spec.shape,
                    trial.spec.scaling,
                    str(params.get("dropout", "")),
                    f"{trial.spec.l2:.2g}",
                    f"{trial.log_loss:.4f}",
                    screen.percent(trial.accuracy),
                    str(trial.number),
                ]
            )
    return screen.table(head, rows, right=head[3:])


def _head(trial: Trial) -> str:
    return "linear head" if not trial.spec.hidden else f"hidden {trial.spec.shape}"


def _ui(store: str) -> str:
    if store.startswith("http"):
        return store
    default = f"sqlite:///{Path.cwd() / 'mlflow.db'}"
    known = unquote(store) in (default, "sqlite:///mlflow.db")
    return "mlflow ui" if known else f"mlflow ui --backend-store-uri {shlex.quote(store)}"
