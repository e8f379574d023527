"""`catml predict`: photos through a registered model, a line each."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from catml import screen
from catml.errors import InputError
from catml.photos.decode import DecodeError, open_upright, read_bytes
from catml.photos.listing import PHOTO_SUFFIXES
from catml.registration import load_model


def show(photos: Sequence[str], model: str) -> None:
    """Print label and probability of each photo.

    Args:
        photos: paths of photos or folders; one text may name several, separated by commas.
        model: MLflow address of the model.

    Raises:
        InputError: files that are missing or no photos; the others are answered all the same.
    """
    paths, problems = find(photos)
    good = []
    for path in paths:
        try:
            open_upright(read_bytes(path))
            good.append(path)
        except DecodeError as reason:
            problems.append(f"{path}: {reason}")
    if good:
        screen.say(table(good, load_model(model).predict(pd.DataFrame({"image": [str(path) for path in good]}))))
    if problems:
        raise InputError(problems)


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
        elif path.exists():
            paths.append(path)
        else:
            problems.append(f"{path}: no such file or folder.")
    return paths, problems


def _parts(text: str) -> list[str]:
    # A file whose own name has a comma is meant as it stands.
    return [text] if Path(text).expanduser().exists() else [part.strip() for part in text.split(",") if part.strip()]


def _is_photo(path: Path) -> bool:
    # As in a scan: a hidden file, such as the ._NAME.jpg of a Mac, is no photo.
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.is_file()


def table(paths: list[Path], predictions: pd.DataFrame) -> str:
    """Return one line a photo."""
    rows = [
        [str(path), label, screen.percent(probability)]
        for path, label, probability in zip(paths, predictions["label"], predictions["probability"], strict=True)
    ]
    return screen.table(["photo", "label", "probability"], rows, right=["probability"])
