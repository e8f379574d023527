"""The classifier takes photos in any of three forms, says all that is wrong with them, and is plain Keras on disk."""

import base64
import io
import json
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from catml.classifier import Classifier, Description, load
from catml.errors import InputError
from catml.evaluation.familiarity import fit_familiar
from catml.heads.fit import fit_head
from catml.heads.spec import HeadSpec
from catml.network import Head, assemble
from catml.photos.decode import decode

SIZE, WIDTH = 8, 12
LABELS = ("apple", "käse", "zebra")
HIDDEN = HeadSpec((6, 4), "each", 1e-3, 0.5, 1e-2, 3)


def backbone():
    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1)(pixels)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(WIDTH, 3, activation="relu")(x))
    return keras.Model(pixels, x, name="toy")


def make(spec=HIDDEN):
    generator = np.random.default_rng(0)
    labels = np.arange(30) % len(LABELS)
    features = generator.normal(size=(30, WIDTH)).astype(np.float32) + np.eye(3, WIDTH, dtype=np.float32)[labels]
    head = Head(("toy",), fit_head(features, labels, spec, len(LABELS), 42), spec)
    description = Description(
        LABELS, (SIZE,), ("toy",), (spec.params(),), False, {"toy": {"weights": "none"}}, {"a": 1}
    )
    return Classifier(assemble({"toy": backbone()}, [head]), description)


@pytest.fixture(scope="module")
def classifier():
    return make()


@pytest.fixture(scope="module")
def saved(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "classifier"
    classifier.save(folder)
    return folder


def photo(seed=0, **options):
    """Return a photo file's content."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 9, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, options.pop("kind", "PNG"), **options)
    return buffer.getvalue()


def pixels(count=5):
    return np.stack([decode(photo(seed), SIZE) for seed in range(count)])


def test_saved_and_loaded(classifier, saved):
    again = load(saved)
    assert again.description == classifier.description
    np.testing.assert_array_equal(again.probabilities([pixels()]), classifier.probabilities([pixels()]))


def test_what_lies_on_disk(classifier, saved):
    assert sorted(path.name for path in saved.iterdir()) == ["classifier.json", "classifier.keras"]
    described = json.loads((saved / "classifier.json").read_text())
    assert described == {
        "labels": ["apple", "käse", "zebra"],
        "input_sizes": [SIZE],
        "backbones": ["toy"],
        "heads": [HIDDEN.params()],
        "mirrored": False,
        "fingerprints": {"toy": {"weights": "none"}},
        "metrics": {"a": 1},
        "temperature": 1.0,
        "threshold": 0.0,
        "precision": 0.0,
        "photos": "",
    }


def test_a_classifier_of_an_older_catml_is_loaded(classifier, saved, tmp_path):
    """It knows no threshold, and takes every photo for familiar."""
    described = json.loads((saved / "classifier.json").read_text())
    for name in ("temperature", "threshold", "precision", "photos"):
        del described[name]
    (tmp_path / "classifier.json").write_text(json.dumps(described))
    (tmp_path / "classifier.keras").write_bytes((saved / "classifier.keras").read_bytes())
    again = load(tmp_path)
    assert (again.familiar, again.judged) == (None, None)
    assert again.description == classifier.description
    answer = again.predict([photo()])
    assert answer["unsure"].tolist() == [False]
    assert answer.equals(classifier.predict([photo()]))


def test_keras_alone_opens_it(classifier, saved, tmp_path):
    np.save(tmp_path / "pixels.npy", pixels())
    code = (
        "import sys, numpy as np, keras\n"
        "model, pixels, out = sys.argv[1:]\n"
        "network = keras.saving.load_model(model, safe_mode=True)\n"
        "np.save(out, network.predict_on_batch(np.load(pixels)))\n"
        "assert not [name for name in sys.modules if name.startswith('catml')]\n"
    )
    files = [saved / "classifier.keras", tmp_path / "pixels.npy", tmp_path / "out.npy"]
    subprocess.run([sys.executable, "-c", code, *map(str, files)], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), classifier.probabilities([pixels()]), atol=1e-6)


def test_serving_needs_neither_scikit_learn_nor_scipy(saved, tmp_path):
    """The registered model doesn't ask for them."""
    (tmp_path / "photo.png").write_bytes(photo())
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('sklearn', 'scipy', 'matplotlib', 'optuna', 'pyarrow.dataset'))\n"
        "from pathlib import Path\n"
        "from catml.classifier import load\n"
        "assert len(load(Path(sys.argv[1])).predict([Path(sys.argv[2])])) == 1\n"
    )
    subprocess.run([sys.executable, "-c", code, str(saved), str(tmp_path / "photo.png")], check=True)


