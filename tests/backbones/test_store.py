"""The feature store gives back what it was given, whatever else lies in its folder."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from catml.backbones import registry
from catml.backbones.store import FeatureStore, digest, fingerprint
from catml.backbones.weights import Weights

OF = {"backbone": "toy", "weights_sha256": "abc"}


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path, OF, 4)


def features(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


def keys(*numbers):
    return [f"{number:064x}" for number in numbers]


def test_empty_store(store):
    assert store.known() == set()
    with pytest.raises(KeyError, match=keys(1)[0]):
        store.read(keys(1))


def test_what_is_appended_is_read(store):
    first, second = features(3), features(2, seed=1)
    store.append(keys(1, 2, 3), first)
    store.append(keys(4, 5), second)
    assert store.known() == set(keys(1, 2, 3, 4, 5))
    np.testing.assert_array_equal(store.read(keys(5, 1, 5, 3)), [second[1], first[0], second[1], first[2]])
    assert store.read(keys(2)).dtype == np.float32


def test_another_process_sees_it(store, tmp_path):
    store.append(keys(1), features(1))
    np.testing.assert_array_equal(FeatureStore(tmp_path, OF, 4).read(keys(1)), features(1))


def test_unknown_key(store):
    store.append(keys(1), features(1))
    with pytest.raises(KeyError, match=keys(2)[0]):
        store.read(keys(1, 2))
    with pytest.raises(KeyError, match=keys(2)[0]):
        store.read(keys(2))


def test_half_written_files_are_passed_over(store):
    store.append(keys(1), features(1))
    part = next(store.folder.glob("part-*.parquet"))
    part.with_name(f".{part.name}.123.tmp").write_bytes(part.read_bytes()[:50])
    store.append(keys(2), features(1, seed=1))
    assert store.known() == set(keys(1, 2))
    np.testing.assert_array_equal(store.read(keys(1)), features(1))


def test_killed_while_writing_leaves_a_whole_store(store, monkeypatch):
    store.append(keys(1), features(1))

    def killed(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        store.append(keys(2), features(1))
    assert store.known() == set(keys(1))
    assert len(list(store.folder.glob("part-*"))) == 1


def test_the_same_photo_twice_does_no_harm(store):
    store.append(keys(1, 2), features(2))
    store.append(keys(2, 1), features(2)[::-1])
    assert store.known() == set(keys(1, 2))
    np.testing.assert_array_equal(store.read(keys(1, 2)), features(2))


def test_pandas_opens_the_folder(store):
    store.append(keys(1, 2), features(2))
    store.append(keys(3), features(1, seed=1))
    table = pd.read_parquet(store.folder).sort_values("pixels_sha256")
    assert list(table.columns) == ["pixels_sha256", "features"]
    np.testing.assert_array_equal(np.stack(table["features"]), np.vstack([features(2), features(1, seed=1)]))


def test_folder_tells_what_it_holds(store, tmp_path):
    store.append(keys(1), features(1))
    assert store.folder.parent == tmp_path
    assert store.folder.name == f"toy-{digest(OF)}"
    assert json.loads((store.folder / "_fingerprint.json").read_text()) == OF


def test_everything_features_depend_on_is_in_the_fingerprint():
    xception, lite = registry.get("xception"), registry.get("efficientnet-lite0")
    mine, other = Weights("file", None, "mine"), Weights("file", None, "other")
    prints = [
        fingerprint(xception, mine),
        fingerprint(xception, other),
        fingerprint(lite, mine),
        fingerprint(xception, mine, view="mirrored"),
    ]
    assert len({digest(one) for one in prints}) == len(prints)
    assert fingerprint(xception, Weights("keras", None, "mine")) == prints[0]
    assert {"keras", "pillow", "decoder", "preprocessing", "input_size"} <= set(prints[0])


def test_digest_does_not_depend_on_order():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
