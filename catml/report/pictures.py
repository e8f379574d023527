"""Photos with what the champion looked at laid over them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catml.learning import Learnt
from catml.photos.decode import DecodeError, Pixels, decode, read_bytes
from catml.photos.thumbnails import SIDE, as_data, shrunk
from catml.preparation import Data, Prepared
from catml.report.heat import feature_maps, heat_maps

# From cold to hot: black, violet, red, yellow, each lighter than the one before, so that it reads without colours, too.
COLOURS = ((10, 7, 35), (87, 15, 109), (187, 55, 84), (249, 142, 8), (252, 250, 150))
LEAST, MOST = 0.25, 0.65  # how much of the colour hides the photo, where it is cold and hot


def overlaid(image: Image.Image, heat: NDArray[np.floating]) -> Image.Image:
    """Return a photo, without its own colours, under a heat map of it, values 0 to 1, whatever its size."""
    stretched = Image.fromarray((255 * heat).astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
    values = np.asarray(stretched, np.float64) / 255
    steps = np.linspace(0, 1, len(COLOURS))
    colours = np.stack([np.interp(values, steps, channel) for channel in zip(*COLOURS, strict=True)], axis=-1)
    share = (LEAST + (MOST - LEAST) * values)[..., None]
    grey = np.asarray(image.convert("L"), np.float64)[..., None]
    return Image.fromarray(((1 - share) * grey + share * colours).round().astype(np.uint8))


def looked_at(wanted: Mapping[int, int], prepared: Prepared, data: Data, learnt: Learnt) -> dict[int, str]:
    """Return pictures of what the first head of the champion looked at.

    Args:
        wanted: the class number to explain, by the row of the photo.
        prepared: the backbones, and where the photos lie.
        data: the photos.
        learnt: the champion.

    Returns:
        Addresses that hold a picture, by row; missing are photos that are gone, or on which nothing speaks for the
        class.
    """
    if not wanted:
        return {}
    head = learnt.heads[0]
    sources = {source.backbone.name: source for source in prepared.found.sources}
    sizes = {name: sources[name].backbone.input_size for name in head.backbones}
    paths = {row: prepared.found.folder / data.splits["path"].iloc[row] for row in wanted}
    with ThreadPoolExecutor() as pool:
        read = pool.map(lambda path: _read(path, sorted(set(sizes.values()))), paths.values())
        there = {row: photo for row, photo in zip(paths, read, strict=True) if photo is not None}
    if not there:
        return {}
    maps = {
        name: feature_maps(sources[name].load(), np.stack([pixels[size] for _, pixels in there.values()]))
        for name, size in sizes.items()
    }
    middle = data.material.features["+".join(head.backbones)][learnt.rows].mean(axis=0, dtype=np.float64)
    heats = heat_maps(head, maps, [wanted[row] for row in there], middle)
    return {
        row: as_data(overlaid(image, heat))
        for (row, (image, _)), heat in zip(there.items(), heats, strict=True)
        if heat.any()
    }


def _read(path: Path, sizes: Sequence[int]) -> tuple[Image.Image, dict[int, Pixels]] | None:
    try:
        data = read_bytes(path)
        return shrunk(path, SIDE), {size: decode(data, size) for size in sizes}
    except DecodeError:  # gone since it was checked
        return None
