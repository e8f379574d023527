"""A test is what was said of photos that were not learnt from, beside what the baselines said of the same photos."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from catml.assessment import Assessment, assess, predictions, together
from catml.baselines import SHUFFLES, baselines, shuffled
from catml.evaluation.intervals import accuracy_interval
from catml.evaluation.metrics import metrics
from catml.learning import Answers, Wanted, learn
from catml.photos.split import TEST, kept_back
from catml.preparation import Data
from catml.study.space import read
from catml.study.store import open_study
from catml.study.sweep import Material, Sweep

PHOTOS, WIDTH, NAMES = 100, 10, ("cat", "dog")
LABELS = (np.arange(PHOTOS) % 3 == 0).astype(int)
GROUPS = [f"group {number // 2}" for number in range(PHOTOS)]  # two photos each
KEYS = [f"key{number:03d}" for number in range(PHOTOS)]


def splits(where):
    labels = [NAMES[label] for label in LABELS]
    table = {"path": [f"{key}.jpg" for key in KEYS], "label": labels, "group": GROUPS, "pixels_sha256": KEYS}
    return pd.DataFrame(table | {"split": where})


FIVE = np.arange(PHOTOS) // 2 % 5  # folds of whole groups
KEPT_BACK = splits([TEST if fold == 4 else str(fold) for fold in FIVE])
NESTED = splits(FIVE.astype(str))


def features(apart=2.0, seed=0):
    found = 5 + np.random.default_rng(seed).normal(size=(PHOTOS, WIDTH))
    found[:, 0] += apart * LABELS
    return found.astype(np.float32)


COLOURS = np.random.default_rng(1).random((PHOTOS, 128)).astype(np.float32)


def data(of, apart=2.0):
    bare = Data(of, NAMES, Material({"toy": features(apart)}, LABELS, [], {"toy": (WIDTH,)}))
    return bare.split_by(of)


def learnt(folder, of):
    sweep = Sweep(of.material, read("hidden=0; linear_l2=0.05"), 42, open_study("toy", folder), 10**9)
    trials = sweep.run(9, lambda _: None)
    return learn(trials, sweep, of.splits["group"].tolist(), Wanted(1, 0.9, {"toy": 0.1}))


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Learnt from the photos that are not kept back; and its test."""
    of = data(KEPT_BACK)
    found = learnt(tmp_path_factory.mktemp("once"), of)
    return of, found, assess(found, of, COLOURS, 42)


def nested(folder, apart=2.0):
    """The five rounds of a nested cross-validation: what each has learnt, and its test."""
    found = []
    for fold in "01234":
        of = data(NESTED, apart).split_by(kept_back(NESTED, fold, 4, 1, 0))
        found.append((one := learnt(folder / fold, of), assess(one, of, COLOURS, 42)))
    return found


@pytest.fixture(scope="module")
def rounds(tmp_path_factory):
    return nested(tmp_path_factory.mktemp("rounds"))


def test_what_is_tested_is_what_was_kept_back(once):
    of, found, assessed = once
    assert assessed.rows.tolist() == np.flatnonzero(FIVE == 4).tolist() == np.flatnonzero(of.is_test).tolist()
    assert assessed.labels.tolist() == LABELS[assessed.rows].tolist()
    assert assessed.groups == tuple(GROUPS[row] for row in assessed.rows)
    assert not set(assessed.rows) & set(found.rows)


def test_answers_are_those_of_the_classifier(once):
    of, found, assessed = once
    answers = found.answer({"toy": of.material.features["toy"][assessed.rows]})
    np.testing.assert_array_equal(assessed.answers.probabilities, answers.probabilities)
    np.testing.assert_array_equal(assessed.sure, answers.sure)
    right = answers.probabilities.argmax(axis=1) == assessed.labels
    np.testing.assert_array_equal(assessed.right, right)
    assert assessed.accuracy == right.mean()
    assert assessed.answered == answers.sure.mean()
    assert assessed.answered_right == (right & answers.sure).sum()


def test_baselines_learn_from_the_same_photos(once):
    of, found, assessed = once
    wanted = baselines(of.material.features["toy"], COLOURS, LABELS, found.rows, assessed.rows)
    assert list(assessed.baselines) == list(wanted)
    for name, given in wanted.items():
        np.testing.assert_array_equal(assessed.baselines[name], given)
    assert assessed.shuffled.shape == (SHUFFLES,)
    mixed = shuffled(of.material.features["toy"], LABELS, found.rows, assessed.rows, 42)
    assert (assessed.shuffled.tolist(), assessed.chance) == (mixed[0].tolist(), mixed[1])


