"""`mlflow ui` without flags shows the runs, and their artifacts open, whichever was started first."""

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Run

FEW = ("backbones=efficientnet-lite0", "trials=1", "nested=false", "register_as=")


def ask(address: str, call: str, **query: Any) -> Any:
    request = urllib.request.Request(f"{address}/api/2.0/mlflow/{call}")
    if call.endswith("search"):
        request.data = json.dumps(query).encode()
        request.add_header("Content-Type", "application/json")
    else:
        request.full_url += "?" + urllib.parse.urlencode(query)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def runs_with_a_test(address: str) -> list[str]:
    experiments = ask(address, "experiments/search", max_results=100)["experiments"]
    ids = [experiment["experiment_id"] for experiment in experiments]
    found = ask(address, "runs/search", experiment_ids=ids, filter="metrics.test_accuracy >= 0", max_results=10)
    return [run["info"]["run_id"] for run in found["runs"]]


@pytest.mark.parametrize("ui_first", [True, False], ids=["ui first", "ui last"])
def test_runs_and_artifacts_are_seen(
    ui_first: bool, clone: Callable[[], Path], colours: Path, run: Run, server: Callable[[Path], str], home: Path
) -> None:
    folder = clone()
    # The environment is there, but not the database that `make setup` makes with it: the worst case.
    link = "import pathlib, sys, catml.environment as e; e.link(pathlib.Path.cwd(), pathlib.Path(sys.prefix))"
    run("python", "-c", link, cwd=folder)
    address = server(folder) if ui_first else ""
    parameters = [word for text in (f"photos={colours}", *FEW) for word in ("-P", text)]
    run("mlflow", "run", ".", "-e", "train", *parameters, cwd=folder)
    options = [word for text in FEW for word in (f"--{text.split('=')[0]}", text.split("=")[1])]
    run("catml", "train", "--photos", colours, *options, cwd=folder)
    address = address or server(folder)

    found = runs_with_a_test(address)
    assert len(found) == 2
    for run_id in found:
        names = [file["path"] for file in ask(address, "artifacts/list", run_id=run_id)["files"]]
        assert {"split.csv", "leaderboard.csv"} <= set(names)
        url = f"{address}/get-artifact?" + urllib.parse.urlencode({"run_uuid": run_id, "path": "split.csv"})
        with urllib.request.urlopen(url, timeout=60) as file:
            assert file.readline() == b"path,label,group,pixels_sha256,split,fold_2\n"
