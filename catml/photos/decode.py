"""The only decoder: bytes in, upright RGB out. Extraction, prediction and serving all call it."""

import contextlib
import importlib
import io
import warnings
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

Pixels = NDArray[np.uint8]

# Part of every feature fingerprint: raise it whenever the same bytes would give other pixels.
DECODER_VERSION = 2
HEIC_BRANDS = {b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")}

# What Pillow warns of comes out either as pixels or as a DecodeError. Among it are photos of 89 to 179 megapixels,
# which are real panoramas; Pillow refuses larger ones. Set once, since filters are shared by all threads.
warnings.filterwarnings("ignore", module=r"PIL\.")
with contextlib.suppress(ImportError):
    importlib.import_module("pillow_heif").register_heif_opener()
Image.init()
# Pillow knows some fifty formats, among them such as are handed to other programs (EPS to Ghostscript). None of those is
# how a photo is kept, and whoever may send a photo to be classified must not reach them.
FORMATS = [name for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF") if name in Image.OPEN]
# A JPEG is decoded at the largest of 1/2, 1/4, 1/8 of its size that is still this many times the square it is wanted for.
# At 2 the pixels differ from those of a full decode by 0.25 of 255 on average, as much as by any change of the filter;
# at 1 by four times as much (`experiments/decoding`).
SPARE = 2


class DecodeError(Exception):
    """Raised when bytes are not a photo that can be shown; the message is the reason, without the file's name."""


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
    if not data:
        raise DecodeError("empty file")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if enough is not None:
            image.draft(None, (enough, enough))
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))
    except DecodeError:
        raise
    except UnidentifiedImageError:
        if data[4:12] in HEIC_BRANDS:
            raise DecodeError("HEIC, which needs 'pip install pillow-heif' (or export it as JPEG)") from None
        raise DecodeError("not an image of a known format") from None
    except Image.DecompressionBombError:
        raise DecodeError("more pixels than are safe to decode") from None
    except Exception as error:  # Pillow's plug-ins raise many kinds; whatever it is, this photo can't be shown
        raise DecodeError(f"can't be decoded ({error or type(error).__name__})") from None


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
    image = open_upright(data, enough=SPARE * size)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0))


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
        exif = image.getexif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    text = str(details.get(ExifTags.Base.DateTimeOriginal, "")).strip("\0 ")
    fraction = str(details.get(ExifTags.Base.SubsecTimeOriginal, "")).strip("\0 ")
    try:
        moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
        if fraction.isdecimal():
            moment = moment.replace(microsecond=int(float(f"0.{fraction}") * 1e6))
        taken = moment.isoformat()
    except ValueError:  # none, or "0000:00:00 00:00:00", or a camera's own idea of a date
        taken = ""
    camera = " ".join(str(exif.get(tag, "")).strip("\0 ") for tag in (ExifTags.Base.Make, ExifTags.Base.Model)).strip()
    return Capture(orientation if orientation in range(1, 9) else 1, taken, camera)


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; an unreadable file is a `DecodeError` with the system's reason."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DecodeError(f"can't be read ({error.strerror})") from None


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
