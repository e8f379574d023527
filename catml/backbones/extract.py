"""Photos through a frozen backbone into the feature store, each photo once."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from catml.backbones.registry import Backbone
from catml.backbones.store import FeatureStore
from catml.errors import InputError
from catml.photos.colours import SIDE, colour_histogram
from catml.photos.decode import DecodeError, Pixels, decode, read_bytes
from catml.photos.views import View

# Every batch has this many rows, the last one padded: what a photo's features are must not depend, not even in the
# last bit, on how many photos happened to be extracted with it.
BATCH = 16
if TYPE_CHECKING:
    import keras

T = TypeVar("T")
R = TypeVar("R")

PHOTOS_PER_PART = 4 * BATCH  # views of photos that are lost at most when the process is killed
AHEAD = 3 * BATCH  # decoded at once, at most
COLOURS_PER_PART = 2048


def missing(table: pd.DataFrame, store: FeatureStore) -> pd.DataFrame:
    """Return the rows of the photo table whose features are not in the store, equal pixels once."""
    known = store.known()
    return table[~table["pixels_sha256"].isin(known)].drop_duplicates("pixels_sha256")


def extract_missing(
    table: pd.DataFrame,
    folder: Path,
    backbone: Backbone,
    load: Callable[[], "keras.Model"],
    stores: Mapping[View, FeatureStore],
    *,
    without: Collection[str] = (),
    progress: bool = True,
) -> int:
    """Compute the features that are missing, part by part; a photo is decoded once for all its views.

    Args:
        table: photo table without problems.
        folder: where the photos lie.
        backbone: what to compute them with.
        load: gives the network with its weights; not called where nothing is missing.
        stores: where they go, by view; parts written before an interruption are kept.
        without: keys of photos that no augmented views are wanted of.
        progress: whether to show a bar.

    Returns:
        How many views of photos were extracted.

    Raises:
        InputError: weights are damaged, or a photo vanished or broke since it was checked.
    """
    wanted = {view: set(missing_keys(table, view, store, without)) for view, store in stores.items()}
    todo = table.drop_duplicates("pixels_sha256")
    todo = todo[todo["pixels_sha256"].isin(set().union(*wanted.values()))]
    if todo.empty:
        return 0
    network = compiled(load())

    def shown(photo: tuple[str, str]) -> list[tuple[View, str, Pixels]]:
        path, key = photo
        pixels = decoded(folder / path, backbone.input_size)
        return [(view, key, view.show(pixels, key)) for view, keys in wanted.items() if key in keys]

    photos = zip(todo["path"], todo["pixels_sha256"], strict=True)
    views = itertools.chain.from_iterable(prefetch(shown, photos, max(4, AHEAD // len(stores))))
    total = sum(map(len, wanted.values()))
    unit = "photo" if len(stores) == 1 else "view"
    with tqdm(total=total, desc=f"{backbone.name}: extracting", unit=unit, disable=not progress) as bar:
        for part in _chunks(views, PHOTOS_PER_PART):
            features = np.empty((len(part), backbone.width), np.float32)
            for start in range(0, len(part), BATCH):
                batch = np.stack([pixels for _, _, pixels in part[start : start + BATCH]])
                features[start : start + BATCH] = network(batch)
                bar.update(len(batch))
            if not np.isfinite(features).all():
                raise InputError(f"{backbone.name}: gives features that are not numbers. Its weights are damaged.")
            for view, store in stores.items():
                rows = [row for row, (of, _, _) in enumerate(part) if of == view]
                if rows:
                    store.append([part[row][1] for row in rows], features[rows])
    return total


def missing_keys(table: pd.DataFrame, view: View, store: FeatureStore, without: Collection[str] = ()) -> list[str]:
    """Return the keys of the photos whose features are not in the store of a view; as `extract_missing`."""
    keys: list[str] = missing(table, store)["pixels_sha256"].tolist()
    return [key for key in keys if key not in without] if view.number else keys


def extract_colours(table: pd.DataFrame, folder: Path, store: FeatureStore, *, progress: bool = True) -> int:
    """Compute the colour histograms that are missing, part by part; as `extract_missing`, without a network.

    Raises:
        InputError: a photo vanished or broke since it was checked.
    """
    todo = missing(table, store)
    pixels = prefetch(lambda path: decoded(path, SIDE), [folder / path for path in todo["path"]])
    bar = tqdm(pixels, "colours", len(todo), unit="photo", disable=not progress or todo.empty)
    rows = zip(todo["pixels_sha256"], map(colour_histogram, bar), strict=True)
    for part in _chunks(rows, COLOURS_PER_PART):
        store.append([key for key, _ in part], np.stack([histogram for _, histogram in part]))
    return len(todo)


def compiled(network: "keras.Model") -> Callable[[Pixels], NDArray[np.float32]]:
    """Return a function from pixels (n, size, size, 3), n up to `BATCH`, to features (n, width)."""
    import tensorflow as tf

    size = network.input_shape[1]
    traced = tf.function(
        lambda pixels: network(pixels, training=False),
        input_signature=[tf.TensorSpec((BATCH, size, size, 3), tf.uint8)],
        autograph=False,
    )

    def run(pixels: Pixels) -> NDArray[np.float32]:
        padded = np.zeros((BATCH, size, size, 3), np.uint8)
        padded[: len(pixels)] = pixels
        features: NDArray[np.float32] = traced(tf.constant(padded)).numpy()
        return features[: len(pixels)]

    return run


def prefetch(work: Callable[[T], R], items: Iterable[T], ahead: int = AHEAD) -> Iterator[R]:
    """Yield `work(item)` in order, done by threads that keep at most `ahead` results waiting."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        queue: deque[Future[R]] = deque()
        for item in items:
            queue.append(pool.submit(work, item))
            if len(queue) >= ahead:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()


def decoded(path: Path, size: int) -> Pixels:
    """Return a photo that was found sound, as `decode` does.

    Raises:
        InputError: it vanished or broke since.
    """
    try:
        return decode(read_bytes(path), size)
    except DecodeError as reason:
        raise InputError(
            f"{path}: {reason}. It was fine when the photos were checked; run the command again."
        ) from None


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
