"""What MLflow runs: photos in any form, reasons as MLflow's own exceptions, and no file read for a stranger."""

import base64
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from catml.served_model import SERVERS, SERVING, ServedClassifier, reads_paths
from tests.test_classifier import make, photo


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    make().save(folder)
    model = ServedClassifier()
    model.load_context(SimpleNamespace(artifacts={"classifier": str(folder)}))
    return model


@pytest.fixture
def path(tmp_path):
    (tmp_path / "photo.png").write_bytes(photo())
    return str(tmp_path / "photo.png")


@pytest.fixture(autouse=True)
def at_home(monkeypatch):
    monkeypatch.delenv(SERVING, raising=False)
    monkeypatch.delenv("CATML_PATHS", raising=False)
    for name in SERVERS:  # other tests may have loaded one
        monkeypatch.delitem(sys.modules, name, raising=False)


def ask(model, *photos):
    return model.predict(None, pd.DataFrame({"image": list(photos)}))


def text(data):
    return base64.b64encode(data).decode()


def test_paths_bytes_base64_and_data_urls_are_the_same_photo(served, path):
    url = f"data:image/png;base64,{text(photo())}"
    answer = ask(served, path, photo(), text(photo()), url)
    np.testing.assert_allclose(answer["probability"], answer["probability"][0], atol=1e-6)


@pytest.mark.parametrize("name", ["photo.png", "gone.png"])
def test_a_served_model_reads_no_file_and_does_not_say_whether_there_is_one(served, path, name, monkeypatch, tmp_path):
    monkeypatch.setenv(SERVING, "true")
    with pytest.raises(MlflowException, match="not base64 text") as caught:
        ask(served, str(tmp_path / name))
    assert "file" not in caught.value.message.replace(str(tmp_path), "")
    assert len(ask(served, text(photo()))) == 1


def test_a_name_that_is_base64_too_is_not_looked_for(served, monkeypatch, tmp_path):
    monkeypatch.setenv(SERVING, "true")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "abcd").write_bytes(photo())
    with pytest.raises(MlflowException, match="row 0, abcd: not an image of a known format"):
        ask(served, "abcd")


@pytest.mark.parametrize(("said", "expected"), [("true", True), ("false", False), ("", None), ("perhaps", None)])
def test_who_runs_it_has_the_last_word(said, expected, monkeypatch):
    monkeypatch.setenv("CATML_PATHS", said)
    assert reads_paths() is (True if expected is None else expected)
    monkeypatch.setenv(SERVING, "true")
    assert reads_paths() is (False if expected is None else expected)


@pytest.mark.parametrize("name", ["uvicorn", "gunicorn", "mlflow.pyfunc.scoring_server", "ray.serve"])
def test_any_server_in_the_process_is_known(served, path, name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    with pytest.raises(MlflowException, match="not base64 text"):
        ask(served, path)


def test_what_is_wrong_is_the_callers_fault_and_said(served, path):
    with pytest.raises(MlflowException) as caught:
        ask(served, path, "nowhere.jpg", text(photo()[:100]), None)
    assert caught.value.get_http_status_code() == 400
    assert "row 1, nowhere.jpg: neither an existing file nor base64 text; row 2, " in caught.value.message
    assert "; row 3, photo: expected bytes, a path or base64 text, got " in caught.value.message


def test_no_photos_are_a_mistake_only_in_a_request(served, monkeypatch):
    assert len(ask(served)) == 0
    monkeypatch.setenv(SERVING, "true")
    with pytest.raises(MlflowException, match="no photos"):
        ask(served)
