"""The champion and the new classifier are compared on photos that neither has learnt from."""

import hashlib

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from catml.assessment import Assessment
from catml.classifier import Classifier, Description
from catml.heads.spec import HeadSpec, Layer
from catml.learning import Answers
from catml.network import Head, assemble
from catml.preparation import Data
from catml.rivalry import InUse, compare
from catml.study.sweep import Material

SIZE, LABELS = 4, ("dark", "light")
LINEAR = HeadSpec((), "common", 0.1)


def brightness():
    """A network from photos to how bright they are."""
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels), name="toy")


HEAD = Head(("toy",), [Layer(np.array([[-1.0, 1]] * 3, np.float32) / 100, np.array([3.84, -3.84], np.float32))], LINEAR)
NETWORK = assemble({"toy": brightness()}, [HEAD])


def champion(judged=None):
    """A classifier that tells dark from light, and never errs; `judged`: (key, kind, answer) of what it met before."""
    table = None
    if judged is not None:
        columns = ["pixels_sha256", "label", "judged", "answer"]
        table = pd.DataFrame([(key, "", kind, answer) for key, kind, answer in judged], columns=columns, dtype=str)
    description = Description(LABELS, (SIZE,), ("toy",), (LINEAR.params(),), False, {})
    return InUse(1, Classifier(NETWORK, description, None, table))


@pytest.fixture
def photos(tmp_path):
    """Twenty photos in a folder, dark and light in turn."""
    rows = []
    for number in range(20):
        label = LABELS[number % 2]
        (tmp_path / label).mkdir(exist_ok=True)
        Image.new("RGB", (6, 5), ((40, 40, 40), (220, 220, 220))[number % 2]).save(tmp_path / label / f"{number}.png")
        key = hashlib.sha256(str(number).encode()).hexdigest()
        rows.append((f"{label}/{number}.png", label, key, key, "test"))
    return tmp_path, pd.DataFrame(rows, columns=["path", "label", "group", "pixels_sha256", "split"])


def new(photos, right, rows=range(20)):
    """The test of the new classifier on some of the photos: which of them came out right."""
    _, splits = photos
    rows = np.array(rows)
    labels = np.arange(20) % 2
    probabilities = np.eye(2)[np.where(right, labels[rows], 1 - labels[rows])]
    answers = Answers(probabilities, np.ones(len(rows), np.float32), np.ones(len(rows), bool))
    groups = tuple(splits["group"].iloc[rows])
    assessed = Assessment(rows, labels[rows], groups, answers, {}, np.zeros(1), 0.5, np.zeros((len(rows), 3), int))
    return assessed, Data(splits, LABELS, Material({}, labels, [], {}))


def seen(photos, kinds):
    """What the champion met: for each photo "test", "learn" or "", and whether it got it right."""
    _, splits = photos
    found = []
    for (kind, right), key, label in zip(kinds, splits["pixels_sha256"], splits["label"], strict=True):
        if kind:
            found.append((key, kind, label if right else LABELS[1 - LABELS.index(label)]))
    return found


def compared(photos, kinds, right, **options):
    folder, _ = photos
    return compare(champion(seen(photos, kinds)), *new(photos, right, **options), folder)


def counts(found):
    return found.photos, found.only_first, found.only_second


def test_what_the_champion_was_tested_on_counts_as_it_was_tested(photos, capsys):
    """Though it would get them all right by now."""
    right = np.arange(20) >= 3  # the new one errs in the first three
    found = compared(photos, [("test", number < 15) for number in range(20)], right)
    assert counts(found) == (20, 5, 3)
    assert capsys.readouterr().out == ""


def test_no_photo_is_read_that_was_tested(photos):
    folder, splits = photos
    for path in splits["path"]:
        (folder / path).unlink()
    assert counts(compared(photos, [("test", True)] * 20, np.ones(20, bool))) == (20, 0, 0)


def test_what_the_champion_learnt_from_is_left_out(photos):
    """Also where it was right about them: it had seen them."""
    right = np.arange(20) != 19
    kinds = [("learn", True)] * 8 + [("test", False)] * 2 + [("test", True)] * 10
    assert counts(compared(photos, kinds, right)) == (12, 2, 1)


