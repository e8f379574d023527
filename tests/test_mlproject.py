"""What `mlflow run`, conda and pip are told agrees with the code and with each other."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from mlflow.projects import _project_spec
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from catml import config
from catml.cli import parse

ROOT = Path(__file__).resolve().parent.parent
PROJECT = _project_spec.load_project(str(ROOT))
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-gpu.lock")
TENSORFLOW = {"tensorflow", "tensorflow-cpu"}  # one and the same, in two builds
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# A value of its own for each parameter, with what a shell could stumble over; all differ from the defaults.
VALUES = {
    "photos": ("my $HOME 'photos'", "my $HOME 'photos'"),
    "new_photos": ("later.csv", "later.csv"),
    "skip_broken": ("true", True),
    "cosine": ("0.8", 0.8),
    "backbones": ("xception,xception+nasnetlarge", ("xception", "xception+nasnetlarge")),
    "weights": ("xception=/a b/x.h5", "xception=/a b/x.h5"),
    "trials": ("7", 7),
    "mirrored": ("true", True),
    "views": ("3", 3),
    "augmentation": ("rotation=5; flip=false", "rotation=5; flip=false"),
    "average": ("2", 2),
    "repeats": ("3", 3),
    "space": ("hidden=0,64; dropout=0", "hidden=0,64; dropout=0"),
    "memory": ("0.5", 0.5),
    "storage": ("postgresql://me@there/study", "postgresql://me@there/study"),
    "seed": ("8", 8),
    "test_fraction": ("0.3", 0.3),
    "nested": ("true", True),
    "precision": ("0.98", 0.98),
    "other": ("/else where", "/else where"),
    "min_accuracy": ("0.9", 0.9),
    "register_as": ("two cats", "two cats"),
    "small_pictures": ("false", False),
    "epochs": ("3", 3),
    "size": ("64", 64),
    "model": ("models:/other/3", "models:/other/3"),
    "format": ("jsonl", "jsonl"),
    "copy_to": ("/sorted photos", "/sorted photos"),
    "log": ("true", True),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("8080", 8080),
    "max_megabytes": ("5", 5),
    "max_megapixels": ("12", 12),
    "rate": ("0", 0),
    "bottlenecks": ("/his $HOME arrays", "/his $HOME arrays"),
    "seeds": ("5", 5),
    "quick": ("true", True),
    "output": ("tables 'here'", "tables 'here'"),
    "all": ("true", True),
    "measure": ("false", False),
}
# Where a name means something else.
OWN = {"export": {"format": ("litert", "litert")}}


def entry_points():
    return {name: PROJECT.get_entry_point(name) for name in PROJECT._entry_points}


def command_line(entry_point, given):
    """Return what the program is called with, as MLflow and the shell put it together."""
    words = shlex.split(entry_point.compute_command(given, None))
    assert words[:3] == ["python", "-m", "catml"]
    return words[3:]


def pins(lock):
    """Return lines of a lock by package: several where markers choose between them."""
    found = {}
    for line in (ROOT / lock).read_text().splitlines():
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def version_of(requirement):
    (pin,) = requirement.specifier
    assert pin.operator == "=="
    return pin.version


def code_name(name):
    return "train" if name == "main" else name


def test_entry_points_are_the_commands():
    assert set(entry_points()) == {"main", *config.COMMANDS}


@pytest.mark.parametrize("name", ["main", *config.COMMANDS])
def test_parameters_and_defaults_are_those_of_the_code(name):
    declared = yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"][name]["parameters"]
    expected = {}
    for parameter in config.COMMANDS[code_name(name)][1]:
        value = parameter.read(parameter.default) if parameter.default else ""
        kind = {int: "int", float: "float"}.get(type(value), "string")
        expected[parameter.name] = (kind, parameter.default)
    # No default in MLproject is a parameter that has to be given; in the code that is one that refuses nothing.
    assert {key: (value["type"], str(value.get("default", ""))) for key, value in declared.items()} == expected


@pytest.mark.parametrize("name", ["main", *config.COMMANDS])
def test_every_parameter_reaches_the_code(name):
    entry_point = PROJECT.get_entry_point(name)
    texts = VALUES | OWN.get(name, {})
    given = {key: texts[key][0] for key in entry_point.parameters}
    command, values, problems = parse(command_line(entry_point, given))
    assert (command, problems) == (code_name(name), [])
    expected = {key: texts[key][1] for key in entry_point.parameters}
    if name == "predict":
        expected["photos"] = [expected["photos"]]
    assert values == expected


@pytest.mark.parametrize(
    "name", ["main", "train", "extract", "check", "benchmark", "serve", "export", "talk", "backbones"]
)
def test_defaults_reach_the_code(name):
    command, values, problems = parse(command_line(PROJECT.get_entry_point(name), {}))
    assert problems == []
    assert values == config.read_parameters(command, {})[0]


def test_photos_of_predict_have_to_be_given():
    with pytest.raises(Exception, match="No value given for missing parameters: 'photos'"):
        PROJECT.get_entry_point("predict").compute_command({}, None)


def test_main_is_train():
    one, other = PROJECT.get_entry_point("main"), PROJECT.get_entry_point("train")
    assert one.command == other.command
    assert {k: v.default for k, v in one.parameters.items()} == {k: v.default for k, v in other.parameters.items()}


def test_parameter_that_does_not_exist_is_refused():
    words = command_line(PROJECT.get_entry_point("train"), {"test-fraction": "0.3", "trails": "5"})
    _, values, problems = parse(words)
    assert [problem.split(".")[0] for problem in problems] == ["train has no parameter 'trails'"]
    assert values["test_fraction"] == 0.3


def test_both_environment_files_say_the_same():
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())
    python_env = yaml.safe_load((ROOT / "python_env.yaml").read_text())
    assert f"python={python_env['python']}" in conda["dependencies"]
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert python_env["dependencies"] == ["-r requirements.lock"]
    assert pip[0] == "-r requirements.lock"
    assert python_env["python"] in SpecifierSet(PYPROJECT["project"]["requires-python"])


@pytest.mark.parametrize(
    ("lock", "extras"),
    list(zip(LOCKS, [("cpu",), ("cpu", "lite2", "export", "dev"), ("gpu",)], strict=True)),
    ids=LOCKS,
)
def test_lock_pins_every_dependency_within_its_range(lock, extras):
    project, locked = PYPROJECT["project"], pins(lock)
    optional = [line for extra in extras for line in project["optional-dependencies"][extra]]
    for wanted in map(Requirement, [*project["dependencies"], *optional]):
        assert canonicalize_name(wanted.name) in locked, wanted.name
        for pinned in locked[canonicalize_name(wanted.name)]:
            assert version_of(pinned) in wanted.specifier


@pytest.mark.parametrize("other", LOCKS[1:])
def test_locks_agree(other):
    one, two = pins(LOCKS[0]), pins(other)
    shared = one.keys() & two.keys() - TENSORFLOW
    assert {"numpy", "keras", "mlflow", "optuna"} <= shared
    for name in shared:
        assert sorted(map(version_of, one[name])) == sorted(map(version_of, two[name])), name
    builds = {version_of(pin) for lock in (one, two) for name in TENSORFLOW & lock.keys() for pin in lock[name]}
    assert len(builds) == 1


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_only_pins(lock):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--" not in text
    assert "@" not in text
    assert all(re.match(r"[A-Za-z0-9._-]+(\[[a-z,-]+\])?==\S+( ; .+)?$", line) for line in text.splitlines())
