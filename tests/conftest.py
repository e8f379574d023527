"""What all tests share."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Before anything imports TensorFlow, which reads it once.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real photos and weights that are not part of the project; the test is skipped where it is missing."""
    folder = (ROOT / os.environ.get("CATML_SHARED", "../shared")).resolve()
    if not folder.is_dir():
        pytest.skip(f"needs real photos and weights in {folder}; CATML_SHARED says where they are")
    return folder


@pytest.fixture
def tracking_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tracking store of the test's own, in its own folder."""
    import mlflow

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture
def forbidding(tmp_path: Path) -> None:
    """Skip the test where nothing is forbidden to whoever runs it, as to root; `.ci/run` sees to it."""
    closed = tmp_path / "closed"
    closed.touch(mode=0)
    if os.access(closed, os.R_OK):
        pytest.skip("nothing is forbidden to root")
    closed.unlink()


@pytest.fixture
def write_photos() -> Callable[..., Path]:
    """Return a function that fills a folder with small, different photos: `write_photos(folder, cat=12, dog=10)`."""

    def write(folder: Path, **counts: int) -> Path:
        generator = np.random.default_rng(sum(map(ord, "".join(counts))))
        for label, count in counts.items():
            (folder / label).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (8, 10, 3), np.uint8)
                Image.fromarray(pixels).save(folder / label / f"{label}{number:02d}.png")
        return folder

    return write
