"""Every parameter of every command, once: its name, its default, what it accepts, and how it is read.

Nothing here imports the rest of catml but the readers, so `catml --help` stays quick, and the same table builds the
command line, checks what `mlflow run` passes on (MLflow checks no types), and is held against MLproject by a test.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from catml import readers

SAMPLE = "sample"
AUTO = readers.AUTO
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
        """Whether its bare name means yes."""
        return self.read is readers.yes_or_no


_PHOTOS = Parameter(
    "photos",
    SAMPLE,
    "folder with one folder of photos per label, or a table (CSV, Parquet: path, label, maybe group and split); "
    "'sample' is the drawn sample",
    readers.filled("a folder, a table, or 'sample'"),
)
_SKIP_BROKEN = Parameter(
    "skip_broken", "false", "go on without files that are no photos, and record them", readers.yes_or_no
)
_COSINE = Parameter(
    "cosine",
    "",
    "photos of one label whose features have at least this cosine stay together (.8 is a careful one); empty: off",
    readers.cosine,
)
_TEST_FRACTION = Parameter(
    "test_fraction", "0.2", "share of the photos kept back for the one test", readers.share(0.05, 0.5)
)
_BACKBONES = Parameter(
    "backbones",
    AUTO,
    "names separated by commas; 'auto' takes all whose weights are on this machine; 'a+b' uses both together",
    readers.names,
)
_MIRRORED = Parameter(
    "mirrored",
    "false",
    "look at each photo and its mirror image, and take the mean of their features",
    readers.yes_or_no,
)
_VIEWS = Parameter(
    "views",
    "0",
    "how many augmented views of each photo to learn from: turned, moved, sheared, zoomed, mirrored; heads with and "
    "without them are tried",
    readers.whole(0, 1000),
)
_AUGMENTATION = Parameter(
    "augmentation",
    "",
    "from what views are drawn, such as 'rotation=10; flip=false'; the rest stays 'rotation=20; shift=0.2; shear=0.2; "
    "zoom=0.2; flip=true'",
    readers.text,
)
_WEIGHTS = Parameter("weights", "", "weights files of your own: NAME=PATH, several separated by commas", readers.text)
_SIZE = Parameter(
    "size", "299", "side, in pixels, of the squares that networks from scratch see", readers.whole(8, 1024)
)
_MODEL = Parameter(
    "model", f"models:/{MODEL_NAME}@{CHAMPION}", "MLflow address of the model", readers.filled("an MLflow address")
)
_SEED = Parameter("seed", "42", "everything random follows from it", readers.whole(0))

COMMANDS: dict[str, tuple[str, tuple[Parameter, ...]]] = {
    "check": (
        "look through the photos before anything is learnt from them; nothing but the report is written",
        (_PHOTOS, _SKIP_BROKEN, _COSINE, _SEED, _TEST_FRACTION),
    ),
    "extract": (
        "compute the features of all photos, once",
        (_PHOTOS, _SKIP_BROKEN, _BACKBONES, _WEIGHTS, _MIRRORED, _VIEWS, _AUGMENTATION, _SEED),
    ),
    "train": (
        "extract what is missing, find the best head, test it once, register it",
        (
            _PHOTOS,
            _SKIP_BROKEN,
            _COSINE,
            _BACKBONES,
            _WEIGHTS,
            _MIRRORED,
            _VIEWS,
            _AUGMENTATION,
            Parameter("trials", "40", "how many heads to try; fewer where the space has fewer", readers.whole(1)),
            Parameter("repeats", "2", "how many times the photos are folded anew for each head", readers.whole(1, 100)),
            Parameter(
                "space",
                "",
                "which heads: a YAML file, or settings such as 'hidden=0,64; dropout=0,0.5; hidden_l2=1e-4..1e-2'",
                readers.text,
            ),
            Parameter("average", "1", "how many heads at most to average the probabilities of", readers.whole(1, 20)),
            Parameter("memory", "4", "gigabytes that training heads may take", readers.gigabytes),
            Parameter(
                "storage",
                "",
                "PostgreSQL database in which several machines share the study; empty: a file in the data folder",
                readers.database,
            ),
            _SEED,
            _TEST_FRACTION,
            Parameter(
                "nested",
                AUTO,
                f"true: keep no photos back, test by nested cross-validation; auto: where fewer than {FEW_TEST_PHOTOS} "
                "would be kept back",
                readers.auto_or_not,
            ),
            Parameter(
                "precision",
                "0.95",
                "share of right ones wanted among the answers; photos too doubtful for it are called unsure",
                readers.share(0.5, 0.999),
            ),
            Parameter(
                "other", "", "folder of photos of something else, to see how many of them are answered", readers.text
            ),
            Parameter(
                "min_accuracy",
                "0",
                "register only if the lower end of the accuracy's 95 % interval reaches this; 0: no bar of your own",
                readers.share(0, 0.9999),
            ),
            Parameter(
                "register_as", MODEL_NAME, "name in the model registry; empty: don't register", readers.model_name
            ),
            Parameter(
                "small_pictures",
                "true",
                "register small pictures of the photos learnt from too, for 'catml serve' to show the nearest ones",
                readers.yes_or_no,
            ),
        ),
    ),
    "benchmark": (
        "train three small networks from scratch on the same photos, to see what backbones are worth",
        (
            _PHOTOS,
            _SKIP_BROKEN,
            _COSINE,
            _SEED,
            _TEST_FRACTION,
            Parameter(
                "epochs",
                "20",
                "how many epochs each network is trained for; the best one counts",
                readers.whole(1, 1000),
            ),
            _SIZE,
        ),
    ),
    "predict": (
        "say what is on photos",
        (
            Parameter(
                "photos",
                "",
                "photos, folders of photos, or patterns such as '*.jpg', separated by commas; '-' reads a photo, or "
                "the names of photos, from standard input",
                readers.text,
            ),
            _MODEL,
            Parameter(
                "format",
                "table",
                "how answers are printed: table, csv or jsonl",
                readers.one_of("table", "csv", "jsonl"),
            ),
            Parameter(
                "copy_to",
                "",
                "folder into which photos are copied, one folder a label, and one of unsure ones",
                readers.text,
            ),
        ),
    ),
    "serve": (
        "answer photos in a browser, on this machine or a phone, and over HTTP",
        (
            _MODEL,
            Parameter(
                "host",
                "127.0.0.1",
                "address to listen on; 0.0.0.0 lets other machines in, a phone for one",
                readers.filled("an address of this machine, such as 127.0.0.1 or 0.0.0.0"),
            ),
            Parameter("port", "8000", "port to listen on", readers.whole(1, 65535)),
            Parameter("max_megabytes", "20", "larger photo files are refused", readers.whole(1, 1000)),
            Parameter("max_megapixels", "65", "photos of more pixels are refused", readers.whole(1, 170)),
            Parameter(
                "rate", "600", "photos a minute from one address, more have to wait; 0: any number", readers.whole(0)
            ),
        ),
    ),
    "export": (
        "write the classifier as a file for another runtime, if it answers as Keras does",
        (
            Parameter(
                "format",
                "onnx",
                "format of the file: onnx, litert (for phones) or keras",
                readers.one_of("onnx", "litert", "keras"),
            ),
            Parameter(
                "output",
                "exported",
                "file to write, ending in .onnx, .tflite or .keras, or a folder",
                readers.filled("a file or a folder"),
            ),
            _MODEL,
            Parameter(
                "photos",
                "",
                "photos, folders or patterns, separated by commas: compare answers on them too",
                readers.text,
            ),
        ),
    ),
    "talk": (
        "the numbers of the talk catml grew out of: as published, reproduced, and corrected",
        (
            Parameter(
                "bottlenecks",
                "",
                "folder of the talk's arrays and heads; empty: only say what is missing",
                readers.text,
            ),
            Parameter(
                "photos",
                SAMPLE,
                "folders of photos to repeat the talk on, separated by commas; empty: none",
                readers.text,
            ),
            _BACKBONES,
            _WEIGHTS,
            _SIZE,
            Parameter("seeds", "40", "how many times each of the talk's fits is made anew", readers.whole(2, 1000)),
            _SEED,
            Parameter("quick", "false", "three seeds, stored arrays only: half a minute", readers.yes_or_no),
            Parameter("output", "data/talk", "folder for tables and pictures", readers.filled("a folder")),
        ),
    ),
    "backbones": (
        "show the backbones there are, what is known of them, and how fast they are here",
        (
            replace(_BACKBONES, help="names separated by commas; 'auto' shows the usual ones and all that are here"),
            _WEIGHTS,
            Parameter("all", "false", "show every backbone there is", readers.yes_or_no),
            Parameter("measure", "true", "measure those whose weights are here, and those named", readers.yes_or_no),
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
