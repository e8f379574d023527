"""A tracking server that goes away: the study goes on, and everything is delivered when it is back, each once."""

import os
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.conftest import BIN, Run, environment

TRIALS = 30
BACKBONE = ("--backbones", "efficientnet-lite0")


class Server:
    """`mlflow server` with a database in a folder, on a port that stays the same."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.process = folder, None
        # Started for tracking alone, it answers within seconds.
        self.env = environment(home, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        store = f"sqlite:///{self.folder}/server.db"
        command = [BIN / "mlflow", "server", "--port", str(self.port), "--backend-store-uri", store, "--workers", "1"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(240):
            time.sleep(0.25)
            try:
                with urllib.request.urlopen(f"{self.address}/health", timeout=2):
                    return
            except OSError:
                assert self.process.poll() is None, (self.folder / "server.log").read_text()
        raise AssertionError("mlflow server did not answer in a minute")

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def trials(self) -> int:
        """How many trials have reached the database."""
        with closing(sqlite3.connect(f"file:{self.folder}/server.db?mode=ro", uri=True, timeout=20)) as database:
            return int(database.execute("SELECT COUNT(*) FROM tags WHERE key = 'trial'").fetchone()[0])


@pytest.fixture
def tracking(tmp_path: Path, home: Path) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    server = Server(tmp_path / "server", home)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def started(tmp_path: Path, home: Path, colours: Path, tracking: Server, run: Run) -> Iterator[Callable[..., object]]:
    """Return a function that starts `catml train`; features are at hand, so that trials come at once."""
    photos = ("--photos", str(colours), *BACKBONE)
    run(BIN / "catml", "extract", *photos, cwd=tmp_path)
    command = [str(BIN / "catml"), "train", *photos, "--trials", str(TRIALS), "--nested", "false"]
    processes = []

    def start(**more: str) -> "subprocess.Popen[str]":
        env = environment(home, MLFLOW_TRACKING_URI=tracking.address, **more)
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, cwd=tmp_path, env=env, stdout=pipe, stderr=pipe, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def kill_in_the_middle(server: Server, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while server.trials() < 4:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    server.kill()
    assert server.trials() < TRIALS


def assert_all_delivered(address: str) -> None:
    import mlflow

    client = mlflow.MlflowClient(address, address)
    experiment = client.get_experiment_by_name("catml")
    parents = client.search_runs([experiment.experiment_id], "params.photos != ''", order_by=["start_time DESC"])
    parent = parents[0]
    assert parent.info.status == "FINISHED"
    assert [other.info.status for other in parents[1:]] == ["KILLED"] * (len(parents) - 1)
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} >= {"split.csv", "leaderboard.csv"}
    children = client.search_runs(
        [experiment.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'", max_results=1000
    )
    assert sorted(int(child.data.tags["trial"]) for child in children) == list(range(TRIALS))
    for child in children:
        assert child.info.status == "FINISHED"
        assert {"val_log_loss", "val_log_loss_se", "val_accuracy", "val_accuracy_se", "seconds"} <= set(
            child.data.metrics
        )
        assert {"backbone", "hidden", "scaling", "l2", "seed"} <= set(child.data.params)
    assert client.get_model_version_by_alias("catml", "champion").tags["backbone"] == "efficientnet-lite0"


def test_away_for_some_seconds(tracking: Server, started: Callable[..., "subprocess.Popen[str]"]) -> None:
    process = started()
    kill_in_the_middle(tracking, process)
    time.sleep(5)
    tracking.start()
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    note = f"note       the tracking server {tracking.address} doesn't answer; "
    assert out.count(f"{note}results are kept and delivered when it does\n") == 1
    assert "registered catml version 1, alias champion" in out
    assert_all_delivered(tracking.address)


def test_away_for_good_and_delivered_by_the_same_command(
    tracking: Server, started: Callable[..., "subprocess.Popen[str]"]
) -> None:
    process = started(CATML_TRACKING_PATIENCE="3")
    kill_in_the_middle(tracking, process)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 1, out + err
    complaint = err.splitlines()[-1]
    assert complaint.startswith(f"catml: the tracking server {tracking.address} has been away for 3 seconds (")
    assert complaint.endswith(
        "calls could not be delivered). Nothing is lost: when it is back, the same command delivers what is done and "
        "goes on from there."
    )
    assert "Traceback" not in err
    assert "best heads" not in out  # no look at the test photos that could not be counted

    tracking.start()
    again = started()
    out, err = again.communicate(timeout=200)
    assert again.returncode == 0, out + err
    assert f"{TRIALS} of {TRIALS} trials are at hand in data/studies/" in out
    assert_all_delivered(tracking.address)
