"""The main job: split, features, study, refit, one look at the test photos, registration."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from catml import check, config, pipeline, screen, tracking
from catml.backbones.store import digest, tensorflow_build
from catml.classifier import Classifier, assemble, describe, keras_head
from catml.errors import InputError
from catml.evaluation.intervals import Interval, cross_validation_se, wilson
from catml.evaluation.metrics import log_loss
from catml.heads.fit import fit_head
from catml.heads.stack import HEADS_VERSION
from catml.photos.scan import photos_hash
from catml.photos.split import TEST, fold_indices, remember, split_hash
from catml.pipeline import Found, Source
from catml.study import space
from catml.study.sweep import Sweep, Trial, alone, best

# Rough, for the estimate on the screen: loading TensorFlow and the networks, and one trial on a few hundred photos.
START_SECONDS, TRIAL_SECONDS, TRIAL_PHOTOS = 20.0, 0.6, 400


@dataclass(frozen=True)
class Result:
    """What a study came to."""

    trials: list[Trial]
    champion: Trial
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


@dataclass(frozen=True)
class Data:
    """What the study works on: the split, class numbers, and each backbone's features, all in the same row order."""

    splits: pd.DataFrame
    labels: tuple[str, ...]
    numbers: NDArray[np.int64]
    features: dict[str, NDArray[np.float32]]

    @property
    def is_test(self) -> NDArray[np.bool_]:
        """True where a photo is kept back for the test."""
        return (self.splits["split"] == TEST).to_numpy()


def train(found: Found, values: Mapping[str, Any]) -> Result:
    """Do the main job on what was found, as one MLflow run with a child run for each trial.

    Args:
        found: checked photos and backbones.
        values: the command's parameters; all are logged.

    Returns:
        All trials, the champion and its test.
    """
    trials, seed = values["trials"], values["seed"]
    if values["cosine"]:
        found = replace(found, checked=pipeline.group_by_features(found.checked, values["cosine"]))
    splits, sides = pipeline.decide(found.checked, values["test_fraction"], seed)
    announce(found, splits, trials)
    journal = journal_of(splits, found.sources, seed)
    with alone(journal), tracking.parent_run(f"{pipeline.name_of(found.checked)} {trials} trials") as run:
        note = journal.with_suffix(".run")
        if note.exists():
            run.end_killed(note.read_text())
        note.write_text(run.id)
        tags = {"split_hash": split_hash(splits), "photos_hash": photos_hash(found.table)}
        run.log(
            params={name: _as_given(value) for name, value in values.items()},
            tags=tags | {"weights": _weights_tag(found.sources)},
        )
        log_photos(run, found, splits)
        if sides:
            remember(splits, sides)
        pipeline.extract(found)
        data = load_data(found, splits)
        swept = sweep(data, journal, trials, seed, run)
        champion = best(swept)
        run.log(trial_params(champion, seed), validation_metrics(champion), {"champion_trial": champion.number})
        result = finish(run, found, data, swept, champion, seed, values["register_as"])
        run.log_text(leaderboard(swept).to_csv(index=False), "leaderboard.csv")
    return result


def log_photos(run: tracking.Run, found: Found, splits: pd.DataFrame) -> None:
    """Log what the run has to work with: the data set as its input, the page of `catml check`, what was left out."""
    run.log_photos(splits, pipeline.name_of(found.checked), found.checked.listing.source)
    test, broken = int(splits["split"].eq(TEST).sum()), found.checked.broken
    run.log(metrics={"photos_learn": len(splits) - test, "photos_test": test, "photos_broken": len(broken)})
    run.log_text(check.as_page(found.checked, splits), "check.html")
    if len(broken):
        run.log_text(broken.to_csv(index=False), "broken.csv")


def announce(found: Found, splits: pd.DataFrame, trials: int) -> None:
    """Say what was found and how long it will take, before any work."""
    seconds = START_SECONDS + pipeline.announce(found) + trials * TRIAL_SECONDS * max(1, len(splits) / TRIAL_PHOTOS)
    test = int(splits["split"].eq(TEST).sum())
    folds = splits["split"].nunique() - 1
    screen.say(f"split      {len(splits) - test} to learn from, in {folds} folds; {test} kept back for one test")
    screen.say(f"study      {trials} trials; all in all about {screen.duration(seconds)}\n")


