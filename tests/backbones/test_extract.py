"""Extraction computes what is missing, once, and the same whatever else is computed with it."""

import shutil
import threading
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image, ImageOps

from catml.backbones import extract as extract_module
from catml.backbones import registry
from catml.backbones.extract import PHOTOS_PER_PART, compiled, extract_missing, missing, prefetch
from catml.backbones.store import FeatureStore
from catml.errors import InputError
from catml.photos.decode import decode
from catml.photos.listing import list_photos
from catml.photos.scan import scan
from catml.photos.views import AS_IS, MIRRORED, Ranges, all_views

TOY = replace(registry.get("xception"), name="toy", input_size=8, width=3)


def mean_colour():
    pixels = keras.Input((8, 8, 3))
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels)))


def convolution():
    """Return a network whose sums depend on their order, as a real backbone's do."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(64, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3)(x)))


@pytest.fixture
def photos(tmp_path, write_photos):
    return write_photos(tmp_path / "photos", cat=12, dog=8)


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features", {"backbone": "toy"}, 3)


@pytest.fixture
def table(tmp_path, photos):
    return scan(list_photos(photos), tmp_path / "cache", progress=False)


def extract(table, folder, store, load=mean_colour):
    return extract_missing(table, folder, TOY, load, {AS_IS: store}, progress=False)


def not_needed():
    raise AssertionError("the network was loaded though nothing is missing")


def test_features_of_every_photo(table, photos, store):
    assert extract(table, photos, store) == 20
    colours = [decode((photos / path).read_bytes(), 8).mean(axis=(0, 1)) / 255 for path in table["path"]]
    np.testing.assert_allclose(store.read(table["pixels_sha256"].tolist()), colours, atol=1e-6)


def test_second_time_nothing_is_computed(table, photos, store):
    extract(table, photos, store)
    assert extract(table, photos, store, not_needed) == 0


def test_one_added_photo_is_one(table, photos, store, tmp_path):
    extract(table, photos, store)
    Image.new("RGB", (5, 5), "teal").save(photos / "dog/new.png")
    assert extract(scan(list_photos(photos), tmp_path / "cache", progress=False), photos, store) == 1


def test_equal_pixels_are_computed_once(photos, store, tmp_path):
    shutil.copy(photos / "cat/cat00.png", photos / "cat/copy.png")
    with_copy = scan(list_photos(photos), tmp_path / "cache", progress=False)
    assert len(with_copy) == 21
    assert len(missing(with_copy, store)) == 20
    assert extract(with_copy, photos, store) == 20


def test_interrupted_in_the_middle(store, tmp_path, write_photos, monkeypatch):
    photos = write_photos(tmp_path / "many", cat=PHOTOS_PER_PART + 10)
    table = scan(list_photos(photos), tmp_path / "cache", progress=False)
    traced, batches = compiled(mean_colour()), []

    def interrupted(batch):
        batches.append(batch)
        if len(batches) * extract_module.BATCH > PHOTOS_PER_PART:
            raise KeyboardInterrupt
        return traced(batch)

    monkeypatch.setattr(extract_module, "compiled", lambda network: interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract(table, photos, store)
    monkeypatch.undo()
    assert store.known() == set(table["pixels_sha256"][:PHOTOS_PER_PART])
    assert extract(table, photos, store) == 10


def test_companions_change_no_bit(table, photos, tmp_path):
    keys = table["pixels_sha256"].tolist()
    together = FeatureStore(tmp_path / "together", {"backbone": "toy"}, 3)
    extract(table, photos, together, convolution)
    alone = FeatureStore(tmp_path / "alone", {"backbone": "toy"}, 3)
    for rows in ([19], [3, 7, 1], range(20)):
        extract(table.iloc[list(rows)], photos, alone, convolution)
    np.testing.assert_array_equal(alone.read(keys), together.read(keys))
    assert np.abs(together.read(keys)).max() > 0


def test_photo_that_vanished(table, photos, store):
    (photos / "dog/dog03.png").unlink()
    with pytest.raises(InputError) as caught:
        extract(table, photos, store)
    assert caught.value.problems == (
        f"{photos}/dog/dog03.png: can't be read (No such file or directory). "
        "It was fine when the photos were checked; run the command again.",
    )


def test_features_that_are_no_numbers(table, photos, store):
    def damaged():
        pixels = keras.Input((8, 8, 3))
        return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(np.nan)(pixels)))

    with pytest.raises(InputError, match=r"^toy: gives features that are not numbers\. Its weights are damaged\.$"):
        extract(table, photos, store, damaged)
    assert store.known() == set()


def test_prefetch_keeps_order_and_does_not_run_far_ahead():
    started, taken = [], 0
    lock = threading.Lock()

    def work(item):
        with lock:
            started.append(item)
        return item * item

    for result in prefetch(work, range(50), ahead=4):
        assert result == taken * taken
        taken += 1
        assert len(started) <= taken + 4
    assert taken == 50


def test_mirrored_view_is_that_of_photos_turned_by_hand(table, photos, tmp_path):
    """To a network whose features do change: else nothing would be shown."""

    def left():
        pixels = keras.Input((8, 8, 3))
        return keras.Model(
            pixels, keras.layers.GlobalAveragePooling2D()(keras.layers.Cropping2D(((0, 0), (0, 4)))(pixels))
        )

    def of(folder, view=AS_IS):
        listed = scan(list_photos(folder), tmp_path / "cache", progress=False).sort_values("path")
        store = FeatureStore(tmp_path / "features", {"backbone": folder.name, "view": str(view)}, 3)
        assert extract_missing(listed, folder, TOY, left, {view: store}, progress=False) == 20
        return store.read(listed["pixels_sha256"].tolist())

    turned = tmp_path / "turned"
    for photo in photos.glob("*/*.png"):
        (turned / photo.parent.name).mkdir(parents=True, exist_ok=True)
        with Image.open(photo) as image:
            ImageOps.mirror(image).save(turned / photo.parent.name / photo.name)
    mirrored = of(photos, MIRRORED)
    np.testing.assert_allclose(mirrored, of(turned), atol=1)  # resized and mirrored, or the other way round
    assert np.abs(mirrored - of(photos)).max() > 10


VIEWS = all_views(2, False, 42, Ranges())


def stores_of(folder, views=VIEWS):
    return {view: FeatureStore(folder, {"backbone": "toy", "view": str(view)}, 3) for view in views}


def test_augmented_views_are_kept_like_any_features(table, photos, tmp_path, monkeypatch):
    decoded = []
    plain = extract_module.decode
    monkeypatch.setattr(extract_module, "decode", lambda data, size: decoded.append(1) or plain(data, size))
    stores = stores_of(tmp_path / "features")
    assert extract_missing(table, photos, TOY, mean_colour, stores, progress=False) == 60
    assert len(decoded) == 20  # once for all views
    assert extract_missing(table, photos, TOY, not_needed, stores, progress=False) == 0
    key = table["pixels_sha256"].iloc[3]
    pixels = decode((photos / table["path"].iloc[3]).read_bytes(), 8)
    for view, store in stores.items():
        expected = view.show(pixels, key).mean(axis=(0, 1)) / 255
        np.testing.assert_allclose(store.read([key])[0], expected, atol=1e-6)


def test_one_more_view_computes_only_that_one(table, photos, tmp_path):
    stores = stores_of(tmp_path / "features")
    extract_missing(table, photos, TOY, convolution, dict(list(stores.items())[:2]), progress=False)
    assert extract_missing(table, photos, TOY, convolution, stores, progress=False) == 20
    together = stores_of(tmp_path / "together")
    extract_missing(table, photos, TOY, convolution, together, progress=False)
    keys = table["pixels_sha256"].tolist()
    for view in VIEWS:
        assert (stores[view].read(keys) == together[view].read(keys)).all()


def test_photos_that_nothing_is_learnt_from_have_no_augmented_views(table, photos, tmp_path):
    stores = stores_of(tmp_path / "features")
    kept_back = set(table["pixels_sha256"][:5])
    assert extract_missing(table, photos, TOY, mean_colour, stores, without=kept_back, progress=False) == 50
    for view, store in stores.items():
        assert len(store.known() & kept_back) == (5 if view == AS_IS else 0)
