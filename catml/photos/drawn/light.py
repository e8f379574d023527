"""Light and camera for the drawn sample: lamps, casts, flash, vignettes, blur and noise on a finished painting."""

import numpy as np
from PIL import Image, ImageFilter

from catml.photos.drawn.canvas import Floats

# Gains for red, green and blue.
CASTS = {
    "daylight": (1.0, 1.0, 1.0),
    "lamp": (1.12, 0.96, 0.74),
    "shade": (0.86, 0.97, 1.12),
    "dusk": (0.82, 0.78, 1.02),
    "sunset": (1.2, 0.9, 0.7),
    "neon": (0.9, 1.06, 0.92),
    "pink": (1.1, 0.86, 1.02),
}


def expose(painting: Image.Image, rng: np.random.Generator, *, dark: bool, shaken: bool) -> Image.Image:
    """Return a painting as a camera might have caught it: never quite the same light twice."""
    pixels = np.asarray(painting, dtype=np.float32) / np.float32(255)
    names = list(CASTS)
    cast = np.array(CASTS[names[rng.integers(len(names))]], dtype=np.float32) ** np.float32(rng.uniform(0.2, 1.0))
    exposure = rng.uniform(0.24, 0.34) if dark else float(np.exp(rng.normal(0.07, 0.2)))
    pixels *= _falloff(painting.size, rng)[..., None] * (cast * np.float32(exposure))
    haze, contrast = rng.uniform(0.0, 0.08), 1.0 if dark else rng.uniform(0.72, 1.08)
    # Contrast turns round a middling grey; haze lifts what is black.
    pixels = (pixels - np.float32(0.45)) * np.float32(contrast * (1 - haze)) + np.float32(
        0.45 if not dark else 0.45 - haze
    )
    if shaken:
        pixels = _shaken(pixels, rng)
    noise = rng.standard_normal(pixels.shape[:2], dtype=np.float32)
    pixels += noise[..., None] * np.float32(rng.uniform(0.004, 0.022))
    photo = Image.fromarray((np.clip(pixels, 0.0, 1.0) * 255 + 0.5).astype(np.uint8))
    return photo.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.2))) if rng.random() < 0.15 else photo


def _falloff(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return how much light each place gets: a lamp to one side, a flash, a vignette, or an even day."""
    width, height = size
    down, right = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(height)
    kind = rng.random()
    if kind < 0.3:  # light from one side
        turn = rng.uniform(0, 2 * np.pi)
        slope = (right - 0.6) * np.float32(np.cos(turn)) + (down - 0.5) * np.float32(np.sin(turn))
        return np.asarray(1.0 + slope * np.float32(rng.uniform(0.2, 0.6)))
    x, y = rng.uniform(0.3, 1.0), rng.uniform(0.2, 0.7)
    distance = (right - np.float32(x)) ** 2 + (down - np.float32(y)) ** 2
    if kind < 0.5:  # lamp or flash
        glow = np.exp(-distance * np.float32(rng.uniform(1.0, 3.0)))
        return np.asarray(np.float32(0.65) + np.float32(0.65) * glow)
    if kind < 0.75:  # vignette
        return np.asarray(1.0 - np.float32(rng.uniform(0.2, 0.5)) * ((right - 0.6) ** 2 + (down - 0.5) ** 2))
    return np.ones((height, width), dtype=np.float32)


def _shaken(pixels: Floats, rng: np.random.Generator) -> Floats:
    """Return the picture a moving camera takes."""
    turn, length = rng.uniform(0, np.pi), rng.uniform(12, 20)
    moves = [
        (round(length * part * np.sin(turn)), round(length * part * np.cos(turn)))
        for part in np.linspace(-0.5, 0.5, 15)
    ]
    return np.asarray(np.mean([np.roll(pixels, move, axis=(0, 1)) for move in moves], axis=0, dtype=np.float32))
