"""Real photos, real weights: the champion beside scikit-learn's LogisticRegression on the same features and split."""

from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Run


def test_two_cats_on_two_backbones(shared: Path, run: Run, tmp_path: Path) -> None:
    options = [
        *("--photos", shared / "photos" / "two-cats", "--backbones", "efficientnet-lite0,xception"),
        *("--weights", f"xception={shared / 'weights' / 'xception-imagenet-notop.weights.h5'}"),
    ]
    out = run("catml", "train", *options, cwd=tmp_path).stdout
    assert "note       18 test photos would say little" in out
    right, of, photos = out.split("\ntest")[1].split()[:3]
    assert (of, photos) == ("of", "90")
    assert int(right) >= 86
    said = run(
        "python", "-m", "experiments.logistic_regression", *options, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}
    ).stdout
    rows = [row.strip() for row in said.split("model  ")[1].splitlines()[1:]]
    losses = [float(next(word for word in row.split() if word[1:2] == "." and word[0].isdigit())) for row in rows]
    assert [row.split("  ")[0] for row in rows[:2]] == ["catml, champion", "catml, lowest log loss"]
    assert len(losses) == 8
    assert losses[1] <= min(losses)


@pytest.mark.parametrize(("name", "width"), [("nasnetlarge", 4032), ("inceptionresnetv2", 1536)])
def test_networks_without_weights_here_extract_with_random_ones(
    name: str, width: int, colours: Path, run: Run, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    for label in colours.iterdir():
        (few / label.name).mkdir(parents=True)
        for photo in sorted(label.iterdir())[:10]:
            (few / label.name / photo.name).symlink_to(photo)
    weights = ("--backbones", name, "--weights", f"{name}=random")
    out = run("catml", "extract", "--photos", few, *weights, cwd=tmp_path).stdout
    assert f"{name}: features {width} wide" in out
    assert out.endswith("\n30 extracted\n")
    trained = run("catml", "train", "--photos", few, *weights, "--trials", "1", cwd=tmp_path).stdout
    assert f"not registered: {name} has random weights" in trained
