"""One pass through a network gives its answer, its features, and the maps whose means they are."""

import keras
import numpy as np
import pytest

from catml.heads.fit import fit_head
from catml.heads.spec import HeadSpec
from catml.network import Head, assemble, heads_of, with_features, with_maps

SIZES, WIDTHS = {"small": 8, "large_one": 12, "other": 8}, {"small": 5, "large_one": 7, "other": 4}
HIDDEN, LINEAR = HeadSpec((6, 4), "each", 1e-3, 0.5, 1e-2, 3), HeadSpec((), "common", 0.1)


def backbone(name, pooled=True):
    keras.utils.set_random_seed(len(name))
    pixels = keras.Input((SIZES[name], SIZES[name], 3), name="pixels")
    x = keras.layers.Conv2D(WIDTHS[name], 3, activation="relu")(keras.layers.Rescaling(1 / 127.5, -1)(pixels))
    x = keras.layers.GlobalAveragePooling2D()(x) if pooled else keras.layers.Flatten()(x)
    return keras.Model(pixels, x, name=name)


BACKBONES = {name: backbone(name) for name in SIZES}


def head(*names, spec=LINEAR):
    generator = np.random.default_rng(len(names))
    labels = np.arange(30) % 3
    features = generator.normal(size=(30, sum(WIDTHS[name] for name in names))).astype(np.float32)
    return Head(names, fit_head(features, labels, spec, 3, 0), spec)


def pixels(names):
    generator = np.random.default_rng(0)
    found = [
        generator.integers(0, 256, (4, size, size, 3), np.uint8) for size in sorted({SIZES[name] for name in names})
    ]
    return found if len(found) > 1 else found[0]


@pytest.mark.parametrize(
    "sets",
    [[("small",)], [("large_one", "small"), ("small",)], [("other",), ("small",)]],
    ids=lambda sets: ",".join(map("+".join, sets)),
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_all_in_one_pass(sets, mirrored, tmp_path):
    used = {name for names in sets for name in names}
    network = assemble(BACKBONES, [head(*names) for names in sets], mirrored=mirrored)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    probabilities, *features = with_features(loaded).predict_on_batch(pixels(used))
    found = with_maps(loaded).predict_on_batch(pixels(used))
    assert set(found) == {
        "probabilities",
        *(f"features_{number}" for number in range(len(sets))),
        *(f"maps_{name}" for name in used),
    }
    np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-6)
    for number, names in enumerate(sets):
        np.testing.assert_allclose(found[f"features_{number}"], features[number], atol=1e-6)
        means = [found[f"maps_{name}"].mean(axis=(1, 2)) for name in names]
        np.testing.assert_allclose(np.hstack(means), features[number], atol=1e-5)
    # The network itself still answers as before.
    np.testing.assert_array_equal(with_features(loaded).predict_on_batch(pixels(used))[0], probabilities)


def test_mirrored_maps_lie_where_the_photo_shows_it():
    dot = np.zeros((1, 8, 8, 3), np.uint8)
    dot[0, :, 6:] = 255
    plain, both = (
        with_maps(assemble(BACKBONES, [head("small")], mirrored=mirrored)).predict_on_batch(dot)["maps_small"][0]
        for mirrored in (False, True)
    )
    turned = with_maps(assemble(BACKBONES, [head("small")])).predict_on_batch(dot[:, :, ::-1])["maps_small"][0]
    np.testing.assert_allclose(both, (plain + turned[:, ::-1]) / 2, atol=1e-6)
    assert np.abs(both - (plain + turned) / 2).max() > 0.1


def test_a_backbone_without_pooling_tells_no_place():
    with_one = {"small": backbone("small", pooled=False)}
    names = fit_head(np.random.default_rng(0).normal(size=(30, 180)), np.arange(30) % 3, LINEAR, 3, 0)
    assert with_maps(assemble(with_one, [Head(("small",), names, LINEAR)])) is None


@pytest.mark.parametrize("spec", [LINEAR, HIDDEN], ids=["linear", "hidden"])
def test_layers_of_heads_come_back(spec):
    heads = [head("small", spec=spec), head("other", "small", spec=spec)]
    for given in (heads, heads[:1]):
        for one, layers in zip(given, heads_of(assemble(BACKBONES, given)), strict=True):
            for before, after in zip(one.layers, layers, strict=True):
                np.testing.assert_allclose(after.kernel, before.kernel, rtol=1e-6)
                np.testing.assert_allclose(after.bias, before.bias, rtol=1e-6)
