"""A study's key tells apart all that its results depend on, and features come in the rows of the split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from catml import config, pipeline
from catml.backbones import registry
from catml.backbones.store import FeatureStore
from catml.errors import InputError
from catml.photos.split import TEST, fold_indices, kept_back, split_hash
from catml.photos.views import AS_IS, MIRRORED, Ranges, all_views
from catml.pipeline import Found
from catml.preparation import load, matrices, prepare
from catml.sources import Source

WIDTHS = {"one": 3, "two": 5}
KEYS = [f"photo{number}" for number in range(12)]
SPLITS = pd.DataFrame(
    {
        "path": KEYS, "label": ["cat", "dog"] * 6, "group": KEYS, "pixels_sha256": KEYS,
        "split": ["test", "test", *"0011223344"], "fold_2": ["test", "test", *"4433221100"],
    }
)  # fmt: skip


def written(folder, name, seed, rows=None):
    """A store with features of all photos, in another order than the split's; return both."""
    store = FeatureStore(folder / "features", {"backbone": name, "seed": seed}, WIDTHS[name])
    rows = np.random.default_rng(seed).normal(size=(12, WIDTHS[name])).astype(np.float32) if rows is None else rows
    store.append(KEYS[::-1], rows[::-1])
    return store, rows


def source(name, store, mirrored=None):
    stores = {AS_IS: store} | ({MIRRORED: mirrored} if mirrored else {})
    return Source(replace(registry.get("xception"), name=name, width=WIDTHS[name]), None, stores, {})


def found(sources, *names):
    return Found(None, tuple(sources), (), {name: tuple(name.split("+")) for name in names})


def test_features_are_in_the_rows_of_the_split(tmp_path):
    store, rows = written(tmp_path, "one", 0)
    data = load(found([source("one", store)], "one"), SPLITS)
    np.testing.assert_array_equal(data.material.features["one"], rows)
    assert data.labels == ("cat", "dog")
    assert data.material.labels.tolist() == [0, 1] * 6
    assert data.material.blocks == {"one": (3,)}
    assert data.is_test.tolist() == [True, True, *[False] * 10]
    assert len(data.material.folds) == 10  # five in each of two repeats


def test_features_used_together_stand_side_by_side(tmp_path):
    (store, one), (other_store, two) = written(tmp_path, "one", 0), written(tmp_path, "two", 1)
    sources = [source("one", store), source("two", other_store)]
    material = load(found(sources, "two+one", "one"), SPLITS).material
    assert list(material.features) == ["two+one", "one"]
    np.testing.assert_array_equal(material.features["two+one"], np.hstack([two, one]))
    np.testing.assert_array_equal(material.features["one"], one)
    assert material.blocks == {"two+one": (5, 3), "one": (3,)}


def test_mirrored_features_are_the_mean_of_both_views(tmp_path):
    (store, rows), (mirrored, turned) = written(tmp_path, "one", 0), written(tmp_path, "one", 1)
    material = load(found([source("one", store, mirrored)], "one"), SPLITS).material
    np.testing.assert_allclose(material.features["one"], (rows + turned) / 2, rtol=1e-6)


def test_a_backbone_that_sees_no_difference_is_damaged(tmp_path):
    store, _ = written(tmp_path, "one", 0, np.ones((12, 3), np.float32))
    with pytest.raises(InputError) as caught:
        load(found([source("one", store)], "one"), SPLITS)
    assert list(caught.value.problems) == ["one: gives equal features for all photos. Its weights are damaged."]


def test_matrices_are_of_the_photos_that_are_asked_for(tmp_path):
    (store, one), (other_store, two) = written(tmp_path, "one", 0), written(tmp_path, "two", 1)
    both = found([source("one", store), source("two", other_store)], "two+one", "two")
    given = matrices(both, [KEYS[7], KEYS[0], KEYS[7]])
    assert list(given) == ["two+one", "two"]
    np.testing.assert_array_equal(given["two+one"], np.hstack([two, one])[[7, 0, 7]])
    np.testing.assert_array_equal(given["two"], two[[7, 0, 7]])


def test_no_photos_have_matrices_without_rows(tmp_path):
    """As where a folder of other photos has none that is new."""
    store, _ = written(tmp_path, "one", 0)
    assert matrices(found([source("one", store)], "one"), [])["one"].shape == (0, 3)


