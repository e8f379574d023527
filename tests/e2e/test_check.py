"""`catml check` by its real command: whether training may start, and what was written."""

import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from tests.e2e.conftest import Run, paint


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return paint(tmp_path / "my photos", 12)


def written(cwd: Path) -> Path:
    (folder,) = (cwd / "data" / "checks").iterdir()
    return folder


def test_good_photos(photos: Path, run: Run, tmp_path: Path) -> None:
    done = run("catml", "check", photos, cwd=tmp_path)
    assert "36 different ones in 36 files" in done.stdout
    assert done.stdout.endswith("result     training may start\n")
    assert "kept back. If" in done.stdout
    table = pd.read_parquet(written(tmp_path) / "photos.parquet")
    assert len(table) == len(pd.read_csv(written(tmp_path) / "photos.csv")) == 36
    assert set(table["split"]) == {"test", *"01234"}
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "data" / "splits").exists()  # to look decides nothing


def test_broken_files_stop_and_can_be_skipped(photos: Path, run: Run, tmp_path: Path) -> None:
    whole = (photos / "cyan" / "000.jpg").read_bytes()
    (photos / "cyan" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "cyan" / "empty.png").touch()
    shutil.copy(photos / "cyan" / "000.jpg", photos / "cyan" / "copy.jpg")
    done = run("catml", "check", "--photos", photos, cwd=tmp_path, code=2)
    assert done.stdout.endswith("result     training can't start\n")
    assert f"catml: {photos}/cyan/cut.jpg: " in done.stderr
    assert f"catml: {photos}/cyan/empty.png: empty file" in done.stderr
    page = (written(tmp_path) / "check.html").read_text()
    assert "Files that are no photos (2)" in page
    options = ("--backbones", "efficientnet-lite0", "--trials", "2", "--nested", "false")
    assert run("catml", "train", "--photos", photos, *options, cwd=tmp_path, code=2).stderr.count(": empty file") == 1
    out = run("catml", "train", "--photos", photos, *options, "--skip-broken", "true", cwd=tmp_path).stdout
    assert "left out: cyan/empty.png: empty file" in out
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (parent,) = client.search_runs(["1"], "metrics.test_accuracy >= 0")
    assert parent.data.metrics["photos_broken"] == 2
    assert parent.data.metrics["photos_learn"] + parent.data.metrics["photos_test"] == 36
    assert parent.data.params["skip_broken"] == "true"
    assert {"check.html", "broken.csv", "split.csv"} <= {
        file.path for file in client.list_artifacts(parent.info.run_id)
    }


def test_a_table_with_groups_and_a_split(photos: Path, run: Run, tmp_path: Path) -> None:
    rows = [
        {
            "path": f"{photos.name}/{photo.relative_to(photos)}",
            "label": "warm" if photo.parent.name == "yellow" else "cold",
            "group": f"{photo.parent.name}{int(photo.stem) // 2}",
            "split": "test" if int(photo.stem) < 2 else "train",
        }
        for photo in sorted(photos.glob("*/*.jpg"))
    ]
    table = tmp_path / "photos.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    options = ("--photos", table, "--backbones", "efficientnet-lite0", "--trials", "2", "--nested", "false")
    out = run("catml", "train", *options, cwd=tmp_path).stdout
    assert "24 cold, 12 warm" in out
    assert "6 kept back for one test" in out
    assert not (tmp_path / "data" / "splits").exists()
    rows[0]["split"] = "train"
    pd.DataFrame(rows).to_csv(table, index=False)
    done = run("catml", "train", *options, cwd=tmp_path, code=2)
    assert "lie on different sides of your split" in done.stderr
    assert run("catml", "check", table, cwd=tmp_path, code=2).stderr == done.stderr


def test_groups_by_features(photos: Path, run: Run, tmp_path: Path) -> None:
    plain = run("catml", "check", photos, cwd=tmp_path)
    grouped = run("catml", "check", photos, "--cosine", "0.5", cwd=tmp_path, code=2)
    assert "each group stays on one side" not in plain.stdout
    assert "in 3 groups of at most 12: each group stays on one side" in grouped.stdout
    assert "catml: cyan: shows only 1 different moments" in grouped.stderr


def test_by_mlflow_run(photos: Path, project: Path, run: Run) -> None:
    done = run("mlflow", "run", ".", "-e", "check", "-P", f"photos={photos}", cwd=project)
    assert "result     training may start" in done.stdout


def test_twenty_more_photos(photos: Path, run: Run, tmp_path: Path) -> None:
    """No old photo changes side, and only the new ones are read, hashed and extracted."""
    options = ("--photos", photos, "--backbones", "efficientnet-lite0")
    train = ("catml", "train", *options, "--trials", "1", "--nested", "false")
    run(*train, cwd=tmp_path)
    (sides,) = (tmp_path / "data" / "splits").iterdir()
    before = pd.read_csv(sides).set_index("pixels_sha256")["side"]
    old = {photo: (photo.read_bytes(), photo.stat()) for photo in photos.glob("*/*.jpg")}
    for label in ("cyan", "magenta"):
        for number in range(10):
            with Image.open(photos / label / "000.jpg") as photo:
                photo.rotate(3 * number + 5, fillcolor=(number, 9 * number, 50)).save(
                    photos / label / f"new{number}.jpg"
                )

    def put(photo: Path, data: bytes) -> None:
        photo.write_bytes(data)
        os.utime(photo, ns=(old[photo][1].st_atime_ns, old[photo][1].st_mtime_ns))

    for photo, (data, _) in old.items():
        put(photo, bytes(len(data)))  # whoever reads an old photo again finds no photo
    done = run("catml", "extract", *options, cwd=tmp_path)
    assert re.findall(r"checking photos: 100%.* (\d+)/(\d+) ", done.stderr) == [("20", "20")]
    assert "features of 36 photos at hand, 20 to extract" in done.stdout
    assert done.stdout.endswith("\n20 extracted\n")
    for photo, (data, _) in old.items():
        put(photo, data)
    done = run(*train, cwd=tmp_path)
    assert "checking photos" not in done.stderr
    assert "features of 56 photos at hand, 0 to extract" in done.stdout
    after = pd.read_csv(sides).set_index("pixels_sha256")["side"]
    assert len(after) == 56
    assert after[before.index].equals(before)
