"""One Optuna study: heads proposed one after the other, each scored by cross-validation, each result kept on disk.

A study that was killed goes on where it stopped, and comes to the result it would have come to: what is proposed next
depends only on the seed and on the trials completed so far.
"""

import contextlib
import fcntl
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, TrialState

from catml.errors import InputError
from catml.heads.fit import Fold, Labels, cross_validate, make_folds
from catml.heads.spec import HeadSpec
from catml.study.space import first_trial, suggest

STARTUP_TRIALS = 15  # random ones, before TPE has enough to model


@dataclass(frozen=True)
class Trial:
    """One head on one backbone, and its score on each fold."""

    number: int
    backbone: str
    spec: HeadSpec
    log_losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    seconds: float

    @property
    def log_loss(self) -> float:
        """Mean over the folds: what trials are ranked by."""
        return float(np.mean(self.log_losses))

    @property
    def accuracy(self) -> float:
        """Mean over the folds."""
        return float(np.mean(self.accuracies))


class Sweep:
    """A study over the features of one set of photos; `run` completes it and tells of each trial as it comes.

    Args:
        features: by backbone name, each (photos, width), rows in the order of `labels`.
        labels: class numbers.
        folds: (training rows, validation rows) of each fold; no test photos in either.
        seed: what is proposed and how heads are initialised follows from it.
        journal: file that keeps the study.
    """

    def __init__(
        self,
        features: Mapping[str, NDArray[np.float32]],
        labels: Labels,
        folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
        seed: int,
        journal: Path,
    ) -> None:
        self.backbones = tuple(features)
        self.classes = int(labels.max()) + 1
        self.seed = seed
        self._features, self._labels, self._folds = features, labels, folds
        # Lives as long as the sweep: folds by backbone and scaling, each prepared when a trial first needs it.
        self._prepared: dict[tuple[str, str], list[Fold]] = {}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            study_name="catml",
            storage=optuna.storages.JournalStorage(_backend(journal)),
            load_if_exists=True,
        )

    def done(self) -> list[Trial]:
        """Return the trials completed so far, in order, also those of an earlier process."""
        return [_trial(number, frozen) for number, frozen in enumerate(self._completed())]

    def run(self, trials: int, on_trial: Callable[[Trial], None]) -> list[Trial]:
        """Complete the study up to `trials` trials, telling `on_trial` of each, and return all of them.

        Call it `alone`: a trial that is running in another process would be taken for one that a killed one has left.
        """
        self._fail_stale()
        for number in range(len(self._completed()), trials):
            on_trial(self._one(number))
        return self.done()[:trials]

    def _fail_stale(self) -> None:
        """Fail the trials that a killed process has left."""
        for _ in self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._study.ask()  # only a trial that runs can be told to have failed
        for stale in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._study.tell(stale.number, state=TrialState.FAIL)

    def _one(self, number: int) -> Trial:
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
        if number < len(self.backbones):
            self._study.enqueue_trial(first_trial(self.backbones[number]))
        start = time.perf_counter()
        asked = self._study.ask()
        backbone, spec = suggest(asked, self.backbones)
        score = cross_validate(self._fold(backbone, spec.scaling), spec, self.classes, seed)
        seconds = time.perf_counter() - start
        asked.set_user_attr("log_losses", score.log_loss)
        asked.set_user_attr("accuracies", score.accuracy)
        asked.set_user_attr("epochs", score.spec.epochs)
        asked.set_user_attr("seconds", seconds)
        self._study.tell(asked, float(np.mean(score.log_loss)))
        return Trial(number, backbone, score.spec, score.log_loss, score.accuracy, seconds)

    def _fold(self, backbone: str, scaling: str) -> list[Fold]:
        if (backbone, scaling) not in self._prepared:
            prepared = make_folds(self._features[backbone], self._labels, self._folds, scaling)
            self._prepared[backbone, scaling] = prepared
        return self._prepared[backbone, scaling]

    def _completed(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def best(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the lowest mean log loss."""
    return min(trials, key=lambda trial: trial.log_loss)


@contextlib.contextmanager
def alone(journal: Path) -> Iterator[None]:
    """Keep other processes from working on the study; the system lifts the lock when this one ends, however it ends.

    Raises:
        InputError: another process has it.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.with_name(f"{journal.name}.in-use").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{journal}: another process works on this study. Wait for it; the same command then goes on."
            ) from None
        yield


def _backend(journal: Path) -> JournalFileBackend:
    """Return the journal, without the half line that a process killed while writing leaves at its end.

    Optuna would write on behind that half line, and then could not read the file any more.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    # Absolute: Optuna's lock is a link to this name, and one left by a killed process is only given up after 30 seconds
    # if the link leads somewhere.
    journal = journal.resolve()
    lock = JournalFileSymlinkLock(str(journal))
    lock.acquire()
    try:
        with journal.open("a+b") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
    finally:
        lock.release()
    return JournalFileBackend(str(journal), lock)


def _trial(number: int, frozen: FrozenTrial) -> Trial:
    backbone, spec = suggest(optuna.trial.FixedTrial(frozen.params), (frozen.params["backbone"],))
    kept = frozen.user_attrs
    if kept["epochs"] is not None:
        spec = replace(spec, epochs=kept["epochs"])
    return Trial(number, backbone, spec, tuple(kept["log_losses"]), tuple(kept["accuracies"]), kept["seconds"])
