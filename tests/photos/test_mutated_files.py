"""More than a thousand mutated files in one folder: each is a row with the right pixels, or with a reason."""

import hashlib
import io
import os
import random
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Timer

import numpy as np
import pytest
from PIL import ExifTags, Image

from catml.photos.decode import DecodeError, capture, decode, open_upright
from catml.photos.listing import list_photos
from catml.photos.scan import scan
from tests.conftest import ROOT
from tests.photos.mutations import (
    IMAGE,
    PICTURE,
    REASON,
    RIGHT,
    RIGHT_OR_REASON,
    File,
    encoded,
    everything,
    originals,
    plain,
)

TEXT, SHORT, LONG, RATIONAL, SIGNED = 2, 3, 4, 5, 9
ORIENTATION, MODEL, EXIF = ExifTags.Base.Orientation, ExifTags.Base.Model, ExifTags.IFD.Exif
TAKEN = ExifTags.Base.DateTimeOriginal
THREADS = 4

# pytest sets warning filters of its own; that nothing is printed without them has a test.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\..*")


def directory(*entries, following=0):
    """Return EXIF data of one directory; an entry is tag, type, count and the four bytes of its value or place."""
    fields = b"".join(
        struct.pack("<HHI", tag, kind, count) + (value if isinstance(value, bytes) else struct.pack("<I", value))
        for tag, kind, count, value in entries
    )
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + fields + struct.pack("<I", following)


def broken_exif() -> Iterator[tuple[str, bytes]]:
    """Yield EXIF data that says nothing of use; the photo is what it is without."""
    chance = random.Random(0)
    for number in range(10):
        yield f"noise-{number}", b"Exif\0\0" + chance.randbytes(10 + 20 * number)
        yield f"noise-after-head-{number}", b"Exif\0\0II*\0\x08\0\0\0" + chance.randbytes(10 + 20 * number)
    for value in (0, 1, 9, 255, 65535):
        yield f"orientation-{value}", directory((ORIENTATION, SHORT, 1, value))
    yield "orientation-huge", directory((ORIENTATION, LONG, 1, 2**32 - 1))
    yield "orientation-text", directory((ORIENTATION, TEXT, 4, b"top\0"))
    yield "orientation-nowhere", directory((ORIENTATION, SHORT, 1000, 10**6))
    yield "orientation-divided-by-zero", directory((ORIENTATION, RATIONAL, 1, 8))
    yield "unknown-type", directory((ORIENTATION, 99, 1, 6))
    yield "cycle", directory((ORIENTATION, SHORT, 1, 1), following=8)
    yield "cycle-within", directory((EXIF, LONG, 1, 8), (ExifTags.IFD.GPSInfo, LONG, 1, 8), following=8)
    yield "points-nowhere", directory((EXIF, LONG, 1, 2**31), following=2**31)
    yield "points-before-the-beginning", directory((EXIF, SIGNED, 1, b"\xff\xff\xff\xff"))
    yield "points-at-text", directory((EXIF, TEXT, 4, b"abc\0"))
    yield "more-entries-than-there-are", directory()[:14] + b"\xff\xff" + bytes(40)
    for number, date in enumerate(("0000:00:00 00:00:00", "2023:13:45 99:99:99", "yesterday", "\xff" * 19, " ", "")):
        whole = Image.Exif()
        whole.get_ifd(EXIF)[TAKEN] = date
        yield f"date-{number}", whole.tobytes()


def with_exif() -> Iterator[File]:
    for name, exif in broken_exif():
        for kind in ("JPEG", "PNG", "WEBP"):
            options = {"lossless": True} if kind == "WEBP" else {}
            without = plain(encoded(IMAGE, kind, **options))
            yield File(f"exif-{name}.{kind.lower()}", encoded(IMAGE, kind, exif=exif, **options), RIGHT, without)
    # What else is broken doesn't keep a photo from being turned.
    broken = directory((ORIENTATION, SHORT, 1, 6), (MODEL, TEXT, 9, 2**31), (EXIF, LONG, 1, 8), following=8)
    turned = np.rot90(plain(encoded(IMAGE, "JPEG")), -1)
    yield File("exif-broken-but-turned.jpg", encoded(IMAGE, "JPEG", exif=broken), RIGHT, turned)


def with_odd_names() -> Iterator[File]:
    data = encoded(IMAGE, "PNG")
    for name in (
        "Kätzchen 猫 🐈.png",
        "two\nlines.png",
        "-rf.png",
        "x" * 246 + ".png",
        "' \" $HOME `ls` ;&|<>.png",
        "%s{}",
    ):
        yield File(name, data, RIGHT, PICTURE)
        yield File(f"broken {name[:200]}", data[:300], REASON)
    yield File("folder.jpg/photo.png", data, RIGHT, PICTURE)


def scanned(folder, cache):
    return scan(list_photos(folder), cache, progress=False)


@pytest.fixture(scope="module")
def files():
    found = [*everything(), *with_exif(), *with_odd_names()]
    assert len(found) > 1000
    assert len({file.name for file in found}) == len(found)
    return found


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus") / "photos"
    for file in files:
        place = folder / "cat" / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.data)
    (folder / "dog").mkdir()
    return folder


