"""The main job: split, features, study, refit, one look at the test photos, registration."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from catml import check, config, earlier, pipeline, screen, tracking
from catml.assessment import Assessment, assess, together
from catml.augmentation import gains
from catml.champion import Champion
from catml.conclusion import Result, conclude
from catml.evaluation.intervals import cross_validation_se
from catml.learning import Wanted, learn
from catml.photos.scan import photos_hash
from catml.photos.split import TEST, remember, split_hash
from catml.pipeline import Found
from catml.preparation import Data, Prepared, load, prepare
from catml.report.page import render
from catml.sources import Source
from catml.study.sweep import Sweep, Trial

# Rough, for the estimate on the screen: loading TensorFlow and the networks, and one head on one fold of a few hundred
# photos.
START_SECONDS, FIT_SECONDS, FIT_PHOTOS = 15.0, 0.02, 400


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
        pipeline.extract(prepared.found, prepared.tested)
        data = load(prepared.found, prepared.splits)
        sweep(prepared, prepared.sweep(data.material), trials, None, {})
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
    trials, name = values["trials"], pipeline.name_of(prepared.found.checked)
    with tracking.parent_run(f"{name} {trials} trials") as run:
        if study_store.run:
            run.end_killed(study_store.run)
        run.note(study_store.note_run)
        tags = {"photos": name, "photos_hash": photos_hash(found.table), "split_hash": split_hash(splits)}
        run.log(
            params={name: config.as_text(value) for name, value in {**values, "repeats": prepared.repeats}.items()},
            tags=tags | prepared.test_tags | {"weights": _weights_tag(found.sources)},
        )
        log_photos(run, found, splits)
        if prepared.sides:
            remember(splits, prepared.sides)
        pipeline.extract(found, prepared.tested)
        colours, data = pipeline.colours(found), load(found, splits)
        study = prepared.sweep(data.material)
        swept = sweep(prepared, study, trials, run, tags)
        wanted = Wanted(values["average"], values["precision"], found.costs)
        learnt = learn(swept, study, splits["group"].tolist(), wanted)
        run.log(*logged(learnt.champion, study.test_share, prepared.seed))
        pays = gains(swept, study.test_share)
        if pays:
            run.log(metrics={"views_gain": pays[0].log_loss, "views_gain_se": pays[0].se, "views_gain_p": pays[0].p})
        run.log_text(leaderboard(swept).to_csv(index=False), "leaderboard.csv")
        run.deliver()  # a look that can't be counted must not be taken
        if prepared.is_nested:
            assessed = nested(prepared, data, colours, trials, wanted)
        else:
            assessed = assess(learnt, data, colours, prepared.seed)
        result = conclude(run, prepared, data, swept, learnt, assessed, values)
        page, figures = render(prepared, data, result, values)
        run.log_text(page, "report.html")
        for file, picture in figures.items():
            run.log_bytes(picture, f"figures/{file}")
        run.deliver()
        study_store.finish(_asked(values))
        mixed = earlier.other_photos(run.id, tags["photos_hash"])
    if mixed:
        screen.say(
            f"note       the same experiment has runs on other photos ({', '.join(mixed)}), which can't be compared "
            f"with this one: filter by tags.photos_hash = '{tags['photos_hash']}'"
        )
    return result


def nested(prepared: Prepared, data: Data, colours: NDArray[np.float32], trials: int, wanted: Wanted) -> Assessment:
    """Test by nested cross-validation: for each fold, a study of its own on the photos of the others.

    What is estimated is the accuracy of the whole procedure, search and choice included, on a few photos less
    (Varma & Simon 2006; Cawley & Talbot 2010, section 5).
    """
    rounds = []
    for number, fold in enumerate(prepared.folds, 1):
        one = prepared.keeping_back(fold)
        split = data.split_by(one.splits)
        study = one.sweep(split.material)
        with tqdm(total=study.size(trials), desc=f"testing, {number} of {len(prepared.folds)}", unit="head") as bar:
            swept = study.run(trials, lambda _, bar=bar: bar.update(), told=())  # type: ignore[misc]
        learnt = learn(swept, study, one.splits["group"].tolist(), wanted)
        rounds.append(assess(learnt, split, colours, prepared.seed))
    return together(rounds)


def _asked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a study is finished for: with another wish, it is not finished yet."""
    wishes = ("trials", "average", "precision", "other", "min_accuracy", "register_as", "small_pictures")
    return {name: values[name] for name in wishes}


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
    splits, folds, repeats = prepared.splits, len(prepared.folds), prepared.repeats
    test, fits = int(splits["split"].eq(TEST).sum()), trials * folds * repeats
    fits *= 1 + folds if prepared.is_nested else 1
    rows = len(splits) * float(np.mean([1 + views for views in prepared.space.view_counts]))
    seconds = (
        START_SECONDS
        + pipeline.announce(prepared.found, prepared.tested)
        + fits * FIT_SECONDS * max(1, rows / FIT_PHOTOS) ** 1.5
    )
    often = "" if repeats == 1 else f", {repeats} times over"
    kept = f"{test} kept back for one test" if test else "each is tested by a study on the other folds"
    screen.say(f"split      {len(splits) - test} to learn from, in {folds} folds{often}; {kept}")
    screen.say(f"study      {trials} trials; all in all about {screen.duration(seconds)}\n")


def sweep(
    prepared: Prepared, study: Sweep, trials: int, run: tracking.Run | None, tags: Mapping[str, str]
) -> list[Trial]:
    """Run the study, or what is left of it, and log every trial as a child run where there is a run."""
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
                params, metrics = logged(trial, study.test_share, prepared.seed)
                own = {"trial": str(trial.number), **tags}
                run.log_child(trial.name, params, metrics | {"seconds": trial.seconds}, own, trial.seconds)
            bar.update()

        for trial in done:
            log(trial)
        return study.run(trials, log, told=[trial.number for trial in done])


def logged(scored: Trial | Champion, test_share: float, seed: int) -> tuple[dict[str, object], dict[str, float]]:
    """Return params, and metrics: means over all folds, with their standard errors.

    Args:
        scored: a head, or the champion.
        test_share: photos in a validation fold, over photos in its training side.
        seed: of the study.
    """
    params = scored.params if isinstance(scored, Champion) else {"backbone": scored.backbone, **scored.spec.params()}
    metrics = {
        "val_accuracy": float(np.mean(scored.accuracies)),
        "val_accuracy_se": cross_validation_se(scored.accuracies, test_share),
        "val_log_loss": float(np.mean(scored.log_losses)),
        "val_log_loss_se": cross_validation_se(scored.log_losses, test_share),
    }
    return params | {"seed": seed}, metrics


def leaderboard(trials: Sequence[Trial]) -> pd.DataFrame:
    """Return one row a trial, the best first."""
    rows = [
        {"trial": t.number, "backbone": t.backbone}
        | t.spec.params()
        | {"val_log_loss": t.log_loss, "val_accuracy": t.accuracy}
        for t in sorted(trials, key=lambda trial: trial.log_loss)
    ]
    return pd.DataFrame(rows)


def _weights_tag(sources: Sequence[Source]) -> str:
    return json.dumps({s.backbone.name: s.weights.origin for s in sources})
