"""Pictures in all formats, and what can happen to a file: made the same every time."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, features

WIDTH, HEIGHT = 64, 48
GENERATOR = np.random.default_rng(0)
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
# A photo in small: smooth, with some noise, so that no row is like another and bytes are spent on all of it.
PICTURE = (
    (np.stack([COLUMNS * 3 + 20, ROWS * 4 + 20, (COLUMNS + ROWS) * 2], -1) + GENERATOR.integers(-20, 21, (48, 64, 3)))
    .clip(0, 255)
    .astype(np.uint8)
)
IMAGE = Image.fromarray(PICTURE)

# What may come of a file.
RIGHT, REASON, RIGHT_OR_REASON, ANY = "right pixels", "a reason", "right pixels or a reason", "a picture or a reason"
# In these, zeros from somewhere on to the end can be told from a picture. In the others a picture may have such bytes,
# and nothing has to follow it.
ENDS_TOLD = ("jpeg", "mpo", "png", "gif")


class File(NamedTuple):
    """A file, what may come of it, and the pixels that are right."""

    name: str
    data: bytes
    outcome: str
    pixels: np.ndarray | None = None


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    """Return the file that Pillow makes of a picture."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(data: bytes) -> np.ndarray:
    """Return the pixels of a file that needs no turning, as Pillow alone gives them."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def tiff(compress=lambda strip: strip, number=1, claimed=(WIDTH, HEIGHT), samples=3) -> bytes:
    """Return a TIFF whose directory comes first, as scanners write it: Pillow only writes it after the pixels."""
    strips = [compress(PICTURE[row : row + 8].tobytes()) for row in range(0, HEIGHT, 8)]
    after = 8 + 2 + 9 * 12 + 4
    first = after + 6 + 2 * 4 * len(strips)
    places = [first + sum(map(len, strips[:strip])) for strip in range(len(strips))]
    longs = f"<{len(strips)}I"
    entries = [
        *((256, 4, 1, claimed[0]), (257, 4, 1, claimed[1]), (258, 3, 3, after), (259, 4, 1, number), (262, 4, 1, 2)),
        *((273, 4, len(strips), after + 6), (277, 4, 1, samples), (278, 4, 1, 8)),
        (279, 4, len(strips), after + 6 + 4 * len(strips)),
    ]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    tables = struct.pack("<3H", 8, 8, 8) + struct.pack(longs, *places) + struct.pack(longs, *map(len, strips))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + tables + b"".join(strips)


def originals() -> dict[str, bytes]:
    """Return whole files by name; the name begins with the format."""
    palette = IMAGE.quantize(64)
    files = {
        "jpeg": encoded(IMAGE, "JPEG", quality=90),
        "jpeg-progressive": encoded(IMAGE, "JPEG", progressive=True),
        "jpeg-optimised": encoded(IMAGE, "JPEG", optimize=True, quality=60),
        "jpeg-restarts": encoded(IMAGE, "JPEG", restart_marker_blocks=3),
        "jpeg-grey": encoded(IMAGE.convert("L"), "JPEG"),
        "jpeg-cmyk": encoded(IMAGE.convert("CMYK"), "JPEG"),
        "mpo": encoded(IMAGE, "MPO", save_all=True, append_images=[IMAGE.rotate(180)]),
        "png": encoded(IMAGE, "PNG"),
        "png-palette": encoded(palette, "PNG"),
        "webp": encoded(IMAGE, "WEBP"),
        "webp-lossless": encoded(IMAGE, "WEBP", lossless=True),
        "gif": encoded(palette, "GIF", interlace=0),
        "gif-interlaced": encoded(palette, "GIF", interlace=1),
        "bmp": encoded(IMAGE, "BMP"),
        "bmp-palette": encoded(palette, "BMP"),
        "tiff": encoded(IMAGE, "TIFF"),
        "tiff-lzw": encoded(IMAGE, "TIFF", compression="tiff_lzw"),
        "tiff-jpeg": encoded(IMAGE, "TIFF", compression="jpeg"),
        "tiff-scanned": tiff(),
        "tiff-scanned-deflate": tiff(zlib.compress, 8),
    }
    return files | ({"avif": encoded(IMAGE, "AVIF")} if features.check("avif") else {})


def damaged(name: str, data: bytes) -> Iterator[File]:
    """Yield what chance makes of a whole file."""
    chance = random.Random(name)
    right, suffix = plain(data), "." + name.split("-")[0]
    size = len(data)
    for cut in [*(size * part // 16 for part in range(1, 16)), size - 40, size - 20]:
        # The last bytes of some files are a mere "that was all".
        rest_is_needed = name != "mpo" and cut <= size - (40 if name.startswith("png") else 20)
        yield File(f"{name}-cut-{cut}{suffix}", data[:cut], REASON if rest_is_needed else RIGHT_OR_REASON, right)
    for number in range(12):
        flipped = bytearray(data)
        for place in chance.choices(range(size), k=(1, 1, 1, 4)[number % 4]):
            flipped[place] ^= 1 << chance.randrange(8)
        yield File(f"{name}-bits-{number}{suffix}", bytes(flipped), ANY)
    for number in range(8):
        replaced = bytearray(data)
        for place in chance.choices(range(size), k=number + 1):
            replaced[place] = chance.randrange(256)
        yield File(f"{name}-bytes-{number}{suffix}", bytes(replaced), ANY)
    for number in range(8):
        start = chance.randrange(size)
        holed = data[:start] + bytes(min(size - start, chance.randrange(1, 300))) + data[start + 300 :]
        yield File(f"{name}-hole-{number}{suffix}", holed, ANY)
        told = name.split("-")[0] in ENDS_TOLD
        # Once as long as it was, as an interrupted copy is, and once in a block of a disk.
        zeros = size - start if number % 2 else 4096
        yield File(
            f"{name}-zeros-{number}{suffix}", data[:start] + bytes(zeros), RIGHT_OR_REASON if told else ANY, right
        )
    for number in range(3):
        yield File(f"{name}-longer-{number}{suffix}", data + chance.randbytes(10**number), RIGHT, right)
    for other in (".jpg", ".png", ".TXT", ""):
        yield File(f"{name}-called{other}", data, RIGHT, right)


def closed_jpegs() -> Iterator[File]:
    """Yield JPEGs that are cut off and closed again, as programs do that save what they have got."""
    for name in ("jpeg", "jpeg-restarts", "jpeg-grey", "jpeg-cmyk", "jpeg-progressive"):
        data = originals()[name]
        first = data.index(b"\xff\xda") + 20
        # Most of the first scan of a progressive one is as much as there is to be seen.
        last = len(data) * 9 // 10 if name != "jpeg-progressive" else data.index(b"\xff\xc4", first) - 20
        for cut in np.linspace(first, last, 5, dtype=int):
            yield File(f"{name}-closed-{cut}.jpg", data[:cut] + b"\xff\xd9", REASON)
    grey = np.full_like(PICTURE, 128)
    grey[:20] = PICTURE[:20]
    for name, options in {
        "": {},
        "-progressive": {"progressive": True},
        "-restarts": {"restart_marker_rows": 1},
    }.items():
        data = encoded(Image.fromarray(grey), "JPEG", **options)
        yield File(f"jpeg-meant-grey{name}.jpg", data, RIGHT, plain(data))


def not_photos() -> Iterator[File]:
    """Yield what is no photo and is called one."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("photo.png", encoded(IMAGE, "PNG"))
    contents = {
        "nothing": b"",
        "one-zero": b"\0",
        "zeros": bytes(5000),
        "noise": random.Random(0).randbytes(5000),
        "text": b"buy milk\n",
        "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "pdf": b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF",
        "zip": archive.getvalue(),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
        "mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + b"\0\0\0\x08mdat" + bytes(100),
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
        "ppm": encoded(IMAGE, "PPM"),
        "tga": encoded(IMAGE, "TGA"),
        "ico": encoded(IMAGE.resize((32, 32)), "ICO"),
        "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }
    contents["samples"] = tiff(samples=1000)
    for what, data in contents.items():
        for suffix in (".jpg", ".PNG", ".heic"):
            yield File(f"{what}{suffix}", data, REASON)
    for name, data in originals().items():
        for head in (2, 4, 12):
            yield File(f"{name}-only-{head}.jpg", data[:head], REASON)


def bombs() -> Iterator[File]:
    """Yield small files that claim to be huge pictures."""
    side = 60000
    jpeg, bmp, gif = bytearray(originals()["jpeg"]), bytearray(originals()["bmp"]), bytearray(originals()["gif"])
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, side, side)
    struct.pack_into("<ii", bmp, 18, side, side)
    frame = bytearray(gif)
    struct.pack_into("<HH", gif, 6, side, side)
    struct.pack_into("<HH", frame, frame.index(b",\0\0\0\0") + 5, side, side)
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(10**6)))
    extended = b"VP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + 2 * struct.pack("<I", side - 1)[:3]
    webp = b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended
    contents = {"jpg": jpeg, "bmp": bmp, "gif": gif, "png": png + png_chunk(b"IEND", b""), "webp": webp}
    contents |= {"frame.gif": frame, "tiff": tiff(claimed=(side, side))}
    for suffix, data in contents.items():
        yield File(f"huge.{suffix}", bytes(data), REASON)


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def modes() -> Iterator[File]:
    """Yield pictures in all the ways in which formats keep pixels; all lossless."""
    grey = PICTURE[..., 0].astype(np.uint16)
    half = PICTURE.copy()
    half[:, ::2] = 255
    alpha = np.where(COLUMNS % 2, 255, 0).astype(np.uint8)
    palette = IMAGE.quantize(64)
    see_through = np.asarray(palette.convert("RGB")).copy()
    see_through[np.asarray(palette) == 3] = 255
    three = np.repeat(PICTURE[..., :1], 3, 2)
    bits = np.where(PICTURE[..., :1] > 100, 255, 0).astype(np.uint8).repeat(3, 2)
    half_grey = np.where(alpha[..., None] == 0, 255, three).astype(np.uint8)
    cmyk = np.concatenate([255 - PICTURE, np.zeros((HEIGHT, WIDTH, 1), np.uint8)], 2)
    not_a_number = np.where(COLUMNS + ROWS == 50, np.nan, grey).astype(np.float32)
    as_pixels = Image.fromarray
    for name, image, kind, right in (
        ("one-bit", as_pixels(bits[..., 0]).convert("1"), "PNG", bits),
        ("one-bit", as_pixels(bits[..., 0]).convert("1"), "TIFF", bits),
        ("grey", as_pixels(PICTURE[..., 0]), "PNG", three),
        ("grey-alpha", Image.merge("LA", [as_pixels(PICTURE[..., 0]), as_pixels(alpha)]), "PNG", half_grey),
        ("palette", palette, "PNG", np.asarray(palette.convert("RGB"))),
        ("palette", palette, "TIFF", np.asarray(palette.convert("RGB"))),
        ("alpha", as_pixels(np.dstack([PICTURE, alpha])), "PNG", half),
        ("alpha", as_pixels(np.dstack([PICTURE, alpha])), "TIFF", half),
        ("alpha", as_pixels(np.dstack([PICTURE, alpha])), "WEBP", half),
        ("cmyk", as_pixels(cmyk, "CMYK"), "TIFF", PICTURE),
        ("sixteen", as_pixels(grey * 257), "PNG", three),
        ("sixteen", as_pixels(grey * 257), "TIFF", three),
        ("integers", as_pixels(grey.astype(np.int32)), "TIFF", three),
        ("fractions", as_pixels(grey.astype(np.float32) / 255), "TIFF", three),
        ("floats", as_pixels(grey.astype(np.float32)), "TIFF", three),
        ("not-a-number", as_pixels(not_a_number), "TIFF", None),
    ):
        options = {"lossless": True} if kind == "WEBP" else {}
        yield File(
            f"{name}.{kind.lower()}", encoded(image, kind, **options), RIGHT if right is not None else REASON, right
        )
    for kind in ("PNG", "GIF"):
        yield File(f"see-through.{kind.lower()}", encoded(palette, kind, transparency=3), RIGHT, see_through)
    ycbcr = encoded(IMAGE.convert("YCbCr"), "TIFF")
    yield File("ycbcr.tiff", ycbcr, RIGHT, plain(ycbcr))


