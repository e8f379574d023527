"""The benchmark: three small networks trained from scratch on the photos of a study, tested on its test photos."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from catml import config, pipeline, screen, tracking
from catml import leaderboard as boards
from catml.backbones.extract import decoded, prefetch
from catml.baselines import MAJORITY
from catml.conclusion import count_looks
from catml.evaluation.intervals import Interval, accuracy_interval
from catml.evaluation.metrics import Labels, accuracy, log_loss
from catml.heads import scratch
from catml.heads.scratch import Architecture, Fitted, Pixels, Rows
from catml.leaderboard import Entry
from catml.photos.scan import photos_hash
from catml.photos.split import TEST, fold_indices, is_given, remember, split_hash
from catml.pipeline import Found
from catml.report.figures import Learning, Result, draw_benchmark
from catml.train import log_photos

# Rough, for the estimate on the screen: loading TensorFlow, and one epoch on one photo of 299 pixels, on two cores.
START_SECONDS, PHOTO_SECONDS, PHOTO_SIZE = 15.0, 0.006, 299
LATER = "When it is back, give the same command again: it comes to the same numbers."


@dataclass(frozen=True)
class Side:
    """Photos that networks are judged on: their rows, labels as class numbers, and groups."""

    rows: Rows
    labels: Labels
    groups: tuple[object, ...]

    def judged(self, probabilities: NDArray[np.floating], kind: str) -> dict[str, float]:
        """Return accuracy with its 95 % interval, and log loss, by their names in MLflow; `kind` is "val" or "test"."""
        low, high = accuracy_interval(probabilities.argmax(axis=1) == self.labels, self.groups)
        return {
            f"{kind}_accuracy": accuracy(probabilities, self.labels),
            f"{kind}_accuracy_low": low,
            f"{kind}_accuracy_high": high,
            f"{kind}_log_loss": log_loss(probabilities, self.labels),
        }


@dataclass(frozen=True)
class Plan:
    """Which photo is for what, and what their labels are."""

    splits: pd.DataFrame
    names: tuple[str, ...]
    labels: Labels
    learn: Rows
    validation: Side
    test: Side

    @property
    def most_frequent(self) -> float:
        """Accuracy, in the test, of always answering the most frequent label of all other photos."""
        rest = np.setdiff1d(np.arange(len(self.labels)), self.test.rows)
        return float((self.test.labels == np.bincount(self.labels[rest]).argmax()).mean())


@dataclass(frozen=True)
class Network:
    """One of the networks, trained: its name, its shape, what came of it, seconds it took."""

    name: str
    architecture: Architecture
    fitted: Fitted
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What the benchmark came to.

    Attributes:
        networks: those trained, in the order of their names.
        entries: their tests, in the same order.
        earlier: what was tested on the same photos before.
        best: the network with the lowest log loss in validation.
        table: the leaderboard.
        most_frequent: accuracy, in the test, of always answering the most frequent label.
    """

    networks: list[Network]
    entries: list[Entry]
    earlier: list[Entry]
    best: Entry
    table: pd.DataFrame
    most_frequent: float

    @property
    def sentence(self) -> str | None:
        """How the best head of earlier runs does beside the best network; None where there is none."""
        heads = [entry for entry in boards.ranked(self.earlier) if entry.is_head and entry.answers is not None]
        return boards.compared(heads[0], self.best) if heads else None


