"""The walls of the house, held against the sources themselves."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "catml").rglob("*.py"))
LONGEST = 300

# What each room may import beside the standard library. A room is named by the beginning of its modules' names.
ROOMS = {
    "catml.errors": set(),
    "catml.config": {"catml.parameters", "catml.readers"},
    "catml.parameters": {"catml.readers"},
    "catml.readers": set(),
    "catml.files": set(),
    "catml.photos": {
        "PIL", "jinja2", "numpy", "pandas", "scipy", "sklearn", "tqdm",
        "catml.photos", "catml.errors", "catml.files",
    },
    "catml.backbones": {
        "PIL", "numpy", "pandas", "sklearn", "tqdm", "keras", "tensorflow", "pyarrow", "h5py",
        "catml.backbones", "catml.photos", "catml.errors", "catml.files",
    },
    "catml.heads": {"numpy", "scipy", "threadpoolctl", "keras", "tensorflow", "catml.heads", "catml.evaluation"},
    "catml.study": {"numpy", "optuna", "psycopg", "sqlalchemy", "yaml", "catml.study", "catml.heads", "catml.errors"},
    "catml.delivery": {"catml.errors"},
    "catml.network": {"keras", "numpy", "catml.heads"},
    "catml.serving": {
        "PIL", "numpy", "fastapi", "starlette", "uvicorn",
        "catml.serving", "catml.photos", "catml.errors", "catml.heads", "catml.heat", "catml.network",
        "catml.classifier", "catml.registration", "catml.quiet", "catml.screen", "catml.__version__",
    },
    "catml.heat": {"PIL", "keras", "numpy", "catml.heads", "catml.network"},
    "catml.evaluation": {"numpy", "pandas", "scipy", "sklearn", "catml.evaluation"},
    "catml.gate": {"numpy", "catml.evaluation", "catml.screen"},
    "catml.baselines": {"numpy", "sklearn", "catml.evaluation", "catml.heads"},
}  # fmt: skip
# Who may import what only a few may.
KEEPERS = {
    "mlflow": {"catml.tracking", "catml.earlier", "catml.registration", "catml.served_model", "catml.environment"},
    "psycopg": {"catml.study.store"},
    "optuna": {"catml.study"},
    "pickle": {"catml.backbones.pth"},
    "matplotlib": {"catml.report"},
    "fastapi": {"catml.serving"},
    "starlette": {"catml.serving"},
    "uvicorn": {"catml.serving"},
    "onnx": {"catml.export"},
    "onnxruntime": {"catml.export"},
    "ai_edge_litert": {"catml.export"},
}


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(source):
    """Return every module a source imports, also within functions, `from a import b` as a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_in(module, room):
    return module == room or module.startswith(f"{room}.")


def trespasses(module, source):
    """Return what a module imports though its room may not."""
    foreign = {name for name in imports(source) if name.split(".")[0] not in sys.stdlib_module_names}
    (room,) = [room for room in ROOMS if is_in(module, room)] or [None]
    bad = set() if room is None else {name for name in foreign if not any(is_in(name, may) for may in ROOMS[room])}
    for kept, keepers in KEEPERS.items():
        if not any(is_in(module, keeper) for keeper in keepers):
            bad |= {name for name in imports(source) if is_in(name, kept)}
    return sorted(bad)


def dangers(source):
    """Return calls through which a loaded file could run code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in {"eval", "exec", "pickle.load", "pickle.loads", "joblib.load", "cloudpickle.load", "yaml.load"}:
            found.append(called)
        if called.split(".")[-1] in {"Lambda", "enable_unsafe_deserialization", "load_weights_from_pickle"}:
            found.append(called)
        for keyword in node.keywords:
            if (keyword.arg, ast.unparse(keyword.value)) in {("safe_mode", "False"), ("allow_pickle", "True")}:
                found.append(f"{keyword.arg}={ast.unparse(keyword.value)}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_room_imports_only_what_it_may(path):
    assert trespasses(module_name(path), path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_nothing_loaded_runs_code(path):
    assert dangers(path.read_text()) == []


def test_rooms_are_those_that_exist():
    modules = {module_name(path) for path in SOURCES}
    assert all(any(is_in(module, room) for module in modules) for room in ROOMS)
    assert all(any(is_in(module, keeper) for module in modules) for keepers in KEEPERS.values() for keeper in keepers)


@pytest.mark.parametrize("path", [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda path: path.name)
def test_no_file_is_too_long(path):
    assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("catml.photos.scan", "import mlflow", ["mlflow"]),
        ("catml.photos.scan", "def late():\n    from keras import layers", ["keras.layers"]),
        ("catml.photos.scan", "from catml import config", ["catml.config"]),
        ("catml.photos.scan", "from catml.photos import decode\nimport os.path", []),
        ("catml.heads.fit", "from catml.photos.scan import scan", ["catml.photos.scan.scan"]),
        ("catml.errors", "import numpy as np", ["numpy"]),
        ("catml.train", "import optuna", ["optuna"]),
        ("catml.tracking", "from mlflow.entities import Run", []),
        ("catml.classifier", "import pickle", ["pickle"]),
    ],
)
def test_this_test_sees_a_trespass(module, source, expected):
    assert trespasses(module, source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pickle\npickle.load(file)", ["pickle.load"]),
        ("keras.layers.Lambda(f)", ["keras.layers.Lambda"]),
        ("load_model(path, safe_mode=False)", ["safe_mode=False"]),
        ("np.load(path, allow_pickle=True)", ["allow_pickle=True"]),
        ("load_model(path, safe_mode=True)", []),
    ],
)
def test_this_test_sees_a_danger(source, expected):
    assert dangers(source) == expected
