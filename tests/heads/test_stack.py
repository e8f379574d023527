"""A head trained in a stack is the head trained alone, and that is the head Keras would have trained."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from catml.evaluation.metrics import accuracy, log_loss, softmax
from catml.heads import stack
from catml.heads.batches import Photos, Task
from catml.heads.spec import HeadSpec
from catml.heads.stack import BATCH, train_stack

CLASSES = 3


def task(photos, width, seed, *, held_out=20, classes=CLASSES):
    """Return a task whose labels can be learnt: each class has a middle of its own."""
    generator = np.random.default_rng(1000 + seed)
    middles = generator.normal(size=(classes, width))
    labels = np.arange(photos + held_out) % classes
    inputs = middles[labels] + generator.normal(size=(len(labels), width))
    validation = (inputs[photos:], labels[photos:]) if held_out else None
    return Task(inputs[:photos], labels[:photos], validation, 2 * width, seed)


def spec(hidden, dropout=0.0, *, l2=1e-3, rate=1e-2):
    return HeadSpec(hidden, "common", l2, dropout, rate, 6)


def mixture(hidden, dropout):
    """Return heads that differ in everything but their shape, with the dropout in question among others."""
    tasks = [task(40, 7, 1), task(75, 12, 2, held_out=9), task(33, 12, 3, held_out=0), task(64, 5, 4, held_out=31)]
    specs = [
        spec(hidden, dropout),
        spec(hidden, 0.25, l2=0.1, rate=3e-3),
        spec(hidden, dropout, l2=0.0),
        spec(hidden, 0.0, rate=1e-3),
    ]
    return tasks, specs


def validation_scores(layers, validation):
    hidden, labels = validation
    for layer in layers[:-1]:
        hidden = np.maximum(hidden @ layer.kernel + layer.bias, 0)
    probabilities = softmax(hidden @ layers[-1].kernel + layers[-1].bias)
    return log_loss(probabilities, labels), accuracy(probabilities, labels)


def assert_same_layers(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.kernel, other.kernel, atol=2e-5)
        np.testing.assert_allclose(one.bias, other.bias, atol=2e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("hidden", [(16,), (8, 4)])
def test_stacked_is_alone(hidden, dropout):
    tasks, specs = mixture(hidden, dropout)
    together = train_stack(tasks, specs, CLASSES, 6)
    for number, (one, its) in enumerate(zip(tasks, specs, strict=True)):
        alone = train_stack([one], [its], CLASSES, 6)
        assert_same_layers(alone.layers[0], together.layers[number])
        np.testing.assert_allclose(alone.log_loss[0], together.log_loss[number], atol=2e-5)
        np.testing.assert_array_equal(alone.accuracy[0], together.accuracy[number])


def test_place_in_the_stack_changes_nothing():
    tasks, specs = mixture((8,), 0.5)
    forwards = train_stack(tasks, specs, CLASSES, 3)
    backwards = train_stack(tasks[::-1], specs[::-1], CLASSES, 3)
    for one, other in zip(forwards.layers, backwards.layers[::-1], strict=True):
        assert_same_layers(one, other)


def test_neighbours_change_no_bit():
    tasks = [task(75, 12, seed, held_out=9) for seed in range(7)]
    specs = [spec((8,), 0.5), spec((8,), 0.25, l2=0.1), spec((8,), rate=1e-3), spec((8,), 0.5, l2=0.0)]
    one = train_stack(tasks[:4], specs, CLASSES, 4)
    other = train_stack([tasks[0], *tasks[4:]], [specs[0], *specs[1:][::-1]], CLASSES, 4)
    np.testing.assert_array_equal(one.log_loss[0], other.log_loss[0])
    np.testing.assert_array_equal(one.layers[0][0].kernel, other.layers[0][0].kernel)


@pytest.mark.parametrize("epochs_at_once", [1, 2])
def test_epochs_in_several_calls_are_those_in_one(epochs_at_once):
    tasks, specs = mixture((8,), 0.25)
    steps = -(-75 // BATCH)
    whole = train_stack(tasks, specs, CLASSES, 4)
    parts = train_stack(tasks, specs, CLASSES, 4, orders_bytes=epochs_at_once * steps * len(tasks) * BATCH * 4)
    for one, other in zip(whole.layers, parts.layers, strict=True):
        assert_same_layers(one, other)
    np.testing.assert_allclose(whole.log_loss, parts.log_loss, atol=2e-5)


def test_epochs_at_once_divide_the_epochs_and_fit():
    assert [stack._epochs_at_once(60, 10, limit) for limit in (1, 10, 75, 599, 600, 10_000)] == [1, 1, 6, 30, 60, 60]


@pytest.mark.parametrize("held_out", [1, 20, 700])
def test_validation_photos_of_any_number(held_out):
    one = task(40, 7, 1, held_out=held_out)
    trained = train_stack([one], [spec((8,))], CLASSES, 2)
    expected = validation_scores(trained.layers[0], one.validation)
    assert trained.log_loss[0, -1] == pytest.approx(expected[0], abs=1e-5)
    assert trained.accuracy[0, -1] == pytest.approx(expected[1])


def test_photos_are_held_once():
    one = task(40, 7, 1)
    photos = Photos([one, replace(one, seed=2), task(40, 7, 3)], 16)
    assert photos.first_rows.tolist() == [0, 0, 60]
    assert photos.inputs.shape == (128, 16)
    assert photos.held_out.shape == (1, 3, 32)


def test_width_is_rounded_up_with_units_that_stay_zero():
    """Whatever they were rounded up to: the same head."""
    tasks, specs = mixture((8,), 0.5)
    narrow = train_stack(tasks, specs, CLASSES, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack, "UNITS", 8)
        exact = train_stack(tasks, specs, CLASSES, 4)
    for one, other in zip(narrow.layers, exact.layers, strict=True):
        assert_same_layers(one, other)


def test_same_seed_same_bits():
    tasks, specs = mixture((8,), 0.5)
    one, other = (train_stack(tasks, specs, CLASSES, 3) for _ in range(2))
    np.testing.assert_array_equal(one.log_loss, other.log_loss)
    np.testing.assert_array_equal(one.layers[0][0].kernel, other.layers[0][0].kernel)


def test_seed_matters():
    one, other = (
        train_stack([replace(task(40, 7, 1), seed=seed)], [spec((8,))], CLASSES, 1).layers[0][0].kernel
        for seed in (1, 2)
    )
    assert np.abs(one - other).max() > 0.1


def keras_twin(one, its, epochs):
    """Train the same head with Keras: same initial weights, same photos in each batch, its Adam and L2."""
    regularizer = keras.regularizers.L2(its.l2)
    widths = [*its.hidden, CLASSES]
    layers = [
        keras.layers.Dense(width, None if number == len(its.hidden) else "relu", kernel_regularizer=regularizer)
        for number, width in enumerate(widths)
    ]
    model = keras.Sequential([keras.Input((one.inputs.shape[1],)), *layers])
    initial = stack._initial([one], its.hidden, [one.inputs.shape[1], *widths])
    model.set_weights([w[0] if number % 2 == 0 else w[0, 0] for number, w in enumerate(initial)])
    model.compile(
        keras.optimizers.Adam(its.learning_rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    order = np.random.default_rng([one.seed, 1])
    losses = []
    for _ in range(epochs):
        shuffled = order.permutation(len(one.labels))
        for start in range(0, len(shuffled), BATCH):
            rows = shuffled[start : start + BATCH]
            model.train_on_batch(one.inputs[rows].astype(np.float32), one.labels[rows])
        losses.append(log_loss(softmax(model.predict_on_batch(one.validation[0])), one.validation[1]))
    return model, losses


@pytest.mark.parametrize("hidden", [(16,), (8, 4)])
def test_keras_comes_to_the_same(hidden):
    one, its = task(75, 12, 5), spec(hidden, l2=0.01, rate=5e-3)
    ours = train_stack([one], [its], CLASSES, 6)
    model, losses = keras_twin(one, its, 6)
    theirs = model.get_weights()
    for number, layer in enumerate(ours.layers[0]):
        np.testing.assert_allclose(layer.kernel, theirs[2 * number], atol=1e-4)
        np.testing.assert_allclose(layer.bias, theirs[2 * number + 1], atol=1e-4)
    np.testing.assert_allclose(ours.log_loss[0], losses, atol=1e-4)


def test_something_is_learnt():
    tasks = [task(90, 12, seed) for seed in range(3)]
    trained = train_stack(tasks, [spec((16,))] * 3, CLASSES, 20)
    assert (trained.log_loss[:, -1] < 0.5 * np.log(CLASSES)).all()
    assert (trained.accuracy[:, -1] > 0.8).all()


def test_scores_are_those_of_the_layers():
    tasks, specs = mixture((8, 4), 0.5)
    trained = train_stack(tasks, specs, CLASSES, 4)
    assert trained.log_loss.shape == trained.accuracy.shape == (4, 4)
    for number, one in enumerate(tasks):
        if one.validation is None:
            assert np.isnan(trained.log_loss[number]).all()
            continue
        expected = validation_scores(trained.layers[number], one.validation)
        assert trained.log_loss[number, -1] == pytest.approx(expected[0], abs=1e-5)
        assert trained.accuracy[number, -1] == pytest.approx(expected[1])


def test_layers_have_no_padding():
    tasks, specs = mixture((8, 4), 0.0)
    for one, layers in zip(tasks, train_stack(tasks, specs, CLASSES, 1).layers, strict=True):
        assert [layer.kernel.shape for layer in layers] == [(one.inputs.shape[1], 8), (8, 4), (4, CLASSES)]
        assert [layer.bias.shape for layer in layers] == [(8,), (4,), (CLASSES,)]


def test_l2_pulls_kernels_to_zero():
    one = task(60, 7, 1)
    free, pulled = train_stack([one, one], [spec((8,), l2=0.0), spec((8,), l2=1.0)], CLASSES, 30).layers
    assert np.abs(pulled[0].kernel).mean() < 0.2 * np.abs(free[0].kernel).mean()


def test_different_shapes_are_refused():
    one = task(20, 5, 1)
    with pytest.raises(ValueError, match=r"^all heads of a stack need the same hidden widths$"):
        train_stack([one, one], [spec((8,)), spec((8, 4))], CLASSES, 1)


def kept(seeds, step, layer, rate, shape=(200, 50)):
    uniform = stack._uniform(
        tf.constant(seeds, tf.uint32), tf.constant([step] * len(seeds)), layer, (len(seeds), *shape)
    )
    return uniform.numpy() >= rate


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_dropout_keeps_its_share(rate):
    shares = kept([1, 2, 3], step=4, layer=0, rate=rate).mean(axis=(1, 2))
    # 10 000 draws: a share is off by less than 5 standard deviations
    np.testing.assert_allclose(shares, 1 - rate, atol=5 * np.sqrt(rate * (1 - rate) / 10_000))


@pytest.mark.parametrize("other", [([8], 4, 0), ([7], 5, 0), ([7], 4, 2)], ids=["seed", "step", "layer"])
def test_dropout_differs_by(other):
    same = (kept([7], 4, 0, 0.5) == kept(*other, 0.5)).mean()
    assert same == pytest.approx(0.5, abs=0.03)


def test_dropout_does_not_depend_on_the_place_in_the_stack():
    np.testing.assert_array_equal(kept([9, 7], 4, 0, 0.5)[1], kept([7], 4, 0, 0.5)[0])


def test_dropout_keeps_the_mean():
    generator = np.random.default_rng(0)
    weights = [
        tf.constant(generator.normal(size=shape), tf.float32) for shape in ((1, 6, 4000), (1, 1, 4000), (1, 4000, 1))
    ] + [tf.zeros((1, 1, 1))]
    weights[2] = tf.abs(weights[2])
    inputs = tf.constant(generator.normal(size=(1, 50, 6)), tf.float32)
    noise = (tf.constant([3], tf.uint32), tf.constant([0]), tf.constant([0.5]))
    dropped, whole = stack._logits(weights, inputs, noise).numpy(), stack._logits(weights, inputs, None).numpy()
    assert np.abs(dropped - whole).max() > 0
    assert dropped.mean() == pytest.approx(whole.mean(), rel=0.01)
