"""Photos that are named one by one, by a pattern, or by the folders they lie in; they need no labels."""

import glob
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from catml.photos.listing import PHOTO_SUFFIXES


def find(photos: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the photo files that are meant, and what is wrong with them."""
    paths: list[Path] = []
    problems = []
    for part in itertools.chain.from_iterable(map(_parts, photos)):
        path = Path(part).expanduser()
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if _is_photo(file))
            problems += [] if inside else [f"{path}: no photos in this folder."]
            paths += inside
        else:
            found, wrong = _meant(part, Path.is_file)
            problems += wrong
            paths += found
    return paths, problems


def find_sets(text: str) -> tuple[list[Path], list[str]]:
    """Return the folders and tables of photos that a text names, and what is wrong with it; as `find`."""
    found = [_meant(part, Path.exists) for part in _parts(text)]
    return [path for paths, _ in found for path in paths], [problem for _, wrong in found for problem in wrong]


def _meant(part: str, wanted: Callable[[Path], bool]) -> tuple[list[Path], list[str]]:
    """Return the path that is named, or those that match a pattern and are wanted, and what is wrong."""
    path = Path(part).expanduser()
    if path.exists():
        return [path], []
    if not glob.has_magic(part):
        return [], [f"{path}: no such file or folder."]
    # For a pattern that no shell has read: in a parameter of `mlflow run`, or more than a command line holds.
    matching = map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207, those need a folder to begin in
    found = sorted(path for path in matching if wanted(path))
    return found, [] if found else [f"{path}: no file matches."]


def _parts(text: str) -> list[str]:
    # A file whose own name has a comma is meant as it stands.
    return (
        [text]
        if text and Path(text).expanduser().exists()
        else [part.strip() for part in text.split(",") if part.strip()]
    )


def _is_photo(path: Path) -> bool:
    # As in a scan: a hidden file, such as the ._NAME.jpg of a Mac, is no photo.
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.is_file()
