"""EfficientNet-Lite: the right network, filled completely, and it sees cats."""

import numpy as np
import pytest

from catml.backbones import efficientnet_lite, registry, weights
from catml.errors import InputError
from catml.photos.decode import decode

# tabby, tiger cat, Persian, Siamese, Egyptian
CATS = range(281, 286)
FACTORS = {"efficientnet-lite0": (1.0, 1.0), "efficientnet-lite2": (1.1, 1.2)}


def file_of(name):
    found = weights.find(registry.get(name))
    if found is None:
        pytest.skip(f"needs the package: {weights.how_to_get(registry.get(name))}")
    return found.path


@pytest.mark.parametrize("name", FACTORS)
def test_cats_are_cats(name, shared):
    backbone = registry.get(name)
    network = efficientnet_lite.build(*FACTORS[name], backbone.input_size, include_top=True)
    efficientnet_lite.load_pth(network, file_of(name))
    photos = (
        sorted(shared.glob("photos/two-cats/*/*.jpg"))[::9] + sorted(shared.glob("photos/campus-cats/*/*.jpg"))[::25]
    )
    pixels = np.stack([decode(photo.read_bytes(), backbone.input_size) for photo in photos]).astype(np.float32)
    best = np.argsort(-network.predict((pixels - 127) / 128, verbose=0))[:, :5]
    assert len(photos) >= 15
    assert np.isin(best, CATS).any(axis=1).all()
    assert np.isin(best[:, 0], CATS).mean() > 0.6


@pytest.mark.parametrize("name", FACTORS)
def test_every_variable_is_filled(name):
    network = registry.get(name).build()
    for variable in network.variables:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    efficientnet_lite.load_pth(network, file_of(name))
    assert all(np.isfinite(variable.numpy()).all() for variable in network.variables)


def test_layer_names_are_stable():
    names = [layer.name for layer in registry.get("efficientnet-lite0").build().layers]
    assert names[:5] == ["input", "conv_stem", "bn0", "bn0_relu", "block0_depthwise_conv"]
    assert names[-5:] == ["block15_project_conv", "block15_bn2", "conv_head", "bn1", "bn1_relu"]


def test_file_of_the_other_network():
    network = registry.get("efficientnet-lite0").build()
    before = network.get_weights()
    with pytest.raises(InputError) as caught:
        efficientnet_lite.load_pth(network, file_of("efficientnet-lite2"))
    assert "expected" in str(caught.value)
    assert "more" in caught.value.problems[-1]
    assert all(np.array_equal(old, new) for old, new in zip(before, network.get_weights(), strict=True))


def test_each_wrong_tensor_is_named(monkeypatch, tmp_path):
    tensors = efficientnet_lite.read_pth(file_of("efficientnet-lite0"))
    del tensors["_blocks.3._bn1.running_var"]
    tensors["_blocks.0._se_reduce.weight"] = np.zeros(3)
    tensors["_conv_head.weight"] = np.zeros((1280, 320, 3, 3))
    monkeypatch.setattr(efficientnet_lite, "read_pth", lambda path: dict(tensors))
    with pytest.raises(InputError) as caught:
        efficientnet_lite.load_pth(registry.get("efficientnet-lite0").build(), tmp_path / "my.pth")
    missing, shape, unknown = sorted(caught.value.problems, key=lambda problem: "unknown" in problem)
    assert "my.pth: has no tensor _blocks.3._bn1.running_var." in missing
    assert "_conv_head.weight has shape (3, 3, 320, 1280), expected (1, 1, 320, 1280)" in shape
    assert "unknown tensor _blocks.0._se_reduce.weight" in unknown


def test_classifying_top_may_be_missing(monkeypatch, tmp_path):
    tensors = efficientnet_lite.read_pth(file_of("efficientnet-lite0"))
    del tensors["_fc.weight"], tensors["_fc.bias"]
    monkeypatch.setattr(efficientnet_lite, "read_pth", lambda path: dict(tensors))
    efficientnet_lite.load_pth(registry.get("efficientnet-lite0").build(), tmp_path)
    with pytest.raises(InputError, match=r"no tensor _fc\.weight"):
        efficientnet_lite.load_pth(efficientnet_lite.build(1.0, 1.0, 224, include_top=True), tmp_path)
