"""The champion is the simplest head, or average of heads, that cross-validation can't tell from the best one."""

from dataclasses import replace

import numpy as np
import pytest

from catml.champion import Champion, answers, choose, cooled, refit, said
from catml.evaluation.calibration import tempered
from catml.evaluation.intervals import cross_validation_se
from catml.evaluation.metrics import accuracy, log_loss
from catml.heads.fit import fit_head, make_folds, out_of_fold
from catml.heads.spec import HeadSpec
from catml.network import Head, keras_head
from catml.study.space import read
from catml.study.store import open_study
from catml.study.sweep import Material, Sweep, Trial

CLASSES, PHOTOS = 3, 300
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
SMALL, LARGE = (HeadSpec((units,), "common", 1e-3, 0.0, 0.01, 5) for units in (4, 64))
COSTS = {"one": 0.1, "other": 0.1}


@pytest.fixture
def sweep(tmp_path):
    space = read("hidden=0,8; epochs=5; linear_l2=0.1,10; hidden_l2=1e-3; dropout=0.25; learning_rate=0.01")
    return Sweep(MATERIAL, space, 42, open_study("toy", tmp_path), 10**9)


@pytest.fixture
def trials(sweep):
    return sweep.run(100, lambda _: None)


def scored(number, backbone, spec, losses):
    return Trial(number, backbone, spec, tuple(losses), (0.9,) * len(losses), 0)


BEST = np.array([0.10, 0.12, 0.30, 0.16, 0.52])
NEAR = BEST + np.array([0.02, -0.01, 0.02, -0.01, 0.02])  # 0.008 more, with a standard error of 0.011
FAR = BEST + np.array([0.02, 0.03, 0.02, 0.03, 0.02])  # 0.024 more, with one of 0.004


def test_one_standard_error_is_that_of_the_differences(sweep):
    """The losses themselves vary from fold to fold ten times as much."""
    assert sweep.test_share == 0.25
    assert np.mean(NEAR - BEST) < cross_validation_se(NEAR - BEST, 0.25) < 0.012
    assert np.mean(FAR - BEST) > 5 * cross_validation_se(FAR - BEST, 0.25)
    assert np.mean(FAR - BEST) < cross_validation_se(BEST, 0.25) / 3


@pytest.mark.parametrize(("losses", "taken"), [(NEAR, "one"), (FAR, "other")])
def test_a_cheaper_backbone_within_one_standard_error_is_taken(sweep, losses, taken):
    trials = [scored(0, "other", LINEAR, BEST), scored(1, "one", LARGE, losses)]
    champion = choose(trials, sweep, 1, {"one": 0.1, "other": 0.2})
    assert champion.backbone == taken
    assert champion.log_losses == (tuple(losses) if taken == "one" else tuple(BEST))


@pytest.mark.parametrize(("losses", "taken"), [(NEAR, LINEAR), (FAR, SMALL)])
def test_of_equally_cheap_ones_the_smaller_head_is_taken(sweep, losses, taken):
    trials = [scored(0, "one", SMALL, BEST), scored(1, "other", LINEAR, losses)]
    assert choose(trials, sweep, 1, COSTS).heads[0].spec == taken


def test_the_cheaper_backbone_comes_before_the_smaller_head(sweep):
    trials = [scored(0, "other", LINEAR, BEST), scored(1, "one", LARGE, BEST)]
    assert choose(trials, sweep, 1, {"one": 0.1, "other": 0.2}).backbone == "one"
    assert choose(trials, sweep, 1, {"one": 0.2, "other": 0.1}).backbone == "other"


def test_among_equally_simple_ones_the_lowest_log_loss_decides(sweep):
    trials = [scored(0, "one", LINEAR, NEAR), scored(1, "other", LINEAR, BEST), scored(2, "one", LINEAR, FAR)]
    assert choose(trials, sweep, 1, COSTS).heads == (trials[1],)
    assert choose(trials[::-1], sweep, 1, COSTS).heads == (trials[1],)


def test_several_backbones_cost_the_sum_of_all(sweep):
    trials = [scored(0, "one+other", LINEAR, BEST), scored(1, "third", LINEAR, NEAR)]
    costs = {"one": 0.1, "other": 0.1, "third": 0.15}
    assert choose(trials, sweep, 1, costs).backbone == "third"
    assert choose(trials, sweep, 1, costs | {"third": 0.25}).backbone == "one+other"


