"""The assembled network does, from pixels, what its parts do one after the other."""

import io
import json

import keras
import numpy as np
import pytest
from PIL import Image

from catml.classifier import Classifier, Description, load
from catml.heads.fit import fit_head
from catml.heads.spec import HeadSpec
from catml.network import Head, assemble, keras_head, with_features
from catml.photos.decode import decode

SMALL, LARGE = 8, 12  # sides of the inputs of two toy backbones
WIDTHS = {"small": 5, "large": 7, "other": 4}
SIZES = {"small": SMALL, "large": LARGE, "other": SMALL}
LABELS = ("apple", "bolt", "cat")
LINEAR = HeadSpec((), "common", 0.1)
HIDDEN = HeadSpec((6, 4), "each", 1e-3, 0.5, 1e-2, 3)


def backbone(name):
    """A network that tells left from right: what is mirrored has other features."""
    keras.utils.set_random_seed(len(name) + SIZES[name])
    pixels = keras.Input((SIZES[name], SIZES[name], 3), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1)(pixels)
    x = keras.layers.Conv2D(WIDTHS[name], 3, activation="relu")(x)
    x = keras.layers.Dense(WIDTHS[name])(keras.layers.Flatten()(x))
    return keras.Model(pixels, x, name=name)


BACKBONES = {name: backbone(name) for name in WIDTHS}


