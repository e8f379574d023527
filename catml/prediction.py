"""`catml predict`: photos through a registered model, a line each."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from catml import screen
from catml.errors import InputError
from catml.photos.decode import DecodeError, open_upright, read_bytes
from catml.photos.named import find
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


def table(paths: list[Path], predictions: pd.DataFrame) -> str:
    """Return one line a photo."""
    rows = [
        [str(path), f"unsure, perhaps {label}" if unsure else label, screen.percent(probability)]
        for path, label, probability, unsure in zip(
            paths, predictions["label"], predictions["probability"], _unsure(predictions), strict=True
        )
    ]
    return screen.table(["photo", "label", "probability"], rows, right=["probability"])


def _unsure(predictions: pd.DataFrame) -> Sequence[bool]:
    # A model that was registered by an older catml is never unsure.
    return predictions["unsure"].tolist() if "unsure" in predictions else [False] * len(predictions)
