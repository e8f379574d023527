"""The registered model is whole: code, weights, signature, example, no pickle; pyfunc and plain Keras load it."""

import base64
import pickletools
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest

from catml.registration import Entry, example, load_classifier, register, requirements
from tests.test_classifier import LABELS, make, photo, pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The model's folder as MLflow keeps it."""
    home = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")
    try:
        experiment = mlflow.create_experiment("here", artifact_location=str(home / "runs"))
        run = mlflow.MlflowClient().create_run(experiment)
        classifier = make()
        classifier.save(home / "classifier")
        number = register(run.info.run_id, home / "classifier", list(LABELS), Entry("fruit", {"a": 1}, "x"))
        assert number == 1
        again = load_classifier("fruit", 1)
        np.testing.assert_array_equal(again.probabilities([pixels()]), classifier.probabilities([pixels()]))
        yield Path(mlflow.artifacts.download_artifacts("models:/fruit/1", dst_path=str(home / "copy")))
    finally:
        mlflow.set_tracking_uri(before)


def members(folder):
    """Yield name and content of every file, also of those in archives (.keras and .npz are such)."""
    for path in filter(Path.is_file, folder.rglob("*")):
        yield str(path.relative_to(folder)), path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path.name}/{name}", archive.read(name)


def is_pickle(data):
    try:
        return any(operation.name == "STOP" for operation, _, _ in pickletools.genops(data)) and len(data) > 1
    except (ValueError, UnicodeDecodeError, IndexError):
        return False


def test_this_test_sees_a_pickle():
    assert is_pickle(b"\x80\x04K\x01.")
    assert is_pickle(b"cos\nsystem\n(S'true'\ntR.")
    assert not is_pickle(b'{"a": 1}')


def test_no_pickle(folder):
    found = dict(members(folder))
    assert "artifacts/classifier/classifier.keras" in found
    assert "classifier.keras/model.weights.h5" in found
    assert [name for name, data in found.items() if name.endswith((".pkl", ".pickle")) or is_pickle(data)] == []
    assert "pickle" not in found["requirements.txt"].decode()


def test_no_caches_and_no_links_out_of_it(folder):
    assert [path for path in folder.rglob("*") if path.name == "__pycache__" or path.is_symlink()] == []


def test_requirements_are_pinned(folder):
    lines = (folder / "requirements.txt").read_text().split()
    assert lines == requirements()
    assert all("==" in line for line in lines)
    assert {line.split("==")[0] for line in lines} >= {"keras", "mlflow", "numpy", "pandas", "pillow"}


def test_signature_and_example(folder):
    model = mlflow.models.Model.load(str(folder))
    assert [(column.name, str(column.type)) for column in model.signature.inputs] == [("image", "DataType.string")]
    names = ["label", "probability", "unsure", *(f"probability_{label}" for label in LABELS)]
    assert model.signature.outputs.input_names() == names
    loaded = model.load_input_example(str(folder))
    pd.testing.assert_frame_equal(loaded, example(), check_dtype=False)
    assert len(base64.b64decode(loaded["image"][0])) < 10_000


def test_pyfunc_answers_the_example_without_catml_elsewhere(folder, tmp_path):
    """Neither the checkout nor the installed package is on the path: the code comes from the model's folder."""
    code = (
        "import sys, mlflow, pandas as pd\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "import catml\n"
        "assert catml.__file__.startswith(sys.argv[1]), catml.__file__\n"
        "answer = model.predict(model.input_example)\n"
        "answer = pd.concat([answer, model.predict(pd.DataFrame({'image': [open(sys.argv[2], 'rb').read()]}))])\n"
        "answer.to_json(sys.argv[3], orient='records')\n"
    )
    (tmp_path / "photo.png").write_bytes(photo())
    files = [str(folder), str(tmp_path / "photo.png"), str(tmp_path / "answer.json")]
    subprocess.run([sys.executable, "-c", code, *files], check=True, cwd=tmp_path, env={"PATH": ""})
    answer = pd.read_json(tmp_path / "answer.json")
    expected = make().predict([*example()["image"], photo()])
    np.testing.assert_allclose(answer.iloc[:, 3:].astype(float), expected.iloc[:, 3:], atol=1e-6)


def test_plain_keras_loads_it_in_safe_mode(folder):
    network = keras.saving.load_model(folder / "artifacts" / "classifier" / "classifier.keras", safe_mode=True)
    np.testing.assert_allclose(network.predict_on_batch(pixels()), make().probabilities([pixels()]), atol=1e-6)
