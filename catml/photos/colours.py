"""The colours of a photo, and nothing else of it: what tells labels apart that differ by background or light alone."""

import numpy as np
from numpy.typing import NDArray

from catml.photos.decode import Pixels

SIDE = 64  # pixels a photo is brought to
STEPS = 4  # of each of red, green and blue
EDGE = 10  # pixels: the outer frame, about half of the photo, is mostly background
WIDTH = 2 * STEPS**3


def colour_histogram(pixels: Pixels) -> NDArray[np.float32]:
    """Return the shares of 64 colours, of the whole photo and of its outer frame, as square roots: shape (128,).

    The distance of such vectors is Hellinger's, which keeps a large plain wall from outweighing all else.

    Args:
        pixels: upright RGB, shape (SIDE, SIDE, 3), values 0-255.
    """
    steps = pixels.astype(np.int64) * STEPS // 256
    bins = (steps[..., 0] * STEPS + steps[..., 1]) * STEPS + steps[..., 2]
    frame = np.ones(bins.shape, bool)
    frame[EDGE:-EDGE, EDGE:-EDGE] = False
    counts = [np.bincount(part, minlength=STEPS**3) / part.size for part in (bins.ravel(), bins[frame])]
    return np.sqrt(np.concatenate(counts)).astype(np.float32)
