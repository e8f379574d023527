"""kill -9 at any moment: the same command again finishes, and what was done is not done again."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tests.e2e.conftest import BIN, Run, environment, paint

TRIALS = 12
BACKBONE = ("--backbones", "efficientnet-lite0")


def kill_when(command: list[str], cwd: Path, env: dict[str, str], ready: Callable[[], bool]) -> None:
    """Start a command and kill it, with all it has started, as soon as `ready` says so."""
    with (cwd / "killed.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 120
        while not ready():
            assert process.poll() is None, "it ended before it could be killed: " + (cwd / "killed.log").read_text()
            assert time.monotonic() < deadline, (cwd / "killed.log").read_text()
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def features(data: Path) -> pd.DataFrame:
    (folder,) = (data / "features").iterdir()
    return pd.read_parquet(folder)


def test_killed_while_extracting(home: Path, run: Run, tmp_path: Path) -> None:
    photos = paint(tmp_path / "photos", 120)
    data = tmp_path / "data"
    command = [str(BIN / "catml"), "extract", "--photos", str(photos), *BACKBONE]
    kill_when(command, tmp_path, environment(home), lambda: len(list(data.glob("features/*/part-*.parquet"))) >= 2)
    before = features(data)
    assert 0 < len(before) < 360
    assert run(*command, cwd=tmp_path).stdout.endswith(f"\n{360 - len(before)} extracted\n")

    whole = tmp_path / "uninterrupted"
    run(*command, cwd=tmp_path, env={"CATML_DATA": str(whole)})
    resumed, expected = (table.set_index("pixels_sha256").sort_index() for table in (features(data), features(whole)))
    assert resumed.index.is_unique
    pd.testing.assert_frame_equal(resumed, expected, check_exact=True)


def test_killed_in_the_sweep(home: Path, run: Run, colours: Path, tmp_path: Path) -> None:
    command = [str(BIN / "catml"), "train", "--photos", str(colours), *BACKBONE, "--trials", str(TRIALS)]
    studies = tmp_path / "data" / "studies"

    def five_trials_done() -> bool:
        return sum(journal.read_text().count('"log_losses"') for journal in studies.glob("*.journal")) >= 5

    kill_when(command, tmp_path, environment(home), five_trials_done)
    out = run(*command, cwd=tmp_path).stdout
    assert "features of 60 photos at hand, 0 to extract" in out
    assert f" of {TRIALS} trials are at hand in data/studies/" in out

    whole = run(*command, cwd=tmp_path, env={"CATML_DATA": str(tmp_path / "uninterrupted")}).stdout
    assert table_of(out) == table_of(whole)

    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    parents = client.search_runs(["1"], "params.photos != ''", order_by=["attributes.start_time"])
    assert [parent.info.status for parent in parents] == ["KILLED", "FINISHED", "FINISHED"]
    for parent in parents[1:]:
        children = client.search_runs(["1"], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
        assert sorted(int(child.data.tags["trial"]) for child in children) == list(range(TRIALS))


def table_of(out: str) -> str:
    """The best heads and the champion, without what may differ: the note on earlier looks at the test photos."""
    return out.split("best heads")[1].split("\nlook")[0]