def read(data):
    """Return upright pixels, or a reason."""
    try:
        return np.asarray(open_upright(data))
    except DecodeError as reason:
        return str(reason)


def squashed(data):
    """Return a small square, or no pixels: its reason may be another one. JPEGs are decoded at half their size."""
    try:
        return decode(data, 8).tobytes()
    except DecodeError:
        return b""


def test_each_file_is_a_row_with_the_right_pixels_or_a_reason(files, folder, tmp_path):
    table = scanned(folder, tmp_path / "cache").set_index("path")
    assert len(table) == len(files)
    wrong = []
    for file in files:
        row = table.loc[f"cat/{file.name}"]
        if file.pixels is not None:
            height, width, _ = file.pixels.shape
            digest = hashlib.sha256(f"{width}x{height}".encode() + file.pixels.tobytes()).hexdigest()
            right = row["pixels_sha256"] == digest and (row["width"], row["height"]) == (width, height)
        if row["problem"]:
            good = file.outcome != RIGHT
        elif file.outcome in (RIGHT, RIGHT_OR_REASON):
            good = right
        else:
            # A turn of the sides needs EXIF data, of which there is none to be flipped.
            with Image.open(io.BytesIO(file.data)) as image:
                good = file.outcome != REASON and (row["width"], row["height"]) == image.size
        wrong += [] if good else [f"{file.name}: {row['problem'] or 'a picture'}, not {file.outcome}"]
    assert not wrong


def test_nothing_is_printed(folder):
    """Neither by Python nor by libraries in C; in a process of its own, as it is outside of tests."""
    script = (
        "import sys; from pathlib import Path\n"
        "from catml.photos.decode import DecodeError, capture, open_upright\n"
        "for file in filter(Path.is_file, Path(sys.argv[1]).rglob('*')):\n"
        "    try: open_upright(file.read_bytes()), capture(file.read_bytes())\n"
        "    except DecodeError: pass\n"
    )
    command = [sys.executable, "-W", "default", "-c", script, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_pictures_are_what_was_drawn():
    """What the corpus takes for right are Pillow's pixels of whole files: they are near what was to be seen."""
    for name, data in originals().items():
        seen = plain(data).astype(float)
        drawn = PICTURE.astype(float) if name != "jpeg-grey" else np.asarray(IMAGE.convert("L"), float)[..., None]
        assert np.abs(seen - drawn).mean() < 15, name


def test_reasons_can_be_read(files):
    reasons = {reason for file in files if isinstance(reason := read(file.data), str)}
    assert len(reasons) > 10
    for reason in reasons:
        assert reason.strip() == reason != ""
        assert reason.isprintable()
        assert len(reason) < 150
        assert not re.search("0x[0-9a-f]{4}|Traceback|object at|File \"|^'", reason), reason


def test_files_decode_at_full_size_and_small_or_not_at_all(files):
    differ = [file.name for file in files if isinstance(read(file.data), str) != (squashed(file.data) == b"")]
    assert not differ


def test_same_in_four_threads_at_once(files):
    alone = [squashed(file.data) for file in files]
    order = random.Random(0).sample(range(len(files)), len(files)) * 2
    with ThreadPoolExecutor(THREADS) as pool:
        together = pool.map(lambda number: squashed(files[number].data), order)
        assert [files[number].name for number, one in zip(order, together, strict=True) if one != alone[number]] == []


def test_what_can_be_decoded_can_be_asked_when_it_was_taken(files):
    for file in files:
        if not isinstance(read(file.data), str):
            said = capture(file.data)
            assert said.orientation in range(1, 9)
            assert said.taken == "", file.name


def test_links_pipes_and_folders(tmp_path):
    photo = tmp_path / "elsewhere.png"
    photo.write_bytes(encoded(IMAGE, "PNG"))
    label = tmp_path / "photos" / "cat"
    (label / "empty.jpg").mkdir(parents=True)
    (label / "one.jpg").symlink_to(label / "two.jpg")
    (label / "two.jpg").symlink_to(label / "one.jpg")
    (label / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (label / "outside.jpg").symlink_to(photo)
    (label / "circle").symlink_to(label)
    os.mkfifo(label / "pipe.jpg")
    writer = Timer(10, lambda: os.close(os.open(label / "pipe.jpg", os.O_WRONLY)))
    writer.daemon = True  # whoever reads the pipe waits for a writer
    writer.start()
    assert scanned(tmp_path / "photos", tmp_path / "cache").set_index("path")["problem"].to_dict() == {
        "cat/gone.jpg": "can't be read (No such file or directory)",
        "cat/one.jpg": "can't be read (Too many levels of symbolic links)",
        "cat/outside.jpg": "",
        "cat/pipe.jpg": "can't be read (not a file)",
        "cat/two.jpg": "can't be read (Too many levels of symbolic links)",
    }
    writer.cancel()


@pytest.mark.usefixtures("forbidding")
def test_no_permission(tmp_path):
    photo = tmp_path / "photos" / "cat" / "photo.png"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(encoded(IMAGE, "PNG"))
    photo.chmod(0)
    table = scanned(tmp_path / "photos", tmp_path / "cache")
    assert table["problem"].tolist() == ["can't be read (Permission denied)"]
