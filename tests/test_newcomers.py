"""Photos that came later: which they are, whether they look different, and what the champion so far makes of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from catml import newcomers
from catml.assessment import Assessment, assess
from catml.classifier import Classifier, Description
from catml.newcomers import meet, said, table
from catml.photos.listing import COLUMNS, Listing
from catml.rivalry import InUse
from tests.test_assessment import COLOURS, GROUPS, KEPT_BACK, KEYS, NAMES, NESTED, PHOTOS, data, features, learnt

PATHS = [f"{key}.jpg" for key in KEYS]
TRUE = dict(zip(KEYS, KEPT_BACK["label"], strict=True))
# Twelve photos of six moments, with test photos among them.
LATER = [number for number in range(PHOTOS) if number >= 88]


def listing(**names):
    """A listing in which photos came with tables: `a=[1, 2]` are rows of the split."""
    added = {PATHS[number]: name for name, rows in names.items() for number in rows}
    return Listing(Path("photos"), Path("photos"), pd.DataFrame(columns=COLUMNS), NAMES, added=added)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """What was learnt, and its test, by how far the later photos are from the others."""
    found = {}
    for how, where in (("alike", KEPT_BACK), ("unlike", KEPT_BACK), ("nested", NESTED)):
        of = data(where)
        if how == "unlike":
            matrix = features()
            # Another direction in each of them: unlike the old ones, and unlike each other.
            matrix[LATER] += np.random.default_rng(5).normal(0, 8, (len(LATER), matrix.shape[1])).astype(np.float32)
            of = replace(of, material=replace(of.material, features={"toy": matrix}, shown={"toy": matrix[np.newaxis]}))
        got = learnt(tmp_path_factory.mktemp(how), of)
        found[how] = of, got, assess(got, data(KEPT_BACK), COLOURS, 42)
    return found


def everything_tested(of, got):
    """A test of all photos, as a nested cross-validation gives it."""
    rows = np.arange(PHOTOS)
    answers = got.answer(of.material.features)
    none = np.zeros((PHOTOS, 3), int)
    return Assessment(rows, of.material.labels, tuple(GROUPS), answers, {}, np.zeros(1), 0.5, none)


def champion(judged=(), wrong=(), **metrics):
    """A champion that answers right but for some rows; `judged`: what it met before, as (row, kind)."""
    rows = [(KEYS[row], TRUE[KEYS[row]], kind, TRUE[KEYS[row]]) for row, kind in judged]
    known = pd.DataFrame(rows, columns=["pixels_sha256", "label", "judged", "answer"], dtype=str)
    other = dict(zip(NAMES, reversed(NAMES), strict=True))
    met = {KEYS[row] for row, _ in judged}
    answers = {key: other[TRUE[key]] if row in wrong else TRUE[key] for row, key in enumerate(KEYS) if key not in met}
    description = Description(NAMES, (8,), ("toy",), ({},), False, {}, metrics)
    return InUse(3, Classifier(None, description, None, known), answers)


def test_photos_that_look_the_same(studies):
    (found,) = meet(listing(a=LATER), *studies["alike"], None)
    assert (found.name, found.count, found.rows.tolist(), found.judged) == ("a", 12, LATER, None)
    assert found.old.tolist() == [row for row in range(PHOTOS) if row not in LATER]
    assert found.drift.moments == len({GROUPS[row] for row in LATER})
    assert not found.looks_unlike
    text = dict(said(found))
    assert text["new"].startswith("The 12 photos that came later are not shown to look unlike the old ones: in ")
    assert text["new"].endswith(", 6 moments compared).")
    assert list(text) == ["new", "unlike", "after"]


def test_photos_that_look_different(studies):
    (found,) = meet(listing(a=LATER), *studies["unlike"], None)
    assert found.looks_unlike
    assert found.metrics()["new_p"] < 0.01
    assert found.metrics()["new_less_similar"] > 0.8
    assert found.metrics()["new_strange"] > 0.5
    text = dict(said(found))
    assert text["new"].startswith("The 12 photos that came later look unlike the old ones: in ")
    assert text["unlike"].startswith(f"{found.drift.strange.sum()} of 12 are unlike all old ones (")


def test_several_tables_together_and_each(studies):
    found = meet(listing(a=LATER[:4], b=LATER[4:]), *studies["alike"], None)
    assert [(one.name, one.rows.tolist()) for one in found] == [("all", LATER), ("a", LATER[:4]), ("b", LATER[4:])]
    assert all(set(one.old) == set(range(88)) for one in found)


def test_none_came_later(studies):
    assert meet(listing(), *studies["alike"], None) == ()
    assert meet(listing(), *studies["alike"], champion()) == ()  # it knows none of these photos: another task's
    everything = champion([(row, "learn") for row in range(PHOTOS)])
    assert meet(listing(), *studies["alike"], everything) == ()


def test_what_the_champion_does_not_know_came_later(studies):
    known = [(row, "learn" if row % 2 else "test") for row in range(80)]
    (found,) = meet(listing(), *studies["alike"], champion(known))
    assert (found.name, found.rows.tolist()) == ("since version 3", list(range(80, PHOTOS)))
    assert found.judged.right.all()
    assert len(found.judged.right) == 20


def test_photos_that_are_named_as_new_come_first(studies):
    known = [(row, "test") for row in range(80)]
    (found,) = meet(listing(a=LATER), *studies["alike"], champion(known))
    assert (found.name, found.rows.tolist()) == ("a", LATER)


def test_the_champion_counts_where_it_has_not_learnt(studies):
    known = [(row, "learn") for row in LATER[:3]] + [(LATER[3], "test")]
    given = champion(known, LATER[4:7], test_accuracy_low=0.9, test_accuracy_high=0.99)
    (found,) = meet(listing(a=LATER), *studies["alike"], given)
    judged = found.judged
    assert (judged.version, judged.right.tolist()) == (3, [True] + [False] * 3 + [True] * 5)
    assert found.metrics()["new_champion_accuracy"] == pytest.approx(6 / 9)
    text = dict(said(found))["before"]
    assert text.startswith(
        "The champion so far, version 3, gets 6 of 9 right that it answered without having learnt from them: 66.7 %"
    )
    assert "test said" in text
    low, high = (found.metrics()[f"new_champion_accuracy_{end}"] for end in ("low", "high"))
    assert low < 6 / 9 < high


@pytest.mark.parametrize(("wrong", "worse"), [(LATER[:10], True), (LATER[:1], False)])
def test_worse_than_its_test_said(studies, wrong, worse):
    given = champion([], wrong, test_accuracy_low=0.8, test_accuracy_high=0.99)
    (found,) = meet(listing(a=LATER), *studies["alike"], given)
    assert found.judged.is_worse is worse
    assert ("less than its test said" in dict(said(found))["before"]) is worse


def test_the_new_classifier_beside_the_champion_on_the_same_test_photos(studies):
    of, got, assessed = studies["alike"]
    tested = [row for row in LATER if row in assessed.rows]
    (found,) = meet(listing(a=LATER), of, got, assessed, champion([], tested))  # it errs in all of them
    right = assessed.right[np.isin(assessed.rows, tested)]
    assert 0 < len(tested) < len(LATER)
    assert found.right.tolist() == right.tolist()
    assert (found.beside.photos, found.beside.only_first, found.beside.only_second) == (len(tested), right.sum(), 0)
    text = dict(said(found))["after"]
    assert text.startswith(
        f"The new classifier was tested on {len(tested)} of them, answered without having learnt from"
    )
    assert f": {right.sum()} right, " in text
    assert "; beside the champion so far, " in text


@pytest.mark.parametrize("labels", [("fred", "putu"), ("cat", "fred")])
def test_labels_that_the_champion_does_not_know_are_no_mistakes_of_its(studies, labels):
    other = champion()
    named = replace(other.classifier.description, labels=labels)
    (found,) = meet(
        listing(a=LATER), *studies["alike"], InUse(3, replace(other.classifier, description=named), other.answered)
    )
    cats = [row for row in LATER if TRUE[KEYS[row]] == "cat"]
    if "cat" in labels:
        assert found.judged.right.tolist() == [True] * len(cats)
        assert f"({12 - len(cats)} more have labels that it does not know)" in dict(said(found))["before"]
    else:
        assert found.judged is None


def test_in_a_nested_test_all_are_test_photos(studies):
    of, got, _ = studies["nested"]
    (found,) = meet(listing(a=LATER), of, got, everything_tested(of, got), None)
    assert len(found.right) == len(LATER)
    assert "tested on 12 of them, answered without having learnt from them: " in dict(said(found))["after"]


def test_of_very_many_some_are_drawn(studies, monkeypatch):
    monkeypatch.setattr(newcomers, "MOST", 5)
    (found,) = meet(listing(a=LATER), *studies["alike"], champion())
    assert (found.count, len(found.rows), len(found.judged.right)) == (12, 5, 5)
    assert set(found.rows) < set(LATER)
    assert found.old.tolist() == list(range(88))
    text = dict(said(found))
    assert text["new"].startswith("The 12 photos that came later ")
    assert text["new"].endswith(" 5 of them, drawn at random, were looked at.")
    assert found.metrics()["new_photos"] == 12
    everyone, *parts = meet(listing(a=LATER[:6], b=LATER[6:]), *studies["alike"], champion())
    assert sorted(row for part in parts for row in part.rows) == everyone.rows.tolist() == found.rows.tolist()


def test_one_photo(studies):
    (found,) = meet(listing(a=LATER[:1]), *studies["alike"], None)
    assert dict(said(found))["new"].startswith(
        "The photo that came later is not shown to look unlike the old ones: in "
    )


def test_all_photos_are_new_ones(studies):
    assert meet(listing(a=range(PHOTOS)), *studies["alike"], None) == ()


def test_a_row_a_photo_the_most_unlike_first(studies):
    names = listing(a=LATER[:4], b=LATER[4:])
    everyone = meet(names, *studies["unlike"], None)[0]
    given = champion([(LATER[0], "learn")], LATER[1:3])
    rows = table(everyone, KEPT_BACK, names, given)
    answers = rows.set_index("path")["champion"]
    assert answers[PATHS[LATER[0]]] == ""
    assert [answers[PATHS[row]] == TRUE[KEYS[row]] for row in LATER[1:]] == [False, False] + [True] * 9
    assert (table(everyone, KEPT_BACK, names, None)["champion"] == "").all()
    assert rows["similarity"].is_monotonic_increasing
    assert set(rows["path"]) == {PATHS[row] for row in LATER}
    assert rows.set_index("path")["came_with"].to_dict() == names.added
    assert rows["strange"].sum() == everyone.drift.strange.sum()


def test_labels_that_are_new_themselves(studies):
    (found,) = meet(listing(a=LATER), *studies["alike"], None)
    none = replace(found, drift=replace(found.drift, moments=0, p=1.0, less_similar=0.5))
    text = dict(said(none))["new"]
    assert text == "The 12 photos that came later can't be compared with old ones: there were none of their labels."
    assert "new_p" not in none.metrics()
