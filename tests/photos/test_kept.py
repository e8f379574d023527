"""Small pictures that go with a classifier are what they were drawn from, and lie in one file without a pickle."""

import io

import numpy as np
import pytest
from PIL import Image

from catml.photos.kept import SIDE, KeptPhotos, keep, load_kept


@pytest.fixture
def folder(tmp_path):
    Image.new("RGB", (400, 300), (200, 30, 40)).save(tmp_path / "rot.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (400, 100), (20, 160, 60)).save(tmp_path / "grün.jpg", exif=turned)
    return tmp_path


def test_pictures_are_small_and_upright(folder):
    kept = keep(folder, ["rot.jpg", "grün.jpg"], ["red", "green"])
    assert (kept.names, kept.labels) == (("rot.jpg", "grün.jpg"), ("red", "green"))
    red, green = (Image.open(io.BytesIO(picture)) for picture in kept.pictures)
    assert red.size == (128, SIDE)
    assert green.size == (24, SIDE)
    np.testing.assert_allclose(np.asarray(red).mean(axis=(0, 1)), (200, 30, 40), atol=4)
    assert max(map(len, kept.pictures)) < 2000


def test_a_photo_that_is_gone_has_no_picture(folder):
    (folder / "text.jpg").write_text("buy milk")
    assert keep(folder, ["gone.jpg", "rot.jpg", "text.jpg"], ["red"] * 3).pictures[::2] == (b"", b"")


def test_saved_and_loaded(folder, tmp_path):
    kept = keep(folder, ["rot.jpg", "gone.jpg", "grün.jpg"], ["NA", "", "grün"])
    kept.save(tmp_path / "photos.npz")
    assert load_kept(tmp_path / "photos.npz") == kept


def test_none_at_all(tmp_path):
    kept = KeptPhotos((), (), ())
    kept.save(tmp_path / "photos.npz")
    assert load_kept(tmp_path / "photos.npz") == kept
