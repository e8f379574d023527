"""Learning from augmented views: a study tries heads with and without them, and says whether they pay."""

from dataclasses import replace

import numpy as np
import pytest

from catml.augmentation import gains
from catml.champion import Champion, choose, refit, said
from catml.evaluation.intervals import cross_validation_se
from catml.heads.fit import fit_head
from catml.heads.spec import HeadSpec
from catml.study.space import read
from catml.study.sweep import Trial
from tests.study.toy import CLASSES, FOLDS, MATERIAL, ROWS, quietly, sweep, without_seconds

VIEWS = 2
PLAIN = HeadSpec((), "common", 0.1)


def with_views(noise):
    """The toy's photos with two views of each, which are its features and noise."""
    generator = np.random.default_rng(4)
    shown = {
        name: np.stack([of, *(of + noise * generator.normal(size=of.shape) for _ in range(VIEWS))]).astype(np.float32)
        for name, of in MATERIAL.features.items()
    }
    return replace(MATERIAL, shown=shown)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    space = read("hidden=0,16; linear_l2=1e-3..10; epochs=8", VIEWS)
    return sweep(tmp_path_factory.mktemp("study"), space, material=with_views(0.5))


@pytest.fixture(scope="module")
def trials(study):
    return study.run(40, quietly)


def test_a_study_tries_heads_with_and_without(trials):
    assert [(one.backbone, one.spec.views, one.spec.hidden) for one in trials[:4]] == [
        ("good", 0, ()), ("good", 2, ()), ("bad", 0, ()), ("bad", 2, ()),
    ]  # fmt: skip
    assert {one.spec.views for one in trials[4:]} == {0, 2}
    assert {(bool(one.spec.hidden), one.spec.views) for one in trials} == {(False, 0), (False, 2), (True, 0), (True, 2)}


def test_views_that_are_the_photos_themselves_change_little_and_noise_does_harm(tmp_path):
    def of(noise, views):
        space = read(f"hidden=0; linear_l2=0.1; scaling=common; views={views}", VIEWS)
        heads = sweep(tmp_path / f"{noise} {views}", space, material=with_views(noise)).run(2, quietly)
        return heads[0].log_loss

    assert of(0, 2) == pytest.approx(of(0, 0), abs=1e-3)
    assert of(10, 2) > of(0, 0) + 0.05


def test_same_study_twice(study, trials, tmp_path):
    again = sweep(tmp_path, study.space, material=with_views(0.5))
    assert without_seconds(again.run(40, quietly)) == without_seconds(trials)


def test_refit_learns_from_the_views_of_the_given_rows_alone(study, trials):
    trial = trials[1]
    spoilt = replace(study.material, shown={name: of.copy() for name, of in study.material.shown.items()})
    spoilt.shown["good"][1:, 30:] = np.nan
    learn = ROWS < 30
    (head,) = refit(Champion((trial,), (), ()), spoilt, learn, 42)
    table = spoilt.shown["good"][:, :30].reshape(-1, 16)
    expected = fit_head(table, np.tile(MATERIAL.labels[:30], 3), trial.spec, CLASSES, 42)
    np.testing.assert_array_equal(head.layers[0].kernel, expected[0].kernel)
    (plain,) = refit(Champion((trials[0],), (), ()), spoilt, learn, 42)
    assert np.abs(plain.layers[0].kernel - head.layers[0].kernel).max() > 1e-3


def test_out_of_fold_answers_are_of_the_photos_themselves(study, trials):
    for trial in (trials[1], next(one for one in trials if one.spec.hidden and one.spec.views)):
        assert [len(part) for part in said(trial, study)] == [len(validation) for _, validation in FOLDS]


def test_memory_counts_the_views(study, trials):
    params = next(of.params for of in study.store.completed().values() if of.params["hidden"] == "16")
    assert study._bytes(params | {"views": 2}) > 1.5 * study._bytes(params | {"views": 0})


def trial(number, losses, views, spec=PLAIN):
    return Trial(number, "good", replace(spec, views=views), tuple(losses), (1.0,) * len(losses), 0)


def test_fewer_views_are_simpler(study):
    losses = [0.2, 0.3, 0.4]
    same = [trial(0, losses, 2), trial(1, losses, 0)]
    assert choose(same, study, 1, {"good": 1}).heads == (same[1],)


def test_gain_is_that_of_the_best_heads_and_of_the_plain_linear_ones():
    plain, viewed = trial(0, [0.5, 0.6, 0.7], 0), trial(1, [0.4, 0.5, 0.65], 2)
    other, better = trial(2, [0.3, 0.4, 0.5], 0), trial(3, [0.2, 0.25, 0.45], 2)
    best, linear = gains([plain, viewed, other, better], 0.5)
    assert (best.with_views, best.without, linear.with_views, linear.without) == (better, other, viewed, plain)
    lower = [0.1, 0.15, 0.05]
    assert best.log_loss == pytest.approx(0.1)
    assert best.se == pytest.approx(cross_validation_se(lower, 0.5)) == pytest.approx(0.05 * np.sqrt(1 / 3 + 0.5))
    assert best.said == "0.3000 with 2 views, 0.4000 without: no detectable difference (p = 0.16)"
    sure, _ = gains([plain, viewed, trial(2, [0.3, 0.4, 0.5], 0), trial(3, [0.2, 0.301, 0.4], 2)], 0.5)
    assert "0.3003 with 2 views, 0.4000 without: better with them" in sure.said
    harm, _ = gains([plain, viewed, trial(2, [0.1, 0.2, 0.3], 0), trial(3, [0.2, 0.301, 0.4], 2)], 0.5)
    assert "worse with them" in harm.said


def test_no_gain_where_there_is_nothing_to_compare():
    assert gains([trial(0, [0.5, 0.6], 0)], 0.5) is None
    assert gains([trial(0, [0.5, 0.6], 2)], 0.5) is None
