"""A study is the same whether it ran through or was stopped, and begins with what is known to be good."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest

from catml.heads.spec import HeadSpec
from catml.study import space
from catml.study.sweep import Sweep, Trial, best

PHOTOS, CLASSES = 48, 2


def features(width, seed, apart):
    generator = np.random.default_rng(seed)
    middles = apart * generator.normal(size=(CLASSES, width))
    return (middles[np.arange(PHOTOS) % CLASSES] + generator.normal(size=(PHOTOS, width))).astype(np.float32)


FEATURES = {"good": features(16, 0, 0.6), "bad": features(9, 1, 0.0)}
LABELS = np.arange(PHOTOS) % CLASSES
ROWS = np.arange(PHOTOS)
FOLDS = [(np.delete(ROWS, ROWS[fold::3]), ROWS[fold::3]) for fold in range(3)]
TRIALS = 17  # two of them proposed by TPE


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    monkeypatch.setattr(space, "MAX_EPOCHS", 3)
    monkeypatch.setattr(space, "HIDDEN", ("0", "8"))


def sweep(journal, seed=42):
    return Sweep(FEATURES, LABELS, FOLDS, seed, journal)


def quietly(_):
    pass


def without_seconds(trials):
    return [replace(trial, seconds=0) for trial in trials]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space, "MAX_EPOCHS", 3)
        patch.setattr(space, "HIDDEN", ("0", "8"))
        return without_seconds(sweep(tmp_path_factory.mktemp("study") / "through.journal").run(TRIALS, quietly))


def test_begins_with_the_linear_head_on_each_backbone(uninterrupted):
    linear = HeadSpec((), "common", space.FIRST_L2)
    assert [(trial.backbone, trial.spec) for trial in uninterrupted[:2]] == [("good", linear), ("bad", linear)]


def test_trials_are_scored_and_numbered(uninterrupted):
    assert [trial.number for trial in uninterrupted] == list(range(TRIALS))
    assert all(len(trial.log_losses) == len(trial.accuracies) == 3 for trial in uninterrupted)
    assert {trial.backbone for trial in uninterrupted} == {"good", "bad"}
    assert {trial.spec.shape for trial in uninterrupted} == {"0", "8"}
    assert {trial.spec.scaling for trial in uninterrupted} == {"common", "each"}
    assert all(1 <= trial.spec.epochs <= 3 for trial in uninterrupted if trial.spec.hidden)


def test_better_features_win(uninterrupted):
    winner = best(uninterrupted)
    assert winner.backbone == "good"
    assert winner.log_loss == min(trial.log_loss for trial in uninterrupted) < np.log(2)


def test_each_result_is_told_as_it_comes(tmp_path):
    told = []
    finished = sweep(tmp_path / "j").run(3, told.append)
    assert told == finished == sweep(tmp_path / "j").done()


@pytest.mark.parametrize("stopped_after", [0, 1, 9, 16])
def test_stopped_and_resumed(tmp_path, uninterrupted, stopped_after):
    journal = tmp_path / "stopped.journal"
    stopped = sweep(journal)
    stopped.run(stopped_after, quietly)
    asked = stopped._study.ask()
    space.suggest(asked, list(FEATURES))  # killed while this one was being trained
    resumed = sweep(journal)
    assert without_seconds(resumed.done()) == uninterrupted[:stopped_after]
    assert without_seconds(resumed.run(TRIALS, quietly)) == uninterrupted


def test_stopped_before_the_first_proposal_was_taken(tmp_path, uninterrupted):
    journal = tmp_path / "j"
    sweep(journal)._study.enqueue_trial(space.first_trial("good"))
    assert without_seconds(sweep(journal).run(4, quietly)) == uninterrupted[:4]


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_journal_cut_off_in_the_middle_of_a_line(tmp_path, uninterrupted, cut):
    journal = tmp_path / "cut.journal"
    sweep(journal).run(3, quietly)
    journal.write_bytes(journal.read_bytes()[:-cut])
    assert len(sweep(journal).done()) == 2
    assert without_seconds(sweep(journal).run(5, quietly)) == uninterrupted[:5]
    assert without_seconds(sweep(journal).done()) == uninterrupted[:5]


def test_lock_of_a_relative_journal_leads_to_it(tmp_path, monkeypatch):
    """Else Optuna waits for ever where a killed process has left its lock."""
    monkeypatch.chdir(tmp_path)
    backend = sweep(Path("studies/j"))._study._storage._backend
    backend._lock.acquire()
    assert (tmp_path / "studies/j.lock").exists()
    backend._lock.release()


def test_longer_study_goes_on_from_a_shorter_one(tmp_path, uninterrupted):
    journal = tmp_path / "j"
    sweep(journal).run(2, quietly)
    told = []
    sweep(journal).run(4, told.append)
    assert [trial.number for trial in told] == [2, 3]
    assert without_seconds(sweep(journal).run(3, quietly)) == uninterrupted[:3]


def test_another_seed_is_another_study(tmp_path, uninterrupted):
    other = sweep(tmp_path / "j", seed=43).run(6, quietly)
    assert without_seconds(other[:2]) == uninterrupted[:2]  # the linear heads, which have no seed
    assert [trial.spec for trial in other[2:]] != [trial.spec for trial in uninterrupted[2:6]]


def test_best_is_the_lowest_mean_log_loss():
    spec = HeadSpec((), "common", 0.1)
    trials = [
        Trial(0, "a", spec, (0.5, 0.5), (1.0, 1.0), 1),
        Trial(1, "a", spec, (0.2, 0.4), (0.5, 0.5), 1),
        Trial(2, "a", spec, (0.1, 0.9), (1.0, 1.0), 1),
    ]
    assert best(trials) is trials[1]
    assert trials[1].log_loss == pytest.approx(0.3)
    assert trials[1].accuracy == 0.5


def test_every_setting_of_the_space_is_in_the_key_of_the_study():
    settings = {name for name in dir(space) if name.isupper()} - {"SCALINGS"}
    assert settings == {name.upper() for name in space.description()} - {"SCALING"}


def test_first_trial_lies_in_the_space():
    fixed = optuna.trial.FixedTrial(space.first_trial("good"))
    assert space.suggest(fixed, ["good"]) == ("good", HeadSpec((), "common", space.FIRST_L2))
