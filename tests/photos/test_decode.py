"""Whatever the bytes are: an upright RGB picture, or one reason why not."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from catml.photos.decode import DecodeError, capture, decode, open_upright, read_bytes
from catml.photos.listing import list_photos
from catml.photos.scan import scan

# Four corners of different colours: no turn and no mirroring leaves it as it is.
CORNERS = np.zeros((20, 30, 3), np.uint8)
CORNERS[:10, :15], CORNERS[:10, 15:], CORNERS[10:, :15] = (255, 0, 0), (0, 255, 0), (0, 0, 255)

# What the camera has done to an upright picture that it calls orientation 1 to 8 (EXIF 2.32, tag 0x0112).
STORED = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_orientation(orientation, kind, **options):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = np.ascontiguousarray(STORED[orientation](CORNERS)) if orientation in STORED else CORNERS
    return encoded(Image.fromarray(stored), kind, exif=exif, **options)


def colour(data):
    """Return the one colour of a picture."""
    image = open_upright(data)
    assert image.mode == "RGB"
    (colour,) = {tuple(pixel) for pixel in np.asarray(image).reshape(-1, 3).tolist()}
    return colour


def filled(mode, value, kind="PNG", **options):
    return encoded(Image.new(mode, (6, 4), value), kind, **options)


def sixteen_bit_png(samples):
    """Return a grey PNG of 16 bits, written by hand: samples (rows, columns)."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], 16, 0, 0, 0, 0)

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (filled("RGB", (10, 20, 30)), (10, 20, 30)),
        (filled("L", 77), (77, 77, 77)),
        (filled("1", 1), (255, 255, 255)),
        (filled("1", 0), (0, 0, 0)),
        (filled("LA", (77, 255)), (77, 77, 77)),
        (filled("LA", (77, 0)), (255, 255, 255)),
        (filled("RGBA", (10, 20, 30, 255)), (10, 20, 30)),
        (filled("RGBA", (10, 20, 30, 0)), (255, 255, 255)),
        (filled("RGBA", (0, 0, 0, 51)), (204, 204, 204)),
        (filled("RGB", (10, 20, 30), transparency=(10, 20, 30)), (255, 255, 255)),
        (filled("L", 77, transparency=77), (255, 255, 255)),
        (filled("CMYK", (0, 255, 255, 0), "TIFF"), (255, 0, 0)),
        (filled("F", 100.0, "TIFF"), (100, 100, 100)),
        (filled("I", 200, "TIFF"), (200, 200, 200)),
        (filled("I;16", 65535, "TIFF"), (255, 255, 255)),
        (filled("I;16", 257 * 100, "TIFF"), (100, 100, 100)),
        (sixteen_bit_png(np.full((4, 6), 257 * 100)), (100, 100, 100)),
        (sixteen_bit_png(np.full((4, 6), 200)), (1, 1, 1)),
    ],
)
def test_modes(data, expected):
    assert colour(data) == expected


def test_palette_with_a_transparent_colour():
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 0, 0, 0, 0, 200])
    picture.putpixel((1, 0), 1)
    plain = np.asarray(open_upright(encoded(picture)))
    assert plain.tolist() == [[[200, 0, 0], [0, 0, 200]]]
    transparent = np.asarray(open_upright(encoded(picture, transparency=0)))
    assert transparent.tolist() == [[[255, 255, 255], [0, 0, 200]]]


@pytest.mark.parametrize("orientation", STORED)
def test_orientation_png(orientation):
    data = with_orientation(orientation, "PNG")
    np.testing.assert_array_equal(np.asarray(open_upright(data)), CORNERS)
    assert capture(data).orientation == orientation


@pytest.mark.parametrize("orientation", STORED)
def test_orientation_jpeg(orientation):
    data = with_orientation(orientation, "JPEG", quality=100, subsampling=0)
    upright = np.asarray(open_upright(data), np.int16)
    assert upright.shape == CORNERS.shape
    assert np.abs(upright - CORNERS).mean() < 3
    squashed = decode(data, 8)
    assert squashed[1, 1].argmax() == 0
    assert squashed[1, 6].argmax() == 1
    assert squashed[6, 1].argmax() == 2


