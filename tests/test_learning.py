"""What is learnt from a study is calibrated on predictions of heads that had not learnt from them."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from catml.champion import Champion, refit, said
from catml.evaluation.calibration import fit_threshold, tempered
from catml.learning import Wanted, joined, learn
from catml.network import Head, assemble
from catml.study.space import read
from catml.study.store import open_study
from catml.study.sweep import Material, Sweep

PHOTOS, CLASSES = 120, 3
WIDTHS = {"one": 8, "two": 6}
COSTS = dict.fromkeys(WIDTHS, 0.1)
LABELS = np.arange(PHOTOS) % CLASSES
GROUPS = [f"group {number}" for number in range(PHOTOS)]
TEST = np.arange(100, PHOTOS)
LEARN = np.arange(100)


def folds(count=5, repeats=1, seed=0):
    """Folds of the photos to learn from, drawn several times."""
    found = []
    for repeat in range(repeats):
        order = np.random.default_rng(seed + repeat).permutation(LEARN)
        found += [(np.setdiff1d(LEARN, order[fold::count]), np.sort(order[fold::count])) for fold in range(count)]
    return found


def features(name, seed, apart=4.0):
    found = 6 + np.random.default_rng(seed).normal(size=(PHOTOS, WIDTHS[name]))
    found[np.arange(PHOTOS), LABELS] += apart
    return found.astype(np.float32)


def material(repeats=1, labels=LABELS, **other):
    table = {"one": features("one", 0)} | other
    return Material(table, labels, folds(repeats=repeats), {name: (of.shape[1],) for name, of in table.items()})


def study(folder, of, space="hidden=0; linear_l2=0.2"):
    sweep = Sweep(of, read(space), 42, open_study("toy", folder), 10**9)
    return sweep, sweep.run(100, lambda _: None)


def learnt(folder, of, average=1, precision=0.9, groups=GROUPS, **options):
    sweep, trials = study(folder, of, **options)
    return learn(trials, sweep, groups, Wanted(average, precision, COSTS)), sweep


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return learnt(tmp_path_factory.mktemp("plain"), material())


def test_test_photos_are_not_learnt_from(plain, tmp_path):
    found, _ = plain
    assert found.rows.tolist() == LEARN.tolist()
    assert found.held_out.shape == (100, CLASSES)
    assert len(found.familiar.directions) == 100
    labels, table = LABELS.copy(), features("one", 0)
    labels[TEST] = (labels[TEST] + 1) % CLASSES
    table[TEST] = 100
    again, _ = learnt(tmp_path, material(labels=labels, one=table))
    np.testing.assert_array_equal(again.held_out, found.held_out)
    assert (again.temperature, again.threshold) == (found.temperature, found.threshold)
    assert again.familiar.least == found.familiar.least
    np.testing.assert_array_equal(again.heads[0].layers[0].kernel, found.heads[0].layers[0].kernel)


def test_what_is_validated_is_the_mean_less_twice_its_error(tmp_path):
    """Five folds of 20 of 100 photos: the variance of the mean is 1/5 + 1/4 of that of the folds."""
    found, _ = learnt(tmp_path, material(one=features("one", 0, apart=1.0)))
    each = np.array(found.champion.accuracies)
    assert found.validated == pytest.approx(each.mean() - 2 * each.std(ddof=1) * np.sqrt(0.45))
    assert found.validated < each.mean()


def test_held_out_is_what_was_scored_and_calibrated(plain):
    found, sweep = plain
    (trial,) = found.champion.heads
    for part, (_, validation) in zip(said(trial, sweep), sweep.material.folds, strict=True):
        np.testing.assert_allclose(found.held_out[validation], tempered([part], found.temperature), rtol=1e-6)


def test_held_out_is_from_heads_that_had_not_learnt_from_the_photo(tmp_path):
    """A photo with the wrong label: heads that learn from it come to believe it, those that don't never do."""
    labels, table = LABELS.copy(), features("one", 0, apart=0.5)
    table[7] = 0
    table[7, -1] = 60  # far from all others: what is said of it is what was learnt from it
    labels[7] = 1
    found, _ = learnt(tmp_path, material(labels=labels, one=table), space="hidden=0; linear_l2=1e-5")
    other = labels.copy()
    other[7] = 2
    again, _ = learnt(tmp_path / "other", material(labels=other, one=table), space="hidden=0; linear_l2=1e-5")
    assert found.answer({"one": table}).probabilities[7].argmax() == 1
    assert again.answer({"one": table}).probabilities[7].argmax() == 2
    own = np.log(found.held_out[7]) * found.temperature
    without = np.log(again.held_out[7]) * again.temperature
    np.testing.assert_allclose(own - own.max(), without - without.max(), atol=1e-3)


def test_a_wrong_label_is_not_believed(tmp_path):
    labels = LABELS.copy()
    labels[9] = 1  # looks like all those of label 0
    found, _ = learnt(tmp_path, material(labels=labels))
    assert found.held_out[9, 1] < 0.2
    assert found.held_out[9].argmax() == 0
    right = found.held_out.argmax(axis=1) == labels[LEARN]
    assert right.mean() > 0.9


def test_repeats_are_averaged(tmp_path):
    found, sweep = learnt(tmp_path, material(repeats=3))
    (trial,) = found.champion.heads
    total, times = np.zeros((100, CLASSES)), np.zeros(100)
    for part, (_, validation) in zip(said(trial, sweep), sweep.material.folds, strict=True):
        total[validation] += tempered([part], found.temperature)
        times[validation] += 1
    assert times.tolist() == [3] * 100
    np.testing.assert_allclose(found.held_out, total / 3, rtol=1e-6)
    np.testing.assert_allclose(found.held_out.sum(axis=1), 1)


