"""Every parameter of every command, once: its name, its default, what it accepts, and how it is read.

Nothing here imports the rest of catml but `parameters` and `readers`, so `catml --help` stays quick. The same table
builds the command line, checks what `mlflow run` passes on (MLflow checks no types), and is held against MLproject by a
test.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from catml import parameters, readers
from catml.parameters import Parameter

SAMPLE, AUTO = parameters.SAMPLE, readers.AUTO
FOLDS = 5
MIN_PHOTOS_PER_LABEL = 10
MODEL_NAME = parameters.MODEL_NAME
EXPERIMENT = "catml"
CHAMPION, CHALLENGER = parameters.CHAMPION, "challenger"
# With fewer test photos, an accuracy of 95 % would have an interval more than 17 points wide.
FEW_TEST_PHOTOS = 30
# Which photos there are, and what becomes of those that are none.
SET = (parameters.PHOTOS, parameters.NEW_PHOTOS, parameters.SKIP_BROKEN)


def data_folder() -> Path:
    """Return the folder for everything that can be made again: features, scans, splits, studies, the drawn sample."""
    return Path(os.environ.get("CATML_DATA", "data"))


def tracking_patience() -> float:
    """Return how many seconds a tracking server that is away is waited for; CATML_TRACKING_PATIENCE, or a minute."""
    try:
        return float(os.environ.get("CATML_TRACKING_PATIENCE", ""))
    except ValueError:
        return 60.0


COMMANDS: dict[str, tuple[str, tuple[Parameter, ...]]] = {
    "check": (
        "look through the photos before anything is learnt from them; nothing but the report is written",
        (*SET, parameters.COSINE, parameters.SEED, parameters.TEST_FRACTION),
    ),
    "extract": (
        "compute the features of all photos, once",
        (
            *SET,
            parameters.BACKBONES,
            parameters.WEIGHTS,
            parameters.MIRRORED,
            parameters.VIEWS,
            parameters.AUGMENTATION,
            parameters.SEED,
        ),
    ),
    "train": (
        "extract what is missing, find the best head, test it once, register it",
        (
            *SET,
            parameters.COSINE,
            parameters.BACKBONES,
            parameters.WEIGHTS,
            parameters.MIRRORED,
            parameters.VIEWS,
            parameters.AUGMENTATION,
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
            parameters.SEED,
            parameters.TEST_FRACTION,
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
            *SET,
            parameters.COSINE,
            parameters.SEED,
            parameters.TEST_FRACTION,
            Parameter(
                "epochs",
                "20",
                "how many epochs each network is trained for; the best one counts",
                readers.whole(1, 1000),
            ),
            parameters.SIZE,
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
            parameters.MODEL,
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
            Parameter(
                "log",
                "false",
                "keep the answers, as a run in MLflow and as a table in which you can correct them for 'catml train'",
                readers.yes_or_no,
            ),
        ),
    ),
    "serve": (
        "answer photos in a browser, on this machine or a phone, and over HTTP",
        (
            parameters.MODEL,
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
            parameters.MODEL,
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
            parameters.BACKBONES,
            parameters.WEIGHTS,
            parameters.SIZE,
            Parameter("seeds", "40", "how many times each of the talk's fits is made anew", readers.whole(2, 1000)),
            parameters.SEED,
            Parameter("quick", "false", "three seeds, stored arrays only: half a minute", readers.yes_or_no),
            Parameter("output", "data/talk", "folder for tables and pictures", readers.filled("a folder")),
        ),
    ),
    "backbones": (
        "show the backbones there are, what is known of them, and how fast they are here",
        (
            replace(
                parameters.BACKBONES,
                help="names separated by commas; 'auto' shows the usual ones and all that are here",
            ),
            parameters.WEIGHTS,
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
