"""Listed files to the photo table: one row a file, with a reason where a file is no photo."""

import hashlib
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from tqdm import tqdm

from catml.errors import InputError
from catml.files import write_whole
from catml.photos.decode import DECODER_VERSION, DecodeError, capture, open_upright, read_bytes
from catml.photos.listing import COLUMNS as LISTED
from catml.photos.listing import Listing
from catml.photos.similar import perceptual_hash

SAVE_SECONDS = 30.0

# What reading a file gives.
READ = [
    "bytes_sha256",
    "pixels_sha256",  # of the upright RGB pixels at full size: the key of everything computed from the photo
    "width",
    "height",
    "orientation",  # EXIF, 1 where there is none; the pixels are already upright
    "taken",  # EXIF, ISO text; empty where there is none
    "camera",  # EXIF; empty where there is none
    "phash",  # perceptual hash, 64 bits
    "phash_mirrored",  # of the mirrored photo
    "flat",  # True where there is too little on the photo for a hash to mean anything
    "problem",  # empty: fine
    "size",
    "mtime_ns",
]
COLUMNS = [*LISTED, *READ]


def scan(listing: Listing, cache: Path, *, progress: bool = True) -> pd.DataFrame:
    """Read every listed file and return the photo table.

    A photo whose size and modification time are those of the last scan is not read again; a file with a problem is.
    What a killed scan has read is kept, but for the last half minute.

    Args:
        listing: which files there are.
        cache: folder for the table of the last scan.
        progress: whether to show a bar.

    Returns:
        One row a file, sorted by path, with the columns of `COLUMNS`.

    Raises:
        InputError: the cache would lie among the photos.
    """
    folder = listing.folder
    if listing.source == folder and cache.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"photos: catml would write its own files into the photo folder '{folder}'. Run it from another folder."
        )
    paths = listing.files["path"].tolist()
    remembered_at = cache / f"{_digest(str(listing.source.resolve()), str(DECODER_VERSION), *COLUMNS)[:16]}.parquet"
    remembered = _remembered(remembered_at)
    stats = {path: _stat(folder / path) for path in paths}
    rows = {
        path: row for path in paths if (row := remembered.get(path)) and (row["size"], row["mtime_ns"]) == stats[path]
    }
    fresh = [path for path in paths if path not in rows]
    pool = ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 1)
    saved = time.monotonic()
    try:
        read = pool.map(lambda path: _row(folder, path, stats[path]), fresh)
        bar = tqdm(read, "checking photos", len(fresh), unit="photo", disable=not (progress and fresh))
        for path, row in zip(fresh, bar, strict=True):
            rows[path] = row
            if time.monotonic() - saved > SAVE_SECONDS:
                _keep(rows.values(), remembered_at)
                saved = time.monotonic()
    except BaseException:  # interrupted: what has been read is not read again, and what is waiting not at all
        _keep(rows.values(), remembered_at)
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    if fresh or len(rows) != len(remembered):
        _keep([rows[path] for path in paths], remembered_at)
    read_columns = _table([rows[path] for path in paths])
    return pd.concat([listing.files.reset_index(drop=True), read_columns.drop(columns="path")], axis=1)[COLUMNS]


def photos_hash(table: pd.DataFrame) -> str:
    """Return the digest of which photos there are and how they are labelled, whatever their names and order."""
    return _digest(*sorted((table["label"] + "\0" + table["pixels_sha256"]).tolist()))[:16]


def _row(folder: Path, path: str, stat: tuple[int, int]) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(READ, "")
    row |= {"path": path, "size": stat[0], "mtime_ns": stat[1]}
    row |= {"width": 0, "height": 0, "orientation": 1, "phash": 0, "phash_mirrored": 0, "flat": True}
    try:
        data = read_bytes(folder / path)
        row["bytes_sha256"] = hashlib.sha256(data).hexdigest()
        image = open_upright(data)
        pixels = hashlib.sha256(f"{image.width}x{image.height}".encode())
        pixels.update(np.ascontiguousarray(image).data)
        row["pixels_sha256"] = pixels.hexdigest()
        row["width"], row["height"] = image.size
        row["orientation"], row["taken"], row["camera"] = capture(data)
        row["phash"], row["phash_mirrored"], row["flat"] = perceptual_hash(image)
    except DecodeError as reason:
        row["problem"] = str(reason)
    return row


def _stat(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:  # a dangling link, or gone since the listing: the row gets its reason when it is read
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


def _table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["path", *READ])
    return table.astype({"phash": np.uint64, "phash_mirrored": np.uint64, "flat": bool})


def _keep(rows: Iterable[dict[str, Any]], path: Path) -> None:
    write_whole(path, _table(rows).to_parquet())


def _remembered(path: Path) -> dict[str, dict[str, Any]]:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError):  # no scan yet, or one that can't be read: everything is read afresh
        return {}
    # A file with a problem is always read again: new permissions or a new Pillow mend it without changing it.
    fine = table[table["problem"] == ""]
    return {str(row["path"]): cast(dict[str, Any], row) for row in fine.to_dict("records")}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
