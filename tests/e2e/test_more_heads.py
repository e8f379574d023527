"""Backbones used together, mirror images and an average of heads, through the real commands."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.conftest import BIN, Run

BACKBONES = "efficientnet-lite0,efficientnet-lite0+efficientnet-lite2"


@pytest.fixture(scope="module")
def trained(run: Run, colours: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("more heads")
    options = ("--backbones", BACKBONES, "--mirrored", "true", "--average", "2", "--trials", "4", "--nested", "false")
    return folder, run(BIN / "catml", "train", "--photos", colours, *options, cwd=folder).stdout


def test_both_backbones_and_their_mirror_images_are_extracted_once(trained: tuple[Path, str]) -> None:
    folder, said = trained
    for name in ("efficientnet-lite0", "efficientnet-lite2"):
        line = f"backbone   {name}: features of 0 photos and their mirror images at hand, 120 to extract"
        assert said.count(line) == 1
    assert len(list((folder / "data" / "features").glob("efficientnet-*"))) == 4


def test_trials_and_champion_are_named_by_what_they_use(trained: tuple[Path, str]) -> None:
    folder, said = trained
    assert "efficientnet-lite0+efficientnet-lite2" in said.split("best heads")[1]
    (line,) = (line for line in said.splitlines() if line.startswith("champion"))
    heads = line.removesuffix(" (averaged)").split("; ")
    assert len(heads) == (2 if line.endswith(" (averaged)") else 1)
    (description,) = folder.glob("mlruns/**/classifier.json")
    described = json.loads(description.read_text())
    assert len(described["heads"]) == len(heads)
    assert described["mirrored"] is True
    for head, backbone in zip(heads, described["backbones"], strict=True):
        assert re.search(rf"trial [0-3]: {re.escape(backbone)}, ", head)
    sizes = [224, 260] if any("+" in backbone for backbone in described["backbones"]) else [224]
    assert described["input_sizes"] == sizes

    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (parent,) = client.search_runs(["1"], "params.photos != ''")
    assert parent.data.params["backbone"] == ", ".join(described["backbones"])
    assert parent.data.params["mirrored"] == "true"


@pytest.mark.parametrize("label", ["cyan", "magenta"])
def test_it_predicts(trained: tuple[Path, str], colours: Path, run: Run, label: str) -> None:
    folder, _ = trained
    photos = sorted((colours / label).iterdir())[:2]
    out = run(BIN / "catml", "predict", *photos, cwd=folder).stdout
    assert [line.split()[1] for line in out.splitlines()[1:]] == [label, label]


def test_alone_it_uses_both_together(trained: tuple[Path, str], colours: Path, run: Run) -> None:
    """A registered model with two inputs: photos come to it in both sizes."""
    folder, _ = trained
    together = ("--backbones", "efficientnet-lite2+efficientnet-lite0", "--trials", "2", "--nested", "false")
    together += ("--register-as", "both")
    said = run(BIN / "catml", "train", "--photos", colours, *together, cwd=folder).stdout
    assert "efficientnet-lite0: features of 60 photos at hand, 0 to extract" in said
    code = (
        "import sys, mlflow, pandas as pd\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model('models:/both@champion')\n"
        "model.predict(pd.DataFrame({'image': sys.argv[3:]})).to_csv(sys.argv[2])\n"
    )
    photos = [sorted((colours / label).iterdir())[0] for label in ("cyan", "magenta", "yellow")]
    run("python", "-c", code, f"sqlite:///{folder}/mlflow.db", folder / "answers.csv", *photos, cwd=folder)
    assert pd.read_csv(folder / "answers.csv")["label"].tolist() == ["cyan", "magenta", "yellow"]


def test_augmented_views_are_learnt_from_and_never_tested_on(colours: Path, run: Run, tmp_path: Path) -> None:
    options = ("--backbones", "efficientnet-lite0", "--views", "2", "--augmentation", "rotation=5", "--trials", "4")
    said = run(BIN / "catml", "train", "--photos", colours, *options, "--nested", "false", cwd=tmp_path).stdout
    assert "features of 0 photos and 2 augmented views of each at hand, 156 to extract" in said  # 12 are test photos
    assert re.search(r"^views      log loss of the best head \d\.\d{4} with 2 views, \d\.\d{4} without: ", said, re.M)

    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (parent,) = client.search_runs(["1"], "params.photos != ''")
    assert (parent.data.params["views"], parent.data.params["augmentation"]) == ("2", "rotation=5")
    assert "views_gain" in parent.data.metrics
    children = client.search_runs(["1"], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert {child.data.params["views"] for child in children} == {"0", "2"}
    split = pd.read_csv(client.download_artifacts(parent.info.run_id, "split.csv"))
    tested = set(split.loc[split["split"] == "test", "pixels_sha256"])
    assert len(tested) == 12
    views = {}
    for store in (tmp_path / "data" / "features").glob("efficientnet-*"):
        view = json.loads((store / "_fingerprint.json").read_text())["view"]
        views[view.split(",")[0]] = set(pd.read_parquet(store, columns=["pixels_sha256"])["pixels_sha256"])
    assert set(views) == {"as-is", "augmented 1", "augmented 2"}
    assert views["augmented 1"] == views["augmented 2"] == views["as-is"] - tested