def test_alone_it_is_a_head_that_can_not_be_told_from_the_best(sweep, trials):
    winner = min(trials, key=lambda trial: trial.log_loss)
    champion = choose(trials, sweep, 1, COSTS)
    (head,) = champion.heads
    behind = np.subtract(head.log_losses, winner.log_losses)
    assert champion == Champion((head,), head.log_losses, head.accuracies)
    assert behind.mean() <= cross_validation_se(behind.tolist(), 0.25)


def test_backbones_that_see_different_things_are_averaged(sweep, trials):
    alone, both = choose(trials, sweep, 1, COSTS), choose(trials, sweep, 2, COSTS)
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
    champion = choose(trials, study, 2, COSTS)
    assert len(champion.heads) == 1
    assert champion.backbone == "one"


def test_only_heads_of_different_kinds_are_averaged(sweep, trials):
    """And of each kind the best one."""
    champion = choose(trials, sweep, 20, COSTS)
    kinds = [(trial.backbone, trial.spec.hidden) for trial in champion.heads]
    assert 2 <= len(set(kinds)) == len(kinds) <= 4
    for trial, kind in zip(champion.heads, kinds, strict=True):
        of_kind = [other for other in trials if (other.backbone, other.spec.hidden) == kind]
        assert trial.log_loss == min(other.log_loss for other in of_kind)


def test_out_of_fold_gives_what_was_scored(sweep, trials):
    for trial in (trials[0], next(trial for trial in trials if trial.spec.hidden)):
        folds = sweep.folds(trial.backbone, trial.spec.scaling)
        given = out_of_fold(folds, trial.spec, CLASSES, sweep.seed_of(trial))
        for mine, theirs in zip(said(trial, sweep), given, strict=True):
            np.testing.assert_array_equal(mine, theirs)
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


@pytest.mark.parametrize("which", ["linear", "hidden"])
def test_cooled_divides_the_logits(trials, which):
    trial = next(trial for trial in trials if bool(trial.spec.hidden) == (which == "hidden"))
    (head,) = refit(Champion((trial,), (), ()), MATERIAL, ROWS >= 0, 42)
    table = MATERIAL.features[trial.backbone]
    calm = cooled(head, 2.5)
    np.testing.assert_allclose(calm.probabilities(table), tempered([head.probabilities(table)], 2.5), atol=1e-6)
    assert np.abs(calm.probabilities(table) - head.probabilities(table)).max() > 0.05
    assert (calm.backbones, calm.spec) == (head.backbones, head.spec)
    assert [layer.kernel.dtype for layer in calm.layers] == [layer.kernel.dtype for layer in head.layers]
    np.testing.assert_array_equal(cooled(head, 1.0).probabilities(table), head.probabilities(table))


def test_answers_are_the_mean_of_what_heads_say_of_their_own_features():
    table = {"one": MATERIAL.features["one"], "one+other": np.hstack([MATERIAL.features[name] for name in COSTS])}
    heads = [
        Head(tuple(name.split("+")), fit_head(of, LABELS, LINEAR, CLASSES, 0), LINEAR) for name, of in table.items()
    ]
    each = [keras_head(head.layers, head.spec).predict_on_batch(table["+".join(head.backbones)]) for head in heads]
    np.testing.assert_allclose(answers(heads, table), np.mean(each, axis=0), atol=1e-6)
    assert np.abs(each[0] - each[1]).max() > 0.05


def test_params_of_several_heads_stand_in_turn():
    hidden = HeadSpec((8,), "each", 1e-3, 0.25, 0.01, 5)
    one, two = Trial(0, "a", LINEAR, (), (), 0), Trial(1, "b+c", hidden, (), (), 0)
    assert Champion((one,), (), ()).params == {
        "backbone": "a",
        "hidden": "0",
        "scaling": "common",
        "l2": 0.1,
        "views": 0,
    }
    both = Champion((two, one), (), ())
    assert both.params == {
        "backbone": "b+c, a", "hidden": "8, 0", "scaling": "each, common", "l2": "0.001, 0.1",
        "dropout": "0.25, ", "learning_rate": "0.01, ", "epochs": "5, ", "views": "0, 0",
    }  # fmt: skip
    assert both.backbone == "b+c, a"
    assert Champion((one, replace(one, number=2)), (), ()).backbone == "a"
