"""Too few photos to keep some back: nested cross-validation, by the real command; and the report that comes of it."""

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.conftest import Run

TRAIN = ("--backbones", "efficientnet-lite0", "--trials", "2", "--space", "hidden=0")
SECTIONS = ("Compared", "unsure", "heads", "mistake", "labels", "Twice the photos", "Left out", "repeat")


@pytest.fixture(scope="module")
def trained(colours: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("nested")
    return folder, run("catml", "train", "--photos", colours, *TRAIN, cwd=folder).stdout


def artifacts(folder: Path) -> Path:
    (report,) = folder.glob("mlruns/*/*/artifacts/report.html")
    return report.parent


def test_every_photo_is_tested(trained: tuple[Path, str]) -> None:
    folder, out = trained
    assert "note       12 test photos would say little: all photos are learnt from" in out
    assert "split      60 to learn from, in 5 folds, 2 times over; each is tested by a study on the other folds" in out
    assert re.search(r"\ntest       \d+ of 60 right: ", out)
    judged = pd.read_csv(artifacts(folder) / "predictions.csv")
    assert judged["judged"].tolist() == ["test"] * 60
    assert judged["pixels_sha256"].is_unique
    right = int((judged["answer"] == judged["label"]).sum())
    assert f"\ntest       {right} of 60 right: " in out


def test_the_report_is_one_page_that_needs_nothing_else(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    page = (artifacts(folder) / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page
    assert [section for section in SECTIONS if section.lower() not in page.lower()] == []
    assert "60" in page.split("</h1>")[1].split("</section>")[0]
    pictures = {path.name for path in (artifacts(folder) / "figures").iterdir()}
    assert pictures == {"heads.png", "curve.png", "reliability.png"}


def test_the_command_of_the_report_repeats_it(trained: tuple[Path, str], run: Run, colours: Path) -> None:
    folder, out = trained
    page = (artifacts(folder) / "report.html").read_text()
    (command,) = re.findall(r"catml train [^<\n]+", page)[:1]
    words = [word.strip("&#39;") for word in command.split()]
    again = run(*words, cwd=folder).stdout
    assert "2 of 2 trials are at hand" in again
    assert "note       these photos were used for a nested test once before" in again
    line = re.compile(r"\ntest .*")
    assert line.findall(again) == line.findall(out)
    assert "alias champion: against the champion, version 1: the same 60 photos right and wrong" in again
