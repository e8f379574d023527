"""How much faster photos are decoded near the size they are wanted at, and what that costs.

    python -m experiments.decoding --photos FOLDER [--sizes 224,299,331]

Beside it: a full decode, turned by EXIF and resized with the same filter, all by plain Pillow, and only then small.
"""

import argparse
import io
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from catml import screen
from catml.backbones.extract import prefetch
from catml.photos.decode import DecodeError, Pixels, decode, read_bytes

REPEATS = 5
HEAD = ["size", "ms catml", "ms full", "ratio", "lowest", "highest", "mean difference", "largest"]


def main() -> int:
    """Print a table with one row a size, and photos per second with one thread and with those of the extraction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, type=Path, help="folder of photos, with or without labels")
    parser.add_argument("--sizes", default="224,299,331", help="sides of the squares, separated by commas")
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    photos = readable(given.photos)
    if not photos:
        screen.complain([f"no photos in '{given.photos}'"])
        return 2
    megapixels = np.median([np.prod(Image.open(io.BytesIO(data)).size) / 1e6 for data in photos])
    screen.say(f"{len(photos)} photos, median {megapixels:.1f} megapixels; {REPEATS} repeats, {os.cpu_count()} cores")
    screen.say(screen.table(HEAD, [compared(photos, size) for size in sizes], right=HEAD))
    screen.say()
    for size in sizes:
        screen.say(throughput(photos, size))
    return 0


def readable(folder: Path) -> list[bytes]:
    """Return the bytes of all files below a folder that are photos."""
    found = []
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        try:
            data = read_bytes(path)
            decode(data, 8)
        except DecodeError as reason:
            screen.say(f"left out: {path}: {reason}")
        else:
            found.append(data)
    return found


def full(data: bytes, size: int) -> Pixels:
    """Decode all pixels, turn them, and make them small: what everyone writes."""
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    return np.asarray(upright.resize((size, size), Image.Resampling.BICUBIC))


def compared(photos: list[bytes], size: int) -> list[str]:
    """Return a row: medians over photos of milliseconds and ratios, the ends of the ratios, differences of pixels.

    The two are timed in turns, and a photo's ratio is the median of those of its repeats, so that what else the machine
    does in the meantime counts for both.
    """
    seconds = np.array(
        [[[timed(way, data, size) for way in (decode, full)] for _ in range(REPEATS)] for data in photos]
    )
    ratios = np.median(seconds[..., 1] / seconds[..., 0], axis=1)
    ours, theirs = 1000 * np.median(seconds, axis=(0, 1))
    differences = [np.abs(decode(data, size).astype(int) - full(data, size)) for data in photos]
    mean, largest = np.mean([one.mean() for one in differences]), max(one.max() for one in differences)
    return [
        *(str(size), f"{ours:.1f}", f"{theirs:.1f}", f"{np.median(ratios):.2f}", f"{ratios.min():.2f}"),
        *(f"{ratios.max():.2f}", f"{mean:.2f}", str(largest)),
    ]


def throughput(photos: list[bytes], size: int) -> str:
    """Return a line: how many photos per second one thread decodes, and how many the threads of the extraction."""
    rounds = []
    for _ in range(REPEATS):
        alone = timed(lambda: [decode(data, size) for data in photos])
        together = timed(lambda: list(prefetch(lambda data: decode(data, size), photos)))
        rounds.append((len(photos) / alone, len(photos) / together, alone / together))
    one, threads, ratio = np.median(rounds, axis=0)
    return f"  {size}: {one:.1f} photos/s with one thread, {threads:.1f} with prefetch: {ratio:.2f} times as many"


def timed(work: Callable[..., object], *given: object) -> float:
    """Return how many seconds a call takes."""
    started = time.perf_counter()
    work(*given)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
