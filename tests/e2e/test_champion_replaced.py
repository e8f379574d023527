"""The champion gives way to what is not worse on the same photos, by the command and on real photos."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.conftest import Run

OPTIONS = ("--backbones", "efficientnet-lite0", "--trials", "2", "--space", "hidden=0")
# Nothing can be learnt under such a penalty but what is most obvious.
BAD = ("--backbones", "efficientnet-lite0", "--trials", "1", "--space", "hidden=0; linear_l2=1000; scaling=each")


@pytest.fixture(scope="module")
def photos(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ants and bees: a folder of 180, and one of 40 more."""
    folder = tmp_path_factory.mktemp("photos")
    for label in ("ants", "bees"):
        found = sorted((shared / "photos" / "ants-bees" / label).iterdir())
        for name, some in (("first", found[:90]), ("more", found[90:110])):
            (folder / name / label).mkdir(parents=True)
            for photo in some:
                shutil.copy(photo, folder / name / label)
    return folder


def registry(cwd: Path) -> Mapping[str, int]:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{cwd}/mlflow.db")
    return {alias: int(number) for alias, number in client.get_registered_model("catml").aliases.items()}


def test_replaced_and_not_replaced(photos: Path, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "insects"
    shutil.copytree(photos / "first", folder)
    train = ("catml", "train", "--photos", folder)
    out = run(*train, *BAD, "--seed", "1", cwd=tmp_path).stdout
    assert "registered catml version 1, alias champion: there was no champion" in out

    out = run(*train, *OPTIONS, "--seed", "1", cwd=tmp_path).stdout
    assert "note       these test photos were looked at once before" in out
    assert "registered catml version 2, alias champion: against the champion, version 1: " in out

    out = run(*train, *BAD, "--seed", "1", cwd=tmp_path).stdout
    assert "note       these test photos were looked at 2 times before" in out
    assert "registered catml version 3, alias challenger: against the champion, version 2: " in out
    assert " fewer right of 36 photos (McNemar p = " in out
    assert "catml predict PHOTO... --model models:/catml@challenger" in out
    assert registry(tmp_path) == {"champion": 2, "challenger": 3}

    # With another seed, most test photos are among those that the champion has learnt from: they don't count.
    out = run(*train, *OPTIONS, "--seed", "7", cwd=tmp_path).stdout
    (fair,) = re.findall(r"alias champion: against the champion, version 2: .*?(\d+) photos", out)
    assert 10 <= int(fair) < 36

    # More photos: the sides of the old ones stay, the champion answers the new test photos.
    for label in ("ants", "bees"):
        for photo in (photos / "more" / label).iterdir():
            shutil.copy(photo, folder / label)
    out = run(*train, *OPTIONS, "--seed", "1", cwd=tmp_path).stdout
    assert "note       these test photos were looked at 3 times before" in out
    assert "compared   the present champion answers " in out
    assert "against the champion, version 4: " in out

    # Another task does not take its place.
    other = tmp_path / "mirror"
    shutil.copytree(folder, other)
    (other / "ants").rename(other / "formigas")
    out = run("catml", "train", "--photos", other, *OPTIONS, "--seed", "1", cwd=tmp_path).stdout
    assert "alias challenger: the champion, version " in out
    assert "knows ants, which this one does not. Register another task under another name: register_as=NAME" in out
    assert "note       the same experiment has runs on other photos (insects), which can't be compared" in out

    # A bar of one's own.
    out = run(*train, *OPTIONS, "--seed", "1", "--min-accuracy", "0.999", cwd=tmp_path).stdout
    assert "\nnot registered: the 95 % interval of its accuracy" in out
    assert "does not lie above min_accuracy=0.999" in out
    assert "\nregistered" not in out


def test_strangers_are_counted(photos: Path, shared: Path, run: Run, tmp_path: Path) -> None:
    import mlflow

    cats = shared / "photos" / "two-cats"
    train = ("catml", "train", "--photos", photos / "first", *OPTIONS, "--other", cats)
    out = run(*train, cwd=tmp_path).stdout
    unsure = int(out.split("\nother      ")[1].split(" of 90 photos of something else are unsure")[0])
    assert unsure >= 60
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (parent,) = client.search_runs(["1"], "metrics.test_accuracy >= 0")
    assert parent.data.metrics["other_photos"] == 90
    assert parent.data.metrics["other_answered"] == 90 - unsure
    # The registered model says the same of them.
    said = run("catml", "predict", cats, cwd=tmp_path).stdout
    assert said.count("unsure, perhaps ") == unsure
    wrong = run("catml", "train", "--photos", photos / "first", "--other", "nowhere", cwd=tmp_path, code=2)
    assert "catml: other: nowhere: no such file or folder." in wrong.stderr
