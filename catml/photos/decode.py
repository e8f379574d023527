"""The only decoder: bytes in, upright RGB out. Extraction, prediction and serving all call it."""

import contextlib
import ctypes
import importlib
import io
import logging
import re
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

Pixels = NDArray[np.uint8]

# Part of every feature fingerprint: raise it whenever the same bytes would give other pixels.
DECODER_VERSION = 4
HEIC_BRANDS = {b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")}

# What Pillow warns of comes out either as pixels or as a DecodeError. Among it are photos of 89 to 179 megapixels,
# which are real panoramas; Pillow refuses larger ones. Set once, since filters are shared by all threads.
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)
with contextlib.suppress(AttributeError, OSError):
    # libtiff prints to standard error, from C, why it gave up. Some builds of Pillow don't let it be told otherwise.
    ctypes.CDLL(importlib.import_module("PIL._imaging").__file__).TIFFSetErrorHandler(None)
with contextlib.suppress(ImportError):
    importlib.import_module("pillow_heif").register_heif_opener()
Image.init()
# Pillow knows some fifty formats, among them such as are handed to other programs (EPS to Ghostscript). None of those
# is how a photo is kept, and whoever may send a photo to be classified must not reach them.
KNOWN = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
FORMATS: list[str] = [name for name in KNOWN if name in Image.OPEN]
JPEGS = ("JPEG", "MPO")  # MPO: several in one file, of which the first is the photo
# A JPEG is decoded at the smallest of 1/2, 1/4, 1/8 of its size that is still this many times the square it is wanted
# for. At 2 the pixels differ from those of a full decode by 0.25 of 255 on average, as much as by any change of the
# filter; at 1 by four times as much.
SPARE = 2
# How a photo is turned upright, by its EXIF orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
JPEG_MARKER = re.compile(rb"\xff([^\x00\xff])")
JPEG_END = b"\xff\xd9"
GREY = set(range(120, 137))  # what the decoder makes up is 128; in progressive files it is smoothed a little
LONGEST_REASON = 120

Box = tuple[float, float, float, float]


class DecodeError(Exception):
    """Raised when bytes are not a photo that can be shown; the message is the reason, without the file's name."""


class TooManyPixelsError(DecodeError):
    """Raised when a photo has more pixels than are safe to decode."""


def measure(data: bytes) -> tuple[int, int]:
    """Return width and height of a photo, upright, as its header says; nothing of it is decoded.

    Raises:
        DecodeError: empty, not an image, or too large to be safe.
    """
    if not data:
        raise DecodeError("empty file")
    with _reasons(data), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        return (height, width) if _orientation(image) >= 5 else (width, height)


def open_upright(data: bytes, enough: int | None = None) -> Image.Image:
    """Decode a photo and return it upright, in RGB.

    EXIF orientation is applied; transparency is laid on white; the first frame of an animation is taken; 16-bit
    grey is scaled, not cut.

    Args:
        data: the bytes of a photo file.
        enough: where no side needs more pixels than this, a JPEG may come out smaller than it is, which is several
            times as fast on phone photos. Without it every photo comes out at full size.

    Raises:
        DecodeError: empty, truncated, not an image, or too large to be safe (Pillow's decompression-bomb limit).
    """
    image, orientation, _ = _open(data, enough)
    return _turned(image, orientation)


def decode(data: bytes, size: int) -> Pixels:
    """Decode a photo to the square a backbone takes.

    The whole photo is squashed to the square: a cat at the edge counts too, and nothing is cut off.

    Args:
        data: the bytes of a photo file.
        size: side of the square, in pixels.

    Returns:
        Upright RGB, shape (size, size, 3), values 0-255.

    Raises:
        DecodeError: as `open_upright`.
    """
    image, orientation, box = _open(data, SPARE * size)
    square = image.resize((size, size), Image.Resampling.BICUBIC, box, reducing_gap=3.0)
    return np.asarray(_turned(square, orientation))


class Capture(NamedTuple):
    """What EXIF says of a photo: how the camera was held (1 to 8; 1 is upright), when, as ISO text, and which camera.

    The texts are empty where EXIF doesn't say, or says nothing that can be understood.
    """

    orientation: int
    taken: str
    camera: str


