"""Photos that came later: predicted, kept, corrected, learnt from; and the report says that they look different."""

import csv
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image, ImageFilter

from tests.e2e.conftest import Run

OPTIONS = ("--backbones", "efficientnet-lite0", "--trials", "2", "--repeats", "1", "--space", "hidden=0")
LABELS = ("ants", "bees")


@pytest.fixture(scope="module")
def photos(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ants and bees in a folder; more of them in one without labels, dark and blurred; and some as they are."""
    folder = tmp_path_factory.mktemp("photos")
    for label in LABELS:
        found = sorted((shared / "photos" / "ants-bees" / label).iterdir())
        for name, some in (("first", found[:80]), ("more", found[80:95])):
            (folder / name / label).mkdir(parents=True)
            for photo in some:
                shutil.copy(photo, folder / name / label)
        (folder / "inbox").mkdir(exist_ok=True)
        for number, photo in enumerate(found[95:115]):
            image = Image.open(photo).convert("RGB").point(lambda value: value // 4)
            image.filter(ImageFilter.GaussianBlur(6)).save(folder / "inbox" / f"{label}-{number:02d}.jpg")
    (folder / "inbox" / "broken.jpg").write_bytes(b"no photo")
    return folder


def runs(cwd: Path, kind: str) -> pd.DataFrame:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{cwd}/mlflow.db")
    return mlflow.search_runs(search_all_experiments=True, filter_string=kind, order_by=["start_time ASC"])


def artifact(cwd: Path, run_id: str, name: str) -> str:
    (file,) = cwd.glob(f"mlruns/*/{run_id}/artifacts/{name}")
    return file.read_text(encoding="utf-8-sig")


def test_predicted_corrected_and_learnt_from(photos: Path, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "insects"
    shutil.copytree(photos / "first", folder)
    train = ("catml", "train", "--photos", "insects", *OPTIONS)
    out = run(*train, cwd=tmp_path).stdout
    assert not re.search("^new  ", out, re.MULTILINE)

    # Kept: a row a photo, and a run.
    done = run("catml", "predict", "--log", photos / "inbox", "--format", "csv", cwd=tmp_path, code=2)
    answers = list(csv.DictReader(done.stdout.splitlines()))
    (table,) = (tmp_path / "data" / "predictions").glob("*.csv")
    kept = pd.read_csv(table, dtype=str, keep_default_na=False)
    assert kept["path"].tolist() == [answer["photo"] for answer in answers]
    assert kept["answer"].tolist() == [answer["label"] for answer in answers]
    assert kept["problem"].ne("").sum() == 1
    assert f"kept       {table.relative_to(tmp_path)}" in done.stderr
    (unlike,) = re.findall(r"^unlike     (\d+) of 40 are unlike all photos learnt from", done.stderr, re.MULTILINE)
    (predicted,) = runs(tmp_path, "metrics.predicted_photos > 0").to_dict("records")
    assert predicted["metrics.predicted_photos"] == 41
    assert predicted["metrics.predicted_strange"] == pytest.approx(int(unlike) / 40)
    assert predicted["tags.predicted_by"] == "catml version 1"
    assert artifact(tmp_path, predicted["run_id"], "predictions.csv") == table.read_text(encoding="utf-8-sig")

    # Nothing is learnt from answers that nobody has looked at.
    refused = run(*train, "--new-photos", table, cwd=tmp_path, code=2).stderr
    assert f"catml: new_photos: no photo in {table} has a label." in refused

    # Corrected, but for ten, and learnt from.
    kept["label"] = [Path(path).name.partition("-")[0] for path in kept["path"]]
    kept.loc[(kept["problem"] != "") | (kept.index >= 30), "label"] = ""
    kept.to_csv(table, index=False)
    wrong = (kept["label"] != kept["answer"])[kept["label"] != ""].sum()
    labelled = int(kept["label"].ne("").sum())
    out = run(*train, "--new-photos", "data/predictions/*.csv", cwd=tmp_path).stdout
    assert f"{41 - labelled} of 41 rows have no label yet, and are left out" in out
    assert re.search(f"^new        The {labelled} photos that came later look unlike the old ones: ", out, re.MULTILINE)
    assert f"before     The champion so far, version 1, gets {labelled - wrong} of {labelled} right that it " in out
    assert re.search(
        r"^after      The new classifier was tested on \d+ of them, .*; beside the champion", out, re.MULTILINE
    )
    last = runs(tmp_path, "metrics.new_photos > 0").iloc[-1]
    assert last["metrics.new_photos"] == labelled
    assert last["metrics.new_p"] < 0.01
    assert last["metrics.new_champion_accuracy"] == pytest.approx((labelled - wrong) / labelled)
    report = artifact(tmp_path, last["run_id"], "report.html")
    assert '<section id="new">' in report
    assert '<a href="#new">' in report
    assert "look unlike the old ones" in report
    later = pd.read_csv(next(tmp_path.glob(f"mlruns/*/{last['run_id']}/artifacts/new_photos.csv")))
    assert later["similarity"].is_monotonic_increasing
    assert set(later["came_with"]) == {str(table.relative_to(tmp_path))}

    # More of the same kind, put into the folders themselves: new is what the champion doesn't know.
    version = re.findall(r"registered catml version 2, alias (\w+)", out)
    shutil.copytree(photos / "more", folder, dirs_exist_ok=True)
    out = run(*train, cwd=tmp_path).stdout
    assert "new        The 30 photos that came later are not shown to look unlike the old ones" in out
    assert f"The champion so far, version {2 if version == ['champion'] else 1}, gets " in out