def test_photos_it_does_not_know_are_answered_now(photos, capsys):
    right = np.arange(20) >= 4
    kinds = [("", None)] * 6 + [("test", False)] * 3 + [("learn", True)] * 3 + [("test", True)] * 8
    assert counts(compared(photos, kinds, right)) == (17, 3, 4)
    assert "the present champion answers 6 photos it has not seen" in capsys.readouterr().out


def test_each_photo_is_answered_once(photos, capsys):
    folder, splits = photos
    alone = champion(seen(photos, [("", None)] * 8 + [("learn", True)] * 4 + [("test", False)] * 8))
    few = alone.answers(splits.iloc[:4], folder)
    assert few.tolist() == splits["label"].tolist()[:4]
    everything = alone.answers(splits, folder)
    assert everything.notna().tolist() == [True] * 8 + [False] * 4 + [True] * 8
    assert (everything == splits["label"]).tolist() == [True] * 8 + [False] * 12
    assert [line.split()[4:6] for line in capsys.readouterr().out.splitlines()] == [["answers", "4"], ["answers", "4"]]
    assert alone.knows(splits).tolist() == [False] * 8 + [True] * 12


def test_answers_are_those_of_the_right_photos(photos):
    """One file is not what it is called: the champion answers what it shows."""
    folder, _ = photos
    Image.new("RGB", (6, 5), (230, 230, 230)).save(folder / "dark" / "4.png")
    kinds = [("", None) if number in (2, 4, 7) else ("test", True) for number in range(20)]
    assert counts(compared(photos, kinds, np.ones(20, bool))) == (20, 1, 0)
    assert counts(compared(photos, kinds, np.arange(20) != 4)) == (20, 0, 0)


def test_photos_that_are_gone_are_left_out_and_said(photos, capsys):
    folder, splits = photos
    (folder / splits["path"].iloc[3]).unlink()
    found = compared(photos, [("", None)] * 20, np.ones(20, bool))
    assert counts(found) == (19, 0, 0)
    (note,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note")]
    assert note.startswith(
        f"note       1 of these photos can't be read any more, and are left out: {splits['path'].iloc[3]}"
    )


ELSEWHERE = [("f" * 64, "test", "dark"), ("e" * 64, "learn", "light")]  # photos of another folder


@pytest.mark.parametrize("judged", [None, [], ELSEWHERE], ids=["older catml", "nothing kept", "other photos"])
def test_a_champion_that_knows_none_of_them_answers_all(photos, judged):
    folder, _ = photos
    found = compare(champion(judged), *new(photos, np.arange(20) >= 4), folder)
    assert counts(found) == (20, 0, 4)


@pytest.mark.parametrize("more", [[], ELSEWHERE], ids=["", "other photos"])
def test_a_champion_that_was_tested_on_none_of_them_and_learnt_from_some(photos, more):
    folder, _ = photos
    judged = seen(photos, [("learn", True)] * 5 + [("", None)] * 15) + more
    assert counts(compare(champion(judged), *new(photos, np.arange(20) >= 7), folder)) == (15, 0, 2)


@pytest.mark.parametrize(("learnt", "fair"), [(10, True), (11, False), (20, False)])
def test_fewer_than_ten_photos_are_too_few(photos, learnt, fair):
    kinds = [("learn", True)] * learnt + [("test", True)] * (20 - learnt)
    found = compared(photos, kinds, np.ones(20, bool))
    assert (found is not None) == fair
    if fair:
        assert found.photos == 10


def test_where_a_test_has_fewer_photos_all_of_them_are_needed(photos):
    right = np.ones(6, bool)
    assert compared(photos, [("test", True)] * 20, right, rows=range(4, 10)).photos == 6
    assert compared(photos, [("learn", True)] * 5 + [("test", True)] * 15, right, rows=range(4, 10)) is None


def test_only_test_photos_of_the_new_one_count(photos):
    """In the order of its test, which needn't be that of the split."""
    kinds = [("test", number not in (3, 12)) for number in range(20)]
    rows = list(range(15, 4, -1))
    assert counts(compared(photos, kinds, np.array(rows) != 8, rows=rows)) == (11, 1, 1)