def benchmark(found: Found, values: Mapping[str, Any]) -> Outcome:
    """Train, test once, and log the networks as one MLflow run with a child run for each.

    Args:
        found: checked photos.
        values: the command's parameters; all are logged.
    """
    scratch.deterministic()
    if values["cosine"]:
        found = replace(found, checked=pipeline.group_by_features(found.checked, values["cosine"]))
    splits, sides = pipeline.decide(found.checked, values["test_fraction"], values["seed"])
    plan, name = planned(splits), pipeline.name_of(found.checked)
    announce(found, plan, values)
    test_tags = pipeline.test_tags(found.checked, splits, sides)
    tags = {"photos": name, "photos_hash": photos_hash(found.table), "split_hash": split_hash(splits)}
    with tracking.parent_run(f"{name} benchmark", LATER) as run:
        run.log(params={key: config.as_text(value) for key, value in values.items()}, tags=tags | test_tags)
        log_photos(run, found, splits)
        if sides:
            remember(splits, sides)
        with unpacked(found, values["size"]) as pixels:
            networks = train_all(plan, pixels, values)
            run.deliver()  # a look that can't be counted must not be taken
            looks = count_looks(run, test_tags)
            said = [scratch.answer(network.fitted.network, pixels, plan.test.rows) for network in networks]
        entries = [
            entry_of(network, plan, probabilities, values)
            for network, probabilities in zip(networks, said, strict=True)
        ]
        best = boards.ranked(entries)[0]
        majority = {f"baseline_{MAJORITY.replace(' ', '_')}": plan.most_frequent}
        run.log(best.params, {**best.metrics, **majority}, {"test_evaluations": looks})
        for network, entry in zip(networks, entries, strict=True):
            curves = {"epoch_train_log_loss": network.fitted.training, "epoch_val_log_loss": network.fitted.validation}
            metrics = {**entry.metrics, "seconds": network.seconds}
            run.log_child(network.name, entry.params, metrics, tags, network.seconds, curves)
        run.log_text(predictions(plan, networks, said).to_csv(index=False), "predictions.csv")
        before = boards.earlier_entries(run.id, splits)
        table = boards.leaderboard([*entries, *before], best, len(plan.test.rows))
        run.log_text(table.to_csv(index=False), "leaderboard.csv")
        outcome = Outcome(networks, entries, before, best, table, plan.most_frequent)
        run.log_bytes(draw(outcome), "figures/benchmark.png")
        run.describe(describe(outcome, name))
    return outcome


def planned(splits: pd.DataFrame) -> Plan:
    """Return which photos are learnt from, validated on and tested: the first fold is for validation."""
    names = tuple(sorted(splits["label"].unique()))
    labels = splits["label"].map({label: number for number, label in enumerate(names)}).to_numpy(np.int64)
    groups = splits["group"].to_numpy()
    learn, validation = fold_indices(splits)[0]
    test = np.flatnonzero(splits["split"] == TEST)
    return Plan(splits, names, labels, learn, *(Side(of, labels[of], tuple(groups[of])) for of in (validation, test)))


def announce(found: Found, plan: Plan, values: Mapping[str, Any]) -> None:
    """Say what was found and how long it will take, before any work."""
    pipeline.announce(found)
    learn, validation, test = len(plan.learn), len(plan.validation.rows), len(plan.test.rows)
    if test < config.FEW_TEST_PHOTOS and not is_given(found.table):
        screen.say(
            f"note       {test} test photos say little, and 'train' keeps none back unless it is told to "
            "(nested=false); networks from scratch are always tested on photos kept back"
        )
    share = (values["size"] / PHOTO_SIZE) ** 2
    epochs = len(scratch.CNNS) * values["epochs"]
    seconds = START_SECONDS + epochs * (learn + validation / 3) * PHOTO_SECONDS * share
    screen.say(f"split      {learn} to learn from, {validation} to choose the epoch by, {test} kept back for the test")
    screen.say(f"networks   {len(scratch.CNNS)} from scratch; all in all about {screen.duration(seconds)}\n")


@contextmanager
def unpacked(found: Found, size: int) -> Iterator[Pixels]:
    """Decode all photos into one array, shape (n, size, size, 3), which lies in a file and not in memory.

    The file has no name, and is gone however the process ends.
    """
    config.data_folder().mkdir(parents=True, exist_ok=True)
    paths = [found.folder / path for path in found.table["path"]]
    with tempfile.TemporaryFile(dir=config.data_folder()) as file:
        pixels = prefetch(lambda path: decoded(path, size), paths)
        for photo in tqdm(pixels, "decoding", len(paths), unit="photo"):
            file.write(photo.tobytes())
        file.flush()
        yield np.memmap(file, np.uint8, "r", shape=(len(paths), size, size, 3))


def train_all(plan: Plan, pixels: Pixels, values: Mapping[str, Any]) -> list[Network]:
    """Train every network, one after the other."""
    networks = []
    with tqdm(total=len(scratch.CNNS) * values["epochs"], desc="training", unit="epoch") as bar:
        for name, architecture in scratch.CNNS.items():
            bar.set_description(f"training {name}")
            start = time.perf_counter()
            rows = (plan.learn, plan.validation.rows)
            fitted = scratch.fit(
                architecture, pixels, plan.labels, rows, values["epochs"], values["seed"], lambda: bar.update()
            )
            networks.append(Network(name, architecture, fitted, time.perf_counter() - start))
    return networks


