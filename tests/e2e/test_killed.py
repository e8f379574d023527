"""kill -9 at any moment: the same command again finishes, and what was done is not done again."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.conftest import BIN, Run, environment, paint

TRIALS = 24
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


def trials_done(data: Path) -> int:
    return sum(journal.read_text().count('"log_losses"') for journal in data.glob("studies/*.journal"))


@pytest.fixture(scope="module")
def command(colours: Path) -> list[str]:
    return [
        str(BIN / "catml"),
        "train",
        "--photos",
        str(colours),
        *BACKBONE,
        "--trials",
        str(TRIALS),
        "--nested",
        "false",
    ]


@pytest.fixture(scope="module")
def uninterrupted(command: list[str], run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the command ran through, and what it printed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, run(*command, cwd=folder).stdout


def test_killed_in_the_sweep(
    home: Path, run: Run, command: list[str], uninterrupted: tuple[Path, str], tmp_path: Path
) -> None:
    kill_when(command, tmp_path, environment(home), lambda: trials_done(tmp_path / "data") >= 5)
    out = run(*command, cwd=tmp_path).stdout
    assert "features of 60 photos at hand, 0 to extract" in out
    assert f" of {TRIALS} trials are at hand in data/studies/" in out
    assert table_of(out) == table_of(uninterrupted[1])
    run(*command, cwd=tmp_path)

    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    parents = client.search_runs(["1"], "params.photos != ''", order_by=["attributes.start_time"])
    assert [parent.info.status for parent in parents] == ["KILLED", "FINISHED", "FINISHED"]
    for parent in parents[1:]:
        children = client.search_runs(["1"], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
        assert sorted(int(child.data.tags["trial"]) for child in children) == list(range(TRIALS))


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment(
    home: Path, run: Run, command: list[str], uninterrupted: tuple[Path, str], tmp_path: Path, seed: int
) -> None:
    """Features at hand, it is killed a random while after a random trial; `experiments/kill_study` does it 20 times."""
    whole, said = uninterrupted
    for kept in ("features", "photos"):
        shutil.copytree(whole / "data" / kept, tmp_path / "data" / kept)
    generator = random.Random(seed)
    count, delay = generator.randrange(TRIALS), generator.uniform(0, 0.3)
    seen: list[float] = []

    def ready() -> bool:
        if not seen and trials_done(tmp_path / "data") >= count and list(tmp_path.glob("data/studies/*")):
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] > delay

    kill_when(command, tmp_path, environment(home), ready)
    done = trials_done(tmp_path / "data")
    out = run(*command, cwd=tmp_path).stdout
    assert not done or f"study      {done} of {TRIALS} trials are at hand in data/studies/" in out
    assert table_of(out) == table_of(said)


def table_of(out: str) -> str:
    """The best heads and the champion, without what may differ: the note on earlier looks at the test photos."""
    return out.split("best heads")[1].split("\nlook")[0]
