"""An exported file answers as Keras does, says how it is used, and is not written where anything is wrong."""

import json

import keras
import mlflow
import numpy as np
import pytest

from catml import export, registration
from catml.classifier import Classifier, Description
from catml.errors import CatmlError, InputError
from catml.network import assemble
from tests import test_classifier, test_network
from tests.test_classifier import LABELS, photo


@pytest.fixture(scope="module")
def classifier():
    return test_classifier.make()


@pytest.fixture(scope="module")
def averaged():
    """Two sizes, two heads, mirror images: everything `assemble` can build in."""
    heads = [test_network.head("small", "large"), test_network.head("other", spec=test_network.LINEAR)]
    network = assemble(test_network.BACKBONES, heads, mirrored=True)
    sizes = (test_network.SMALL, test_network.LARGE)
    return Classifier(network, Description(test_network.LABELS, sizes, ("small+large", "other"), ({}, {}), True, {}))


@pytest.fixture(params=list(export.ENDINGS))
def kind(request):
    for module in export.NEEDED[request.param]:
        pytest.importorskip(module)
    return request.param


@pytest.mark.parametrize("which", ["classifier", "averaged"])
def test_every_format_answers_as_keras(which, kind, request, tmp_path):
    classifier = request.getfixturevalue(which)
    (tmp_path / "photo.png").write_bytes(photo())
    target = tmp_path / f"cats{export.ENDINGS[kind]}"
    checked = export.export(classifier, kind, target, [tmp_path / "photo.png"])
    assert checked.photos == export.MADE_UP + 1
    assert checked.difference <= 1e-5
    assert checked.seconds > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["cats.json", target.name, "photo.png"])
    # The file as it lies there, in one batch where the runtime takes one.
    answer = {"onnx": export._onnx, "litert": export._litert, "keras": export._keras}[kind](target, classifier.network)
    rng = np.random.default_rng(1)
    pixels = [rng.integers(0, 256, (3, s, s, 3)).astype(np.float32) for s in classifier.description.input_sizes]
    np.testing.assert_allclose(answer(pixels), classifier.probabilities(pixels), rtol=0, atol=1e-5)


def test_what_goes_along(averaged, tmp_path):
    export.export(averaged, "keras", tmp_path / "cats.keras")
    said = json.loads((tmp_path / "cats.json").read_text())
    assert said["labels"] == list(test_network.LABELS)
    assert {name: of["shape"] for name, of in said["inputs"].items()} == {
        "pixels_8": ["photos", 8, 8, 3],
        "pixels_12": ["photos", 12, 12, 3],
    }
    assert (said["threshold"], said["temperature"]) == (0.0, 1.0)
    assert "upright RGB, values 0 to 255" in said["pixels"]


def test_onnx_tells_it_too(classifier, tmp_path):
    for module in export.NEEDED["onnx"]:
        pytest.importorskip(module)
    import onnxruntime

    export.export(classifier, "onnx", tmp_path / "cats.onnx")
    told = onnxruntime.InferenceSession(str(tmp_path / "cats.onnx")).get_modelmeta().custom_metadata_map
    described = json.loads((tmp_path / "cats.json").read_text())
    assert json.loads(told["labels"]) == list(LABELS)
    assert set(described) <= set(told)


def test_a_file_that_answers_otherwise_is_not_written(classifier, tmp_path, monkeypatch):
    """What is converted is another network, as if the converter had got a layer wrong."""
    other = test_classifier.make(test_network.LINEAR).network
    convert = export._convert
    monkeypatch.setattr(export, "_convert", lambda network, kind, path: convert(other, kind, path))
    with pytest.raises(CatmlError, match=r"differ from Keras's by .*, more than 1e-05\. Nothing is written"):
        export.export(classifier, "keras", tmp_path / "cats.keras")
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_is_no_number_is_no_small_difference(classifier):
    with np.errstate(invalid="ignore"):
        checked = export.check(classifier, lambda pixels: np.full((1, 3), np.nan, np.float32))
    assert not checked.difference <= export.CLOSE


@pytest.fixture
def registered(classifier, tmp_path, monkeypatch):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    run = mlflow.MlflowClient().create_run(mlflow.create_experiment("here", artifact_location=str(tmp_path / "runs")))
    classifier.save(tmp_path / "classifier")
    registration.register(run.info.run_id, tmp_path / "classifier", list(LABELS), registration.Entry("fruit", {}, ""))
    yield "models:/fruit/1"
    mlflow.set_tracking_uri(before)


def test_registered_model_is_exported(registered, tmp_path, write_photos, capsys):
    photos = write_photos(tmp_path / "photos", apple=2)
    export.show(registered, "keras", str(tmp_path / "new" / "folder"), str(photos))
    out = capsys.readouterr().out
    assert "checked    on 32 made-up and 2 given photos: probabilities differ from Keras's by at most 0.0e+00" in out
    assert "classifier.keras, 0.0 MB, and classifier.json" in out
    network = keras.saving.load_model(tmp_path / "new" / "folder" / "classifier.keras", safe_mode=True)
    assert network.output_shape == (None, len(LABELS))


def test_all_that_is_wrong_is_said_before_any_work(tmp_path):
    (tmp_path / "cats.json").write_text("{}")
    with pytest.raises(InputError) as caught:
        export.show("models:/none@none", "keras", str(tmp_path / "cats.keras"), str(tmp_path / "gone"), ["model: bad."])
    said = caught.value.problems
    assert said[0] == "model: bad."
    assert said[1] == f"output: {tmp_path}/cats.json is there already. Remove it, or give another name."
    assert said[2].startswith(f"photos: {tmp_path}/gone: ")
    with pytest.raises(InputError, match=r"a name for another format than keras, whose files end in \.keras"):
        export.show("models:/none@none", "keras", str(tmp_path / "cats.onnx"), "")
    (tmp_path / "text.jpg").write_text("buy milk")
    with pytest.raises(InputError, match="not an image of a known format"):
        export.show("models:/none@none", "keras", str(tmp_path / "new"), str(tmp_path / "text.jpg"))


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(export.NEEDED, "litert", {"json": "json", "no_such_converter": "no-such-converter"})
    assert export.missing("litert") == [
        "format: litert needs 'pip install no-such-converter', or catml's extra 'export'."
    ]
    assert export.missing("keras") == []
