"""`catml benchmark` after `catml train` on the same photos: one store, one test, one table."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.e2e.conftest import Run

TRAIN = ("--backbones", "efficientnet-lite0", "--trials", "1", "--nested", "false", "--register-as", "")
BENCHMARK = ("--size", "16", "--epochs", "3")
NAMES = ["CNN 1", "CNN 2", "CNN 3"]


@pytest.fixture(scope="module")
def done(colours: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder, and what the benchmark printed, given twice."""
    folder = tmp_path_factory.mktemp("benchmark")
    run("catml", "train", "--photos", colours, *TRAIN, cwd=folder)
    printed = [run("catml", "benchmark", "--photos", colours, *BENCHMARK, cwd=folder).stdout for _ in range(2)]
    return folder, printed


def runs(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the runs of a name, the oldest first, each with its params, metrics, tags and folder."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:

        def pairs(table: str, run_id: str) -> dict[str, Any]:
            return dict(database.execute(f"SELECT key, value FROM {table} WHERE run_uuid = ?", (run_id,)).fetchall())

        found = database.execute("SELECT run_uuid, artifact_uri FROM runs WHERE name = ? ORDER BY start_time", (name,))
        return [
            {table: pairs(table, run_id) for table in ("params", "latest_metrics", "tags")}
            | {"id": run_id, "folder": Path(uri)}
            | {
                "steps": database.execute(
                    "SELECT MIN(step), MAX(step), COUNT(*) FROM metrics WHERE run_uuid = ? AND key LIKE 'epoch_%'",
                    (run_id,),
                ).fetchone()
            }
            for run_id, uri in found.fetchall()
        ]


def test_one_run_with_a_child_for_each_network(done: tuple[Path, list[str]]) -> None:
    folder, _ = done
    parent = runs(folder, "colours benchmark")[0]
    children = [runs(folder, name)[0] for name in NAMES]
    for child in children:
        assert child["tags"]["mlflow.parentRunId"] == parent["id"]
        assert child["tags"]["photos"] == "colours"
        assert "test_hash" not in child["tags"]
        metrics = child["latest_metrics"]
        for kind in ("val", "test"):
            low, share, high = (metrics[f"{kind}_accuracy{end}"] for end in ("_low", "", "_high"))
            assert 0 <= low <= share <= high <= 1
        assert child["params"]["backbone"] == "none (from scratch)"
        assert int(child["params"]["epochs"]) == metrics["best_epoch"] in (1, 2, 3)
        assert child["steps"] == (1, 3, 6)
    best = min(children, key=lambda child: child["latest_metrics"]["val_log_loss"])
    assert parent["latest_metrics"]["val_log_loss"] == best["latest_metrics"]["val_log_loss"]
    assert parent["latest_metrics"]["test_accuracy"] == best["latest_metrics"]["test_accuracy"]
    assert parent["params"]["filters"] == best["params"]["filters"]
    assert parent["params"]["epochs"] == "3"
    assert {path.name for path in parent["folder"].iterdir()} == {
        "split.csv", "check.html", "predictions.csv", "leaderboard.csv", "figures",
    }  # fmt: skip
    assert (parent["folder"] / "figures/benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_tested_on_the_photos_of_train_and_counted_once(done: tuple[Path, list[str]]) -> None:
    folder, printed = done
    (trained,) = runs(folder, "colours 1 trials")
    parents = runs(folder, "colours benchmark")
    assert {run["tags"]["test_hash"] for run in [trained, *parents]} == {trained["tags"]["test_hash"]}
    judged = pd.read_csv(trained["folder"] / "predictions.csv").query("judged == 'test'")
    tested = pd.read_csv(parents[0]["folder"] / "predictions.csv")
    assert set(tested["pixels_sha256"]) == set(judged["pixels_sha256"])
    assert [run["tags"]["test_evaluations"] for run in [trained, *parents]] == ["1", "2", "3"]
    assert "note       these test photos were looked at once before" in printed[0]
    assert "note       these test photos were looked at 2 times before" in printed[1]
    assert "note       12 test photos say little, and 'train' keeps none back unless it is told to" in printed[0]


def test_one_table_of_all_that_was_tested(done: tuple[Path, list[str]]) -> None:
    folder, printed = done
    parent = runs(folder, "colours benchmark")[0]
    table = pd.read_csv(parent["folder"] / "leaderboard.csv", keep_default_na=False)
    assert sorted(table["run"]) == [*NAMES, "colours 1 trials"]
    assert table["val_log_loss"].is_monotonic_increasing
    head = table.set_index("run").loc["colours 1 trials"]
    answers = pd.read_csv(parent["folder"] / "predictions.csv")
    best = min(NAMES, key=table.set_index("run")["val_log_loss"].get)
    judged = pd.read_csv(runs(folder, "colours 1 trials")[0]["folder"] / "predictions.csv").query("judged == 'test'")
    right = judged.set_index("pixels_sha256").eval("answer == label")
    other = answers.set_index("pixels_sha256").eval(f"`answer {best}` == label").reindex(right.index)
    only, lost = int((right & ~other).sum()), int((other & ~right).sum())
    assert (head["test_right"], float(head["only_this"]), float(head["only_best"])) == (right.sum(), only, lost)
    assert (
        f"\ncompared   efficientnet-lite0, linear head gets {only} of the 12 test photos right that {best}"
        in printed[0]
    )
    assert f", and {lost} the other way round: McNemar p = " in printed[0]


def test_the_same_again(done: tuple[Path, list[str]]) -> None:
    folder, _ = done
    for name in NAMES:
        one, two = runs(folder, name)
        for run in (one, two):
            del run["latest_metrics"]["seconds"]
        assert one["latest_metrics"] == two["latest_metrics"]
