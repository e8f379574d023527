"""The split: shares, whole groups, and nothing that depends on names or order."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catml.errors import InputError
from catml.photos.split import TEST, fold_indices, split, split_hash


def table_of(sizes, *, prefix=""):
    """Return a photo table: `sizes` has, for each label, the sizes of its groups."""
    rows = []
    for label, groups in sizes.items():
        for group, size in enumerate(groups):
            name = hashlib.sha256(f"{label} {group}".encode()).hexdigest()
            rows += [
                {
                    "path": f"{label}/{prefix}{group}-{copy}.jpg",
                    "label": label,
                    "group": name,
                    "pixels_sha256": f"{name}{copy}",
                    "problem": "",
                }
                for copy in range(size)
            ]
    return pd.DataFrame(rows)


SINGLES = table_of({"cat": [1] * 60, "dog": [1] * 40})
GROUPS = st.dictionaries(
    st.sampled_from(["apple", "bolt", "cat", "dog"]),
    st.lists(st.integers(1, 12), min_size=6, max_size=25),
    min_size=2,
)


def where(splits):
    return dict(zip(splits["pixels_sha256"], splits["split"], strict=True))


def test_columns_and_order():
    splits = split(SINGLES, 0.2, 5, 42)
    assert list(splits.columns) == ["path", "label", "group", "pixels_sha256", "split"]
    assert splits["path"].tolist() == SINGLES["path"].tolist()
    assert set(splits["split"]) == {TEST, "0", "1", "2", "3", "4"}


@pytest.mark.parametrize(("share", "cats", "dogs"), [(0.2, 12, 8), (0.05, 3, 2), (0.5, 30, 20)])
def test_each_label_keeps_its_share_back(share, cats, dogs):
    splits = split(SINGLES, share, 5, 42)
    kept_back = splits[splits["split"] == TEST]["label"].value_counts()
    assert kept_back.to_dict() == {"cat": cats, "dog": dogs}


def test_at_least_one_photo_of_each_label_is_kept_back():
    splits = split(table_of({"cat": [1] * 10, "dog": [1] * 100}), 0.01, 5, 0)
    assert splits[splits["split"] == TEST]["label"].value_counts().to_dict() == {"cat": 1, "dog": 1}


def test_folds_are_stratified():
    splits = split(SINGLES, 0.2, 5, 42)
    counts = splits[splits["split"] != TEST].groupby(["split", "label"]).size().unstack()
    assert counts["cat"].between(9, 10).all()
    assert counts["dog"].between(6, 7).all()


@settings(max_examples=60, deadline=None)
@given(sizes=GROUPS, seed=st.integers(0, 2**31 - 1), share=st.sampled_from([0.05, 0.2, 0.5]))
def test_whatever_the_groups(sizes, seed, share):
    splits = split(table_of(sizes), share, 5, seed)
    assert splits.groupby("group")["split"].nunique().eq(1).all()
    assert set(splits["split"]) == {TEST, "0", "1", "2", "3", "4"}
    for label, groups in sizes.items():
        kept_back = ((splits["label"] == label) & (splits["split"] == TEST)).sum()
        wanted = max(1, round(share * sum(groups)))
        assert 1 <= kept_back <= max(wanted, min(groups))
    for training, validation in fold_indices(splits):
        assert set(splits["label"].iloc[training]) == set(splits["label"].iloc[validation]) == set(sizes)
    shuffled = table_of(sizes, prefix="renamed").sample(frac=1, random_state=seed % 1000)
    again = split(shuffled, share, 5, seed)
    assert where(again) == where(splits)
    assert split_hash(again) == split_hash(splits)


def test_large_groups_are_passed_over_for_smaller_ones():
    for seed in range(10):
        splits = split(table_of({"cat": [30, *[1] * 30], "dog": [2] * 20}), 0.2, 5, seed)
        kept_back = splits[splits["split"] == TEST]
        assert kept_back["label"].value_counts().to_dict() == {"cat": 12, "dog": 8}


def test_where_no_group_fits_the_smallest_is_taken():
    splits = split(table_of({"cat": [9, 9, 9, 9, 9, 9, 7], "dog": [1] * 40}), 0.05, 5, 0)
    assert splits[splits["split"] == TEST]["label"].value_counts().to_dict() == {"cat": 7, "dog": 2}


def test_as_many_groups_as_folds_are_left_to_learn_from():
    splits = split(table_of({"cat": [1, 1, 1, 1, 1, 50], "dog": [1] * 6}), 0.5, 5, 0)
    learnt = splits[splits["split"] != TEST].groupby("label")["group"].nunique()
    assert learnt.to_dict() == {"cat": 5, "dog": 5}


def test_labels_of_too_few_moments_are_all_named():
    with pytest.raises(InputError) as error:
        split(table_of({"cat": [12, 12], "dog": [1] * 40, "owl": [4] * 5}), 0.2, 5, 0)
    assert len(error.value.problems) == 2
    assert error.value.problems[0].startswith("cat: shows only 2 different moments")
    assert error.value.problems[1].startswith("owl: shows only 5 different moments")
    assert all("at least 6 are needed" in problem for problem in error.value.problems)


def test_a_group_of_two_labels_stays_whole_and_counts_for_the_more_frequent_one():
    table = table_of({"cat": [5] + [1] * 20, "dog": [1] * 20})
    table.loc[3:4, "label"] = "dog"
    sides = {split(table, 0.2, 5, seed)["split"].iloc[:5].nunique() for seed in range(20)}
    assert sides == {1}
    both = {split(table, 0.3, 5, seed)["split"].iloc[0] == TEST for seed in range(20)}
    assert both == {True, False}


def test_a_label_that_lives_only_in_groups_of_others_is_an_error_and_no_crash():
    table = table_of({"cat": [5] + [1] * 20, "dog": [1] * 20})
    table.loc[4, "label"] = "owl"
    with pytest.raises(InputError, match="owl: shows only 0 different moments"):
        split(table, 0.2, 5, 0)


def test_another_seed_is_another_split():
    one, other = split(SINGLES, 0.2, 5, 42), split(SINGLES, 0.2, 5, 43)
    assert where(split(SINGLES, 0.2, 5, 42)) == where(one)
    assert set(one[one["split"] == TEST]["path"]) != set(other[other["split"] == TEST]["path"])
    assert split_hash(one) != split_hash(other)


def test_split_hash_sees_every_photo_and_its_place():
    splits = split(SINGLES, 0.2, 5, 42)
    assert len(split_hash(splits)) == 16
    for column, value in (("split", "9"), ("label", "bird"), ("pixels_sha256", "0")):
        changed = splits.copy()
        changed.loc[0, column] = value
        assert split_hash(changed) != split_hash(splits)
    renamed = splits.assign(path="x", group="y").sample(frac=1, random_state=0)
    assert split_hash(renamed) == split_hash(splits)


def test_fold_indices():
    splits = split(SINGLES, 0.2, 5, 42).sample(frac=1, random_state=1)
    folds = fold_indices(splits)
    assert len(folds) == 5
    rest = np.flatnonzero(splits["split"] != TEST)
    for number, (training, validation) in enumerate(folds):
        assert not set(training) & set(validation)
        assert sorted([*training, *validation]) == rest.tolist()
        assert set(splits["split"].to_numpy()[validation]) == {str(number)}
    assert sorted(np.concatenate([validation for _, validation in folds])) == rest.tolist()


def test_fold_indices_count_beyond_nine():
    splits = pd.DataFrame({"split": [str(number) for number in range(12)]})
    assert [validation.tolist() for _, validation in fold_indices(splits)] == [[number] for number in range(12)]
