"""Every parameter is checked, all at once, and each message says what was expected."""

from pathlib import Path

import pytest

from catml import config
from catml.errors import did_you_mean

DEFAULTS = {
    "photos": "sample",
    "new_photos": "",
    "skip_broken": False,
    "cosine": None,
    "backbones": ("auto",),
    "weights": "",
    "mirrored": False,
    "views": 0,
    "augmentation": "",
    "trials": 40,
    "repeats": 2,
    "space": "",
    "average": 1,
    "memory": 4.0,
    "storage": "",
    "seed": 42,
    "test_fraction": 0.2,
    "nested": "auto",
    "precision": 0.95,
    "other": "",
    "min_accuracy": 0.0,
    "register_as": "catml",
    "small_pictures": True,
}
NAMES = "backbones: expected 'auto' alone, or names of backbones separated by commas; 'a+b' uses the features of both"


def test_defaults():
    assert config.read_parameters("train", {}) == (DEFAULTS, [])


@pytest.mark.parametrize("command", ["check", "train", "extract", "benchmark", "serve", "talk", "backbones"])
def test_every_default_is_accepted(command):
    values, problems = config.read_parameters(command, {})
    assert problems == []
    assert set(values) == {parameter.name for parameter in config.COMMANDS[command][1]}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("trials", "1", 1),
        ("trials", " 7 ", 7),
        ("seed", "0", 0),
        ("seed", str(2**31 - 1), 2**31 - 1),
        ("test_fraction", ".5", 0.5),
        ("test_fraction", "0.05", 0.05),
        ("backbones", "xception, nasnetlarge,xception,", ("xception", "nasnetlarge")),
        ("backbones", " xception + nasnetlarge ,xception", ("xception+nasnetlarge", "xception")),
        ("backbones", "a+b,a,a+b", ("a+b", "a")),
        ("mirrored", "yes", True),
        ("repeats", "1", 1),
        ("average", "20", 20),
        ("memory", ".1", 0.1),
        ("space", " hidden=0; dropout=0 ", "hidden=0; dropout=0"),
        ("storage", " postgresql://me@there:5433/study ", "postgresql://me@there:5433/study"),
        ("photos", " my cats ", "my cats"),
        ("register_as", "", ""),
        ("register_as", "two cats", "two cats"),
        ("weights", "xception=/a=b.h5", "xception=/a=b.h5"),
        ("skip_broken", "TRUE", True),
        ("skip_broken", "no", False),
        ("cosine", " .8 ", 0.8),
        ("cosine", "1", 1.0),
        ("cosine", " ", None),
    ],
)
def test_accepted(name, text, value):
    values, problems = config.read_parameters("train", {name: text})
    assert problems == []
    assert values == DEFAULTS | {name: value}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("trials", "0", "trials: expected a whole number from 1, got '0'."),
        ("trials", "ten", "trials: expected a whole number from 1, got 'ten'."),
        ("trials", "2.5", "trials: expected a whole number from 1, got '2.5'."),
        ("trials", "", "trials: expected a whole number from 1, got ''."),
        ("trials", str(2**31), f"trials: expected a whole number up to {2**31 - 1}, got '{2**31}'."),
        ("seed", "-1", "seed: expected a whole number from 0, got '-1'."),
        ("test_fraction", "0.6", "test_fraction: expected a number from 0.05 to 0.5, got '0.6'."),
        ("test_fraction", "20%", "test_fraction: expected a number from 0.05 to 0.5, got '20%'."),
        ("test_fraction", "nan", "test_fraction: expected a number from 0.05 to 0.5, got 'nan'."),
        *(
            ("backbones", text, f"{NAMES}, got '{text}'.")
            for text in (" , ", "auto,xception", "auto+xception", "xception+xception", "xception+", "+", "a,b++c")
        ),
        ("mirrored", "left", "mirrored: expected true or false, got 'left'."),
        ("repeats", "0", "repeats: expected a whole number from 1, got '0'."),
        ("repeats", "101", "repeats: expected a whole number up to 100, got '101'."),
        ("average", "21", "average: expected a whole number up to 20, got '21'."),
        ("memory", "0.05", "memory: expected gigabytes, a number from 0.1, got '0.05'."),
        ("memory", "4 GB", "memory: expected gigabytes, a number from 0.1, got '4 GB'."),
        ("memory", "nan", "memory: expected gigabytes, a number from 0.1, got 'nan'."),
        (
            "storage",
            "sqlite:///study.db",
            "storage: expected postgresql://USER@HOST/DATABASE, the password in ~/.pgpass or PGPASSWORD, or nothing "
            "for a file in the data folder, got 'sqlite:///study.db'.",
        ),
        ("nested", "maybe", "nested: expected auto, true or false, got 'maybe'."),
        ("precision", "1", "precision: expected a number from 0.5 to 0.999, got '1'."),
        ("min_accuracy", "90", "min_accuracy: expected a number from 0 to 0.9999, got '90'."),
        ("photos", " ", "photos: expected a folder, a table, or 'sample', got ' '."),
        ("skip_broken", "maybe", "skip_broken: expected true or false, got 'maybe'."),
        ("cosine", "0", "cosine: expected a number above 0 up to 1, or nothing, got '0'."),
        ("cosine", "nan", "cosine: expected a number above 0 up to 1, or nothing, got 'nan'."),
        (
            "register_as",
            "models:/cats",
            "register_as: expected a name without '/', ':' and '@', or nothing so as not to register, "
            "got 'models:/cats'.",
        ),
    ],
)
def test_refused(name, text, message):
    values, problems = config.read_parameters("train", {name: text})
    assert problems == [message]
    assert name not in values
    assert len(values) == len(DEFAULTS) - 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("epochs", "0", "epochs: expected a whole number from 1, got '0'."),
        ("size", "7", "size: expected a whole number from 8, got '7'."),
        ("size", "2000", "size: expected a whole number up to 1024, got '2000'."),
    ],
)
def test_refused_for_the_benchmark(name, text, message):
    assert config.read_parameters("benchmark", {name: text})[1] == [message]


def test_all_problems_at_once():
    values, problems = config.read_parameters("train", {"trials": "x", "seed": "y", "photos": ""})
    assert [problem.split(":")[0] for problem in problems] == ["photos", "trials", "seed"]
    assert set(values) == set(DEFAULTS) - {"photos", "trials", "seed"}


def test_data_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("CATML_DATA", raising=False)
    assert config.data_folder() == Path("data")
    monkeypatch.setenv("CATML_DATA", str(tmp_path))
    assert config.data_folder() == tmp_path


@pytest.mark.parametrize(
    ("word", "answer"),
    [("trian", " Did you mean 'train'?"), ("TRAIN", " Did you mean 'train'?"), ("zzz", "")],
)
def test_did_you_mean(word, answer):
    assert did_you_mean(word, ["extract", "train", "predict"]) == answer


@pytest.mark.parametrize("address", ["postgresql://me:secret@there/study", "postgresql://there/study?password=secret"])
def test_password_is_not_taken(address):
    """MLflow would log it with the other parameters."""
    _, problems = config.read_parameters("train", {"storage": address})
    assert [problem[:17] for problem in problems] == ["storage: expected"]


def test_the_same_backbones_in_another_order_are_the_same():
    _, problems = config.read_parameters("train", {"backbones": "a+b,b+a"})
    assert [problem[:19] for problem in problems] == ["backbones: expected"]
