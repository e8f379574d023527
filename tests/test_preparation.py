"""A study's key tells apart all that its results depend on, and features come in the rows of the split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from catml import config, pipeline
from catml.backbones import registry
from catml.backbones.store import FeatureStore
from catml.errors import InputError
from catml.pipeline import Found, Source
from catml.preparation import load, prepare

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
    return Source(replace(registry.get("xception"), name=name, width=WIDTHS[name]), None, store, {}, mirrored)


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
        {"seed": 1}, {"test_fraction": 0.3}, {"repeats": 1}, {"space": "dropout=0"}, {"mirrored": True}, LITE,
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
        assert prepared.folds == 5


def test_a_space_that_makes_no_sense_is_refused_before_anything_is_written(values, tmp_path):
    found_photos = pipeline.find(values)
    with pytest.raises(InputError, match="space: no setting 'hiden'"):
        prepare(found_photos, values | {"space": "hiden=8"})
    assert not (tmp_path / "data" / "studies").exists()