def test_beside_a_baseline(once):
    _, _, assessed = once
    found = assessed.beside("most frequent label")
    usual = assessed.labels == 0
    assert found.photos == 20
    assert found.only_first == (assessed.right & ~usual).sum()
    assert found.ahead == assessed.right.sum() - usual.sum()


def test_photos_in_groups_widen_the_interval(once):
    _, _, assessed = once
    assert assessed.interval == accuracy_interval(assessed.right, assessed.groups)
    assert len(set(assessed.groups)) == 10


def test_names_of_metrics(once):
    _, _, assessed = once
    found = assessed.metrics()
    assert list(found) == [
        "test_accuracy", "test_balanced_accuracy", "test_log_loss", "test_brier", "test_accuracy_low",
        "test_accuracy_high", "test_answered", "test_answered_accuracy", "baseline_most_frequent_label",
        "baseline_colours_alone", "baseline_nearest_photo", "baseline_plain_linear_head", "baseline_shuffled_labels",
    ]  # fmt: skip
    for name, value in metrics(assessed.answers.probabilities, assessed.labels):
        assert found[f"test_{name}"] == value
    assert (found["test_accuracy_low"], found["test_accuracy_high"]) == assessed.interval
    assert found["baseline_most_frequent_label"] == (assessed.labels == 0).mean()
    assert found["test_answered_accuracy"] == assessed.answered_right / assessed.sure.sum()
    assert all(isinstance(value, float) for value in found.values())


def test_where_nothing_is_answered_there_is_no_accuracy_of_answers(once):
    _, _, assessed = once
    unsure = replace(assessed, answers=replace(assessed.answers, sure=np.zeros(20, bool)))
    assert "test_answered_accuracy" not in unsure.metrics()
    assert (unsure.answered, unsure.answered_right) == (0, 0)


def test_gate_takes_the_baselines_on_the_same_photos(once):
    _, _, assessed = once
    truth = assessed.labels
    perfect = np.eye(2)[truth] * 0.9 + 0.05
    good = replace(assessed, answers=replace(assessed.answers, probabilities=perfect))
    assert good.gate(0).passed
    assert good.gate(0, 0.99).passed
    assert not good.gate(0, 0.3).passed
    assert not good.gate(0.99).passed
    beaten = replace(assessed, baselines={**assessed.baselines, "colours alone": truth})
    assert not assessed.right.all()
    assert "their colours alone 20" in beaten.gate(0).reason
    usual = replace(good, baselines={**assessed.baselines, "most frequent label": truth})
    assert "most frequent label" in usual.gate(0).reason
    assert not usual.gate(0).passed


def test_alike_are_the_nearest_photos_learnt_from(once):
    of, found, assessed = once
    assert assessed.alike.shape == (20, 3)
    assert set(assessed.alike.ravel()) <= set(found.rows)
    unit = of.material.features["toy"] / np.linalg.norm(of.material.features["toy"], axis=1, keepdims=True)
    similar = unit[assessed.rows] @ unit.T
    nearest = np.take_along_axis(similar, assessed.alike, axis=1)
    np.testing.assert_allclose(nearest, -np.sort(-similar[:, found.rows], axis=1)[:, :3], atol=2e-3)
    np.testing.assert_allclose(nearest[:, 0], assessed.answers.similar, atol=2e-3)


def test_predictions_have_one_row_a_photo(once):
    of, found, assessed = once
    table = predictions(assessed, found, of)
    assert list(table) == [
        "path", "label", "group", "pixels_sha256", "judged", "answer", "probability", "unsure", "probability_cat",
        "probability_dog",
    ]  # fmt: skip
    assert sorted(table["pixels_sha256"]) == KEYS
    assert table["judged"].tolist() == ["test"] * 20 + ["learn"] * 80
    assert set(table.loc[table["judged"] == "test", "pixels_sha256"]) == {KEYS[row] for row in assessed.rows}
    by_key = KEPT_BACK.set_index("pixels_sha256").loc[table["pixels_sha256"]]
    for column in ("path", "label", "group"):
        assert table[column].tolist() == by_key[column].tolist()