def test_split_otherwise_they_are_the_same_photos(tmp_path):
    store, _ = written(tmp_path, "one", 0)
    data = load(found([source("one", store)], "one"), SPLITS)
    other = SPLITS.drop(columns="fold_2").assign(split=[*"0011", *["test"] * 4, *"2222"])
    again = data.split_by(other)
    assert again.is_test.tolist() == [False] * 4 + [True] * 4 + [False] * 4
    assert len(again.material.folds) == 3
    for mine, theirs in zip(again.material.folds, fold_indices(other), strict=True):
        np.testing.assert_array_equal(np.concatenate(mine), np.concatenate(theirs))
    assert again.material.features is data.material.features
    assert again.labels == data.labels
    assert again.material.labels is data.material.labels
    assert len(data.material.folds) == 10  # the one it was made from is as it was


@pytest.fixture
def values(tmp_path, monkeypatch, write_photos):
    monkeypatch.setenv("CATML_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    given = {"photos": str(write_photos(tmp_path / "photos", cat=12, dog=12)), "backbones": "efficientnet-lite0"}
    read, problems = config.read_parameters("train", given)
    assert problems == []
    return read


def place(values):
    return prepare(pipeline.find(values), values).store.place


def test_same_values_same_study(values):
    assert place(values) == place(values | {"trials": 7, "average": 3, "memory": 0.1, "register_as": "", "space": ";"})


GRID = "hidden=0; linear_l2=0.1,1"  # four heads


def test_a_space_that_is_tried_in_full_is_a_study_of_its_own(values):
    """Its trials are numbered otherwise than those that TPE proposes."""
    places = [place(values | {"space": GRID, "trials": trials}) for trials in (2, 3, 4, 40)]
    assert places[0] == places[1] != places[2] == places[3]


LITE = {"backbones": ("efficientnet-lite0", "efficientnet-lite2"), "weights": "efficientnet-lite2=random"}


def test_all_that_matters_is_another_study(values):
    others = [
        {"seed": 1}, {"nested": False}, {"nested": False, "test_fraction": 0.3}, {"repeats": 1}, {"space": "dropout=0"},
        {"mirrored": True}, LITE,
        LITE | {"backbones": ("efficientnet-lite0", "efficientnet-lite0+efficientnet-lite2")},
        LITE | {"backbones": ("efficientnet-lite0", "efficientnet-lite2+efficientnet-lite0")},
    ]  # fmt: skip
    places = [place(values), *(place(values | other) for other in others)]
    assert len(set(places)) == len(places)


def test_own_folds_are_used_once(values, tmp_path, capsys):
    files = sorted((tmp_path / "photos").glob("*/*.png"))
    for sides, repeats in ((["test", "test", *"0123401234"], 1), (["test", "test", *["train"] * 10], 2)):
        rows = [f"{file},{file.parent.name},{side}" for file, side in zip(files, sides * 2, strict=True)]
        (tmp_path / "photos.csv").write_text("\n".join(["path,label,split", *rows]))
        given = values | {"photos": str(tmp_path / "photos.csv"), "repeats": 2}
        prepared = prepare(pipeline.find(given), given)
        assert [name for name in prepared.splits if name.startswith("fold_")] == ["fold_2"][: repeats - 1]
        said = capsys.readouterr().out
        assert ("note       your own folds are used as they are, once: repeats has no effect" in said) == (repeats == 1)
        assert prepared.folds == list("01234")
        assert not prepared.is_nested


def test_a_space_that_makes_no_sense_is_refused_before_anything_is_written(values, tmp_path):
    found_photos = pipeline.find(values)
    with pytest.raises(InputError, match="space: no setting 'hiden'"):
        prepare(found_photos, values | {"space": "hiden=8"})
    assert not (tmp_path / "data" / "studies").exists()


def prepared(values, **other):
    given = values | other
    return prepare(pipeline.find(given), given)


NOTE = "note       4 test photos would say little: all photos are learnt from, and tested by nested cross-validation"


def test_few_photos_are_not_kept_back(values, capsys):
    """12 of each of two labels: two of each would be kept back."""
    made = prepared(values)
    assert made.is_nested
    assert made.folds == list("01234")
    assert made.sides is None
    assert set(made.splits["split"]) == set("01234")
    assert f"{NOTE} (nested=false keeps 4 back)" in capsys.readouterr().out


def test_what_the_user_wants_is_done_without_a_word(values, capsys):
    kept, nested = prepared(values, nested=False), prepared(values, nested=True)
    assert not kept.is_nested
    assert kept.folds == list("01234")
    assert kept.sides is not None
    assert (kept.splits["split"] == TEST).sum() == 4
    assert nested.is_nested
    assert nested.sides is None
    assert nested.splits.equals(prepared(values).splits)
    assert "nested" not in capsys.readouterr().out.replace(NOTE, "").replace("(nested=false keeps 4 back)", "")


@pytest.mark.parametrize(("photos", "nested"), [(29, True), (30, False)])
def test_thirty_test_photos_are_enough(values, tmp_path, write_photos, photos, nested):
    folder = write_photos(tmp_path / "more", cat=30, dog=2 * photos - 30)
    made = prepared(values, photos=str(folder), test_fraction=0.5)
    assert made.is_nested == nested
    assert (made.splits["split"] == TEST).sum() == (0 if nested else photos)


def own_split(values, tmp_path):
    rows = [
        f"{file},{file.parent.name},{'test' if number < 2 else 'train'}"
        for label in ("cat", "dog")
        for number, file in enumerate(sorted((tmp_path / "photos" / label).glob("*.png")))
    ]
    (tmp_path / "own.csv").write_text("\n".join(["path,label,split", *rows]))
    return values | {"photos": str(tmp_path / "own.csv")}


def test_the_users_own_split_stays_however_few_it_keeps_back(values, tmp_path):
    for nested in (None, False):
        made = prepared(own_split(values, tmp_path), nested=nested)
        assert (made.splits["split"] == TEST).sum() == 4
        assert made.sides is None


def test_the_users_own_split_leaves_no_choice(values, tmp_path):
    with pytest.raises(InputError, match="nested: your own split says which photos are kept back"):
        prepared(own_split(values, tmp_path), nested=True)


def test_each_round_is_a_study_of_its_own(values):
    made = prepared(values, repeats=2)
    rounds = {fold: made.keeping_back(fold) for fold in made.folds}
    assert len({made.store.place, *(one.store.place for one in rounds.values())}) == 6
    for fold, one in rounds.items():
        assert one.splits.equals(kept_back(made.splits, fold, config.FOLDS, 2, values["seed"]))
        assert (one.splits["split"] == TEST).tolist() == (made.splits["split"] == fold).tolist()
        assert not one.is_nested
        assert one.depends_on == {**made.depends_on, "split": split_hash(one.splits)}
    assert made.is_nested
    assert made.keeping_back("0").store.place == rounds["0"].store.place
    other = prepared(values, repeats=2, space="dropout=0").keeping_back("0")
    assert other.store.place != rounds["0"].store.place


def viewed(folder, views, rows):
    """A backbone with features of several views, (views, 12, 3); augmented ones only of photos that are learnt from."""
    stores = {}
    for view, of in zip(views, rows, strict=True):
        stores[view] = FeatureStore(folder / "features", {"backbone": "one", "view": str(view)}, 3)
        first = 2 if view.number else 0  # the first two are test photos
        stores[view].append(KEYS[first:], of[first:])
    return replace(source("one", None), stores=stores)


def test_augmented_views_are_there_of_photos_that_are_learnt_from(tmp_path):
    views = all_views(2, False, 42, Ranges())
    rows = np.random.default_rng(0).normal(size=(3, 12, 3)).astype(np.float32)
    material = load(found([viewed(tmp_path, views, rows)], "one"), SPLITS).material
    np.testing.assert_array_equal(material.features["one"], rows[0])
    assert np.isnan(material.shown["one"][1:, :2]).all()
    np.testing.assert_array_equal(material.shown["one"][:, 2:], rows[:, 2:])
    np.testing.assert_array_equal(material.table("one", 0), rows[0])
    np.testing.assert_array_equal(material.table("one", 1)[14:], rows[1, 2:])
    assert material.table("one", 2).shape == (36, 3)


def test_augmented_views_are_averaged_with_their_mirror_images(tmp_path):
    views = all_views(1, True, 42, Ranges())
    rows = np.random.default_rng(0).normal(size=(4, 12, 3)).astype(np.float32)
    material = load(found([viewed(tmp_path, views, rows)], "one"), SPLITS).material
    np.testing.assert_allclose(material.features["one"], rows[:2].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(material.shown["one"][1, 2:], rows[2:, 2:].mean(axis=0), rtol=1e-5)
