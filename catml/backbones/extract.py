"""Photos through a frozen backbone into the feature store, each photo once."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from catml.backbones.registry import Backbone
from catml.backbones.store import AS_IS, FeatureStore
from catml.errors import InputError
from catml.photos.colours import SIDE, colour_histogram
from catml.photos.decode import DecodeError, Pixels, decode, read_bytes

# Every batch has this many rows, the last one padded: what a photo's features are must not depend, not even in the
# last bit, on how many photos happened to be extracted with it.
BATCH = 16
if TYPE_CHECKING:
    import keras

T = TypeVar("T")
R = TypeVar("R")

MIRRORED = "mirrored"  # the view that is the photo's mirror image
PHOTOS_PER_PART = 4 * BATCH  # what is lost at most when the process is killed
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
    store: FeatureStore,
    view: str = AS_IS,
    *,
    progress: bool = True,
) -> int:
    """Compute the features that are missing, part by part.

    Args:
        table: photo table without problems.
        folder: where the photos lie.
        backbone: what to compute them with.
        load: gives the network with its weights; not called where nothing is missing.
        store: where they go; parts written before an interruption are kept.
        view: what is shown of each photo, itself or its mirror image; `store` is for this view.
        progress: whether to show a bar.

    Returns:
        How many photos were extracted.

    Raises:
        InputError: weights are damaged, or a photo vanished or broke since it was checked.
    """
    todo = missing(table, store)
    if todo.empty:
        return 0
    network = compiled(load())
    paths = [folder / path for path in todo["path"]]
    pixels = prefetch(lambda path: decoded(path, backbone.input_size), paths)
    rows = zip(todo["pixels_sha256"], pixels, strict=True)
    with tqdm(total=len(todo), desc=_doing(backbone, view), unit="photo", disable=not progress) as bar:
        for part in _chunks(rows, PHOTOS_PER_PART):
            keys = [key for key, _ in part]
            features = np.empty((len(part), backbone.width), np.float32)
            for start in range(0, len(part), BATCH):
                batch = np.stack([photo for _, photo in part[start : start + BATCH]])
                batch = batch[:, :, ::-1] if view == MIRRORED else batch
                features[start : start + BATCH] = network(batch)
                bar.update(len(batch))
            if not np.isfinite(features).all():
                raise InputError(f"{backbone.name}: gives features that are not numbers. Its weights are damaged.")
            store.append(keys, features)
    return len(todo)


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


def _doing(backbone: Backbone, view: str) -> str:
    return f"{backbone.name}: extracting" + ("" if view == AS_IS else f", {view}")


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


def prefetch(work: Callable[[T], R], items: Iterable[T], ahead: int = 3 * BATCH) -> Iterator[R]:
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
