"""The split a user has decided is taken as it is, or refused with what contradicts it."""

import pandas as pd
import pytest

from catml.errors import InputError
from catml.photos.split import TEST, fold_indices, is_given, split


def table_of(rows):
    """Return a photo table of (label, group, split)."""
    return pd.DataFrame(
        {
            "path": [f"{label}/{number}.jpg" for number, (label, _, _) in enumerate(rows)],
            "label": [label for label, _, _ in rows],
            "group": [group or str(number) for number, (_, group, _) in enumerate(rows)],
            "pixels_sha256": [f"{number:064x}" for number in range(len(rows))],
            "split": [side for _, _, side in rows],
        }
    )


def sides(learn=4, test=2):
    return [(label, "", side) for label in ("cat", "dog") for side in ["learn"] * learn + ["test"] * test]


def refusal(rows, folds=3):
    with pytest.raises(InputError) as caught:
        split(table_of(rows), 0.5, folds, 42)
    return list(caught.value.problems)


def test_given_or_not():
    assert is_given(table_of(sides()))
    assert not is_given(table_of([("cat", "", "")]))
    assert not is_given(table_of(sides()).drop(columns="split"))


def test_test_photos_are_those_the_user_names():
    table = table_of(sides())
    everything_else = dict.fromkeys(table["pixels_sha256"], "learn")
    splits = split(table, 0.5, 3, 42, everything_else)
    assert (splits["split"] == TEST).tolist() == (table["split"] == "test").tolist()
    assert set(splits["split"]) == {TEST, "0", "1", "2"}
    assert len(fold_indices(splits)) == 3


def test_folds_are_those_the_user_numbers():
    rows = [(label, "", side) for label in ("cat", "dog") for side in ("0", "1", "1", "test")]
    splits = split(table_of(rows), 0.2, 5, 42)
    assert splits["split"].tolist() == [side for _, _, side in rows]
    assert len(fold_indices(splits)) == 2


def test_groups_that_cross_are_refused():
    rows = sides()
    rows[0], rows[4] = ("cat", "g", "learn"), ("cat", "g", "test")
    (problem,) = refusal(rows)
    assert problem.startswith(
        "cat/0.jpg (learn) and cat/4.jpg (test) look alike or are of one moment (2 photos in all), but lie on "
        "different sides of your split."
    )


def test_label_without_test_photos_and_label_with_too_few_moments():
    rows = [("cat", "", "learn")] * 4 + [("dog", "same", "learn")] * 4 + [("dog", "", "test")]
    assert [problem.split(".")[0] for problem in refusal(rows)] == [
        "cat: your split keeps none of its photos for the test",
        "dog: your split leaves 1 different moments to learn from, near-duplicates and bursts counted once; at least 3 "
        "are needed",
    ]


def test_numbers_and_names_mixed():
    rows = sides()
    rows[0] = ("cat", "", "1")
    assert "split: some photos to learn from have the number of a fold and others have none." in refusal(rows)


def test_one_fold_is_none():
    rows = [(label, "", side) for label in ("cat", "dog") for side in ("1", "1", "test")]
    assert "split: all photos to learn from are in one fold; at least two are needed." in refusal(rows)


def test_label_in_one_fold_only():
    rows = [("cat", "", "0"), ("cat", "", "1"), ("cat", "", "test"), ("dog", "", "0"), ("dog", "", "test")]
    (problem,) = refusal(rows)
    assert problem.startswith("dog: at most one of your folds has photos of it.")
