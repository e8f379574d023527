"""The networks of the benchmark: their shape, the epoch that is kept, and that they come out the same again."""

import numpy as np
import pytest

from catml.evaluation.metrics import accuracy, log_loss
from catml.heads.scratch import CNNS, Architecture, answer, build, deterministic, fit

SMALL = Architecture((4, 8), dense=6, dropout=0.2)
ROWS = (np.arange(48), np.arange(48, 70))


@pytest.fixture
def in_order():
    """Have TensorFlow compute in a fixed order during the test only."""
    from tensorflow.python.framework import config

    deterministic()
    yield
    config.disable_op_determinism()


@pytest.fixture(scope="module")
def photos():
    """Pixels (70, 12, 12, 3) of three labels, told apart by colour, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(70) % 3
    pixels = rng.integers(0, 150, (70, 12, 12, 3), np.uint8)
    pixels[np.arange(70), :, :, labels] += 100
    return pixels, labels


@pytest.mark.parametrize(("name", "parameters"), [("CNN 1", 2_321), ("CNN 2", 2_833), ("CNN 3", 11_865)])
def test_the_networks_are_those_of_the_talk(name, parameters):
    network = build(CNNS[name], 299, 1)
    assert network.count_params() == parameters
    assert network.output_shape == (None, 1)


def test_any_number_of_labels():
    network = build(CNNS["CNN 3"], 8, 5)
    said = network(np.zeros((2, 8, 8, 3), np.uint8)).numpy()
    assert said.shape == (2, 5)
    assert said.sum(axis=1) == pytest.approx(1)


def test_pixels_are_divided_by_255():
    network = build(Architecture((4,)), 8, 2)
    kernel, bias, *dense = network.get_weights()
    network.set_weights([np.ones_like(kernel) / 12, bias, np.array([[1, 0]] * 4, np.float32), dense[1]])
    said = network(np.full((1, 8, 8, 3), 255, np.uint8)).numpy()[0]
    # Every pooled value is 1, so the logits are 4 and 0.
    assert said == pytest.approx([1 / (1 + np.exp(-4)), 1 / (1 + np.exp(4))], rel=1e-5)


@pytest.mark.parametrize("name", CNNS)
def test_params_are_what_has_an_effect(name):
    params = CNNS[name].params()
    assert params["backbone"] == "none (from scratch)"
    assert (params["filters"], params["hidden"], params.get("dropout")) == {
        "CNN 1": ("16-32", "0", None),
        "CNN 2": ("16-32", "16", 0.2),
        "CNN 3": ("16-32-64", "20", 0.2),
    }[name]


def test_dropout_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no effect"):
        Architecture((16,), dropout=0.2)


def test_it_learns(photos):
    pixels, labels = photos
    calls = []
    fitted = fit(CNNS["CNN 1"], pixels, labels, ROWS, 30, 1, lambda: calls.append(1))
    assert len(calls) == len(fitted.training) == len(fitted.validation) == 30
    assert fitted.training[-1] < fitted.training[0]
    assert accuracy(fitted.held_out, labels[ROWS[1]]) > 0.6


def test_the_best_epoch_is_kept_and_not_the_last(photos):
    pixels, labels = photos
    turned = labels.copy()
    turned[ROWS[1]] = (turned[ROWS[1]] + 1) % 3  # the more is learnt, the worse
    fitted = fit(CNNS["CNN 1"], pixels, turned, ROWS, 12, 1)
    assert fitted.epochs < 12
    assert min(fitted.validation) == fitted.validation[fitted.epochs - 1] < fitted.validation[-1]
    assert log_loss(fitted.held_out, turned[ROWS[1]]) == min(fitted.validation)
    np.testing.assert_array_equal(answer(fitted.network, pixels, ROWS[1]), fitted.held_out)


@pytest.mark.usefixtures("in_order")
def test_the_same_again_bit_for_bit_from_memory_and_from_a_file(photos, tmp_path):
    pixels, labels = photos
    (tmp_path / "pixels").write_bytes(pixels.tobytes())
    kept = np.memmap(tmp_path / "pixels", np.uint8, "r", shape=pixels.shape)
    one, two = (fit(SMALL, of, labels, ROWS, 3, 7) for of in (pixels, kept))
    assert one.training == two.training
    assert one.validation == two.validation
    for first, second in zip(one.network.get_weights(), two.network.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    other = fit(SMALL, pixels, labels, ROWS, 3, 8)
    assert other.training != one.training
