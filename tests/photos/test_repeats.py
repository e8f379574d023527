"""Folds drawn once more are as good as the first ones, and leave the test photos and the split's name alone."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catml.errors import InputError
from catml.photos.split import TEST, fold_indices, has_own_folds, repeated, split, split_hash

SIZES = st.dictionaries(
    st.sampled_from(["apple", "bolt", "cat"]), st.lists(st.integers(1, 8), min_size=8, max_size=20), min_size=2
)


def table_of(sizes, **columns):
    rows = [
        {"path": f"{label}/{group}-{copy}.jpg", "label": label, "group": f"{label} {group}"}
        for label, groups in sizes.items()
        for group, size in enumerate(groups)
        for copy in range(size)
    ]
    table = pd.DataFrame(rows)
    return table.assign(pixels_sha256=table["path"], **columns)


SINGLES = table_of({"cat": [1] * 40, "dog": [1] * 30})


def folds_of(splits):
    return splits[[name for name in splits.columns if name == "split" or name.startswith("fold_")]]


@given(sizes=SIZES, seed=st.integers(0, 9), repeats=st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_each_repeat_is_a_whole_set_of_folds(sizes, seed, repeats):
    try:
        splits = repeated(split(table_of(sizes), 0.2, 5, seed), repeats, seed)
    except InputError:
        return  # a label whose photos come to lie in one fold
    assert list(folds_of(splits)) == ["split", *(f"fold_{repeat}" for repeat in range(2, repeats + 1))]
    test = splits["split"] == TEST
    for name in folds_of(splits):
        assert ((splits[name] == TEST) == test).all()
        assert set(splits.loc[~test, name]) == set("01234")
        assert (splits.groupby("group")[name].nunique() == 1).all()
    indices = fold_indices(splits)
    learn = set(splits.index[~test])
    assert len(indices) == 5 * repeats
    for start in range(0, len(indices), 5):
        validated = [row for _, validation in indices[start : start + 5] for row in validation]
        assert sorted(validated) == sorted(learn)
    for training, validation in indices:
        assert set(training) | set(validation) == learn
        assert set(training).isdisjoint(validation)


def test_repeats_differ_and_follow_from_the_seed():
    splits = split(SINGLES, 0.2, 5, 42)
    three = folds_of(repeated(splits, 3, 42))
    assert not three["split"].equals(three["fold_2"])
    assert not three["fold_2"].equals(three["fold_3"])
    pd.testing.assert_frame_equal(three, folds_of(repeated(splits, 3, 42)))
    pd.testing.assert_frame_equal(three[["split", "fold_2"]], folds_of(repeated(splits, 2, 42)))
    assert not three["fold_2"].equals(repeated(splits, 2, 43)["fold_2"])


def test_names_and_order_of_files_do_not_matter():
    """Groups are known by their content, whatever their photos are called."""
    splits = split(SINGLES, 0.2, 5, 42)
    shuffled = split(SINGLES.sample(frac=1, random_state=1), 0.2, 5, 42)
    one, other = (
        repeated(each, 2, 42).set_index("pixels_sha256")["fold_2"].sort_index() for each in (splits, shuffled)
    )
    pd.testing.assert_series_equal(one, other)


def test_once_is_what_there_was():
    splits = split(SINGLES, 0.2, 5, 42)
    pd.testing.assert_frame_equal(repeated(splits, 1, 42), splits)
    assert len(fold_indices(splits)) == 5


def test_hash_of_the_split_is_that_of_its_test_photos_and_first_folds():
    splits = split(SINGLES, 0.2, 5, 42)
    assert split_hash(repeated(splits, 4, 42)) == split_hash(splits)


def test_given_test_photos_are_folded_anew_and_given_folds_are_known():
    side = ["test" if number % 5 == 0 else "train" for number in range(len(SINGLES))]
    for given_side, own in (
        (side, False),
        ([where.replace("train", str(n % 3)) for n, where in enumerate(side)], True),
    ):
        table = SINGLES.assign(split=[where.replace("train", "learn") for where in given_side])
        assert has_own_folds(table) == own
        splits = repeated(split(table, 0.5, 5, 42), 2, 42)
        assert ((splits["fold_2"] == TEST) == (table["split"] == TEST)).all()
        assert splits["fold_2"].nunique() == splits["split"].nunique() == (4 if own else 6)
    assert not has_own_folds(SINGLES)


def test_a_label_that_comes_to_lie_in_one_fold_is_named():
    splits = pd.DataFrame(
        {
            "path": [f"{n}.jpg" for n in range(24)], "label": ["cat"] * 12 + ["dog"] * 12,
            "group": [f"cat {n}" for n in range(12)] + ["dog"] * 12,
            "pixels_sha256": [str(n) for n in range(24)], "split": [str(n % 3) for n in range(24)],
        }
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        repeated(splits, 2, 42)
    assert list(caught.value.problems) == [
        "dog: all its photos come to lie in one fold. Add photos of it taken at other times or places."
    ]
