"""The main job by its real commands: photos in, a registered classifier out, the same answers everywhere."""

import csv
import io
import json
import math
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import COLOURS, Run, paint

TRIALS = 4


@pytest.fixture(scope="module")
def trained(project: Path, colours: Path, run: Run) -> str:
    """What `mlflow run . -e train` printed."""
    done = run(
        *("mlflow", "run", ".", "-e", "train", "-P", f"photos={colours}", "-P", "backbones=efficientnet-lite0"),
        *(
            "-P",
            f"trials={TRIALS}",
            "-P",
            "seed=3",
            "-P",
            "test_fraction=0.25",
            "-P",
            "nested=false",
            "-P",
            "register_as=colours",
        ),
        cwd=project,
    )
    return done.stdout + done.stderr


def test_the_bare_mlflow_run_says_what_it_found_and_what_came_out(trained: str) -> None:
    assert "60 in " in trained
    assert "20 cyan, 20 magenta, 20 yellow" in trained
    assert "features of 0 photos at hand, 60 to extract" in trained
    assert "15 of 15 right: 100.0 %, 95 % interval 79.6 % to 100.0 %" in trained
    assert "registered colours version 1, alias champion" in trained


def test_no_noise_of_tensorflow_and_no_warning(trained: str) -> None:
    for noise in ("oneDNN", "cpu_feature_guard", "Warning", "absl", "Traceback"):
        assert noise not in trained


def test_the_store_has_a_parent_and_one_child_a_trial(trained: str, project: Path) -> None:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    (parent,) = client.search_runs(["0"], "metrics.test_accuracy >= 0")
    children = client.search_runs(["0"], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert len(children) == TRIALS
    assert {run.info.status for run in [parent, *children]} == {"FINISHED"}
    for child in children:
        assert {"val_accuracy", "val_accuracy_se", "val_log_loss", "val_log_loss_se"} <= set(child.data.metrics)
        assert {"backbone", "hidden", "l2", "seed"} <= set(child.data.params)
        assert all(math.isfinite(value) for value in child.data.metrics.values())
    assert parent.data.metrics["val_log_loss"] == min(child.data.metrics["val_log_loss"] for child in children)
    assert (parent.data.params["trials"], parent.data.params["seed"]) == (str(TRIALS), "3")
    (photos,) = parent.inputs.dataset_inputs
    assert (photos.dataset.name, json.loads(photos.dataset.profile)["num_rows"]) == ("colours", 60)
    assert {"split_hash", "photos_hash", "catml_version", "test_evaluations"} <= set(parent.data.tags)


def test_runs_and_versions_say_what_they_are_about(trained: str, project: Path) -> None:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    (parent,) = client.search_runs(["0"], "metrics.test_accuracy >= 0")
    assert {"test_hash", "sides", "split_hash"} <= set(parent.data.tags)
    assert parent.data.tags["gate"].startswith(
        "passed: the 95 % interval of its accuracy, 79.6 % to 100.0 %, lies above"
    )
    assert parent.data.tags["registered"] == "colours version 1, champion: there was no champion"
    wanted = {"test_balanced_accuracy", "test_brier", "test_answered", "temperature", "threshold"}
    wanted |= {"baseline_most_frequent_label", "baseline_colours_alone", "baseline_shuffled_labels"}
    assert wanted <= set(parent.data.metrics)
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"report.html", "predictions.csv", "labels.csv", "leaderboard.csv", "split.csv", "figures"} <= files
    for child in client.search_runs(["0"], f"tags.mlflow.parentRunId = '{parent.info.run_id}'"):
        assert child.data.tags["photos"] == "colours"
    version = client.get_model_version_by_alias("colours", "champion")
    assert "**15 of 15** photos it had not learnt from came out right" in version.description
    assert version.description == parent.data.tags["mlflow.note.content"]
    assert version.tags["alias_reason"] == "there was no champion"
    model = client.get_logged_model(version.source.removeprefix("models:/"))
    assert {metric.key: metric.value for metric in model.metrics}["test_accuracy"] == 1


