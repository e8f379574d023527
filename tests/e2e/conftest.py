"""What the end-to-end tests share: a copy of the project as a user would clone it, and the real commands in it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COLOURS = {"cyan": (0, 200, 220), "magenta": (220, 0, 200), "yellow": (230, 220, 0)}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in str(item.path):
            item.add_marker(pytest.mark.e2e)


def environment(home: Path, **more: str) -> dict[str, str]:
    """A plain machine: no conda, no pyenv, nothing of the developer's own but this environment on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "CATML_", "TF_"))}
    kept |= {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(home), "MLFLOW_ENV_ROOT": str(home / "envs")}
    kept |= {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))}
    kept |= {"PYTHONDONTWRITEBYTECODE": "1"}
    return kept | more


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return a function that makes one more clone of the project, as it lies in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )

    def make() -> Path:
        folder = tmp_path_factory.mktemp("clone") / "catml"
        for name in listed.stdout.splitlines():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
        return folder

    return make


@pytest.fixture(scope="session")
def run(home: Path) -> Run:
    """Return a function that runs a command in a folder, and shows what it printed where it fails."""

    def run_command(
        *command: str | Path,
        cwd: Path,
        code: int = 0,
        env: Mapping[str, str] | None = None,
        seconds: float = 600,
        given: bytes = b"",
    ) -> "subprocess.CompletedProcess[str]":
        with tempfile.TemporaryFile() as standard_input:
            standard_input.write(given)
            standard_input.seek(0)
            done = subprocess.run(
                [str(word) for word in command],
                cwd=cwd,
                env=environment(home) | dict(env or {}),
                stdin=standard_input,
                capture_output=True,
                text=True,
                timeout=seconds,
            )
        assert done.returncode == code, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run_command


@pytest.fixture(scope="session")
def project(clone: Callable[[], Path], run: Run) -> Path:
    """A clone after the last step of `make setup`."""
    folder = clone()
    run("python", "-m", "catml.environment", cwd=folder)
    return folder


def paint(folder: Path, per_label: int = 20, *, honest: bool = True) -> Path:
    """Write photos of three colours, labelled by colour, or, not honest, at random."""
    rng = np.random.default_rng(0)
    for label in COLOURS:
        (folder / label).mkdir(parents=True)
        for number in range(per_label):
            colour = COLOURS[label] if honest else list(COLOURS.values())[rng.integers(3)]
            pixels = rng.normal(colour, 30, (60, 80, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number:03d}.jpg")
    return folder


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("photos") / "colours")


@pytest.fixture(scope="session")
def home_of_model(colours: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a classifier of three colours is registered; only to be looked at."""
    folder = tmp_path_factory.mktemp("registered")
    options = ("--backbones", "efficientnet-lite0", "--trials", "1", "--repeats", "1")
    run("catml", "train", "--photos", colours, *options, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def model(home_of_model: Path) -> Path:
    """The folder of that model as MLflow keeps it."""
    (found,) = home_of_model.glob("mlruns/*/models/*/artifacts")
    return found


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """Return a function that starts `mlflow ui` without flags but its port in a folder, and waits until it answers."""
    import socket
    import time
    import urllib.request

    started: list[subprocess.Popen[bytes]] = []
    home = request.getfixturevalue("home")

    def start(cwd: Path) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(BIN / "mlflow"), "ui", "--port", str(port)]
        with (cwd / "ui.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    command, cwd=cwd, env=environment(home), stdout=log, stderr=log, start_new_session=True
                )
            )
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            time.sleep(0.5)
            try:
                with urllib.request.urlopen(f"{address}/health", timeout=2):
                    return address
            except OSError:
                assert started[-1].poll() is None, (cwd / "ui.log").read_text()
        raise AssertionError("mlflow ui did not answer in two minutes")

    yield start
    for process in started:
        os.killpg(process.pid, 9)
        process.wait()
