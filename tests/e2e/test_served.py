"""The registered model behind `mlflow models serve`, and beside every other way to ask it."""

import base64
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from catml import export
from catml.backbones import registry, weights
from catml.backbones.extract import compiled
from catml.classifier import load
from catml.heads.spec import Layer, respond
from catml.photos.decode import capture, decode
from tests.e2e import malformed
from tests.e2e.conftest import BIN, environment

Post = Callable[[bytes, str], tuple[int, str]]


@pytest.fixture(autouse=True)
def paths_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests have loaded a server here, so that a model would take no paths; the real one is another process."""
    monkeypatch.setenv("CATML_PATHS", "true")


@pytest.fixture(scope="module")
def photos(colours: Path) -> list[Path]:
    return sorted(colours.rglob("*.jpg"))[::7]


@pytest.fixture(scope="module")
def post(home_of_model: Path, home: Path) -> Iterator[Post]:
    """Return a function that sends a request to the server, started as the README says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [BIN / "mlflow", "models", "serve", "-m", "models:/catml@champion", "--env-manager", "local", "-p", port]
    log = home_of_model / "serve.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [str(word) for word in command],
            cwd=home_of_model,
            env=environment(home) | {"MLFLOW_TRACKING_URI": f"sqlite:///{home_of_model}/mlflow.db"},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )

    def send(body: bytes, kind: str = malformed.JSON) -> tuple[int, str]:
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": kind})
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    try:
        for _ in range(240):
            time.sleep(0.5)
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2).close()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
        else:
            raise AssertionError("mlflow models serve did not answer in two minutes")
        yield send
    finally:
        os.killpg(server.pid, 9)
        server.wait()


def text(photo: Path) -> str:
    return base64.b64encode(photo.read_bytes()).decode()


def served(post: Post, photos: list[Path]) -> NDArray[np.float64]:
    status, body = post(json.dumps({"inputs": [text(photo) for photo in photos]}).encode(), malformed.JSON)
    assert status == 200, body
    return pd.DataFrame(json.loads(body)["predictions"]).filter(like="probability_").to_numpy()


@pytest.mark.parametrize("shape", malformed.SHAPES)
def test_every_shape_that_mlflow_understands(shape: str, post: Post, photos: list[Path]) -> None:
    for value in (text(photos[0]), f"data:image/jpeg;base64,{text(photos[0])}"):
        status, body = post(json.dumps(malformed.SHAPES[shape](value)).encode(), malformed.JSON)
        (answer,) = json.loads(body)["predictions"]
        assert (status, answer["label"]) == (200, photos[0].parent.name)
    status, body = post(f"image\n{text(photos[0])}\n".encode(), "text/csv")
    assert status == 200


def test_a_path_is_not_read(post: Post, photos: list[Path]) -> None:
    said = []
    for name in (str(photos[0]), str(photos[0].with_name("gone.jpg"))):
        status, body = post(json.dumps({"inputs": [name]}).encode(), malformed.JSON)
        assert status == 400
        said.append(json.loads(body)["message"].split("Error: ")[1].replace(name, "NAME"))
    # Nothing tells a file that is there from one that isn't.
    assert said == ["row 0, NAME: not base64 text"] * 2


def test_what_is_malformed_is_refused_with_a_reason(post: Post, photos: list[Path]) -> None:
    wrong, count = [], 0
    for what, kind, body in malformed.requests(photos[0].read_bytes()):
        status, said = post(body, kind)
        count += 1
        if not 400 <= status < 500 or len(said) < 20 or "unexpected error" in said:
            wrong.append(f"{what}: {status} {said[:200]}")
    assert wrong == []
    assert count > 250
    np.testing.assert_equal(served(post, photos[:1]).argmax(), 0)


@pytest.fixture(scope="module")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files for other runtimes, by format, of those that are installed."""
    classifier, folder = load(model / "artifacts" / "classifier"), tmp_path_factory.mktemp("exported")
    files = {kind: folder / kind / f"classifier{ending}" for kind, ending in export.ENDINGS.items()}
    files = {kind: file for kind, file in files.items() if not export.missing(kind)}
    for kind, file in files.items():
        export.export(classifier, kind, file)
    return files


def ways(model: Path, post: Post, photos: list[Path], exported: dict[str, Path]) -> dict[str, NDArray[np.floating]]:
    """Return probabilities of photos from every way to ask the model; other runtimes where they are installed."""
    classifier = load(model / "artifacts" / "classifier")
    (size,) = classifier.description.input_sizes
    pixels = np.stack([decode(photo.read_bytes(), size) for photo in photos])
    network = keras.saving.load_model(model / "artifacts" / "classifier" / "classifier.keras", safe_mode=True)
    backbone = registry.get("efficientnet-lite0")
    found = weights.find(backbone)
    assert found is not None
    extract = compiled(weights.load(backbone, found))
    features = np.concatenate([extract(pixels[at : at + 16]) for at in range(0, len(pixels), 16)])
    dense = [layer for layer in network.get_layer("head").layers if layer.weights]
    answers = {
        "training": respond([Layer(*layer.get_weights()) for layer in dense], features),
        "Keras": network.predict_on_batch(pixels),
        "pyfunc": mlflow.pyfunc.load_model(str(model)).predict(
            pd.DataFrame({"image": [str(photo) for photo in photos]})
        ).filter(like="probability_").to_numpy(),
        "REST": served(post, photos),
    }  # fmt: skip
    for kind, file in exported.items():
        ask = {"onnx": export._onnx, "litert": export._litert, "keras": export._keras}[kind](file, network)
        answers[kind] = ask([pixels.astype(np.float32)])
    return answers


def test_same_photo_same_probabilities(model: Path, post: Post, photos: list[Path], exported: dict[str, Path]) -> None:
    answers = ways(model, post, photos, exported)
    for way, given in answers.items():
        np.testing.assert_allclose(given, answers["training"], rtol=0, atol=1e-5, err_msg=way)


def test_same_probabilities_of_photos_that_lie_on_their_side(
    model: Path, post: Post, shared: Path, exported: dict[str, Path]
) -> None:
    phones = sorted((shared / "photos" / "phone-originals").glob("*.jpg"))
    assert sum(capture(phone.read_bytes()).orientation != 1 for phone in phones) == 5
    test_same_photo_same_probabilities(model, post, phones, exported)