def load_data(found: Found, splits: pd.DataFrame) -> Data:
    """Read the features of all photos from the store."""
    labels = tuple(sorted(splits["label"].unique()))
    numbers = splits["label"].map({label: number for number, label in enumerate(labels)}).to_numpy(np.int64)
    keys = splits["pixels_sha256"].tolist()
    features = {s.backbone.name: s.store.read(keys) for s in found.sources}
    dead = [name for name, matrix in features.items() if np.ptp(matrix, axis=0).max() <= 1e-6 * np.abs(matrix).max()]
    if dead:
        raise InputError([f"{name}: gives equal features for all photos. Its weights are damaged." for name in dead])
    return Data(splits, labels, numbers, features)


def sweep(data: Data, journal: Path, trials: int, seed: int, run: tracking.Run) -> list[Trial]:
    """Run the study, or what is left of it, and log every trial as a child run."""
    study = Sweep(data.features, data.numbers, fold_indices(data.splits), seed, journal)
    done = study.done()[:trials]
    if done:
        screen.say(f"study      {len(done)} of {trials} trials are at hand in {journal}; delete it to begin anew")
    untried = study.backbones[trials:]
    if untried:
        screen.say(f"note       too few trials to try {', '.join(untried)}")
    with tqdm(total=trials, desc="trying heads", unit="head") as bar:

        def log(trial: Trial) -> None:
            run.log_trial(trial, trial_params(trial, seed), validation_metrics(trial) | {"seconds": trial.seconds})
            bar.update()

        for trial in done:
            log(trial)
        return study.run(trials, log)


def journal_of(splits: pd.DataFrame, sources: Sequence[Source], seed: int) -> Path:
    """Return a study's file, named by the digest of everything its results depend on but the number of trials."""
    depends_on = {
        "split": split_hash(splits),
        "features": [s.store.folder.name for s in sources],
        "seed": seed,
        "space": space.description(),
        "heads": HEADS_VERSION,
        "versions": [tensorflow_build(), *(version(p) for p in ("numpy", "optuna", "scikit-learn", "scipy"))],
    }
    return config.data_folder() / "studies" / f"{digest(depends_on)}.journal"


def trial_params(trial: Trial, seed: int) -> dict[str, object]:
    """Return what a trial's run is told by."""
    return {"backbone": trial.backbone, **trial.spec.params(), "seed": seed}


def validation_metrics(trial: Trial) -> dict[str, float]:
    """Return means over the folds with their standard errors."""
    test_share = 1 / (len(trial.log_losses) - 1)
    return {
        "val_accuracy": trial.accuracy,
        "val_accuracy_se": cross_validation_se(trial.accuracies, test_share),
        "val_log_loss": trial.log_loss,
        "val_log_loss_se": cross_validation_se(trial.log_losses, test_share),
    }


def finish(
    run: tracking.Run,
    found: Found,
    data: Data,
    trials: list[Trial],
    champion: Trial,
    seed: int,
    register_as: str,
) -> Result:
    """Refit the champion on all photos but the test's, look at those once, and register the classifier."""
    source = next(s for s in found.sources if s.backbone.name == champion.backbone)
    features, test = data.features[champion.backbone], data.is_test
    layers = fit_head(features[~test], data.numbers[~test], champion.spec, len(data.labels), seed)
    probabilities = keras_head(layers, champion.spec).predict_on_batch(features[test])
    right = int((probabilities.argmax(axis=1) == data.numbers[test]).sum())
    result = Result(trials, champion, right, int(test.sum()), log_loss(probabilities, data.numbers[test]), None)
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
    size, name = source.backbone.input_size, source.backbone.name
    description = describe(data.labels, size, name, champion.spec, source.fingerprint)
    network = assemble(source.load(), layers, champion.spec)
    classifier = Classifier(network, replace(description, metrics=metrics))
    tags = {"backbone": name, "hidden": champion.spec.shape, **{k: f"{v:.4f}" for k, v in metrics.items()}}
    with tempfile.TemporaryDirectory() as folder:
        classifier.save(Path(folder) / "classifier")
        if source.weights.is_random:
            screen.say(f"not registered: {name} has random weights, which are for tests only")
        elif register_as:
            number = tracking.register(
                run, Path(folder) / "classifier", list(data.labels), register_as, config.CHAMPION, tags
            )
            return replace(result, version=number)
    return result


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
