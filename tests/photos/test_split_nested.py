"""A split that keeps no photos back, and the rounds of a nested cross-validation on it."""

import numpy as np
import pytest

from catml.errors import InputError
from catml.photos.split import TEST, fold_indices, kept_back, split, without_test
from catml.photos.split import test_hash as hash_of_test
from tests.photos.test_split import SINGLES, table_of, where

GROUPED = table_of({"cat": [3, 1, 4, 1, 5, 2, 2, 1], "dog": [2, 2, 1, 1, 3, 1, 1, 6]})


def test_every_photo_is_in_a_fold():
    splits = without_test(SINGLES, 5, 42)
    assert list(splits.columns) == ["path", "label", "group", "pixels_sha256", "split"]
    assert splits["path"].tolist() == SINGLES["path"].tolist()
    assert set(splits["split"]) == set("01234")
    counts = splits.groupby(["split", "label"]).size().unstack()
    assert counts.to_numpy().tolist() == [[12, 8]] * 5


def test_groups_stay_whole():
    for seed in range(10):
        splits = without_test(GROUPED, 4, seed)
        assert splits.groupby("group")["split"].nunique().eq(1).all()


def test_neither_names_nor_order_matter():
    renamed = GROUPED.assign(path=[f"x{number}.jpg" for number in range(len(GROUPED))]).sample(frac=1, random_state=0)
    assert where(without_test(renamed, 5, 1)) == where(without_test(GROUPED, 5, 1))
    assert where(without_test(GROUPED, 5, 2)) != where(without_test(GROUPED, 5, 1))


def test_a_label_needs_as_many_moments_as_folds():
    assert set(without_test(table_of({"cat": [1] * 5, "dog": [9] * 5}), 5, 0)["split"]) == set("01234")
    with pytest.raises(InputError) as caught:
        without_test(table_of({"cat": [20] * 4, "dog": [1] * 40, "owl": [1]}), 5, 0)
    assert [problem.split(",")[0] for problem in caught.value.problems] == [
        "cat: shows only 4 different moments",
        "owl: shows only 1 different moments",
    ]
    assert all("at least 5 are needed" in problem for problem in caught.value.problems)


@pytest.mark.parametrize("table", [SINGLES, GROUPED], ids=["singles", "groups"])
def test_each_round_tests_one_fold_and_learns_from_all_others(table):
    splits = without_test(table, 5, 42)
    tested = []
    for fold in "01234":
        one = kept_back(splits, fold, 5, 2, 42)
        test = np.flatnonzero(one["split"] == TEST)
        assert test.tolist() == np.flatnonzero(splits["split"] == fold).tolist()
        assert one[["path", "label", "group", "pixels_sha256"]].equals(
            splits[["path", "label", "group", "pixels_sha256"]]
        )
        assert one.loc[one["split"] == TEST, "fold_2"].eq(TEST).all()
        assert one.groupby("group")[["split", "fold_2"]].nunique().eq(1).all(axis=None)
        folds = fold_indices(one)
        assert len(folds) == 10
        assert not any(np.isin(test, both).any() for pair in folds for both in pair)
        for repeat in (folds[:5], folds[5:]):
            learnt = np.sort(np.concatenate([validation for _, validation in repeat]))
            assert learnt.tolist() == np.setdiff1d(np.arange(len(table)), test).tolist()
        tested += test.tolist()
    assert sorted(tested) == list(range(len(table)))


def test_folds_of_a_round_are_drawn_anew():
    """Else a head would be chosen by folds that other rounds test."""
    splits = without_test(SINGLES, 5, 42)
    one = kept_back(splits, "0", 4, 2, 42)
    left = splits["split"] != "0"
    assert set(one.loc[left, "split"]) == set("0123")
    together = one[left].groupby(splits.loc[left, "split"])["split"].nunique()
    assert (together > 1).all()
    assert not one.loc[left, "split"].eq(one.loc[left, "fold_2"]).all()


def test_a_round_depends_on_seed_and_fold():
    splits = without_test(SINGLES, 5, 42)
    assert kept_back(splits, "0", 5, 2, 42).equals(kept_back(splits, "0", 5, 2, 42))
    assert not kept_back(splits, "0", 5, 2, 42).equals(kept_back(splits, "0", 5, 2, 43))
    rest = splits["split"].isin(["3", "4"])
    assert not kept_back(splits, "0", 5, 1, 42)[rest].equals(kept_back(splits, "1", 5, 1, 42)[rest])


def test_the_split_itself_is_left_as_it_is():
    splits = without_test(SINGLES, 5, 42)
    before = splits.copy()
    kept_back(splits, "3", 5, 2, 42)
    assert splits.equals(before)


def test_a_label_with_few_moments_left_has_fewer_folds():
    splits = without_test(table_of({"cat": [1] * 5, "dog": [1] * 30}), 5, 0)
    for fold in "01234":
        one = kept_back(splits, fold, 5, 1, 0)
        assert set(one["split"]) == {TEST, *"0123"}
        assert all(set(one["label"].iloc[training]) == {"cat", "dog"} for training, _ in fold_indices(one))


def test_hash_of_the_test_is_of_its_photos_alone():
    splits = split(SINGLES, 0.2, 5, 42)
    found = hash_of_test(splits)
    assert len(found) == 16
    refolded = splits.assign(split=splits["split"].replace({"0": "1", "1": "0"}), path="x", label="y")
    assert hash_of_test(refolded.sample(frac=1, random_state=0)) == found
    fewer = splits.drop(index=splits.index[splits["split"] != TEST][0])
    assert hash_of_test(fewer) == found
    assert hash_of_test(splits.drop(index=splits.index[splits["split"] == TEST][0])) != found
    assert hash_of_test(split(SINGLES, 0.2, 5, 43)) != found


def test_where_none_is_kept_back_the_test_is_of_all_photos():
    splits = without_test(SINGLES, 5, 42)
    assert hash_of_test(splits) == hash_of_test(without_test(SINGLES, 5, 43))
    assert hash_of_test(splits) == hash_of_test(splits.assign(split=TEST))
    assert hash_of_test(splits.iloc[1:]) != hash_of_test(splits)
