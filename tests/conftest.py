"""What all tests share."""

import os
from pathlib import Path

import pytest

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
