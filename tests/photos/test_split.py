"""The split: shares, whole groups, and nothing that depends on names or order."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    st.sampled_from(["apple", "bolt", "cat"]),
    st.lists(st.integers(1, 4), min_size=10, max_size=30),
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
    table = table_of(sizes)
    splits = split(table, share, 5, seed)
    assert splits.groupby("group")["split"].nunique().eq(1).all()
    assert splits["split"].isin([TEST, "0", "1", "2", "3", "4"]).all()
    for label, groups in sizes.items():
        kept_back = ((splits["label"] == label) & (splits["split"] == TEST)).sum()
        wanted = max(1, round(share * sum(groups)))
        assert wanted <= kept_back < wanted + max(groups)
    shuffled = table_of(sizes, prefix="renamed").sample(frac=1, random_state=seed % 1000)
    again = split(shuffled, share, 5, seed)
    assert where(again) == where(splits)
    assert split_hash(again) == split_hash(splits)


def test_another_seed_is_another_split():
    one, other = split(SINGLES, 0.2, 5, 42), split(SINGLES, 0.2, 5, 43)
    assert where(split(SINGLES, 0.2, 5, 42)) == where(one)
    assert set(one[one["split"] == TEST]["path"]) != set(other[other["split"] == TEST]["path"])
    assert split_hash(one) != split_hash(other)


def test_test_photos_stay_kept_back_as_photos_are_added():
    before = split(SINGLES, 0.2, 5, 42)
    after = split(table_of({"cat": [1] * 75, "dog": [1] * 50}), 0.2, 5, 42)
    now = where(after)
    moved = [name for name, side in where(before).items() if (side == TEST) != (now[name] == TEST)]
    assert len(moved) <= 10


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
