"""The main job: split, features, study, refit, one look at the test photos, registration."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from catml import check, config, pipeline, screen, tracking
from catml.champion import Champion, choose, refit
from catml.classifier import Classifier, Description
from catml.evaluation.intervals import Interval, cross_validation_se, wilson
from catml.evaluation.metrics import log_loss
from catml.network import assemble, keras_head
from catml.photos.scan import photos_hash
from catml.photos.split import TEST, remember, split_hash
from catml.pipeline import Found, Source
from catml.preparation import Data, Prepared, load, prepare
from catml.registration import register
from catml.study.sweep import Trial

# Rough, for the estimate on the screen: loading TensorFlow and the networks, and one head on one fold of a few hundred
# photos.
START_SECONDS, FIT_SECONDS, FIT_PHOTOS = 15.0, 0.02, 400


@dataclass(frozen=True)
class Result:
    """What a study came to."""

    trials: list[Trial]
    champion: Champion
    test_right: int
    test_photos: int
    test_log_loss: float
    version: int | None

    @property
    def test_accuracy(self) -> float:
        """Share of the test photos the champion got right."""
        return self.test_right / self.test_photos

    @property
    def test_interval(self) -> Interval:
        """Wilson's 95 % interval of the test accuracy."""
        return wilson(self.test_right, self.test_photos)


def train(found: Found, values: Mapping[str, Any]) -> Result | None:
    """Do the main job on what was found, as one MLflow run with a child run for each trial.

    Where another process works on the same study, this one helps it, and leaves logging and the end to it.

    Args:
        found: checked photos and backbones.
        values: the command's parameters; all are logged.

    Returns:
        All trials, the champion and its test; None where another process finishes the study.
    """
    prepared = prepare(found, values)
    trials, study_store = values["trials"], prepared.store
    announce(prepared, trials)
    finished = study_store.finished
    if not study_store.lead():
        screen.say(f"study      another process leads {study_store.place}; this one helps it")
        pipeline.extract(prepared.found)
        sweep(prepared, load(prepared.found, prepared.splits), trials, None)
        if not study_store.lead():
            screen.say("study      complete; the process that leads it tests and registers")
            return None
        if study_store.finished != finished and study_store.asked == _asked(values):
            screen.say("study      complete; the process that led it has tested and registered")
            study_store.follow()
            return None
    try:
        return lead(prepared, values)
    finally:
        study_store.follow()


def lead(prepared: Prepared, values: Mapping[str, Any]) -> Result:
    """Work on the study, log it, and finish it: refit, one look at the test photos, registration."""
    found, splits, study_store = prepared.found, prepared.splits, prepared.store
    trials, seed = values["trials"], values["seed"]
    with tracking.parent_run(f"{pipeline.name_of(found.checked)} {trials} trials") as run:
        if study_store.run:
            run.end_killed(study_store.run)
        run.note(study_store.note_run)
        tags = {"split_hash": split_hash(splits), "photos_hash": photos_hash(found.table)}
        run.log(
            params={name: _as_given(value) for name, value in {**values, "repeats": prepared.repeats}.items()},
            tags=tags | {"weights": _weights_tag(found.sources)},
        )
        log_photos(run, found, splits)
        if prepared.sides:
            remember(splits, prepared.sides)
        pipeline.extract(found)
        data = load(found, splits)
        swept = sweep(prepared, data, trials, run)
        champion = choose(swept, prepared.sweep(data.material), values["average"])
        numbers = ", ".join(str(trial.number) for trial in champion.heads)
        scores = validation_metrics(champion, prepared.folds)
        run.log(champion.params | {"seed": seed}, scores, {"champion_trial": numbers})
        result = finish(run, prepared, data, swept, champion, values)
        run.log_text(leaderboard(swept).to_csv(index=False), "leaderboard.csv")
        run.deliver()
        study_store.finish(_asked(values))
    return result