def head(*names, spec=HIDDEN, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(30) % len(LABELS)
    features = generator.normal(size=(30, sum(WIDTHS[name] for name in names))).astype(np.float32)
    return Head(names, fit_head(features, labels, spec, len(LABELS), seed), spec)


def photo(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 11, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


PHOTOS = [photo(seed) for seed in range(5)]


def pixels(size):
    return np.stack([decode(one, size) for one in PHOTOS])


def features(*names):
    return np.hstack([BACKBONES[name].predict_on_batch(pixels(SIZES[name])) for name in names])


def answers_of(one, given):
    return keras_head(one.layers, one.spec).predict_on_batch(given)


@pytest.mark.parametrize("spec", [LINEAR, HIDDEN], ids=["linear", "hidden"])
def test_network_is_backbone_and_head(spec):
    one = head("small", spec=spec)
    found = assemble(BACKBONES, [one]).predict_on_batch(pixels(SMALL))
    np.testing.assert_allclose(found, answers_of(one, features("small")), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("names", [("large", "small"), ("small", "large"), ("other", "large", "small")])
def test_features_of_several_backbones_behind_each_other(names):
    one = head(*names)
    network = assemble(BACKBONES, [one])
    assert [tensor.name for tensor in network.inputs] == [f"pixels_{SMALL}", f"pixels_{LARGE}"]
    found = network.predict_on_batch([pixels(SMALL), pixels(LARGE)])
    np.testing.assert_allclose(found, answers_of(one, features(*names)), atol=1e-5)
    wrong = answers_of(one, features(*names[::-1]))
    assert np.abs(found - wrong).max() > 1e-3


def test_backbones_of_one_size_share_an_input():
    one = head("other", "small")
    network = assemble(BACKBONES, [one])
    assert [tensor.name for tensor in network.inputs] == ["pixels"]
    found = network.predict_on_batch(pixels(SMALL))
    np.testing.assert_allclose(found, answers_of(one, features("other", "small")), atol=1e-5)


def test_several_heads_are_averaged():
    heads = [head("small"), head("small", spec=LINEAR, seed=1), head("large", "small", seed=2)]
    found = assemble(BACKBONES, heads).predict_on_batch([pixels(SMALL), pixels(LARGE)])
    each = [answers_of(one, features(*one.backbones)) for one in heads]
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-5)
    assert np.abs(each[0] - each[1]).max() > 0.01


@pytest.mark.parametrize("names", [("small",), ("large", "other")])
def test_mirrored_takes_the_mean_of_both_views(names):
    one = head(*names)
    sizes = sorted({SIZES[name] for name in names})
    given = [pixels(size) for size in sizes]
    network = assemble(BACKBONES, [one], mirrored=True)
    found = network.predict_on_batch(given if len(given) > 1 else given[0])
    views = []
    for flip in (False, True):
        parts = [BACKBONES[name].predict_on_batch(pixels(SIZES[name])[:, :, :: -1 if flip else 1]) for name in names]
        views.append(np.hstack(parts))
    np.testing.assert_allclose(found, answers_of(one, np.mean(views, axis=0)), atol=1e-5)
    assert np.abs(found - answers_of(one, views[0])).max() > 1e-3
    turned = [each[:, :, ::-1] for each in given]
    again = network.predict_on_batch(turned if len(turned) > 1 else turned[0])
    np.testing.assert_allclose(again, found, atol=1e-5)  # a mirror image is the same photo to it


def test_dropout_is_a_layer_after_each_hidden_one():
    layers = keras_head(head("small").layers, HIDDEN).layers
    assert [type(layer).__name__ for layer in layers] == ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert [layer.rate for layer in layers[1::2]] == [0.5, 0.5]


@pytest.mark.parametrize("spec", [LINEAR, HIDDEN], ids=["linear", "hidden"])
def test_a_head_gives_the_same_probabilities_without_keras(spec):
    one = head("small", spec=spec)
    found = one.probabilities(features("small"))
    np.testing.assert_allclose(found, answers_of(one, features("small")), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1)


SETS = [
    [("small",)],
    [("large", "small")],
    [("small",), ("other",)],
    [("other",), ("small",)],
    [("small",), ("large", "small")],
    [("large", "small"), ("other",), ("small",), ("large", "small")],
]


@pytest.mark.parametrize("sets", SETS, ids=lambda sets: ",".join(map("+".join, sets)))
@pytest.mark.parametrize("mirrored", [False, True])
def test_features_come_out_as_well_each_set_once_in_the_order_of_heads(sets, mirrored, tmp_path):
    """Also from a network that was saved and loaded; the order is what familiar photos are told by."""
    heads = [head(*names, spec=(HIDDEN, LINEAR)[number % 2], seed=number) for number, names in enumerate(sets)]
    network = assemble(BACKBONES, heads, mirrored=mirrored)
    network.save(tmp_path / "network.keras")
    given = [pixels(size) for size in sorted({SIZES[name] for names in sets for name in names})]
    given = given if len(given) > 1 else given[0]
    wanted = [features(*names) for names in dict.fromkeys(sets)]
    if mirrored:
        turned = {name: BACKBONES[name].predict_on_batch(pixels(SIZES[name])[:, :, ::-1]) for name in WIDTHS}
        other = [np.hstack([turned[name] for name in names]) for names in dict.fromkeys(sets)]
        wanted = [(one + two) / 2 for one, two in zip(wanted, other, strict=True)]
    for of in (network, keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)):
        probabilities, *seen = with_features(of).predict_on_batch(given)
        np.testing.assert_allclose(probabilities, network.predict_on_batch(given), atol=1e-6)
        assert len(seen) == len(wanted)
        for found, expected in zip(seen, wanted, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.fixture
def combined():
    """A classifier with everything at once."""
    heads = [head("large", "small"), head("small", spec=LINEAR, seed=1)]
    description = Description(
        LABELS,
        (SMALL, LARGE),
        ("large+small", "small"),
        tuple(one.spec.params() for one in heads),
        True,
        {"large": {"weights": "none"}, "small": {"weights": "none"}},
    )
    return Classifier(assemble(BACKBONES, heads, mirrored=True), description)


def test_photos_are_brought_to_each_size(combined):
    answer = combined.predict(PHOTOS)
    found = combined.probabilities([pixels(SMALL), pixels(LARGE)])
    np.testing.assert_allclose(answer.filter(like="probability_"), found, atol=1e-6)
    assert answer["label"].tolist() == [LABELS[best] for best in found.argmax(axis=1)]


def test_saved_and_loaded_with_everything(combined, tmp_path):
    combined.save(tmp_path)
    described = json.loads((tmp_path / "classifier.json").read_text())
    assert (described["input_sizes"], described["mirrored"]) == ([SMALL, LARGE], True)
    assert described["backbones"] == ["large+small", "small"]
    again = load(tmp_path)
    assert again.description == combined.description
    np.testing.assert_array_equal(again.predict(PHOTOS)["probability"], combined.predict(PHOTOS)["probability"])


def test_no_photos(combined):
    assert len(combined.predict([])) == 0
