"""Sides are decided once: photos that are added or vanish move no other photo."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catml.errors import InputError
from catml.photos.split import LEARN, TEST, remember, remembered, split
from tests.photos.test_split import table_of

SIZES = {"cat": [1] * 30 + [3] * 5, "dog": [1] * 30}
MORE = {"cat": [1] * 30 + [3] * 5 + [1] * 12, "dog": [1] * 30 + [2] * 4}


def sides_of(splits):
    sides = splits["split"].where(splits["split"] == TEST, LEARN)
    return dict(zip(splits["pixels_sha256"], sides, strict=True))


def split_with(file, table, share=0.2, seed=42):
    splits = split(table, share, 5, seed, remembered(file))
    remember(splits, file)
    return splits


@pytest.fixture
def file(tmp_path):
    return tmp_path / "splits" / "key.csv"


@pytest.fixture
def before(file):
    return split_with(file, table_of(SIZES))


def joined(table, *rows):
    """Return the table with these rows in one group."""
    return table.assign(group=table["group"].where(~table.index.isin(rows), "joined"))


def first_on(side, splits):
    return splits.index[(splits["split"] == TEST) == (side == TEST)][0]


def test_nothing_is_remembered_without_a_file(file):
    assert remembered(file) == {}


def test_what_is_remembered_is_what_was_split(file, before):
    assert remembered(file) == sides_of(before)
    assert [path.name for path in file.parent.iterdir()] == ["key.csv"]


def test_the_same_photos_again_are_the_same_split(file, before):
    again = split_with(file, table_of(SIZES))
    pd.testing.assert_frame_equal(again, before)


def test_twenty_photos_more_move_no_other_photo(file, before):
    after = split_with(file, table_of(MORE))
    sides = sides_of(after)
    assert {key: sides[key] for key in sides_of(before)} == sides_of(before)
    assert remembered(file) == sides
    kept_back = after[after["split"] == TEST]["label"].value_counts()
    assert kept_back.to_dict() == {"cat": 11, "dog": 8}


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=6, max_size=20),
    added=st.lists(st.integers(1, 12), max_size=20),
    seed=st.integers(0, 1000),
)
def test_whatever_is_added(sizes, added, seed):
    first = split(table_of({"cat": sizes, "dog": SIZES["dog"]}), 0.2, 5, seed)
    second = split(table_of({"cat": sizes + added, "dog": SIZES["dog"]}), 0.2, 5, seed, sides_of(first))
    assert sides_of(first).items() <= sides_of(second).items()
    kept_back = ((second["label"] == "cat") & (second["split"] == TEST)).sum()
    assert kept_back <= max(1, round(0.2 * sum(sizes + added)), min(sizes))


def test_photos_that_vanish_are_still_remembered(file, before):
    fewer = split_with(file, table_of(SIZES).iloc[5:])
    assert len(fewer) == len(before) - 5
    assert remembered(file) == sides_of(before)
    assert sides_of(split_with(file, table_of(SIZES))) == sides_of(before)


@pytest.mark.parametrize("side", [TEST, LEARN])
def test_a_new_photo_goes_where_those_like_it_are(file, before, side):
    table = table_of(MORE)
    old, new = first_on(side, before), 45
    assert table["pixels_sha256"][new] not in remembered(file)
    after = split_with(file, joined(table, old, new))
    assert (after["split"][new] == TEST) == (side == TEST)


def test_a_new_photo_that_joins_both_sides_is_refused(file, before):
    table = table_of(MORE).assign(path=lambda table: "now/" + table["path"])
    learnt, kept_back = first_on(LEARN, before), first_on(TEST, before)
    problem = (
        f"{table['path'][45]}: looks like both {table['path'][learnt]}, which was learnt from before, "
        f"and {table['path'][kept_back]}, which is a test photo. Leave it out, "
        "or one of the two would have to change sides."
    )
    with pytest.raises(InputError) as error:
        split(joined(table, learnt, kept_back, 45), 0.2, 5, 42, remembered(file))
    assert error.value.problems == (problem,)


def test_old_photos_of_both_sides_that_became_one_group_are_refused(file, before):
    learnt, kept_back = first_on(LEARN, before), first_on(TEST, before)
    with pytest.raises(InputError) as error:
        split(joined(table_of(SIZES), learnt, kept_back), 0.2, 5, 42, remembered(file))
    paths = table_of(SIZES)["path"]
    assert error.value.problems[0].startswith(
        f"{paths[learnt]}: was learnt from before, and looks like {paths[kept_back]}, which is a test photo."
    )


def test_a_label_whose_test_photos_are_all_gone_is_refused_until_photos_are_added(file, before):
    left = table_of(SIZES)[~((before["split"] == TEST) & (before["label"] == "dog"))]
    with pytest.raises(InputError, match="dog: none of its test photos is left"):
        split(left, 0.2, 5, 42, remembered(file))
    more = table_of(MORE)
    added = more[~more["pixels_sha256"].isin(before["pixels_sha256"])]
    after = split(pd.concat([left, added], ignore_index=True), 0.2, 5, 42, remembered(file))
    assert ((after["split"] == TEST) & (after["label"] == "dog")).any()


def test_too_few_groups_left_to_learn_from_are_refused():
    table = table_of({"cat": [1] * 8, "dog": [1] * 30})
    cats = table["pixels_sha256"][:8].tolist()
    sides = dict.fromkeys(cats[:4], TEST) | dict.fromkeys(cats[4:], LEARN)
    with pytest.raises(InputError, match=r"cat: shows only 8 different moments.* 4 of them test photos; at least 6"):
        split(table, 0.2, 5, 0, sides)


DAMAGED = {
    "empty": b"",
    "other columns": b"a,b\n1,2\n",
    "another side": b"pixels_sha256,side\naa,test\nbb,tes",
    "no side": b"pixels_sha256,side\naa,test\nbb\n",
    "no photo": b"pixels_sha256,side\n,test\n",
    "a photo on both sides": b"pixels_sha256,side\naa,test\naa,learn\n",
    "too many columns": b"pixels_sha256,side\naa,test\nbb,test,x\n",
    "no text": b"\x00\xff\xfe\x89PNG",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_never_taken_for_none(file, content):
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        remembered(file)
    with pytest.raises(InputError, match="is damaged"):
        remember(split(table_of(SIZES), 0.2, 5, 42), file)
    assert file.read_bytes() == content
