"""The benchmark before it trains: which photo is for what, and photos unpacked into a file."""

import numpy as np
import pandas as pd
import pytest

from catml import pipeline
from catml.benchmark import planned, unpacked
from catml.errors import InputError
from catml.photos.decode import decode


@pytest.fixture
def found(tmp_path, monkeypatch, write_photos):
    monkeypatch.setenv("CATML_DATA", str(tmp_path / "data"))
    return pipeline.find_photos({"photos": str(write_photos(tmp_path / "photos", cat=12, dog=11))})


def splits(where, labels):
    count = len(where)
    return pd.DataFrame({"path": range(count), "label": labels, "group": range(count), "split": where})


def test_the_first_fold_is_for_validation():
    plan = planned(splits(["2", "10", "test", "2", "3", "test"], list("abbaba")))
    assert plan.validation.rows.tolist() == [0, 3]
    assert plan.learn.tolist() == [1, 4]
    assert plan.test.rows.tolist() == [2, 5]
    assert plan.test.labels.tolist() == [1, 0]
    assert plan.test.groups == (2, 5)
    assert plan.names == ("a", "b")


def test_the_most_frequent_label_is_that_of_the_other_photos():
    plan = planned(splits(["0", "1", "1", "test", "test", "test"], list("aababb")))
    assert plan.most_frequent == pytest.approx(1 / 3)


def test_a_judgement_has_its_interval():
    plan = planned(splits(["0", "1", "test", "test"], list("abab")))
    metrics = plan.test.judged(np.array([[0.8, 0.2], [0.6, 0.4]]), "test")
    assert metrics["test_accuracy"] == 0.5
    assert 0 < metrics["test_accuracy_low"] < 0.5 < metrics["test_accuracy_high"] < 1
    assert metrics["test_log_loss"] == pytest.approx(-np.log([0.8, 0.4]).mean())


def test_photos_lie_in_a_file_without_a_name(found, tmp_path):
    with unpacked(found, 9) as pixels:
        assert isinstance(pixels, np.memmap)
        assert pixels.shape == (23, 9, 9, 3)
        for row in (0, 22):
            photo = (found.folder / found.table["path"][row]).read_bytes()
            np.testing.assert_array_equal(pixels[row], decode(photo, 9))
        assert [path for path in (tmp_path / "data").iterdir() if path.is_file()] == []


def test_photo_that_vanished_since_is_told(found):
    (found.folder / found.table["path"][3]).unlink()
    with pytest.raises(InputError, match="It was fine when the photos were checked"), unpacked(found, 9):
        pass


def test_all_problems_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CATML_DATA", str(tmp_path / "data"))
    with pytest.raises(InputError) as raised:
        pipeline.find_photos({"photos": str(tmp_path / "nowhere")}, ["epochs: expected more."])
    assert [problem.split(":")[0] for problem in raised.value.problems] == ["epochs", "photos"]
