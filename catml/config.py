"""Every parameter of every command, once: its name, its default, what it accepts, and how it is read.

Nothing here imports the rest of catml, so `catml --help` stays quick, and the same table builds the command line,
checks what `mlflow run` passes on (MLflow checks no types), and is held against MLproject by a test.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

SAMPLE = "sample"
AUTO = "auto"
FOLDS = 5
MIN_PHOTOS_PER_LABEL = 10
MODEL_NAME = "catml"
EXPERIMENT = "catml"
CHAMPION, CHALLENGER = "champion", "challenger"
# With fewer test photos, an accuracy of 95 % would have an interval more than 17 points wide.
FEW_TEST_PHOTOS = 30


def data_folder() -> Path:
    """Return the folder for everything that can be made again: features, scans, splits, studies, the drawn sample."""
    return Path(os.environ.get("CATML_DATA", "data"))


def tracking_patience() -> float:
    """Return how many seconds a tracking server that is away is waited for; CATML_TRACKING_PATIENCE, or a minute."""
    try:
        return float(os.environ.get("CATML_TRACKING_PATIENCE", ""))
    except ValueError:
        return 60.0


@dataclass(frozen=True)
class Parameter:
    """One parameter: `read` turns its text into a value or raises ValueError saying what was expected."""

    name: str
    default: str
    help: str
    read: Callable[[str], Any]

    @property
    def is_flag(self) -> bool:
        """True if the name alone, without a value, means yes."""
        return self.read is _yes_or_no


def _gigabytes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.1 <= value <= 10_000:
        raise ValueError("gigabytes, a number from 0.1")
    return value


def _database(text: str) -> str:
    address = text.strip()
    # MLflow would log a password with the other parameters.
    if address and (not address.startswith("postgresql://") or re.search(r"://[^/@]*:[^/@]*@|[?&]password=", address)):
        raise ValueError(
            "postgresql://USER@HOST/DATABASE, the password in ~/.pgpass or PGPASSWORD, or nothing for a file in the "
            "data folder"
        )
    return address


def _text(text: str) -> str:
    return text.strip()


def _whole(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value > high:
            raise ValueError(f"a whole number up to {high}")
        if value < low:
            raise ValueError(f"a whole number from {low}")
        return value

    return read


def _share(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return read


def _auto_or_not(text: str) -> bool | str:
    if text.strip().lower() == AUTO:
        return AUTO
    try:
        return _yes_or_no(text)
    except ValueError:
        raise ValueError("auto, true or false") from None


def _yes_or_no(text: str) -> bool:
    answers = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.strip().lower() not in answers:
        raise ValueError("true or false")
    return answers[text.strip().lower()]


def _cosine(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise ValueError("a number above 0 up to 1, or nothing")
    return value


def _filled(what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text.strip():
            raise ValueError(what)
        return text.strip()

    return read


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys("+".join(map(str.strip, part.split("+"))) for part in text.split(",") if part.strip()))
    parts = [name.split("+") for name in names]
    twice = len({frozenset(part) for part in parts}) < len(parts) or any(
        len(set(part)) < len(part) or "" in part or (AUTO in part and len(part) > 1) for part in parts
    )
    if not names or twice or (AUTO in names and len(names) > 1):
        raise ValueError(f"'{AUTO}' alone, or names of backbones separated by commas; 'a+b' uses the features of both")
    return names


def _model_name(text: str) -> str:
    name = text.strip()
    if any(forbidden in name for forbidden in "/:@"):
        raise ValueError("a name without '/', ':' and '@', or nothing so as not to register")
    return name


_PHOTOS = Parameter(
    "photos",
    SAMPLE,
    "folder with one folder of photos per label, or a table (CSV, Parquet: path, label, maybe group and split); "
    "'sample' is the drawn sample",
    _filled("a folder, a table, or 'sample'"),
)
_SKIP_BROKEN = Parameter("skip_broken", "false", "go on without files that are no photos, and record them", _yes_or_no)
_COSINE = Parameter(
    "cosine",
    "",
    "photos of one label whose features have at least this cosine stay together (.8 is a careful one); empty: off",
    _cosine,
)
_TEST_FRACTION = Parameter("test_fraction", "0.2", "share of the photos kept back for the one test", _share(0.05, 0.5))
_BACKBONES = Parameter(
    "backbones",
    AUTO,
    "names separated by commas; 'auto' takes all whose weights are on this machine; 'a+b' uses both together",
    _names,
)
_MIRRORED = Parameter(
    "mirrored", "false", "look at each photo and its mirror image, and take the mean of their features", _yes_or_no
)
_WEIGHTS = Parameter("weights", "", "weights files of your own: NAME=PATH, several separated by commas", _text)
_SEED = Parameter("seed", "42", "everything random follows from it", _whole(0))

COMMANDS: dict[str, tuple[str, tuple[Parameter, ...]]] = {
    "check": (
        "look through the photos before anything is learnt from them; nothing but the report is written",
        (_PHOTOS, _SKIP_BROKEN, _COSINE, _SEED, _TEST_FRACTION),
    ),
    "extract": ("compute the features of all photos, once", (_PHOTOS, _SKIP_BROKEN, _BACKBONES, _WEIGHTS, _MIRRORED)),
    "train": (
        "extract what is missing, find the best head, test it once, register it",
        (
            _PHOTOS,
            _SKIP_BROKEN,
            _COSINE,
            _BACKBONES,
            _WEIGHTS,
            _MIRRORED,
            Parameter("trials", "40", "how many heads to try; fewer where the space has fewer", _whole(1)),
            Parameter("repeats", "2", "how many times the photos are folded anew for each head", _whole(1, 100)),
            Parameter(
                "space",
                "",
                "which heads: a YAML file, or settings such as 'hidden=0,64; dropout=0,0.5; hidden_l2=1e-4..1e-2'",
                _text,
            ),
            Parameter("average", "1", "how many heads at most to average the probabilities of", _whole(1, 20)),
            Parameter("memory", "4", "gigabytes that training heads may take", _gigabytes),
            Parameter(
                "storage",
                "",
                "PostgreSQL database in which several machines share the study; empty: a file in the data folder",
                _database,
            ),
            _SEED,
            _TEST_FRACTION,
            Parameter(
                "nested",
                AUTO,
                f"true: keep no photos back, test by nested cross-validation; auto: where fewer than {FEW_TEST_PHOTOS} "
                "would be kept back",
                _auto_or_not,
            ),
            Parameter(
                "precision",
                "0.95",
                "share of right ones wanted among the answers; photos too doubtful for it are called unsure",
                _share(0.5, 0.999),
            ),
            Parameter("other", "", "folder of photos of something else, to see how many of them are answered", _text),
            Parameter(
                "min_accuracy",
                "0",
                "register only if the lower end of the accuracy's 95 % interval reaches this; 0: no bar of your own",
                _share(0, 0.9999),
            ),
            Parameter("register_as", MODEL_NAME, "name in the model registry; empty: don't register", _model_name),
        ),
    ),
    "predict": (
        "say what is on photos",
        (
            Parameter("photos", "", "photos, or folders of photos; several separated by commas", _text),
            Parameter(
                "model", f"models:/{MODEL_NAME}@{CHAMPION}", "MLflow address of the model", _filled("an MLflow address")
            ),
        ),
    ),
    "backbones": (
        "show the backbones there are, what is known of them, and how fast they are here",
        (
            replace(_BACKBONES, help="names separated by commas; 'auto' shows the usual ones and all that are here"),
            _WEIGHTS,
            Parameter("all", "false", "show every backbone there is", _yes_or_no),
            Parameter("measure", "true", "measure those whose weights are here, and those named", _yes_or_no),
        ),
    ),
}


def read_parameters(command: str, given: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Turn the texts given to a command into values, filling in defaults.

    Args:
        command: a key of `COMMANDS`.
        given: texts by parameter name; only names the command has.

    Returns:
        The values by name, and every problem found (empty: all is well).
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for parameter in COMMANDS[command][1]:
        text = given.get(parameter.name, parameter.default)
        try:
            values[parameter.name] = parameter.read(text)
        except ValueError as expected:
            problems.append(f"{parameter.name}: expected {expected}, got '{text}'.")
    return values, problems


def as_text(value: object) -> str:
    """Return a parameter's value as the user would write it."""
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