def test_orientation_out_of_range_is_upright():
    data = with_orientation(9, "PNG")
    assert capture(data).orientation == 1
    np.testing.assert_array_equal(np.asarray(open_upright(data)), CORNERS)


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue", "lime")]
    assert colour(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])) == (255, 0, 0)


PNG = encoded(Image.fromarray(CORNERS))
JPEG = with_orientation(6, "JPEG")
NOISE = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)), "JPEG")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"this is no photo", "not an image of a known format"),
        (PNG[:4], "not an image of a known format"),
        (NOISE[: len(NOISE) * 3 // 4], r"can't be decoded \(image file is truncated .*\)"),
        (JPEG[: len(JPEG) // 2], r"can't be decoded \(.+\)"),
        (PNG[: len(PNG) // 2], r"can't be decoded \(.+\)"),
    ],
)
def test_what_is_no_photo(data, reason):
    with pytest.raises(DecodeError, match=f"^{reason}$"):
        open_upright(data)


def test_too_many_pixels(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", CORNERS.size // 3 // 2 - 1)
    with pytest.raises(DecodeError, match=r"^more pixels than are safe to decode$"):
        open_upright(PNG)


def test_large_but_safe(tmp_path):
    """In a process of its own, where no test runner touches the warning filters, and every warning is an error."""
    (tmp_path / "photo.png").write_bytes(PNG)
    script = (
        "import pathlib, PIL.Image; from catml.photos.decode import capture, open_upright\n"
        f"PIL.Image.MAX_IMAGE_PIXELS = {CORNERS.size // 3 - 1}\n"
        "data = pathlib.Path('photo.png').read_bytes()\n"
        "print(open_upright(data).size, capture(data).orientation)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("(30, 20) 1\n", "")


@pytest.mark.parametrize("size", [1, 7, 64])
def test_squashed_to_a_square(size):
    pixels = decode(PNG, size)
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8


def test_nothing_is_cut_off():
    wide = np.zeros((10, 100, 3), np.uint8)
    wide[:, :5], wide[:, -5:] = 255, 255
    squashed = decode(encoded(Image.fromarray(wide)), 20)
    assert squashed[:, 0].min() > 200
    assert squashed[:, -1].min() > 200
    assert squashed[:, 5:15].max() < 10


def test_unreadable_file(tmp_path):
    with pytest.raises(DecodeError, match=r"^can't be read \(No such file or directory\)$"):
        read_bytes(tmp_path / "gone.jpg")


@settings(max_examples=300, deadline=None)
@given(
    data=st.sampled_from([PNG, JPEG, filled("CMYK", 9, "TIFF"), filled("P", 1, "GIF"), filled("RGB", 9, "WEBP")]),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    kept=st.floats(0.1, 1),
)
def test_damage_gives_a_picture_or_a_reason(data, damage, kept):
    damaged = bytearray(data)
    for place, value in damage:
        damaged[int(place * len(damaged))] = value
    damaged = bytes(damaged[: int(kept * len(damaged))])
    try:
        pixels = decode(damaged, 5)
    except DecodeError:
        return
    assert pixels.shape == (5, 5, 3)
    assert capture(damaged).orientation in range(1, 9)


def test_scan_and_decode_agree_on_what_is_a_photo(tmp_path):
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    files = {"good.png": PNG, "cut.jpg": JPEG[: len(JPEG) * 3 // 4], "empty.jpg": b""}
    for name, data in files.items():
        (tmp_path / "photos" / "cat" / name).write_bytes(data)
    table = scan(list_photos(tmp_path / "photos"), tmp_path / "cache", progress=False)
    assert dict(zip(table["path"], table["problem"] == "", strict=True)) == {
        "cat/cut.jpg": False,
        "cat/empty.jpg": False,
        "cat/good.png": True,
    }