def test_dropout_is_off(classifier):
    np.testing.assert_array_equal(classifier.probabilities([pixels()]), classifier.probabilities([pixels()]))


def test_prediction(classifier):
    answer = classifier.predict([photo(seed) for seed in range(5)])
    probabilities = classifier.probabilities([pixels()])
    assert list(answer.columns) == [
        "label", "probability", "unsure", "probability_apple", "probability_käse", "probability_zebra",
    ]  # fmt: skip
    assert answer["unsure"].tolist() == [False] * 5
    assert answer["label"].tolist() == [LABELS[best] for best in probabilities.argmax(axis=1)]
    np.testing.assert_allclose(answer["probability"], probabilities.max(axis=1))
    np.testing.assert_allclose(answer.iloc[:, 3:], probabilities)


def test_bytes_paths_and_base64_are_the_same_photo(classifier, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(photo())
    forms = [photo(), bytearray(photo()), path, str(path), base64.b64encode(photo()).decode()]
    answer = classifier.predict(forms)
    assert len(answer) == len(forms)
    np.testing.assert_allclose(answer["probability"], answer["probability"][0], atol=1e-6)


def test_base64_of_a_tiny_photo_is_no_name(classifier):
    """Longer than a file's name may be, and without a slash: the system refuses even to look for it."""
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20)).save(buffer, "BMP")
    text = base64.b64encode(buffer.getvalue()).decode()
    assert len(text) < 4096
    assert max(map(len, text.split("/"))) > 255
    assert len(classifier.predict([text])) == 1


def test_more_photos_than_a_batch(classifier):
    answer = classifier.predict([photo(seed) for seed in range(40)])
    assert len(answer) == 40
    alone = classifier.predict([photo(39)])
    np.testing.assert_allclose(answer["probability"].iloc[39], alone["probability"][0], atol=1e-6)


def test_no_photos(classifier):
    answer = classifier.predict([])
    assert len(answer) == 0
    assert "probability_zebra" in answer.columns


def test_a_photo_lying_on_its_side_is_turned(classifier):
    upright = Image.open(io.BytesIO(photo()))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(buffer, "PNG", exif=exif)
    answer = classifier.predict([photo(), buffer.getvalue()])
    np.testing.assert_allclose(answer["probability"][0], answer["probability"][1], atol=1e-6)


def test_every_broken_photo_is_named(classifier, tmp_path):
    (tmp_path / "text.jpg").write_text("buy milk")
    gone = tmp_path / "gone.jpg"
    short, text = base64.b64encode(b"no image").decode(), base64.b64encode(b"not an image " * 50).decode()
    given = [photo(), b"", gone, str(tmp_path / "text.jpg"), "nowhere.jpg", short, text, None]
    with pytest.raises(InputError) as caught:
        classifier.predict(given)
    assert list(caught.value.problems) == [
        "row 1, photo: empty file",
        f"row 2, {gone}: can't be read (No such file or directory)",
        f"row 3, {tmp_path}/text.jpg: not an image of a known format",
        "row 4, nowhere.jpg: neither an existing file nor base64 text",
        f"row 5, {short}: no such file",
        "row 6, photo: not an image of a known format",
        "row 7, photo: expected bytes, a path or base64 text, got NoneType",
    ]