def test_command_and_loaded_model_say_the_same_of_bytes_paths_and_base64(
    trained: str, project: Path, colours: Path, run: Run
) -> None:
    photos = [colours / label / "000.jpg" for label in COLOURS]
    script = (
        "import base64, mlflow, pandas as pd, pathlib, sys\n"
        "model = mlflow.pyfunc.load_model('models:/colours@champion')\n"
        "paths = sys.argv[1:]\n"
        "data = [pathlib.Path(path).read_bytes() for path in paths]\n"
        "for photos in (paths, data, [base64.b64encode(one).decode() for one in data]):\n"
        "    print(model.predict(pd.DataFrame({'image': photos})).to_json(orient='records'))\n"
    )
    answers = run("python", "-c", script, *photos, cwd=project).stdout.splitlines()
    assert len(answers) == 3
    assert len(set(answers)) == 1
    rows = json.loads(answers[0])
    assert [row["label"] for row in rows] == list(COLOURS)
    for row in rows:
        assert row["probability"] == max(row[f"probability_{label}"] for label in COLOURS)
        assert sum(row[f"probability_{label}"] for label in COLOURS) == pytest.approx(1, abs=1e-5)

    command = run("catml", "predict", *photos, "--model", "models:/colours@champion", cwd=project).stdout
    assert [line.split()[-3] for line in command.splitlines()[1:]] == list(COLOURS)
    entry = run(
        *("mlflow", "run", ".", "-e", "predict", "-P", f"photos={photos[0]}", "-P", "model=models:/colours@champion"),
        cwd=project,
    )
    assert command.splitlines()[1].split() == entry.stdout.splitlines()[-1].split()


def test_the_registered_keras_file_loads_without_catml(trained: str, project: Path, run: Run, tmp_path: Path) -> None:
    (file,) = (project / "mlruns").rglob("classifier.keras")
    script = (
        "import keras, numpy, sys\n"
        f"model = keras.saving.load_model({str(file)!r}, safe_mode=True)\n"
        "print(model.predict(numpy.full((1, 224, 224, 3), 200, 'uint8'), verbose=0).sum())\n"
        "assert not any(name.startswith('catml') for name in sys.modules)\n"
    )
    assert float(run("python", "-c", script, cwd=tmp_path).stdout) == pytest.approx(1, abs=1e-5)
    assert not list((project / "mlruns").rglob("*.pkl"))


def test_a_second_run_extracts_nothing_and_one_more_photo_is_one(
    trained: str, project: Path, colours: Path, run: Run, tmp_path: Path
) -> None:
    photos = tmp_path / "colours"
    shutil.copytree(colours, photos)
    extract = ("catml", "extract", "--photos", photos, "--backbones", "efficientnet-lite0")
    # Another folder with the same photos: they are known by what is on them.
    assert run(*extract, cwd=project).stdout.endswith("\n0 extracted\n")
    first = photos / "cyan" / "000.jpg"
    (photos / "cyan" / "copy.jpg").write_bytes(first.read_bytes())
    assert run(*extract, cwd=project).stdout.endswith("\n0 extracted\n")
    paint(tmp_path / "more", 21)
    shutil.copy(tmp_path / "more" / "cyan" / "020.jpg", photos / "cyan" / "new.jpg")
    assert run(*extract, cwd=project).stdout.endswith("\n1 extracted\n")


