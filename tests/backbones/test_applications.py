"""Networks of `keras.applications` give what Keras's own give, and what stands of them in the table is true."""

import importlib
import inspect

import numpy as np
import pytest

from catml.backbones import applications, registry, weights
from catml.heat import feature_maps

ROWS = applications.read()
# One for each way of scaling pixels, and EfficientNet and ConvNeXt, which are built in ways of their own.
TRIED = ["EfficientNetB0", "ConvNeXtTiny", "ResNet50", "ResNet50V2", "DenseNet121"]


def module_of(name):
    return inspect.getmodule(getattr(importlib.import_module("keras").applications, name))


def known_to_keras(row):
    """Return the digest that Keras has for the row's file, and the text that the file's name is put together from."""
    module = importlib.import_module(row.module)
    text = inspect.getsource(module).replace('"\n                "', "")
    digests = [one for pair in getattr(module, "WEIGHTS_HASHES", {}).values() for one in pair[1:]]
    return [*digests, *([row.digest] if f'file_hash="{row.digest}"' in text else [])], text


def test_every_network_of_keras_is_there():
    keras = importlib.import_module("keras")
    functions = {name.lower() for name in vars(keras.applications) if name[0].isupper()}
    assert functions == {name for name in registry.names() if not name.startswith("efficientnet-lite")}
    assert registry.names() == (*registry.usual(), *(row.keras.lower() for row in ROWS))
    accuracies = [row.imagenet_top1 for row in ROWS]
    assert accuracies == sorted(accuracies, reverse=True)
    assert all(row.imagenet_top5 is None or row.imagenet_top1 < row.imagenet_top5 < 1 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.keras)
def test_weights_are_those_keras_knows(row):
    address = getattr(importlib.import_module(row.module), row.constant)
    assert address.startswith("https://")
    assert address.endswith("/" + row.file) or address.endswith("/") or "NASNet" in row.keras
    digests, text = known_to_keras(row)
    if row.digest:
        assert row.digest in digests
    else:
        assert "file_hash" not in text
    # Numbers hold four bytes each; MobileNet's file is larger by a third, as if it held the top as well.
    assert 0.99 < row.megabytes * 1e6 / row.parameters / 4 < 1.35


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.keras)
def test_pixels_are_scaled_as_keras_does(row):
    """In numbers, without building the network: what Keras's `preprocess_input` makes of three colours."""
    colours = np.array([[[10.0, 20, 30], [255, 0, 128], [1, 2, 3]]], np.float32)
    by = registry.get(row.keras.lower()).preprocessing
    scaled = (colours - np.array(by.mean)) / np.array(by.scale)
    expected = module_of(row.keras).preprocess_input(colours.copy())
    np.testing.assert_allclose(scaled[..., ::-1] if by.bgr else scaled, expected, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module", params=TRIED)
def tried(request, tmp_path_factory):
    """Return a backbone, its network made from a file, pixels, and what Keras's own network says of them."""
    keras = importlib.import_module("keras")
    backbone = registry.get(request.param.lower())
    network = backbone.build()
    generator = np.random.default_rng(0)
    for variable in network.weights:
        if "float" in variable.dtype:
            noise = generator.normal(size=variable.shape)
            value = variable.numpy() * 1.5 if variable.ndim > 1 else np.abs(variable.numpy() + noise / 10)
            variable.assign(value)
    path = tmp_path_factory.mktemp("weights") / "file.weights.h5"
    network.save_weights(path)
    model = weights.load(backbone, weights.find(backbone, str(path)))
    side = backbone.input_size
    noise = generator.integers(0, 86, (3, side, side, 3), np.uint8)
    pixels = noise * np.array([[1, 1, 1], [3, 0, 1], [0, 1, 3]], np.uint8)[:, None, None]
    module = module_of(request.param)
    with pytest.MonkeyPatch.context() as patch:
        # Keras builds some networks otherwise when it fetches their weights, so it is let fetch these.
        patch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(path))
        original = getattr(keras.applications, request.param)(
            include_top=False, weights="imagenet", pooling="avg", input_shape=(side, side, 3)
        )
    expected = np.asarray(original(module.preprocess_input(pixels.astype(np.float32)), training=False))
    return backbone, model, pixels, expected


def test_features_are_those_of_keras(tried):
    backbone, model, pixels, expected = tried
    features = np.asarray(model(pixels, training=False))
    assert features.shape == (3, backbone.width)
    assert model.count_params() == backbone.parameters
    assert not model.trainable_variables
    spread = np.ptp(expected, axis=0).max()
    assert spread > 1e-3 * np.abs(expected).max()  # or else any network would do
    np.testing.assert_allclose(features, expected, atol=1e-3 * spread)


def test_saved_in_safe_mode(tried, tmp_path):
    keras = importlib.import_module("keras")
    _, model, pixels, _ = tried
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert np.array_equal(again(pixels, training=False), model(pixels, training=False))


def test_the_mean_of_the_maps_is_the_features(tried):
    """Heat maps rely on it; ConvNeXt does something after pooling."""
    _, model, pixels, _ = tried
    features = np.asarray(model(pixels, training=False))
    np.testing.assert_allclose(
        feature_maps(model, pixels).mean(axis=(1, 2)), features, atol=1e-4 * np.abs(features).max()
    )


def test_depth_is_what_keras_calls_so():
    keras = importlib.import_module("keras")
    for name in ("MobileNetV3Small", "ResNet50", "EfficientNetV2B0"):
        (row,) = [row for row in ROWS if row.keras == name]
        network = getattr(keras.applications, name)(weights=None)
        assert sum(bool(layer.weights) for layer in network.layers) == row.depth
