"""`catml talk` by its real command."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

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
    out = run("catml", "talk", "--photos", "", cwd=tmp_path).stdout
    assert "links to them" in out
    assert "clone the GitHub repository luiznonenmacher/cat-classification" in out
    assert "NASNetLarge, head 1             95.3 % [91.5, 99.1]" in out


def test_on_a_folder_of_photos(run: Run, tmp_path: Path) -> None:
    """Two labels, told apart by colour and a little by shape; everything the talk did, on them."""
    generator = np.random.default_rng(0)
    for label, colour in (("cyan", (40, 200, 220)), ("red", (220, 60, 40))):
        (tmp_path / "two" / label).mkdir(parents=True)
        for number in range(24):
            pixels = generator.normal(colour, 40, (40, 48, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "two" / label / f"{number}.png")
    options = ("--photos", tmp_path / "two", "--backbones", "efficientnet-lite0", "--seeds", "2")
    options += ("--size", "48")
    out = run("catml", "talk", *options, cwd=tmp_path).stdout
    assert "two: from scratch, transfer learning, augmentation, by catml's own commands" in out
    folder = tmp_path / "data" / "talk" / "two"
    assert {file.name for file in folder.iterdir()} == {
        "tables.md", "steps.csv", "rows.csv", "costs.csv", "last_slide.png"
    }  # fmt: skip
    steps = list(csv.DictReader((folder / "steps.csv").open()))
    assert len(steps) == 3
    assert steps[2]["step"].endswith("2 views")
    assert {step["photos"] for step in steps} == {"10"}
    rows = {row["step"]: row for row in csv.DictReader((folder / "rows.csv").open())}
    assert len(rows) == 9
    assert rows["efficientnet-lite0, head 1"]["corrected_right"] == "10"
    costs = list(csv.DictReader((folder / "costs.csv").open()))
    of = {(row["step"], row["off"]): float(row["validation"]) for row in costs}
    augmented = "efficientnet-lite0, augmented, head 2"
    assert of[augmented, "mixed_labels"] > of[augmented, ""]  # the labels themselves were wrong
    assert of["efficientnet-lite0, its probabilities", ""] < 0.9
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    made = client.search_runs([client.get_experiment_by_name("catml").experiment_id], max_results=1000)
    tested = [one for one in made if "test_evaluations" in one.data.tags]
    looks = {(one.info.run_name, one.data.tags["test_evaluations"]) for one in tested}
    assert looks == {("two benchmark", "1"), ("two 40 trials", "2"), ("two 40 trials", "3")}
    assert "talk" in {one.info.run_name for one in made}
    assert not client.search_registered_models()
