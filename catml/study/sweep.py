"""One study: heads proposed in rounds, each scored by cross-validation, several at once, each result kept at once."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from catml.heads.fit import Fold, Labels, cross_validate, kept_bytes, make_folds, needed, stacked
from catml.heads.spec import HeadSpec
from catml.study.propose import ROUND, grid, propose, same_as
from catml.study.space import Params, Space
from catml.study.store import StudyStore

POLL_SECONDS = 0.1  # how often to look whether another process has completed what this one waits for
Indices = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]


@dataclass(frozen=True)
class Trial:
    """One head on one backbone, and its score on each fold.

    `same_as` is the number of the earlier trial of the same head, whose score it was given; None where it was trained.
    """

    number: int
    backbone: str
    spec: HeadSpec
    log_losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    seconds: float
    same_as: int | None = None

    @property
    def name(self) -> str:
        """What its run is called."""
        return f"{self.number:03d} {self.backbone} {self.spec.shape if self.spec.hidden else 'linear'}"

    @property
    def log_loss(self) -> float:
        """Mean over the folds: what trials are ranked by."""
        return float(np.mean(self.log_losses))

    @property
    def accuracy(self) -> float:
        """Mean over the folds."""
        return float(np.mean(self.accuracies))


@dataclass(frozen=True)
class Material:
    """What heads are trained on.

    Attributes:
        features: by backbone name, each (photos, width), rows in the order of `labels`.
        labels: class numbers.
        folds: (training rows, validation rows) of each fold; no test photos in either.
        blocks: how wide the features of each backbone are where a name stands for several.
        shown: by backbone name, `features` and those of the augmented views of the same photos, shape
            (1 + views, photos, width); of photos that nothing is learnt from, the views are no numbers.
    """

    features: Mapping[str, NDArray[np.float32]]
    labels: Labels
    folds: Indices
    blocks: Mapping[str, tuple[int, ...]]
    shown: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def table(self, backbone: str, views: int) -> NDArray[np.float32]:
        """Return features of photos and of so many augmented views of them, shape (photos (1 + views), width)."""
        if not views:
            return self.features[backbone]
        table = self.shown[backbone][: 1 + views]
        return table.reshape(-1, table.shape[-1])

    @property
    def classes(self) -> int:
        """How many labels there are."""
        return int(self.labels.max()) + 1

    @property
    def test_share(self) -> float:
        """Photos in a validation fold, over photos in its training side; the mean over the folds."""
        return float(np.mean([len(validation) / len(training) for training, validation in self.folds]))


class Sweep:
    """A study over the features of one set of photos; `run` completes it and tells of each trial as it comes.

    Args:
        material: what heads are trained on.
        space: what heads there are.
        seed: what is proposed and how heads are initialised follows from it.
        store: keeps the study.
        memory: bytes that training may take; at least one head is trained at a time, whatever it takes.
    """

    def __init__(self, material: Material, space: Space, seed: int, store: StudyStore, memory: int) -> None:
        self.backbones = tuple(material.features)
        self.space, self.seed, self.store = space, seed, store
        self.material, self._memory = material, memory
        # Lives as long as the sweep: folds by backbone and scaling, each prepared when a trial first needs it.
        self._prepared: dict[tuple[str, str, int], list[Fold]] = {}
        self._preparing = threading.Lock()
        # One more than cores: while one head is proposed, prepared or written down, the cores have others to train.
        self._workers = (os.cpu_count() or 1) + 1

    def done(self) -> list[Trial]:
        """Return the trials completed so far, in order, also those of other processes."""
        return [self._trial(number, frozen) for number, frozen in self.store.completed().items()]

    @property
    def classes(self) -> int:
        """How many labels there are."""
        return self.material.classes

    @property
    def test_share(self) -> float:
        """Photos in a validation fold, over photos in its training side; the mean over the folds."""
        return self.material.test_share

    def seed_of(self, trial: Trial) -> int:
        """Return the seed a trial was scored with."""
        return self._seed(trial.number if trial.same_as is None else trial.same_as)

    def validation_labels(self) -> list[Labels]:
        """Return the class numbers of the validation photos of each fold."""
        return [self.material.labels[validation] for _, validation in self.material.folds]

    def _seed(self, number: int) -> int:
        return int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])

    def size(self, trials: int) -> int:
        """Return how many trials there will be: fewer where the space has fewer heads."""
        cells = grid(self.space, self.backbones, trials)
        return trials if cells is None else len(cells)

    def run(self, trials: int, on_trial: Callable[[Trial], None], told: Iterable[int] | None = None) -> list[Trial]:
        """Complete the study up to `trials` trials and return all of them.

        Args:
            trials: how many; fewer where the space has fewer heads.
            on_trial: told of each trial as it comes, whichever process completed it.
            told: numbers of trials it knows already; by default of all that are complete.
        """
        cells = grid(self.space, self.backbones, trials)
        trials = trials if cells is None else len(cells)
        known = set(self.store.completed() if told is None else told)

        def tell() -> None:
            for number, frozen in self.store.completed().items():
                if number not in known and number < trials:
                    known.add(number)
                    on_trial(self._trial(number, frozen))

        with ThreadPoolExecutor(self._workers) as pool:
            for first in range(0, trials, ROUND):
                numbers = range(first, min(first + ROUND, trials))
                done = self.store.completed()
                if not done.keys() >= set(numbers):
                    heads = cells[first : first + ROUND] if cells else self._proposed(first, done)
                    earlier = {number: done[number].params for number in range(first)}
                    self._round(pool, _Round(dict(zip(numbers, heads, strict=False)), earlier), tell)
        tell()
        return [trial for trial in self.done() if trial.number < trials]

    def _proposed(self, first: int, done: Mapping[int, FrozenTrial]) -> list[dict[str, Any]]:
        earlier = [(done[number].params, float(done[number].values[0])) for number in range(first)]
        return propose(self.space, self.backbones, self.seed, first, earlier)

    def _round(self, pool: ThreadPoolExecutor, heads: "_Round", tell: Callable[[], None]) -> None:
        """Complete one round, but for what other processes take of it."""
        # The longest first: the round ends when the last one does, and no core should wait for it alone.
        waiting = deque(sorted(heads.params, key=lambda number: -self._bytes(heads.params[number])))
        twins = {number: heads.twin(number) for number in heads.params}
        running: dict[Future[None], int] = {}
        while waiting or running:
            done = self.store.completed()
            for number in list(waiting):
                if number in done:
                    waiting.remove(number)
                    continue
                twin = twins[number]
                busy = [heads.params[other] for other in running.values()]
                ready = (twin is None or twin in done) and self._has_room(heads.params[number], busy)
                # Where another process works on it, it may die before it is done: so it stays among the waiting.
                if ready and self.store.claim(number):
                    waiting.remove(number)
                    running[pool.submit(self._score, number, heads.params[number], twin)] = number
            for finished in wait(running, return_when=FIRST_COMPLETED).done:
                finished.result()
                del running[finished]
            tell()
            if waiting and not running:
                time.sleep(POLL_SECONDS)

    def _has_room(self, params: Params, running: Sequence[Params]) -> bool:
        if not running:
            return True
        return len(running) < self._workers and sum(map(self._bytes, [params, *running])) <= self._memory

    def _bytes(self, params: Params) -> int:
        spec, of = self.space.spec(params), self.material
        photos = max((1 + spec.views) * len(training) + len(validation) for training, validation in of.folds)
        rank = min(photos, of.features[params["backbone"]].shape[1])
        together = stacked(len(of.folds), photos, rank, spec, of.classes)
        return needed(together, photos, rank, spec, of.classes)

    def _score(self, number: int, params: Params, twin: int | None) -> None:
        """Score a head, or give it the score of its twin, and keep it."""
        start = time.perf_counter()
        kept: dict[str, Any]
        if twin is None:
            spec = self.space.spec(params)
            folds = self.folds(params["backbone"], spec.scaling, spec.views)
            score = cross_validate(folds, spec, self.classes, self._seed(number))
            kept = {"log_losses": score.log_loss, "accuracies": score.accuracy, "epochs": score.spec.epochs}
        else:
            attributes = self.store.completed()[twin].user_attrs
            kept = {name: attributes[name] for name in ("log_losses", "accuracies", "epochs")} | {"same_as": twin}
        value = float(np.mean(kept["log_losses"]))
        kept["seconds"] = time.perf_counter() - start
        self.store.add(number, params, self.space.with_linear().distributions(params, self.backbones), value, kept)

    def folds(self, backbone: str, scaling: str, views: int = 0) -> list[Fold]:
        """Return prepared folds; the longest unused ones are given up where they take more than half of the memory."""
        with self._preparing:
            key = (backbone, scaling, views)
            folds = self._prepared.pop(key, None)
            if folds is None:
                of = self.material
                blocks = of.blocks.get(backbone, ())
                folds = make_folds(of.table(backbone, views), of.labels, of.folds, scaling, blocks, views)
            self._prepared[key] = folds
            while len(self._prepared) > 1 and sum(map(kept_bytes, self._prepared.values())) > self._memory / 2:
                del self._prepared[next(iter(self._prepared))]
            return folds

    def _trial(self, number: int, frozen: FrozenTrial) -> Trial:
        spec, kept = self.space.spec(frozen.params), frozen.user_attrs
        if kept["epochs"] is not None:
            spec = spec.with_epochs(kept["epochs"])
        scores = tuple(kept["log_losses"]), tuple(kept["accuracies"])
        return Trial(number, frozen.params["backbone"], spec, *scores, kept["seconds"], kept.get("same_as"))


@dataclass(frozen=True)
class _Round:
    """The heads of one round by trial number, and those of all earlier rounds."""

    params: Mapping[int, Params]
    earlier: Mapping[int, Params]

    def twin(self, number: int) -> int | None:
        before = {other: params for other, params in self.params.items() if other < number}
        return same_as(self.params[number], {**self.earlier, **before})


def best(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the lowest mean log loss."""
    return min(trials, key=lambda trial: trial.log_loss)
