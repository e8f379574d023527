"""A heat map shows the place that decides, and of a linear head adds up to what the head says."""

import numpy as np
import pytest
from PIL import Image

from catml.heads.spec import HeadSpec, Layer
from catml.heat import SIDE, feature_maps, gradient, heat, heat_maps, overlaid, weighted
from catml.network import Head

WIDTH, CLASSES = 6, 3


def layer(inputs, outputs, seed):
    generator = np.random.default_rng(seed)
    return Layer(generator.normal(size=(inputs, outputs)), generator.normal(size=outputs))


def apart(logits, answer):
    return logits[answer] - np.delete(logits, answer).mean()


def logits_of(layers, features):
    *hidden, last = layers
    for one in hidden:
        features = np.maximum(features @ one.kernel + one.bias, 0)
    return features @ last.kernel + last.bias


@pytest.mark.parametrize("answer", range(CLASSES))
def test_mean_of_the_map_is_what_a_linear_head_says(answer):
    maps = np.random.default_rng(0).uniform(size=(4, 5, WIDTH))
    layers, middle = [layer(WIDTH, CLASSES, 1)], np.random.default_rng(2).uniform(size=WIDTH)
    features = maps.mean(axis=(0, 1))
    found = weighted(maps, gradient(layers, features, answer), middle)
    expected = apart(logits_of(layers, features), answer) - apart(logits_of(layers, middle), answer)
    assert found.shape == (4, 5)
    assert found.mean() == pytest.approx(expected)
    bias = apart(layers[0].bias, answer)
    whole = weighted(maps, gradient(layers, features, answer), np.zeros(WIDTH))
    assert whole.mean() == pytest.approx(apart(logits_of(layers, features), answer) - bias)


def test_gradient_through_hidden_layers_is_the_slope():
    layers = [layer(WIDTH, 8, 1), layer(8, 5, 2), layer(5, CLASSES, 3)]
    features = np.random.default_rng(4).uniform(size=WIDTH)
    found = gradient(layers, features, 1)
    step = 1e-6 * np.eye(WIDTH)
    slopes = [apart(logits_of(layers, features + one), 1) - apart(logits_of(layers, features - one), 1) for one in step]
    np.testing.assert_allclose(found, np.array(slopes) / 2e-6, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def network():
    """A network whose features are the mean red, green and blue of each quarter of the photo."""
    import keras

    pixels = keras.Input((32, 32, 3))
    x = keras.layers.AveragePooling2D(8)(keras.layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))


def photo(row, column):
    pixels = np.full((32, 32, 3), 60, np.uint8)
    pixels[row : row + 12, column : column + 12, 0] = 255
    return pixels


def test_the_informative_corner_is_the_hot_one(network):
    maps = feature_maps(network, np.stack([photo(0, 0), photo(20, 20)]))
    assert maps.shape == (2, 4, 4, 3)
    kernel = np.array([[3.0, -3], [0, 0], [0, 0]])  # red speaks for class 0
    head = Head(("tiny",), [Layer(kernel, np.zeros(2))], HeadSpec((), "each", 0.1))
    upper, lower = heat_maps(head, {"tiny": maps}, [0, 0], maps.mean(axis=(0, 1, 2)))
    assert upper.shape == (SIDE, SIDE)
    assert upper.max() == pytest.approx(1)
    assert max(np.unravel_index(upper.argmax(), upper.shape)) < SIDE / 2
    assert min(np.unravel_index(lower.argmax(), lower.shape)) > SIDE / 2
    against, _ = heat_maps(head, {"tiny": maps}, [1, 1], maps.mean(axis=(0, 1, 2)))
    assert against[: SIDE // 4, : SIDE // 4].max() < 0.5


def test_features_of_several_backbones_add_up(network):
    maps = {"tiny": feature_maps(network, photo(0, 0)[None]), "grey": np.zeros((1, 2, 2, 4), np.float32)}
    head = Head(("grey", "tiny"), [layer(7, 2, 0)], HeadSpec((), "each", 0.1))
    (both,) = heat_maps(head, maps, [0], np.zeros(7))
    alone = weighted(maps["tiny"][0], gradient(head.layers, np.zeros(7), 0)[4:], np.zeros(3))
    np.testing.assert_allclose(both, heat([alone]), atol=1e-6)


def test_nothing_that_speaks_for_it_is_no_heat():
    assert not heat([np.full((3, 3), -1.0)]).any()


def test_heat_is_laid_over_the_whole_photo():
    values = np.zeros((SIDE, SIDE))
    values[:, SIDE // 2 :] = 1
    picture = np.asarray(overlaid(Image.new("RGB", (90, 60), "grey"), values), int)
    assert picture.shape == (60, 90, 3)
    assert picture[30, 80].sum() > picture[30, 10].sum() + 100
