"""The table of backbones says what is true."""

import importlib
import inspect
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from catml.backbones import registry, weights
from catml.errors import InputError

DOWNLOADED = [name for name in registry.usual() if isinstance(registry.get(name).source, registry.KerasDownload)]


def test_table():
    table = {name: (registry.get(name).input_size, registry.get(name).width) for name in registry.usual()}
    assert table == {
        "nasnetlarge": (331, 4032),
        "inceptionresnetv2": (299, 1536),
        "xception": (299, 2048),
        "efficientnet-lite0": (224, 1280),
        "efficientnet-lite2": (260, 1280),
    }
    accuracies = [registry.get(name).imagenet_top1 for name in registry.usual()]
    assert accuracies == sorted(accuracies, reverse=True)


def test_unknown_name():
    with pytest.raises(InputError, match=r"no 'xeption'\. Did you mean 'xception'\? There are nasnetlarge, ") as caught:
        registry.get("xeption")
    assert str(caught.value).endswith("efficientnet-lite0, and 37 more: 'catml backbones --all' shows them.")
    with pytest.raises(InputError, match=r"Did you mean 'resnet50', 'resnet152' or 'resnet101'\?"):
        registry.get("resnet")


def test_nothing_heavy_is_loaded():
    code = (
        "import sys, catml.backbones.registry, catml.backbones.weights as w\n"
        "w.find(catml.backbones.registry.get('xception'))\n"
        "print({'keras', 'tensorflow', 'h5py', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", registry.usual())
def test_network_is_what_the_table_says(name):
    backbone = registry.get(name)
    model = weights.load(backbone, weights.find(backbone, "random"))
    assert model.count_params() == backbone.parameters
    assert not model.trainable_variables
    shape = (2, backbone.input_size, backbone.input_size, 3)
    features = model.predict(np.random.default_rng(0).integers(0, 256, shape, np.uint8), verbose=0)
    assert features.shape == (2, backbone.width)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


@pytest.mark.parametrize("name", DOWNLOADED)
def test_download_is_the_one_of_keras(name):
    source = registry.get(name).source
    module = importlib.import_module(source.module)
    address = getattr(module, source.constant)
    assert address.startswith("https://")
    assert address.endswith(("/", ".h5"))
    text = inspect.getsource(module)
    assert source.digest in text
    assert source.file in text.replace('"\n                "', "")


def test_preprocessing_is_a_value():
    lite, other = registry.get("efficientnet-lite0").preprocessing, registry.get("xception").preprocessing
    assert str(lite) == "squash bicubic, (x - 127.0) / 128.0"
    assert lite == registry.get("efficientnet-lite2").preprocessing
    assert len({str(lite), str(other), str(replace(lite, resize="crop")), str(replace(lite, mean=127.1))}) == 4
