"""The champion is the best head, or an average of heads that cross-validation finds better, and what is refitted."""

from dataclasses import replace

import numpy as np
import pytest

from catml.champion import Champion, choose, refit
from catml.evaluation.metrics import accuracy, log_loss
from catml.heads.fit import fit_head, make_folds, out_of_fold
from catml.heads.spec import HeadSpec
from catml.network import keras_head
from catml.study.space import read
from catml.study.store import open_study
from catml.study.sweep import Material, Sweep, Trial

CLASSES, PHOTOS = 3, 90
LABELS = np.arange(PHOTOS) % CLASSES
ROWS = np.arange(PHOTOS)
FOLDS = [(np.delete(ROWS, ROWS[fold::5]), ROWS[fold::5]) for fold in range(5)]


def features(seed, sees):
    """Features that tell the labels in `sees` from all others, each from the next one's."""
    generator = np.random.default_rng(seed)
    found = generator.normal(size=(PHOTOS, 12))
    seen = np.flatnonzero(np.equal(sees, LABELS))
    found[seen, LABELS[seen]] += 4
    return found.astype(np.float32)


MATERIAL = Material({"one": features(0, 0), "other": features(1, 1)}, LABELS, FOLDS, {})
LINEAR = HeadSpec((), "common", 0.1)


@pytest.fixture
def sweep(tmp_path):
    space = read("hidden=0,8; epochs=5; linear_l2=0.1,10; hidden_l2=1e-3; dropout=0.25; learning_rate=0.01")
    return Sweep(MATERIAL, space, 42, open_study("toy", tmp_path), 10**9)


@pytest.fixture
def trials(sweep):
    return sweep.run(100, lambda _: None)


def test_alone_it_is_the_best_head(sweep, trials):
    winner = min(trials, key=lambda trial: trial.log_loss)
    assert choose(trials, sweep, 1) == Champion((winner,), winner.log_losses, winner.accuracies)


def test_backbones_that_see_different_things_are_averaged(sweep, trials):
    alone, both = choose(trials, sweep, 1), choose(trials, sweep, 2)
    assert {trial.backbone for trial in both.heads} == {"one", "other"}
    assert np.mean(both.log_losses) < np.mean(alone.log_losses)
    given = []
    for trial in both.heads:
        folds = make_folds(MATERIAL.features[trial.backbone], LABELS, FOLDS, trial.spec.scaling)
        given.append(out_of_fold(folds, trial.spec, CLASSES, sweep.seed_of(trial)))
    means = [np.mean([each[fold] for each in given], axis=0) for fold in range(5)]
    answers = [LABELS[validation] for _, validation in FOLDS]
    assert both.log_losses == tuple(map(log_loss, means, answers))
    assert both.accuracies == tuple(map(accuracy, means, answers))


def test_average_is_taken_only_where_it_scores_better(tmp_path):
    """What has nothing to add stays out: the features of the other backbone say nothing at all."""
    material = replace(MATERIAL, features={"one": features(0, LABELS), "other": features(1, -1)})
    study = Sweep(material, read("hidden=0; linear_l2=1e-3"), 42, open_study("toy", tmp_path), 10**9)
    trials = study.run(100, lambda _: None)
    winner = min(trials, key=lambda trial: trial.log_loss)
    assert winner.backbone == "one"
    assert winner.log_loss < 0.1
    assert choose(trials, study, 2).heads == (winner,)


def test_only_heads_of_different_kinds_are_averaged(sweep, trials):
    """And of each kind the best one."""
    champion = choose(trials, sweep, 20)
    kinds = [(trial.backbone, trial.spec.hidden) for trial in champion.heads]
    assert len(set(kinds)) == len(kinds) <= 4
    for trial, kind in zip(champion.heads, kinds, strict=True):
        of_kind = [other for other in trials if (other.backbone, other.spec.hidden) == kind]
        assert trial.log_loss == min(other.log_loss for other in of_kind)


def test_out_of_fold_gives_what_was_scored(sweep, trials):
    for trial in (trials[0], next(trial for trial in trials if trial.spec.hidden)):
        folds = sweep.folds(trial.backbone, trial.spec.scaling)
        given = out_of_fold(folds, trial.spec, CLASSES, sweep.seed_of(trial))
        losses = [log_loss(part, LABELS[validation]) for part, (_, validation) in zip(given, FOLDS, strict=True)]
        np.testing.assert_allclose(losses, trial.log_losses, atol=1e-4)
        assert all(np.allclose(part.sum(axis=1), 1) for part in given)


def test_refit_is_on_the_given_rows_alone(trials):
    champion = Champion((trials[0], trials[1]), (), ())
    learn = ROWS < 60
    heads = refit(champion, MATERIAL, learn, 42)
    assert [head.backbones for head in heads] == [(trials[0].backbone,), (trials[1].backbone,)]
    for head, trial in zip(heads, champion.heads, strict=True):
        table = MATERIAL.features[trial.backbone]
        layers = fit_head(table[:60], LABELS[:60], trial.spec, CLASSES, 42)
        np.testing.assert_array_equal(
            keras_head(head.layers, head.spec).predict_on_batch(table),
            keras_head(layers, trial.spec).predict_on_batch(table),
        )


def test_params_of_several_heads_stand_in_turn():
    hidden = HeadSpec((8,), "each", 1e-3, 0.25, 0.01, 5)
    one, two = Trial(0, "a", LINEAR, (), (), 0), Trial(1, "b+c", hidden, (), (), 0)
    assert Champion((one,), (), ()).params == {"backbone": "a", "hidden": "0", "scaling": "common", "l2": 0.1}
    both = Champion((two, one), (), ())
    assert both.params == {
        "backbone": "b+c, a", "hidden": "8, 0", "scaling": "each, common", "l2": "0.001, 0.1",
        "dropout": "0.25, ", "learning_rate": "0.01, ", "epochs": "5, ",
    }  # fmt: skip
    assert both.backbone == "b+c, a"
    assert Champion((one, replace(one, number=2)), (), ()).backbone == "a"
