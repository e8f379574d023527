"""A folder of photos to the photo table: one row a file, with a reason where a file is no photo."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
from tqdm import tqdm

from catml.errors import InputError
from catml.files import write_whole
from catml.photos.decode import DECODER_VERSION, DecodeError, capture, open_upright, read_bytes
from catml.photos.similar import perceptual_hash

# What a file manager leaves behind is not a broken photo. Hidden files (leading dot) are left out as well.
LITTER = {"thumbs.db", "desktop.ini", "icon\r"}
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif"}
SHOWN_PROBLEMS = 20

COLUMNS = [
    "path",  # relative to the scanned folder, with forward slashes
    "label",
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


def scan(folder: Path, cache: Path, *, progress: bool = True) -> pd.DataFrame:
    """Read every file in the label folders of `folder` and return the photo table.

    A photo whose size and modification time are those of the last scan is not read again; a file with a problem is.

    Args:
        folder: holds one folder per label; photos may lie in folders within those.
        cache: folder for the table of the last scan.
        progress: whether to show a bar.

    Returns:
        One row a file, sorted by path, with the columns of `COLUMNS`.

    Raises:
        InputError: there is no such folder, or a file's name is not text.
    """
    if not folder.is_dir():
        raise InputError(_no_folder(folder))
    if cache.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"photos: catml would write its own files into the photo folder '{folder}'. Run it from another folder."
        )
    try:
        files = sorted(_files(folder))
    except PermissionError as error:
        _unreadable(error)
    unnamed = [ascii(path) for path, _ in files if not _is_text(path)]
    if unnamed:
        raise InputError([f"{folder}: the name {name} is not valid UTF-8. Rename it." for name in unnamed])
    remembered_at = cache / f"{_digest(str(folder.resolve()), str(DECODER_VERSION), *COLUMNS)[:16]}.parquet"
    remembered = _remembered(remembered_at)
    stats = {path: _stat(folder / path) for path, _ in files}
    fresh = [file for file in files if remembered.get(file[0], {}).get("stat") != stats[file[0]]]
    rows: dict[str, object] = {path: row["row"] for path, row in remembered.items() if path in stats}
    with ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 1) as pool:
        read = pool.map(lambda file: _row(folder, file[0], file[1], stats[file[0]]), fresh)
        for row in tqdm(read, "checking photos", len(fresh), unit="photo", disable=not (progress and fresh)):
            rows[str(row["path"])] = row
    table = pd.DataFrame([rows[path] for path, _ in files], columns=COLUMNS)
    table = table.astype({"phash": np.uint64, "phash_mirrored": np.uint64, "flat": bool})
    if fresh or len(table) != len(remembered):
        write_whole(remembered_at, table.to_parquet())
    return table


def check(table: pd.DataFrame, folder: Path, min_photos: int) -> None:
    """Refuse a photo table that nothing can be learnt from, with all reasons at once.

    Args:
        table: as `scan` returns it.
        folder: where the photos lie, for the messages.
        min_photos: how many different photos each label needs.

    Raises:
        InputError: files that are no photos, fewer than two labels, too few photos of a label, one photo under two
            labels, photos outside the label folders.
    """
    problems = [
        f"{folder / str(path)}: {problem}"
        for path, problem in zip(table["path"], table["problem"], strict=True)
        if problem
    ]
    if len(problems) > SHOWN_PROBLEMS:
        problems[SHOWN_PROBLEMS:] = [f"… and {len(problems) - SHOWN_PROBLEMS} more files with problems."]
    if problems:
        problems.append("Repair these files or take them out of the folder.")
    problems += [
        f"{folder / name}: lies outside the label folders. Move it into the folder of its label."
        for name in sorted(entry.name for entry in folder.iterdir() if entry.is_file())
        if Path(name).suffix.lower() in PHOTO_SUFFIXES and not name.startswith(".")
    ]
    fine = table[table["problem"] == ""]
    problems += _label_problems(fine, folder, min_photos)
    for _, same in fine.groupby("pixels_sha256", sort=False):
        if same["label"].nunique() > 1:
            places = ", ".join(str(folder / path) for path in same["path"])
            problems.append(f"The same photo lies under different labels: {places}. Keep the right one.")
    if problems:
        raise InputError(problems)


def nested_labels(table: pd.DataFrame) -> list[str]:
    """Return a note for each label whose photos all lie in several folders of their own, perhaps the real labels."""
    notes = []
    for label, photos in table.groupby("label"):
        parts = [path.split("/") for path in photos["path"]]
        inner = sorted({part[1] for part in parts}) if all(len(part) > 2 for part in parts) else []
        if len(inner) > 1:
            shown = ", ".join(inner[:4]) + (", …" if len(inner) > 4 else "")
            notes.append(f"'{label}' is one label, with folders in it ({shown}): did you mean the folder '{label}'?")
    return notes


def photos_hash(table: pd.DataFrame) -> str:
    """Return the digest of which photos there are and how they are labelled, whatever their names and order."""
    return _digest(*sorted((table["label"] + "\0" + table["pixels_sha256"]).tolist()))[:16]


def _label_problems(fine: pd.DataFrame, folder: Path, min_photos: int) -> Iterator[str]:
    folders = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    how = f"Put the photos of each label into a folder of their own: {folder / 'LABEL'}/PHOTO.jpg."
    if not folders:
        yield f"{folder}: there are no label folders. {how}"
    elif len(folders) == 1:
        yield f"{folder}: there is only one label folder, '{folders[0]}'; a classifier needs at least two. {how}"
    different = fine.groupby("label")["pixels_sha256"].nunique()
    for label in folders:
        count = int(different.get(label, 0))
        if count < min_photos:
            yield (
                f"{folder / label}: holds {count} different readable photos; at least {min_photos} are needed. "
                "Add photos, or take the folder away."
            )


def _no_folder(folder: Path) -> str:
    if folder.exists():
        return f"photos: '{folder}' is a file. Give the folder that holds one folder per label."
    where = "" if folder.is_absolute() else f" (looked in {Path.cwd()}; an absolute path is always understood)"
    return f"photos: there is no folder '{folder}'{where}."


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (path relative to the folder, label) of every file that ought to be a photo."""
    for label in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        seen = {label.resolve()}  # a link may lead back to a folder it lies in
        for parent, folders, names in os.walk(label, onerror=_unreadable, followlinks=True):
            real = {name: (Path(parent) / name).resolve() for name in folders if not name.startswith(".")}
            folders[:] = [name for name, place in real.items() if place not in seen]
            seen |= set(real.values())
            for name in names:
                if not name.startswith(".") and name.lower() not in LITTER:
                    yield (Path(parent) / name).relative_to(folder).as_posix(), label.name


def _unreadable(error: OSError) -> NoReturn:
    raise InputError(f"{error.filename}: this folder can't be read ({error.strerror}). Give yourself the right to.")


def _row(folder: Path, path: str, label: str, stat: tuple[int, int]) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(COLUMNS, "")
    row |= {"path": path, "label": label, "size": stat[0], "mtime_ns": stat[1]}
    row |= {"width": 0, "height": 0, "orientation": 1, "phash": 0, "phash_mirrored": 0, "flat": True}
    try:
        data = read_bytes(folder / path)
        row["bytes_sha256"] = hashlib.sha256(data).hexdigest()
        image = open_upright(data)
        pixels = hashlib.sha256(f"{image.width}x{image.height}".encode())
        pixels.update(np.asarray(image).tobytes())
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


def _remembered(path: Path) -> dict[str, dict[str, object]]:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError):  # no scan yet, or one that can't be read: everything is read afresh
        return {}
    # A file with a problem is always read again: new permissions or a new Pillow mend it without changing it.
    fine = table[table["problem"] == ""]
    return {str(row["path"]): {"row": row, "stat": (row["size"], row["mtime_ns"])} for row in fine.to_dict("records")}


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
