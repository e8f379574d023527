"""The talk's fits, held against Keras itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiments.talk import as_published
from experiments.talk.as_published import Recipe, Task, initial, outputs, stream, train

EPOCHS = 6


def made_up(seed, photos=70, width=12):
    """Return a task whose outputs lie below 0, between 0 and 1, and above 1."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, photos)
    inputs = (generator.normal(0, 1, (photos, width)) + 0.6 * labels[:, None]).astype(np.float32)
    return Task(inputs[:50], labels[:50], (inputs[50:], labels[50:]), (seed, 1))


def keras_2_loss(truth, said):
    """What `K.binary_crossentropy` was in Keras 2.2.4 with TensorFlow."""
    clipped = tf.clip_by_value(said, 1e-7, 1 - 1e-7)
    logits = tf.math.log(clipped / (1 - clipped))
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logits), axis=-1)


def by_keras(task, recipe, epochs):
    """Train the same head from the same weights on the same batches; return weights and validation loss an epoch."""
    dense = [keras.layers.Dense(units, "relu") for units in recipe.hidden]
    model = keras.Sequential([*dense, keras.layers.Dense(1, recipe.output)])
    model.build((None, task.inputs.shape[1]))
    model.set_weights([np.squeeze(w, 0) if len(w) == 1 else w for w in initial(task.seed, 12, recipe.hidden)])
    model.compile(keras.optimizers.Adam(1e-3, epsilon=1e-7), keras_2_loss)
    order, weights, losses = stream(task.seed, as_published.ORDER), [], []
    for _ in range(epochs):
        rows = order.permutation(len(task.labels))
        for start in range(0, len(rows), 32):
            batch = rows[start : start + 32]
            model.train_on_batch(task.inputs[batch], task.labels[batch, None].astype(np.float32))
        weights.append(model.get_weights())
        inputs, labels = task.validation
        losses.append(float(model.evaluate(inputs, labels[:, None].astype(np.float32), verbose=0)))
    return weights, losses


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe((), 0, "relu"),
        Recipe((10,), 0, "relu"),
        Recipe((10,), 0, "sigmoid"),
        Recipe((9, 7), 0, "relu"),
        Recipe((9, 7), 0, "sigmoid"),
    ],
    ids=str,
)
def test_a_fit_is_kerass(recipe):
    tasks = [made_up(seed) for seed in (3, 4)]
    fits = train(tasks, recipe, EPOCHS)
    weights, losses = by_keras(tasks[1], recipe, EPOCHS)
    start = initial(tasks[1].seed, 12, recipe.hidden)
    assert np.abs(fits.last[0][1] - start[0]).max() > 5e-3  # it has moved, by more than the tolerance
    for ours, theirs in zip(fits.last, weights[-1], strict=True):
        np.testing.assert_allclose(ours[1].reshape(theirs.shape), theirs, atol=1e-5)
    np.testing.assert_allclose(fits.loss[1], losses, rtol=1e-4)
    best = int(np.argmin(losses))
    for ours, theirs in zip(fits.checkpoint, weights[best], strict=True):
        np.testing.assert_allclose(ours[1].reshape(theirs.shape), theirs, atol=1e-5)


def test_outputs_outside_the_clip_teach_nothing():
    task = made_up(5)
    said = outputs(initial(task.seed, 12, ()), task.inputs, "relu")
    assert (said == 0).any()
    assert (said > 1).any()
    kept = (said > 0) & (said <= 1)
    weights = [weight[None] for weight in initial(task.seed, 12, ())]
    recipe = Recipe((), 0, "relu")
    labels = task.labels.astype(np.float32)
    every, _ = as_published._gradients(weights, task.inputs[None], labels[None], recipe, [])
    inside, _ = as_published._gradients(weights, task.inputs[None, kept], labels[None, kept], recipe, [])
    np.testing.assert_allclose(every * len(labels), inside * kept.sum(), rtol=1e-4)


def test_a_fit_does_not_depend_on_the_others():
    recipe = Recipe((10,), 0.2, "relu")
    tasks = [made_up(seed) for seed in range(6)]
    together = train(tasks, recipe, 3)
    alone = train(tasks[5:], recipe, 3)
    np.testing.assert_array_equal(together.loss[5], alone.loss[0])
    assert len(np.unique(together.loss[:, -1])) == 6


def test_dropout_leaves_its_share_out():
    task = made_up(1)
    weights = [np.ones((1, 12, 400), np.float32), np.full((1, 1, 400), 99, np.float32)]
    weights += [np.full((1, 400, 1), 1e-5, np.float32), np.zeros((1, 1, 1), np.float32)]
    recipe = Recipe((400,), 0.2, "relu")
    found = as_published._gradients(
        weights, task.inputs[None, :1], np.ones((1, 1), np.float32), recipe, [stream((1,), as_published.DROPOUT)]
    )
    dropped = found[0][0, 0] == 0
    assert 0.1 < dropped.mean() < 0.3
    assert (dropped == (found[2][0, :, 0] == 0)).all()