def entry_of(network: Network, plan: Plan, probabilities: NDArray[np.floating], values: Mapping[str, Any]) -> Entry:
    """Return a network with its validation and its test, by the names that heads have in MLflow."""
    fitted = network.fitted
    params = network.architecture.params() | {"epochs": fitted.epochs} | {key: values[key] for key in ("seed", "size")}
    metrics = plan.validation.judged(fitted.held_out, "val") | plan.test.judged(probabilities, "test")
    answers = plan.splits.iloc[plan.test.rows][boards.KEYS].reset_index(drop=True)
    answers["answer"] = [plan.names[best] for best in probabilities.argmax(axis=1)]
    return Entry(network.name, params, metrics | {"best_epoch": fitted.epochs}, answers)


def predictions(plan: Plan, networks: list[Network], said: list[NDArray[np.float32]]) -> pd.DataFrame:
    """Return one row a test photo.

    Returns:
        Columns `path`, `label`, `group`, `pixels_sha256`, and `answer NAME` and `probability NAME` of each network.
    """
    table = plan.splits.iloc[plan.test.rows][["path", "label", "group", "pixels_sha256"]].reset_index(drop=True)
    for network, probabilities in zip(networks, said, strict=True):
        table[f"answer {network.name}"] = [plan.names[best] for best in probabilities.argmax(axis=1)]
        table[f"probability {network.name}"] = probabilities.max(axis=1)
    return table


def draw(outcome: Outcome) -> bytes:
    """Return the figure: how the networks learnt, and what they, and the best head of an earlier run, came to."""
    curves = [
        Learning(one.name, one.fitted.training, one.fitted.validation, one.fitted.epochs) for one in outcome.networks
    ]
    heads = [entry for entry in boards.ranked(outcome.earlier) if entry.is_head][:1]
    results = [Result(entry.title, *_test(entry), entry.is_head) for entry in [*outcome.entries, *heads]]
    return draw_benchmark(curves, results, outcome.most_frequent).png


def describe(outcome: Outcome, photos: str) -> str:
    """Return the description of the run, in Markdown."""
    shown, interval = _test(outcome.best)
    lines = [
        f"Small networks trained from scratch on **{photos}**, to see what transfer learning is worth.",
        f"The one with the lowest validation log loss is **{outcome.best.title}**: {screen.percent(shown)} of the test "
        f"photos right, 95 % interval {screen.between(interval)}. Always "
        f"answering the most frequent label gives {screen.percent(outcome.most_frequent)}.",
        f"{outcome.sentence}." if outcome.sentence else "",
        "`leaderboard.csv` has all that was tested on the same photos.",
    ]
    return "\n\n".join(filter(None, lines))


def show(outcome: Outcome) -> None:
    """Print each network's validation and test, and all that was tested on the same photos."""
    screen.say("")
    for network, entry in zip(outcome.networks, outcome.entries, strict=True):
        each = [f"{what} {_ends(entry, kind)}" for what, kind in (("validation", "val"), ("test", "test"))]
        screen.say(
            f"{network.name:<10} {network.architecture.title}: {'; '.join(each)}; best epoch {network.fitted.epochs}"
        )
    screen.say(f"best       {outcome.best.title}: the lowest log loss in validation")
    screen.say(f"baseline   most frequent label {screen.percent(outcome.most_frequent)}")
    screen.say("\ntested on the same photos, by validation log loss\n" + boards.as_text(outcome.table) + "\n")
    screen.say(
        f"compared   {outcome.sentence or 'with nothing: no earlier run of catml train has tested these photos'}"
    )


def _test(entry: Entry) -> tuple[float, Interval]:
    metrics = entry.metrics
    return metrics["test_accuracy"], Interval(metrics["test_accuracy_low"], metrics["test_accuracy_high"])


def _ends(entry: Entry, kind: str) -> str:
    shown = [screen.percent(entry.metrics[f"{kind}_accuracy{end}"]) for end in ("", "_low", "_high")]
    return f"{shown[0]} [{shown[1]} to {shown[2]}]"