def of_network(classifier, seeds):
    """Features that the toy backbone gives photos."""
    return backbone().predict_on_batch(np.stack([decode(photo(seed), SIZE) for seed in seeds]))


JUDGED = pd.DataFrame(
    {"pixels_sha256": ["00", "1e5"], "label": ["NA", "käse"], "judged": ["test", "learn"], "answer": ["zebra", "NA"]}
)


@pytest.fixture(scope="module")
def careful(classifier):
    """A classifier that has learnt from photos of noise, and what they look like."""
    seeds = range(100, 160)
    familiar = fit_familiar(of_network(classifier, seeds), seeds, [WIDTH])
    described = replace(
        classifier.description, temperature=1.5, threshold=0.0, precision=0.95, photos="fruit", metrics={"a": 0.5}
    )
    return Classifier(classifier.network, described, familiar, JUDGED)


def test_unsure_is_what_is_less_probable_than_the_threshold(careful):
    photos = [photo(seed) for seed in range(20)]
    probable = careful.predict(photos)["probability"]
    line = float(probable.median())
    found = replace(careful, description=replace(careful.description, threshold=line), familiar=None).predict(photos)
    assert found["unsure"].tolist() == (probable < line).tolist()
    assert found["unsure"].sum() == 10
    assert found["unsure"].dtype == bool
    # It is still told what it might be.
    assert found.drop(columns="unsure").equals(careful.predict(photos).drop(columns="unsure"))


def test_a_probability_at_the_threshold_is_answered(careful):
    (probable,) = careful.predict([photo(3)])["probability"]
    at = replace(careful, description=replace(careful.description, threshold=probable), familiar=None)
    assert at.predict([photo(3)])["unsure"].tolist() == [False]


def test_unsure_is_what_looks_like_nothing_learnt_from(careful):
    """Noise is familiar, a plain white photo isn't, however probable its label is."""
    buffer = io.BytesIO()
    Image.new("RGB", (9, 12), "white").save(buffer, "PNG")
    photos = [*[photo(seed) for seed in range(40)], buffer.getvalue()]
    found = careful.predict(photos)
    similar = careful.familiar.of(of_network(careful, range(40)))
    assert found["unsure"].tolist() == [*(similar < careful.familiar.least).tolist(), True]
    assert found["unsure"].sum() < 6
    assert not replace(careful, familiar=None).predict(photos)["unsure"].any()


def test_answer_gives_probabilities_and_similarity(careful):
    probabilities, similar = careful.answer([pixels()])
    np.testing.assert_allclose(probabilities, careful.probabilities([pixels()]), atol=1e-6)
    np.testing.assert_allclose(similar, careful.familiar.of(of_network(careful, range(5))), atol=1e-3)
    _, unknown = replace(careful, familiar=None).answer([pixels()])
    assert unknown.tolist() == [np.inf] * 5


def test_all_of_it_is_saved_and_loaded(careful, tmp_path):
    careful.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "classifier.json", "classifier.keras", "familiar.npz", "judged.csv",
    ]  # fmt: skip
    again = load(tmp_path)
    assert again.description == careful.description
    assert (again.description.temperature, again.description.photos) == (1.5, "fruit")
    assert again.familiar.least == careful.familiar.least
    np.testing.assert_array_equal(again.familiar.directions, careful.familiar.directions)
    # Texts stay what they are: a label NA is no gap, and a digest 1e5 no number.
    assert again.judged.to_dict("list") == JUDGED.to_dict("list")
    photos = [photo(seed) for seed in range(30)]
    assert again.predict(photos).equals(careful.predict(photos))


def test_no_photos_for_a_careful_one(careful):
    assert careful.predict([])["unsure"].tolist() == []