def test_threshold_counts_groups_and_not_repeats(tmp_path):
    """A hundred photos that come out right show 90 %; in twenty groups, they don't."""
    alone, _ = learnt(tmp_path / "alone", material(repeats=3, one=features("one", 0, 9.0)))
    assert alone.threshold.claimed
    groups = [f"group {number // 5}" for number in range(PHOTOS)]
    together, _ = learnt(tmp_path / "together", material(repeats=3, one=features("one", 0, 9.0)), groups=groups)
    assert not together.threshold.claimed
    assert alone.temperature == together.temperature


def test_threshold_is_fitted_on_calibrated_probabilities(tmp_path):
    found, sweep = learnt(tmp_path, material(one=features("one", 0, apart=2.0)))
    (trial,) = found.champion.heads
    order = np.argsort(np.concatenate([validation for _, validation in sweep.material.folds]))
    bare = np.concatenate(said(trial, sweep))[order]
    expected = fit_threshold(found.held_out, LABELS[LEARN], 100, 0.9)
    # What is kept of each photo adds up to 1 to the last bit, which moves that bit.
    assert found.threshold.probability == pytest.approx(expected.probability, rel=1e-12)
    assert replace(found.threshold, probability=expected.probability) == expected
    assert 0.4 < found.threshold.probability < 0.95
    assert abs(fit_threshold(bare, LABELS[LEARN], 100, 0.9).probability - found.threshold.probability) > 0.02


SPACES = {"linear": "hidden=0; linear_l2=0.2", "hidden": "hidden=8; epochs=5; hidden_l2=1e-3; learning_rate=0.01"}


@pytest.mark.parametrize("space", SPACES)
def test_temperature_is_in_the_heads(tmp_path, space):
    found, sweep = learnt(tmp_path, material(), space=SPACES[space])
    (hot,) = refit(found.champion, sweep.material, np.arange(PHOTOS) < 100, sweep.seed)
    table = sweep.material.features["one"]
    wanted = tempered([hot.probabilities(table)], found.temperature)
    np.testing.assert_allclose(found.heads[0].probabilities(table), wanted, atol=1e-5)
    assert np.abs(wanted - hot.probabilities(table)).max() > 0.01


def backbone(name, start, end):
    """A network whose features are some of the 27 values of a photo of three by three pixels."""
    pixels = keras.Input((3, 3, 3), name="pixels")
    return keras.Model(pixels, keras.layers.Flatten()(pixels)[:, start:end], name=name)


def test_answers_of_several_backbones_equal_the_assembled_network(tmp_path, monkeypatch):
    table = {"one": features("one", 0), "two": features("two", 1)}
    sweep, trials = study(tmp_path, material(**table))
    both = tuple(next(trial for trial in trials if trial.backbone == name) for name in ("two", "one"))
    champion = Champion(both, both[0].log_losses, both[0].accuracies)
    monkeypatch.setattr("catml.learning.choose", lambda *_: champion)
    found = learn(trials, sweep, GROUPS, Wanted(2, 0.9, COSTS))
    assert found.familiar.blocks == (6, 8)
    answered = found.answer(table)
    pixels = np.zeros((PHOTOS, 27), np.float32)
    pixels[:, :8], pixels[:, 8:14] = table["one"], table["two"]
    network = assemble({"one": backbone("one", 0, 8), "two": backbone("two", 8, 14)}, found.heads)
    given = network.predict_on_batch(pixels.reshape(PHOTOS, 3, 3, 3))
    np.testing.assert_allclose(given, answered.probabilities, atol=1e-5)
    each = [head.probabilities(table[name]) for head, name in zip(found.heads, ("two", "one"), strict=True)]
    assert np.abs(each[0] - each[1]).max() > 0.1


def test_sure_is_what_is_probable_enough_and_familiar(plain):
    found, sweep = plain
    table = sweep.material.features["one"]
    strict = replace(found, threshold=replace(found.threshold, probability=0.95))
    answered = strict.answer({"one": table})
    probable = answered.probabilities.max(axis=1) >= 0.95
    familiar = answered.similar >= found.familiar.least
    assert 0 < probable[familiar].mean() < 1
    np.testing.assert_array_equal(answered.sure, probable & familiar)
    stranger = np.zeros((1, 8), np.float32)
    stranger[0, :2] = 100, -100  # as probable as can be, and like nothing learnt from
    answered = strict.answer({"one": stranger})
    assert answered.probabilities.max() > 0.99
    assert answered.sure.tolist() == [False]


def test_no_photos(plain):
    answered = plain[0].answer({"one": np.empty((0, 8), np.float32)})
    assert answered.probabilities.shape == (0, CLASSES)
    assert answered.similar.shape == answered.sure.shape == (0,)


def test_features_of_heads_stand_side_by_side_each_set_once():
    table = {"one": np.full((2, 1), 1, np.float32), "two": np.full((2, 2), 2, np.float32)}
    table["two+one"] = np.hstack([table["two"], table["one"]])
    heads = [Head(of, [], None) for of in (("two", "one"), ("one",), ("two", "one"))]
    assert joined(heads, table).tolist() == [[2, 2, 1, 1]] * 2
