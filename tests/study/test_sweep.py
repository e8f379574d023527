"""A study is the same whether it ran through or was stopped, and begins with what is known to be good."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from catml.heads.fit import cross_validate, make_folds
from catml.heads.spec import HeadSpec
from catml.study import sweep as sweep_module
from catml.study.propose import ROUND
from catml.study.space import FIRST_L2, read
from catml.study.sweep import Trial, best
from tests.study import toy
from tests.study.toy import FOLDS, LINEAR, MATERIAL, quietly, without_seconds

SPACE = read("hidden=0,8; epochs=3")
TRIALS = 25  # five of them proposed by TPE
# 80 heads, so 60 trials are sampled, and some of them drawn twice.
DISCRETE = read("hidden=0; linear_l2=" + ",".join(map(str, range(1, 21))))


def sweep(folder, space=SPACE, **more):
    return toy.sweep(folder, space, **more)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return without_seconds(sweep(tmp_path_factory.mktemp("through")).run(TRIALS, quietly))


def test_begins_with_the_linear_head_on_each_backbone(uninterrupted):
    linear = HeadSpec((), "common", FIRST_L2)
    assert [(trial.backbone, trial.spec) for trial in uninterrupted[:2]] == [("good", linear), ("bad", linear)]


def test_trials_are_scored_and_numbered(uninterrupted):
    assert [trial.number for trial in uninterrupted] == list(range(TRIALS))
    assert all(len(trial.log_losses) == len(trial.accuracies) == 3 for trial in uninterrupted)
    assert {trial.backbone for trial in uninterrupted} == {"good", "bad"}
    assert {trial.spec.shape for trial in uninterrupted} == {"0", "8"}
    assert {trial.spec.scaling for trial in uninterrupted} == {"common", "each"}
    assert all(1 <= trial.spec.epochs <= 3 for trial in uninterrupted if trial.spec.hidden)


def test_scores_are_those_of_cross_validation(tmp_path, uninterrupted):
    """On the features of the trial's own backbone and scaling, with the seed that the refit can be told."""
    study = sweep(tmp_path)
    hidden = next(trial for trial in uninterrupted if trial.spec.hidden)
    for trial in (uninterrupted[1], hidden):
        folds = make_folds(MATERIAL.features[trial.backbone], MATERIAL.labels, FOLDS, trial.spec.scaling)
        spec = trial.spec.with_epochs(3) if trial.spec.hidden else trial.spec
        score = cross_validate(folds, spec, 2, study.seed_of(trial))
        assert (score.spec, score.log_loss, score.accuracy) == (trial.spec, trial.log_losses, trial.accuracies)


def test_better_features_win(uninterrupted):
    winner = best(uninterrupted)
    assert winner.backbone == "good"
    assert winner.log_loss == min(trial.log_loss for trial in uninterrupted) < np.log(2)


def test_each_result_is_told_once_and_takes_its_time(tmp_path):
    told = []
    finished = sweep(tmp_path).run(3, told.append)
    assert sorted(told, key=lambda trial: trial.number) == finished == sweep(tmp_path).done()
    assert all(trial.seconds > 0 for trial in told)


@pytest.mark.parametrize("stopped_after", [0, 1, 9, 20, 24])
def test_stopped_and_resumed(tmp_path, uninterrupted, stopped_after):
    sweep(tmp_path).run(stopped_after, quietly)
    resumed = sweep(tmp_path)
    assert without_seconds(resumed.done()) == uninterrupted[:stopped_after]
    assert without_seconds(resumed.run(TRIALS, quietly)) == uninterrupted


def test_stopped_by_an_error_in_the_middle_of_a_round(tmp_path, uninterrupted):
    """Trials that were running are completed and kept, in whatever order they came."""

    def interrupted(trial):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(tmp_path).run(TRIALS, interrupted)
    done = without_seconds(sweep(tmp_path).done())
    assert 1 <= len(done) < ROUND
    assert done == [uninterrupted[trial.number] for trial in done]
    assert without_seconds(sweep(tmp_path).run(TRIALS, quietly)) == uninterrupted


@pytest.mark.parametrize("lost", [{3, 7}, {0}, {21}, set(range(0, TRIALS, 2))])
def test_a_round_with_gaps_is_filled(tmp_path, uninterrupted, lost):
    """Several processes complete trials in any order; one that is killed leaves gaps among them."""
    sweep(tmp_path).run(TRIALS, quietly)
    journal = tmp_path / "toy.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line).get("user_attrs", {}).get("number") not in lost]
    assert len(kept) == len(lines) - len(lost)
    journal.write_bytes(b"".join(kept))
    told = []
    assert without_seconds(sweep(tmp_path).run(TRIALS, told.append)) == uninterrupted
    assert {trial.number for trial in told} == lost


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_journal_cut_off_in_the_middle_of_a_line(tmp_path, uninterrupted, cut):
    journal = tmp_path / "toy.journal"
    sweep(tmp_path).run(3, quietly)
    journal.write_bytes(journal.read_bytes()[:-cut])
    assert len(sweep(tmp_path).done()) == 2
    assert without_seconds(sweep(tmp_path).run(5, quietly)) == uninterrupted[:5]
    assert without_seconds(sweep(tmp_path).done()) == uninterrupted[:5]