def shapes() -> Iterator[File]:
    """Yield pictures of one pixel, and very long thin ones."""
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        for width, height in ((1, 1), (1, 3), (2000, 1), (1, 2000), (9000, 3)):
            image = IMAGE.resize((width, height))
            data = encoded(image.quantize(16) if kind == "GIF" else image, kind)
            yield File(f"{width}x{height}.{kind.lower()}", data, RIGHT, plain(data))


def animations() -> Iterator[File]:
    """Yield what moves, or has pages; whole, and cut off after the first picture. The first is the photo."""
    others = [IMAGE.rotate(angle) for angle in (90, 180)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF", *(["AVIF"] if features.check("avif") else [])):
        first = IMAGE.quantize(64) if kind == "GIF" else IMAGE
        data = encoded(first, kind, save_all=True, append_images=others)
        yield File(f"moving.{kind.lower()}", data, RIGHT, plain(data))
        yield File(f"moving-cut.{kind.lower()}", data[: len(data) * 4 // 5], RIGHT_OR_REASON, plain(data))


def harmless() -> Iterator[File]:
    """Yield files with something in them that is wrong, but isn't needed to show the picture."""
    png, jpeg = originals()["png"], originals()["jpeg"]
    comment = bytearray(png_chunk(b"tEXt", b"Comment\0no more than a remark"))
    comment[-1] ^= 1
    yield File("comment-with-wrong-checksum.png", png[:-12] + comment + png[-12:], RIGHT, PICTURE)
    yield File("no-last-chunk.png", png[:-12], RIGHT, PICTURE)
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(jpeg)) + jpeg
    yield File("thumbnail.jpg", jpeg[:2] + thumbnail + jpeg[2:], RIGHT, plain(jpeg))
    yield File("thumbnail-zeros.jpg", jpeg[:2] + thumbnail + jpeg[2:1000] + bytes(9000), REASON)
    yield File("extraneous-bytes.jpg", jpeg[:-2] + bytes(2000) + jpeg[-2:], RIGHT, plain(jpeg))
    yield File("padded-markers.jpg", jpeg[:2] + b"\xff" * 9 + jpeg[2:], RIGHT, plain(jpeg))


def everything() -> list[File]:
    """Return all files; each has a name of its own."""
    files = [file for name, data in originals().items() for file in damaged(name, data)]
    for more in (closed_jpegs, not_photos, bombs, modes, shapes, animations, harmless):
        files += more()
    return files
