"""The registered model where nothing but its own requirements is installed: no catml, no network, an empty folder."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

from catml.classifier import load
from tests.e2e.conftest import BIN, Run

# Whatever would go out of the process fails, also where the system doesn't let the network be taken away.
SCRIPT = """
import sys

def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise OSError(f"no network here: {event} {arguments}")

sys.addaudithook(no_network)
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
import catml
assert catml.__file__.startswith(sys.argv[1]), catml.__file__
model.predict(pd.DataFrame({"image": sys.argv[2:]})).to_json(sys.stdout, orient="records", double_precision=15)
"""


def cut_off() -> list[str]:
    """Return what takes the network away from a command, where that is allowed."""
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return []


def test_the_model_is_all_it_takes(model: Path, colours: Path, run: Run, tmp_path: Path) -> None:
    model = Path(shutil.copytree(model, tmp_path / "elsewhere" / "model"))
    uv, python = BIN / "uv", tmp_path / "fresh" / "bin" / "python"
    run(uv, "venv", "--quiet", "--python", BIN / "python", tmp_path / "fresh", cwd=tmp_path)
    install = ("pip", "install", "--quiet", "--python", python, "-r", model / "requirements.txt")
    run(uv, *install, cwd=tmp_path, env={"UV_SYSTEM_CERTS": "true"})
    listed = json.loads(run(uv, "pip", "list", "--format", "json", "--python", python, cwd=tmp_path).stdout)
    assert "catml" not in {package["name"] for package in listed}
    photos = sorted(colours.rglob("*.jpg"))[::7]
    (tmp_path / "empty").mkdir()
    out = run(*cut_off(), python, "-c", SCRIPT, model, *photos, cwd=tmp_path / "empty", env={"PYTHONPATH": ""}).stdout
    expected = load(model / "artifacts" / "classifier").predict(photos)
    given = pd.DataFrame(json.loads(out))
    assert given["label"].tolist() == expected["label"].tolist()
    np.testing.assert_allclose(given.filter(like="probability"), expected.filter(like="probability"), rtol=0, atol=1e-5)
