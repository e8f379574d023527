"""Phone photos that lie on their side in the file: upright in extraction, prediction and the registered model alike."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from catml.photos.decode import capture, decode
from tests.e2e.conftest import Run

BACKBONE = ("--backbones", "efficientnet-lite0")


@pytest.fixture
def phones(shared: Path) -> list[Path]:
    found = sorted((shared / "photos" / "phone-originals").glob("*.jpg"))
    assert len(found) == 10
    return found


@pytest.fixture
def by_hand(phones: list[Path], tmp_path: Path) -> list[Path]:
    """The same photos, turned by hand and saved without EXIF: what everyone sees in a viewer."""
    folder = tmp_path / "by hand"
    folder.mkdir()
    turned = []
    for phone in phones:
        with Image.open(phone) as image:
            pixels = ImageOps.exif_transpose(image).convert("RGB")
        turned.append(folder / f"{phone.stem}.png")
        pixels.save(turned[-1], compress_level=1)
    return turned


def test_five_lie_on_their_side_and_are_decoded_upright(phones: list[Path], by_hand: list[Path]) -> None:
    turned = 0
    for phone, hand in zip(phones, by_hand, strict=True):
        ours, theirs = (decode(path.read_bytes(), 224).astype(np.int16) for path in (phone, hand))
        assert np.abs(ours - theirs).mean() < 1
        if capture(phone.read_bytes()).orientation != 1:
            turned += 1
            lying = decode(_without_exif(phone), 224).astype(np.int16)
            assert np.abs(lying - theirs).mean() > 10
    assert turned == 5


def _without_exif(path: Path) -> bytes:
    """Return the file without its EXIF segment, so that nothing says how the camera was held."""
    data = path.read_bytes()
    place = 2
    kept = [data[:2]]
    while data[place : place + 2] != b"\xff\xda":
        length = 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if data[place + 1] != 0xE1:
            kept.append(data[place : place + length])
        place += length
    return b"".join(kept) + data[place:]


def test_extracted_predicted_and_served_as_if_turned_by_hand(
    phones: list[Path], by_hand: list[Path], shared: Path, run: Run, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    for name, files in (("phones", phones), ("by hand", by_hand)):
        for label, paths in (("cats", files), ("apples", sorted((shared / "photos/apples/Pink-Lady").iterdir())[:12])):
            (photos / name / label).mkdir(parents=True)
            for path in paths:
                (photos / name / label / path.name).symlink_to(path)
    features = []
    for name in ("phones", "by hand"):
        data = tmp_path / f"data of {name}"
        env = {"CATML_DATA": str(data)}
        run("catml", "extract", "--photos", photos / name, *BACKBONE, cwd=tmp_path, env=env)
        run("catml", "check", photos / name, cwd=tmp_path, env=env)
        (table,) = data.glob("checks/*/photos.parquet")
        (store,) = (data / "features").iterdir()
        found = pd.read_parquet(store).set_index("pixels_sha256")["features"]
        cats = pd.read_parquet(table).query("label == 'cats'").sort_values("path")
        features.append(np.stack(found[cats["pixels_sha256"]].to_list()))
    ours, theirs = features
    similar = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert similar.min() > 0.995

    env = {"CATML_DATA": str(tmp_path / "data of phones")}
    run("catml", "train", "--photos", photos / "phones", *BACKBONE, "--trials", "1", cwd=tmp_path, env=env)
    lines = [
        [line.split()[-3:-1] for line in run("catml", "predict", *files, cwd=tmp_path).stdout.splitlines()[1:]]
        for files in (phones, by_hand)
    ]
    assert [label for label, _ in lines[0]] == [label for label, _ in lines[1]] == ["cats"] * 10
    script = (
        "import json, mlflow, pandas as pd, sys\n"
        "model = mlflow.pyfunc.load_model('models:/catml@champion')\n"
        "print(json.dumps(model.predict(pd.DataFrame({'image': sys.argv[1:]}))['probability_cats'].tolist()))\n"
    )
    served = [json.loads(run("python", "-c", script, *files, cwd=tmp_path).stdout) for files in (phones, by_hand)]
    np.testing.assert_allclose(served[0], served[1], atol=0.02)
    printed = [float(percent) / 100 for _, percent in lines[0]]
    np.testing.assert_allclose(served[0], printed, atol=0.001)