def test_labels_without_meaning_are_not_learnt(project: Path, run: Run, tmp_path: Path) -> None:
    """The twin that must fail: the same photos, labelled at random, and nothing to be found in them."""
    photos = paint(tmp_path / "random", honest=False)
    env = {"CATML_DATA": str(tmp_path / "data"), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    options = ("--backbones", "efficientnet-lite0", "--trials", str(TRIALS))
    out = run("catml", "train", "--photos", photos, *options, cwd=tmp_path, env=env).stdout
    low = float(out.split("95 % interval ")[1].split(" %")[0])
    assert low < 100 / 3
    assert "\nnot registered: the 95 % interval of its accuracy" in out
    assert "what always saying the most frequent label gives" in out
    assert "\nregistered" not in out


def test_wrong_parameters_of_mlflow_run_are_refused_by_us(project: Path, run: Run) -> None:
    done = run(
        *("mlflow", "run", ".", "-e", "train", "-P", "trials=many", "-P", "photos=nowhere", "-P", "colour=red"),
        *("-P", "backbones=efficientnet-lite"),
        cwd=project,
        code=1,
    )
    assert "catml: trials: expected a whole number from 1, got 'many'." in done.stderr
    assert "catml: photos: there is no folder or table 'nowhere'" in done.stderr
    assert "catml: backbones: no 'efficientnet-lite'. Did you mean 'efficientnet-lite" in done.stderr
    assert "catml: train has no parameter 'colour'." in done.stderr
    assert "Traceback" not in done.stderr


def test_random_weights_are_tagged_and_never_registered(project: Path, colours: Path, run: Run, tmp_path: Path) -> None:
    env = {"CATML_DATA": str(tmp_path / "data"), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    options = ("--backbones", "efficientnet-lite0", "--weights", "efficientnet-lite0=random", "--trials", "1")
    out = run("catml", "train", "--photos", colours, *options, cwd=tmp_path, env=env).stdout
    assert "not registered: efficientnet-lite0 has random weights, which are for tests only" in out
    import mlflow

    client = mlflow.MlflowClient(env["MLFLOW_TRACKING_URI"])
    (parent,) = client.search_runs(["1"], "metrics.test_accuracy >= 0")
    assert json.loads(parent.data.tags["weights"]) == {"efficientnet-lite0": "random"}
    assert not client.search_registered_models()


def test_missing_and_broken_photos_are_named_and_the_others_answered(
    trained: str, project: Path, colours: Path, run: Run, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((colours / "cyan" / "000.jpg").read_bytes()[:300])
    done = run(
        *("catml", "predict", colours / "yellow" / "001.jpg", broken, "nowhere.jpg"),
        *("--model", "models:/colours@champion"),
        cwd=project,
        code=2,
    )
    assert "yellow" in done.stdout.splitlines()[1]
    assert f"{broken}" in done.stdout.splitlines()[2]
    assert "no photo: can't be decoded" in done.stdout.splitlines()[2]
    assert "catml: 1 of 2 files is no photo: their rows say why." in done.stderr
    assert "catml: nowhere.jpg: no such file or folder." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_is_sorted_into_labels(trained: str, project: Path, colours: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    given = f"{tmp_path}/*.jpg,{colours}"
    copies = tmp_path / "copies"
    done = run(
        *("catml", "predict", "--photos", given, "--format", "csv", "--copy-to", copies),
        *("--model", "models:/colours@champion"),
        cwd=project,
        code=2,
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert rows[0]["problem"] == "not an image of a known format"
    assert "predicting: 100%" in done.stderr
    assert {row["photo"] for row in rows[1:]} == {str(photo) for photo in colours.rglob("*.jpg")}
    sorted_into = {file.parent.name: 0 for file in copies.rglob("*.jpg")}
    for row in rows[1:]:
        folder = copies / ("_unsure" if row["unsure"] == "True" else row["label"])
        assert any(file.read_bytes() == Path(row["photo"]).read_bytes() for file in folder.iterdir())
    assert set(COLOURS) <= set(sorted_into) <= {*COLOURS, "_unsure"}


def test_a_photo_and_names_of_photos_on_standard_input(trained: str, project: Path, colours: Path, run: Run) -> None:
    photos = [colours / label / "002.jpg" for label in COLOURS]
    model = ("--model", "models:/colours@champion", "--format", "jsonl")
    names = "\n".join(map(str, photos)).encode()
    lines = run("catml", "predict", "-", *model, cwd=project, given=names).stdout.splitlines()
    assert [json.loads(line)["label"] for line in lines] == list(COLOURS)
    alone = run("catml", "predict", "-", *model, cwd=project, given=photos[1].read_bytes()).stdout
    answer, among = json.loads(alone), json.loads(lines[1])
    assert answer.pop("photo") == "-"
    assert answer["label"] == among["label"]
    assert answer["probabilities"] == pytest.approx(among["probabilities"], abs=1e-5)


def test_a_model_that_is_not_there(project: Path, colours: Path, run: Run) -> None:
    photo = colours / "cyan" / "000.jpg"
    done = run("catml", "predict", photo, "--model", "models:/nothing@champion", cwd=project, code=2)
    assert "catml: model: nothing can be loaded from 'models:/nothing@champion'" in done.stderr
    assert "Traceback" not in done.stderr
