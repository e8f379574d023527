from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from catml.errors import InputError
from catml.photos import sample
from catml.photos.sample import LABELS, MARKER, draw_photo, draw_sample


@pytest.fixture
def three_each(monkeypatch):
    monkeypatch.setattr(sample, "PHOTOS_PER_LABEL", 3)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


EXPECTED = [MARKER, *(f"{label}/{label}-{k:03d}.jpg" for label in LABELS for k in range(3))]


def test_a_picture_depends_on_nothing_but_label_and_index():
    first = [draw_photo(label, index).tobytes() for label in LABELS for index in (3, 4)]
    again = [draw_photo(label, index).tobytes() for label in reversed(LABELS) for index in (4, 3)]
    assert first == again[::-1]
    assert len(set(first)) == 4


def test_pictures_are_rgb_landscape_or_portrait():
    pictures = [draw_photo(label, index) for label in LABELS for index in range(12)]
    assert {picture.mode for picture in pictures} == {"RGB"}
    assert {picture.size for picture in pictures} == {(400, 300), (300, 400)}


def test_an_unknown_label_is_refused():
    with pytest.raises(ValueError, match="tom"):
        draw_photo("tom", 0)


def test_draws_one_folder_a_label_and_leaves_nothing_beside_it(tmp_path, three_each):
    folder = tmp_path / "new" / "sample"
    assert draw_sample(folder, progress=False) == folder
    assert files(folder) == EXPECTED
    assert [path.name for path in folder.parent.iterdir()] == ["sample"]
    with Image.open(folder / "kuki" / "kuki-001.jpg") as picture:
        assert picture.format == "JPEG"


def test_a_complete_sample_is_not_drawn_again(tmp_path, three_each, monkeypatch):
    draw_sample(tmp_path / "sample", progress=False)
    monkeypatch.setattr(sample, "_draw_into", lambda *_, **__: pytest.fail("drawn again"))
    draw_sample(tmp_path / "sample", progress=False)


@pytest.mark.parametrize("harm", ["missing picture", "older version", "no marker"])
def test_a_half_or_older_sample_is_replaced(tmp_path, three_each, harm):
    folder = tmp_path / "sample"
    draw_sample(folder, progress=False)
    whole = (folder / "gepetto" / "gepetto-002.jpg").read_bytes()
    if harm == "missing picture":
        (folder / "gepetto" / "gepetto-002.jpg").unlink()
    elif harm == "older version":
        (folder / MARKER).write_text("0 3\n")
        (folder / "gepetto" / "gepetto-002.jpg").write_bytes(b"old")
    else:
        (folder / MARKER).unlink()
    (folder / "kuki" / "kuki-999.jpg").write_bytes(b"from a larger sample")
    draw_sample(folder, progress=False)
    assert files(folder) == EXPECTED
    assert (folder / "gepetto" / "gepetto-002.jpg").read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


def test_an_interrupted_drawing_leaves_the_old_folder_and_no_other(tmp_path, three_each, monkeypatch):
    folder = tmp_path / "sample"
    (folder / "kuki").mkdir(parents=True)
    (folder / "kuki" / "kuki-000.jpg").write_bytes(b"old")

    def interrupted(work: Path, *, progress: bool) -> None:
        (work / "gepetto").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(sample, "_draw_into", interrupted)
    with pytest.raises(KeyboardInterrupt):
        draw_sample(folder, progress=False)
    assert files(folder) == ["kuki/kuki-000.jpg"]
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


@pytest.mark.parametrize("name", ["kuki/holiday.jpg", "notes.txt", "gepetto/kuki-000.jpg"])
def test_somebody_elses_files_are_never_replaced(tmp_path, three_each, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(InputError, match=name):
        draw_sample(tmp_path, progress=False)
    assert (tmp_path / name).read_bytes() == b"mine"


@pytest.fixture(scope="module")
def whole_sample(tmp_path_factory) -> tuple[np.ndarray, np.ndarray]:
    folder = draw_sample(tmp_path_factory.mktemp("whole") / "sample", progress=False)
    paths = sorted(folder.rglob("*.jpg"))
    pixels = []
    for path in paths:
        with Image.open(path) as picture:
            pixels.append(np.asarray(picture.resize((64, 64))).reshape(-1, 3))
    return np.array(pixels), np.array([path.parent.name == "kuki" for path in paths])


def colours_together(pixels: np.ndarray) -> np.ndarray:
    cells = (pixels // 32) @ np.array([64, 8, 1])
    return np.array([np.bincount(photo, minlength=512) for photo in cells])


def colours_apart(pixels: np.ndarray) -> np.ndarray:
    bins = [[np.bincount(photo[:, c] // 16, minlength=16) for c in range(3)] for photo in pixels]
    return np.array(bins).reshape(len(pixels), -1)


def brightness(pixels: np.ndarray) -> np.ndarray:
    return np.column_stack([pixels.mean(axis=(1, 2)), pixels.std(axis=(1, 2))])


@pytest.mark.parametrize("strength", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("measure", [colours_together, colours_apart, brightness])
def test_colours_alone_do_not_tell_the_cats_apart(whole_sample, measure, strength):
    pixels, labels = whole_sample
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    assert len(labels) == 400
    assert cross_val_score(model, measure(pixels), labels, cv=folds).mean() < 0.85