def test_predictions_agree_with_themselves(once):
    of, found, assessed = once
    table = predictions(assessed, found, of)
    both = table[["probability_cat", "probability_dog"]].to_numpy()
    np.testing.assert_allclose(both.sum(axis=1), 1)
    np.testing.assert_array_equal(table["probability"], both.max(axis=1))
    assert table["answer"].tolist() == [NAMES[best] for best in both.argmax(axis=1)]
    test, learn_rows = table[table["judged"] == "test"], table[table["judged"] == "learn"]
    np.testing.assert_array_equal(both[:20], assessed.answers.probabilities)
    assert (test["answer"] == test["label"]).tolist() == assessed.right.tolist()
    assert test["unsure"].tolist() == (~assessed.sure).tolist()
    np.testing.assert_array_equal(both[20:], found.held_out)
    assert learn_rows["unsure"].tolist() == (found.held_out.max(axis=1) < found.threshold.probability).tolist()
    assert table["unsure"].dtype == bool


def test_rounds_test_every_photo_once(rounds):
    whole = together([assessed for _, assessed in rounds])
    assert sorted(whole.rows) == list(range(PHOTOS))
    assert whole.rows.tolist() == [row for fold in range(5) for row in np.flatnonzero(np.equal(FIVE, fold))]
    assert whole.labels.tolist() == LABELS[whole.rows].tolist()
    assert whole.groups == tuple(GROUPS[row] for row in whole.rows)


def test_rounds_are_put_one_behind_the_other(rounds):
    each = [assessed for _, assessed in rounds]
    whole = together(each)
    assert whole.right.tolist() == [right for one in each for right in one.right]
    assert whole.sure.tolist() == [sure for one in each for sure in one.sure]
    assert whole.accuracy == pytest.approx(np.mean([one.accuracy for one in each]))
    np.testing.assert_array_equal(whole.answers.similar[-20:], each[-1].answers.similar)
    for name in each[0].baselines:
        assert whole.baselines[name].tolist() == [given for one in each for given in one.baselines[name]]
    np.testing.assert_allclose(whole.shuffled, np.mean([one.shuffled for one in each], axis=0))
    assert whole.chance == pytest.approx(np.mean([one.chance for one in each]))
    assert set(whole.metrics()) == set(each[0].metrics())


def test_no_round_has_learnt_from_what_it_tests(rounds):
    for found, assessed in rounds:
        assert not set(found.rows) & set(assessed.rows)
        assert sorted([*found.rows, *assessed.rows]) == list(range(PHOTOS))
        assert set(assessed.alike.ravel()) <= set(found.rows)
        assert not {GROUPS[row] for row in found.rows} & set(assessed.groups)


def test_rounds_of_different_size_weigh_by_their_photos():
    def one(rows, found):
        count = len(rows)
        answers = Answers(np.full((count, 2), 0.5), np.ones(count, np.float32), np.ones(count, bool))
        labels = np.zeros(count, int)
        return Assessment(
            np.array(rows), labels, ("g",) * count, answers, {}, np.full(3, found), found, np.zeros((count, 3), int)
        )

    whole = together([one([0], 1.0), one([1, 2, 3], 0.2)])
    assert whole.chance == pytest.approx(0.4)
    np.testing.assert_allclose(whole.shuffled, 0.4)


def test_predictions_of_a_nested_test_are_those_of_its_rounds(rounds, tmp_path, recwarn):
    """The classifier itself learns from all photos; what is written down of each is what its round said."""
    of = data(NESTED)
    found, whole = learnt(tmp_path, of), together([assessed for _, assessed in rounds])
    assert found.rows.tolist() == list(range(PHOTOS))
    table = predictions(whole, found, of)
    assert sorted(table["pixels_sha256"]) == KEYS
    assert set(table["judged"]) == {"test"}
    assert table["pixels_sha256"].tolist() == [KEYS[row] for row in whole.rows]
    assert (table["answer"] == table["label"]).tolist() == whole.right.tolist()
    assert table["unsure"].dtype == bool
    assert [str(warning.message) for warning in recwarn if "concat" in str(warning.message)] == []


def test_a_nested_test_of_what_tells_nothing_shows_that(rounds, tmp_path):
    whole, blind = together([one for _, one in rounds]), together([one for _, one in nested(tmp_path, apart=0.0)])
    assert whole.accuracy > 0.75
    assert whole.beside("most frequent label").ahead > 0
    assert blind.accuracy < 0.75
    assert not blind.gate(0).passed
