"""HEIC, as iPhones write it, by the plug-in pillow-heif. It turns photos itself: nobody must turn them again."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from catml.photos.decode import DecodeError, capture, decode, open_upright
from tests.photos.test_decode import CORNERS, STORED

pytest.importorskip("pillow_heif", reason="HEIC is read where pillow-heif is installed")

LARGE = CORNERS.repeat(40, axis=0).repeat(40, axis=1)  # 1200 x 800


def encoded(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "HEIF", **options)
    return file.getvalue()


def taken_with(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Acme"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:22 21:49:57"
    return exif.tobytes()


def furthest(one, other):
    return np.abs(np.asarray(one, int) - np.asarray(other, int)).max()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_once(orientation):
    data = encoded(STORED[orientation](LARGE), exif=taken_with(orientation), quality=95)
    assert (b"irot" in data or b"imir" in data) == (orientation != 1)  # it is stored lying on its side
    assert furthest(open_upright(data), LARGE) < 10
    assert furthest(decode(data, 30), decode(encoded(LARGE, quality=95), 30)) < 10


def test_it_is_known_when_and_with_what_a_photo_was_taken():
    data = encoded(LARGE, exif=taken_with(6))
    assert capture(data) == (1, "2024-05-22T21:49:57", "Acme")


def test_the_photo_is_taken_and_not_the_thumbnail_in_it():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (600, 800, 3), np.uint8)
    assert (decode(encoded(noise, thumbnails=[400]), 50) == decode(encoded(noise), 50)).all()


@pytest.mark.parametrize(
    ("mode", "value", "seen"), [("RGBA", (10, 20, 30, 0), 255), ("L", 77, 77), ("I;16", 40000, 156)]
)
def test_odd_modes(mode, value, seen):
    file = io.BytesIO()
    Image.new(mode, (64, 64), value).save(file, "HEIF", quality=-1)
    assert furthest(open_upright(file.getvalue()), seen) <= 1


def test_files_cut_off_have_a_reason():
    data = encoded(LARGE)
    for length in range(12, len(data), len(data) // 50):
        with pytest.raises(DecodeError, match="can't be decoded"):
            open_upright(data[:length])
