"""Photos to be looked through: small, each like no other, some with a copy."""

from pathlib import Path

import numpy as np
from PIL import Image

LABELS = ("even", "odd")
COARSE, SIDE = 8, 64  # a picture is this many random colours a side, blurred into each other
COPY = " again"


def draw(photos: Path, copies: int, number: int) -> None:
    """Write one photo, and of the first `copies` a smaller, more strongly compressed copy."""
    colours = np.random.default_rng(number).integers(0, 256, (COARSE, COARSE, 3), np.uint8)
    picture = Image.fromarray(colours).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    file = photos / LABELS[number % len(LABELS)] / f"{number}.jpg"
    picture.save(file, quality=90)
    if number < copies:
        picture.resize((SIDE * 3 // 4, SIDE * 3 // 4)).save(file.with_stem(f"{number}{COPY}"), quality=50)
