"""What the user reads when a study is done."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from catml import config, newcomers, screen
from catml.augmentation import gains
from catml.baselines import COLOURS
from catml.conclusion import Result
from catml.evaluation.calibration import takes
from catml.evaluation.paired import CHANCE
from catml.study.sweep import Trial

LEADERS = 3
ACTIVATE = ".venv/bin/activate"  # where `make setup` puts it


def show(result: Result, model: str, store: str) -> None:
    """Print the best heads of each backbone, the champion with its test, and how to look at it and use it."""
    screen.say("\nbest heads, by mean log loss over the folds\n" + leaders(result.trials))
    champion = result.learnt.champion
    heads = [f"trial {head.number}: {head.backbone}, {head.spec.title}" for head in champion.heads]
    best = min(result.trials, key=lambda trial: trial.log_loss)
    why = "" if best in champion.heads else f"; the simplest that can't be told from the best one, trial {best.number}"
    screen.say(f"\nchampion   {'; '.join(heads)}{' (averaged)' if len(heads) > 1 else ''}{why}")
    pays = gains(result.trials, result.test_share)
    if pays:
        screen.say(f"views      log loss of the best head {pays[0].said}; of the plain linear head {pays[1].said}")
    for heading, text in tested(result):
        screen.say(f"{heading:<10} {text}")
    screen.say(f"look       {how_to_look(store)}; the run's report.html shows the mistakes")
    if not result.verdict.passed:
        screen.say(f"not registered: {result.verdict.reason}")
    elif result.version is not None and result.place is not None:
        address = shlex.quote(f"models:/{model}@{result.alias}")
        option = "" if (model, result.alias) == (config.MODEL_NAME, config.CHAMPION) else f" --model {address}"
        screen.say(f"registered {model} version {result.version}, alias {result.alias}: {result.place.reason}")
        screen.say(f"use        catml predict PHOTO...{option}")


def tested(result: Result) -> Iterator[tuple[str, str]]:
    """Yield what came out of the test, a heading of one word and a sentence."""
    assessed, interval, learnt = result.assessed, result.assessed.interval, result.learnt
    count = len(assessed.rows)
    yield (
        "test",
        f"{assessed.right.sum()} of {count} right: {screen.percent(assessed.accuracy)}, 95 % interval "
        f"{screen.between(interval)}",
    )
    given = [
        f"{name} {screen.percent(float((said == assessed.labels).mean()))}" for name, said in assessed.baselines.items()
    ]
    shuffled = f"{screen.percent(float(assessed.shuffled.mean()))}, where chance is {screen.percent(assessed.chance)}"
    yield "baselines", f"{', '.join(given)}; with shuffled labels {shuffled}"
    colours = assessed.beside(COLOURS)
    if colours.ahead <= 0 or colours.p > CHANCE:
        yield (
            "note",
            f"colours alone are about as good (against them, {colours.said}): do background or light tell the labels "
            "apart?",
        )
    threshold, sure = learnt.threshold, int(assessed.sure.sum())
    claimed = f"{100 * threshold.precision:g} % precision"
    yield (
        "unsure",
        f"{count - sure} of {count}; of the {sure} answered, {assessed.answered_right} are right. "
        + (
            f"{claimed} is what the photos learnt from allow to claim"
            if threshold.claimed
            else f"{claimed} can't be claimed: it takes {takes(threshold.precision, 0)} answers without a mistake, "
            f"{takes(threshold.precision, 1)} with one, on photos not learnt from"
        ),
    )
    if result.newcomers:
        yield from newcomers.said(result.newcomers[0])
    if result.strangers is not None:
        other = result.strangers
        yield "other", f"{len(other.table) - other.answered} of {len(other.table)} photos of something else are unsure"


def leaders(trials: list[Trial]) -> str:
    """Return the table of the best heads of each backbone."""
    views = any(trial.spec.views for trial in trials)
    head = ["backbone", "hidden", "scaling", *(["views"] if views else []), "dropout", "l2"]
    head += ["val log loss", "val accuracy", "trial"]
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
                    *([str(trial.spec.views)] if views else []),
                    str(params.get("dropout", "")),
                    f"{trial.spec.l2:.2g}",
                    f"{trial.log_loss:.4f}",
                    screen.percent(trial.accuracy),
                    str(trial.number),
                ]
            )
    return screen.table(head, rows, right=head[3:])


def how_to_look(store: str) -> str:
    """Return the command, or the address, that shows the runs."""
    if store.startswith("http"):
        return store
    default = f"sqlite:///{Path.cwd() / 'mlflow.db'}"
    known = unquote(store) in (default, "sqlite:///mlflow.db")
    first = "" if not Path(ACTIVATE).exists() else f"   (first: . {ACTIVATE})"
    return ("mlflow ui" if known else f"mlflow ui --backend-store-uri {shlex.quote(store)}") + first