def test_longer_study_goes_on_from_a_shorter_one(tmp_path, uninterrupted):
    sweep(tmp_path).run(2, quietly)
    told = []
    sweep(tmp_path).run(4, told.append)
    assert sorted(trial.number for trial in told) == [2, 3]
    assert without_seconds(sweep(tmp_path).run(3, quietly)) == uninterrupted[:3]


def test_whoever_knows_none_is_told_of_all(tmp_path):
    """Those that another process completed before the study was opened, too."""
    sweep(tmp_path).run(TRIALS, quietly)
    told = []
    sweep(tmp_path).run(TRIALS, told.append, told=[0, 1])
    assert [trial.number for trial in told] == list(range(2, TRIALS))


def test_another_seed_is_another_study(tmp_path, uninterrupted):
    other = sweep(tmp_path, seed=43).run(6, quietly)
    assert without_seconds(other[:2]) == uninterrupted[:2]  # the linear heads, which have no seed
    assert [trial.spec for trial in other[2:]] != [trial.spec for trial in uninterrupted[2:6]]


@pytest.mark.parametrize("memory", [1, 10**12])
def test_memory_decides_nothing_but_how_many_at_once(tmp_path, uninterrupted, memory, monkeypatch):
    """With none to spare, one head is trained after the other, and folds of one kind are kept at a time."""
    running, most = Counter(), Counter()
    original = sweep_module.cross_validate

    def counted(*arguments):
        running["now"] += 1
        most["at once"] = max(most["at once"], running["now"])
        try:
            return original(*arguments)
        finally:
            running["now"] -= 1

    monkeypatch.setattr(sweep_module, "cross_validate", counted)
    study = sweep(tmp_path, memory=memory)
    assert without_seconds(study.run(TRIALS, quietly)) == uninterrupted
    assert (most["at once"] == 1) == (memory == 1)
    assert (len(study._prepared) == 1) == (memory == 1)


def test_small_space_is_tried_whole(tmp_path):
    study = sweep(tmp_path, read("hidden=0; scaling=each; linear_l2=0.01,1"))
    assert study.size(3) == 3
    assert study.size(40) == 4
    told = []
    trials = study.run(40, told.append)
    assert [(trial.backbone, trial.spec.l2) for trial in trials] == [
        *(("good", 0.01), ("bad", 0.01)),
        *(("good", 1.0), ("bad", 1.0)),
    ]
    assert len(told) == 4
    assert without_seconds(sweep(tmp_path, study.space).run(4, quietly)) == without_seconds(trials)


def test_a_head_drawn_again_is_answered_from_the_study(tmp_path, monkeypatch):
    calls = []
    original = sweep_module.cross_validate
    monkeypatch.setattr(sweep_module, "cross_validate", lambda *given: calls.append(given) or original(*given))
    study = sweep(tmp_path, DISCRETE)
    trials = study.run(60, quietly)
    twins = [trial for trial in trials if trial.same_as is not None]
    assert {trial.number // ROUND - trial.same_as // ROUND > 0 for trial in twins} == {True, False}  # also of its round
    assert len(calls) == 60 - len(twins)
    heads = {}
    for trial in trials:
        first = heads.setdefault((trial.backbone, trial.spec), trial)
        assert trial.same_as == (None if first is trial else first.number)
        assert (trial.log_losses, trial.accuracies) == (first.log_losses, first.accuracies)
        assert study.seed_of(trial) == study.seed_of(first)


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


def test_an_error_while_a_head_is_trained_is_raised(tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("no such head")

    monkeypatch.setattr(sweep_module, "cross_validate", broken)
    with pytest.raises(ValueError, match="no such head"):
        sweep(tmp_path, LINEAR).run(5, quietly)


def test_backbones_that_are_used_together_weigh_the_same(tmp_path):
    wide = MATERIAL.features["good"] * 1000
    both = np.hstack([wide, MATERIAL.features["bad"]])
    material = replace(MATERIAL, features={"both": both}, blocks={"both": (16, 9)})
    (fold, *_) = sweep(tmp_path, material=material).folds("both", "common")
    expected = make_folds(both, MATERIAL.labels, FOLDS, "common", (16, 9))[0]
    np.testing.assert_array_equal(fold.training, expected.training)
    assert not np.allclose(fold.training, make_folds(both, MATERIAL.labels, FOLDS, "common")[0].training)