def capture(data: bytes) -> Capture:
    """Return what EXIF says of a photo that can be decoded."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        orientation = _orientation(image)
        text = _text(lambda: image.getexif().get_ifd(ExifTags.IFD.Exif), ExifTags.Base.DateTimeOriginal)
        fraction = _text(lambda: image.getexif().get_ifd(ExifTags.IFD.Exif), ExifTags.Base.SubsecTimeOriginal)
        camera = " ".join(_text(image.getexif, tag) for tag in (ExifTags.Base.Make, ExifTags.Base.Model)).strip()
    try:
        moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
        if fraction.isdecimal():
            moment = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        taken = moment.isoformat()
    except ValueError:  # none, or "0000:00:00 00:00:00", or a camera's own idea of a date
        taken = ""
    return Capture(orientation, taken, camera)


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; an unreadable file is a `DecodeError` with the system's reason."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would wait for ever
            raise DecodeError("can't be read (not a file)")
        return path.read_bytes()
    except OSError as error:
        raise DecodeError(f"can't be read ({error.strerror})") from None


def _open(data: bytes, enough: int | None) -> tuple[Image.Image, int, Box | None]:
    """Return a photo in RGB, not yet turned, its orientation, and the part it fills; None for all of it.

    A JPEG of 801 pixels is 401 at half its size, of which it fills 400.5.
    """
    if not data:
        raise DecodeError("empty file")
    with _reasons(data):
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        # A HEIC would be replaced by the thumbnail in it, which may show something else.
        drafted = image.draft(None, (enough, enough)) if enough is not None and image.format in JPEGS else None
        image.load()
        if _is_incomplete(image, data, enough):
            raise DecodeError("can't be decoded (damaged or cut off)")
        return _to_rgb(image), _orientation(image), drafted and drafted[1]


@contextlib.contextmanager
def _reasons(data: bytes) -> Iterator[None]:
    """Turn whatever is raised on opening and decoding into a `DecodeError`."""
    try:
        yield
    except DecodeError:
        raise
    except UnidentifiedImageError:
        raise DecodeError(_unidentified(data)) from None
    except Image.DecompressionBombError:
        raise TooManyPixelsError("more pixels than are safe to decode") from None
    except Exception as error:  # Pillow's plug-ins raise many kinds; whatever it is, this photo can't be shown
        said = "".join(letter if letter.isprintable() else " " for letter in str(error) or type(error).__name__)
        raise DecodeError(f"can't be decoded ({' '.join(said.split())[:LONGEST_REASON]})") from None


def _unidentified(data: bytes) -> str:
    if data[4:12] in HEIC_BRANDS and "HEIF" not in FORMATS:
        return "HEIC, which needs 'pip install pillow-heif' (or export it as JPEG)"
    for name in FORMATS:
        _, accept = Image.OPEN[name]
        if accept is not None and accept(data[:16]):
            return f"can't be decoded (damaged, cut off, or a rare kind of {name})"
    return "not an image of a known format"


def _is_incomplete(image: Image.Image, data: bytes, enough: int | None) -> bool:
    """Tell whether Pillow has made up pixels that the file lacks.

    Pillow finds files that are too short. What an interrupted copy leaves behind is often as long as it should be, and
    full of zeros from somewhere on. The other formats have no checksum and nothing that has to stand at the end.
    """
    if image.format == "PNG":
        return _has_wrong_checksum(data)
    if image.format not in JPEGS:
        return False
    end = _jpeg_end(data)
    if end < 0:
        return True
    # Where a JPEG ends too early, the decoder goes on in grey. Where grey is meant, it has no use for more bytes.
    corner = image.crop((image.width - 1, image.height - 1, image.width, image.height))
    if not set(corner.tobytes()) <= GREY:
        return False
    longer = Image.open(io.BytesIO(data[:end] + bytes(range(1, 255)) + data[end:]), formats=FORMATS)
    if enough is not None:
        longer.draft(None, (enough, enough))
    return longer.tobytes() != image.tobytes()


def _has_wrong_checksum(data: bytes) -> bool:
    place, kind = 8, b""
    while kind != b"IEND" and place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        content = memoryview(data)[place + 4 : place + 8 + length]
        place += 12 + length
        # Chunks with a small first letter are not needed to show the picture.
        if kind[:1].isupper() and place <= len(data) and zlib.crc32(content).to_bytes(4) != data[place - 4 : place]:
            return True
    return False


def _jpeg_end(data: bytes) -> int:
    """Return where the picture in a JPEG ends, -1 where it doesn't.

    Neither a thumbnail in the header, which has an end of its own, nor what comes after the picture counts.
    """
    place = 2
    while marker := JPEG_MARKER.search(data, place):
        kind, place = marker[1][0], marker.end()
        if kind == 0xDA:
            return data.find(JPEG_END, place)
        if not 0xD0 <= kind <= 0xD9:
            place += int.from_bytes(data[place : place + 2])
    return -1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    return image if orientation == 1 else image.transpose(TURNS[orientation])


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
        return int(value) if value in TURNS else 1
    except Exception:  # EXIF data that makes no sense turns no photo
        return 1


def _text(tags: Callable[[], Mapping[int, Any]], tag: int) -> str:
    try:
        return str(tags().get(tag, "")).strip("\0 ")
    except Exception:  # EXIF data that makes no sense says nothing
        return ""


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        if not np.isfinite(values).all():
            raise DecodeError("has values that are not numbers")
        # 16-bit files fill 0-65535; a plain `convert` would cut everything above 255 to white.
        # Modes "I" and "F" hold files of any depth, so there the values have to tell.
        sixteen_bits = image.mode.startswith("I;16") or values.max(initial=0) > 255
        fractions = image.mode == "F" and values.max(initial=0) <= 1
        scale = 255.0 / 65535.0 if sixteen_bits else 255.0 if fractions else 1.0
        return Image.fromarray((values * scale).clip(0, 255).round().astype(np.uint8)).convert("RGB")
    if image.mode == "P" or "transparency" in image.info or "A" in image.getbands():
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")
