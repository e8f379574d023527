"""Photos with what the champion looked at laid over them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from catml.heat import feature_maps, heat_maps, overlaid
from catml.learning import Learnt
from catml.photos.decode import DecodeError, Pixels, decode, read_bytes
from catml.photos.thumbnails import SIDE, as_data, shrunk
from catml.preparation import Data, Prepared


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
