"""`catml talk` by its real command."""

import csv
from pathlib import Path

from tests.e2e.conftest import Run


def test_the_talks_numbers(shared: Path, run: Run, tmp_path: Path) -> None:
    out = run("catml", "talk", "--bottlenecks", shared / "talk", "--quick", cwd=tmp_path).stdout
    assert "55/60 = 91.7 % [81.9, 96.4], wrong at 8 10 11 21 44" in out
    assert "57/60 = 95.0 % [86.3, 98.3], wrong at 10 11 27" in out
    assert "seeds      3 (quick" in out
    folder = tmp_path / "data" / "talk"
    pictures = {picture.name: picture.stat().st_size for picture in folder.glob("*.png")}
    assert set(pictures) == {"cells.png", "last_slide.png"}
    assert max(pictures.values()) < 150_000
    rows = {row["key"]: row for row in csv.DictReader((folder / "validation.csv").open())}
    repeated = {key: row for key, row in rows.items() if key.startswith(("inceptionresnetv2", "xception"))}
    assert len(repeated) == 6
    assert all(float(row["corrected"]) >= 0.95 for row in repeated.values())
    assert rows["nasnetlarge_head_1"]["missing"]
    assert not rows["nasnetlarge_head_1"]["corrected"]
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (parent,) = client.search_runs([client.get_experiment_by_name("catml").experiment_id])
    assert parent.info.run_name == "talk"
    assert parent.data.params["seeds_used"] == "3"
    assert parent.data.metrics["nasnetlarge_head_1_test_reproduced"] == 55 / 60
    for key, row in repeated.items():
        assert abs(parent.data.metrics[f"{key}_as_published"] - float(row["reproduced"])) < 1e-5
        assert parent.data.metrics[f"{key}_corrected_low"] < parent.data.metrics[f"{key}_corrected"]
    artifacts = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"tables.md", "validation.csv", "test.csv", "cells.png", "last_slide.png"} <= artifacts


def test_without_his_files(run: Run, tmp_path: Path) -> None:
    out = run("catml", "talk", cwd=tmp_path).stdout
    assert "links to them" in out
    assert "clone the GitHub repository luiznonenmacher/cat-classification" in out
    assert "NASNetLarge, head 1             95.3 % [91.5, 99.1]" in out