def _asked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a study is finished for: with another wish, it is not finished yet."""
    return {name: values[name] for name in ("trials", "average", "register_as")}


def log_photos(run: tracking.Run, found: Found, splits: pd.DataFrame) -> None:
    """Log what the run has to work with: the data set as its input, the page of `catml check`, what was left out."""
    run.log_photos(splits, pipeline.name_of(found.checked), found.checked.listing.source)
    test, broken = int(splits["split"].eq(TEST).sum()), found.checked.broken
    run.log(metrics={"photos_learn": len(splits) - test, "photos_test": test, "photos_broken": len(broken)})
    run.log_text(check.as_page(found.checked, splits), "check.html")
    if len(broken):
        run.log_text(broken.to_csv(index=False), "broken.csv")


def announce(prepared: Prepared, trials: int) -> None:
    """Say what was found and how long it will take, before any work."""
    splits, folds, repeats = prepared.splits, prepared.folds, prepared.repeats
    test, fits = int(splits["split"].eq(TEST).sum()), trials * folds * repeats
    seconds = START_SECONDS + pipeline.announce(prepared.found) + fits * FIT_SECONDS * max(1, len(splits) / FIT_PHOTOS)
    often = "" if repeats == 1 else f", {repeats} times over"
    screen.say(f"split      {len(splits) - test} to learn from, in {folds} folds{often}; {test} kept back for one test")
    screen.say(f"study      {trials} trials; all in all about {screen.duration(seconds)}\n")


def sweep(prepared: Prepared, data: Data, trials: int, run: tracking.Run | None) -> list[Trial]:
    """Run the study, or what is left of it, and log every trial as a child run where there is a run."""
    study = prepared.sweep(data.material)
    size = study.size(trials)
    if size < trials:
        screen.say(f"study      the space has {size} heads: all of them are tried")
    done = [trial for trial in study.done() if trial.number < size]
    if done:
        screen.say(f"study      {len(done)} of {size} trials are at hand in {prepared.store.place}")
    untried = study.backbones[size:]
    if untried:
        screen.say(f"note       too few trials to try {', '.join(untried)}")
    with tqdm(total=size, desc="trying heads", unit="head") as bar:

        def log(trial: Trial) -> None:
            if run is not None:
                metrics = validation_metrics(trial, prepared.folds) | {"seconds": trial.seconds}
                run.log_trial(trial, trial_params(trial, prepared.seed), metrics)
            bar.update()

        for trial in done:
            log(trial)
        return study.run(trials, log, told=[trial.number for trial in done])


def trial_params(trial: Trial, seed: int) -> dict[str, object]:
    """Return what a trial's run is told by."""
    return {"backbone": trial.backbone, **trial.spec.params(), "seed": seed}


def validation_metrics(scored: Trial | Champion, folds: int) -> dict[str, float]:
    """Return means over all folds with their standard errors; `folds` are those of one repeat."""
    test_share = 1 / (folds - 1)
    return {
        "val_accuracy": float(np.mean(scored.accuracies)),
        "val_accuracy_se": cross_validation_se(scored.accuracies, test_share),
        "val_log_loss": float(np.mean(scored.log_losses)),
        "val_log_loss_se": cross_validation_se(scored.log_losses, test_share),
    }


def finish(
    run: tracking.Run,
    prepared: Prepared,
    data: Data,
    trials: list[Trial],
    champion: Champion,
    values: Mapping[str, Any],
) -> Result:
    """Refit the champion on all photos but the test's, look at those once, and register the classifier."""
    run.deliver()  # a look that can't be counted must not be taken
    test, material = data.is_test, data.material
    heads = refit(champion, material, ~test, prepared.seed)
    answers = material.labels[test]
    given = [
        keras_head(head.layers, head.spec).predict_on_batch(material.features["+".join(head.backbones)][test])
        for head in heads
    ]
    probabilities = np.mean(given, axis=0)
    right = int((probabilities.argmax(axis=1) == answers).sum())
    result = Result(trials, champion, right, int(test.sum()), log_loss(probabilities, answers), None)
    metrics = {
        "test_accuracy": result.test_accuracy,
        "test_accuracy_low": result.test_interval.low,
        "test_accuracy_high": result.test_interval.high,
        "test_log_loss": result.test_log_loss,
    }
    looks = 1 + tracking.earlier_tests(split_hash(data.splits))
    run.log(metrics=metrics, tags={"test_evaluations": looks})
    if looks > 1:
        before = "once" if looks == 2 else f"{looks - 1} times"
        screen.say(f"note       these test photos were looked at {before} before: each look makes them less of a test")
    used = dict.fromkeys(name for head in heads for name in head.backbones)
    sources = {source.backbone.name: source for source in prepared.found.sources if source.backbone.name in used}
    random = [name for name, source in sources.items() if source.weights.is_random]
    if random:
        screen.say(f"not registered: {random[0]} has random weights, which are for tests only")
    if random or not values["register_as"]:
        return result
    network = assemble({name: source.load() for name, source in sources.items()}, heads, mirrored=values["mirrored"])
    description = Description(
        data.labels,
        tuple(sorted({source.backbone.input_size for source in sources.values()})),
        tuple("+".join(head.backbones) for head in heads),
        tuple(head.spec.params() for head in heads),
        values["mirrored"],
        {name: dict(source.fingerprint) for name, source in sources.items()},
        metrics,
    )
    tags = {"backbone": champion.backbone, "hidden": champion.params["hidden"]}
    with tempfile.TemporaryDirectory() as folder:
        Classifier(network, description).save(Path(folder) / "classifier")
        number = register(
            run.id,
            Path(folder) / "classifier",
            list(data.labels),
            values["register_as"],
            config.CHAMPION,
            tags | {name: f"{value:.4f}" for name, value in metrics.items()},
        )
    return replace(result, version=number)


def leaderboard(trials: Sequence[Trial]) -> pd.DataFrame:
    """Return one row a trial, the best first."""
    rows = [
        {"trial": t.number, "backbone": t.backbone}
        | t.spec.params()
        | {"val_log_loss": t.log_loss, "val_accuracy": t.accuracy}
        for t in sorted(trials, key=lambda trial: trial.log_loss)
    ]
    return pd.DataFrame(rows)


def _as_given(value: object) -> object:
    """Return a parameter's value as the user would write it."""
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def _weights_tag(sources: Sequence[Source]) -> str:
    return json.dumps({s.backbone.name: s.weights.origin for s in sources})
