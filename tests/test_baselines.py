"""Each baseline sees what it should, and nothing beyond."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from catml.baselines import (
    COLOURS,
    LINEAR,
    MAJORITY,
    NEAREST,
    PLAIN_C,
    SHUFFLES,
    baselines,
    by_colours,
    nearest,
    plain_linear,
    shuffled,
)
from catml.heads.fit import fit_head
from catml.heads.spec import HeadSpec, respond
from catml.photos.colours import SIDE, colour_histogram

PHOTOS, WIDTH = 120, 16
LABELS = np.arange(PHOTOS) % 3
LEARN, TEST = np.arange(80), np.arange(80, PHOTOS)


def noise(seed=0, rows=PHOTOS):
    return np.random.default_rng(seed).normal(size=(rows, WIDTH)).astype(np.float32)


def telling(labels=LABELS, apart=6.0, seed=0):
    """Features whose first ones tell the labels."""
    found = noise(seed, len(labels))
    found[np.arange(len(labels)), labels] += apart
    return found


def coloured(tints):
    """Colour histograms of photos of noise with a tint each."""
    generator = np.random.default_rng(0)
    photos = [generator.integers(0, 90, (SIDE, SIDE, 3)) + np.array(tint) for tint in tints]
    return np.stack([colour_histogram(pixels.astype(np.uint8)) for pixels in photos])


def right(given, labels=LABELS):
    return float((given == labels[TEST]).mean())


TINTS = np.array([(160, 0, 0), (0, 160, 0), (0, 0, 160)])


def test_all_of_them_by_name():
    found = baselines(telling(apart=9.0), coloured(TINTS[LABELS]), LABELS, LEARN, TEST)
    assert list(found) == [MAJORITY, COLOURS, NEAREST, LINEAR]
    assert all(given.shape == TEST.shape for given in found.values())
    assert [right(found[name]) for name in (COLOURS, NEAREST, LINEAR)] == [1, 1, 1]


def test_most_frequent_label_is_that_of_the_photos_learnt_from():
    """Among the test photos another one is more frequent."""
    labels = np.array([2] * 50 + [0] * 30 + [0] * 40)
    found = baselines(telling(labels), coloured(TINTS[labels]), labels, LEARN, TEST)
    assert found[MAJORITY].tolist() == [2] * 40
    assert right(found[MAJORITY], labels) == 0


def test_colours_alone_see_colours_and_no_shapes():
    assert right(by_colours(coloured(TINTS[LABELS]), LABELS, LEARN, TEST)) == 1
    assert right(by_colours(coloured(TINTS[[0] * PHOTOS]), LABELS, LEARN, TEST)) < 0.55


def test_colours_alone_see_a_background():
    """The subject, in the middle, is the same: only the wall behind it differs."""
    generator = np.random.default_rng(0)
    photos = generator.integers(0, 100, (PHOTOS, SIDE, SIDE, 3))
    walls = (TINTS[LABELS] > 0)[:, None, None, :] * 120
    walls = np.broadcast_to(walls, photos.shape).copy()
    walls[:, 10:-10, 10:-10] = 0
    histograms = np.stack([colour_histogram(pixels.astype(np.uint8)) for pixels in photos + walls])
    assert right(by_colours(histograms, LABELS, LEARN, TEST)) == 1


def test_nearest_photo_is_the_one_of_the_same_direction():
    """Rings of labels that no straight line parts: the nearest photo tells them, the linear head can't."""
    angles = np.linspace(0, 2 * np.pi, PHOTOS, endpoint=False)
    labels = (angles // (np.pi / 6)).astype(int) % 2
    order = np.random.default_rng(0).permutation(PHOTOS)
    ring = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)[order]
    labels = labels[order]
    assert right(nearest(ring, labels, LEARN, TEST), labels) > 0.8
    assert right(plain_linear(ring, labels, LEARN, TEST), labels) < 0.7
    lengths = np.random.default_rng(1).uniform(0.5, 2, (PHOTOS, 1)).astype(np.float32)
    centred = ring - ring[LEARN].mean(axis=0)
    scaled = lengths * centred
    scaled -= scaled[LEARN].mean(axis=0)
    assert right(nearest(scaled, labels, LEARN, TEST), labels) > 0.7


def test_nearest_photo_by_hand():
    features = np.array([[3.0, 1], [1, 3], [-4, -4], [9, 2], [2, 9]], np.float32)
    labels = np.array([0, 1, 2, 0, 1])
    assert nearest(features, labels, np.arange(3), np.array([3, 4])).tolist() == [0, 1]
    assert nearest(features, labels, np.array([1, 2, 0]), np.array([3, 4, 2])).tolist() == [0, 1, 2]


def test_what_all_photos_have_in_common_is_no_similarity():
    features = telling(apart=3.0)
    assert right(nearest(features + 1000, LABELS, LEARN, TEST)) == right(nearest(features, LABELS, LEARN, TEST)) > 0.7


def test_features_are_left_as_they_are():
    features = telling()
    before = features.copy()
    nearest(features, LABELS, LEARN, TEST)
    plain_linear(features, LABELS, LEARN, TEST)
    np.testing.assert_array_equal(features, before)


def test_noise_tells_nothing():
    for baseline in (nearest, plain_linear):
        mean = np.mean([right(baseline(noise(seed), LABELS, LEARN, TEST)) for seed in range(10)])
        assert mean == pytest.approx(1 / 3, abs=0.1)


def test_plain_linear_head_is_logistic_regression_as_scikit_learn_has_it():
    features = telling(apart=1.0)
    scaler = StandardScaler().fit(features[LEARN])
    usual = LogisticRegression(C=PLAIN_C, tol=1e-8, max_iter=5000).fit(scaler.transform(features[LEARN]), LABELS[LEARN])
    np.testing.assert_array_equal(
        plain_linear(features, LABELS, LEARN, TEST), usual.predict(scaler.transform(features[TEST]))
    )
    layers = fit_head(features[LEARN], LABELS[LEARN], HeadSpec((), "each", 1 / (2 * PLAIN_C * len(LEARN))), 3, 0)
    wanted = usual.predict_proba(scaler.transform(features[TEST]))
    np.testing.assert_allclose(respond(layers, features[TEST]), wanted, atol=5e-3)


def test_what_is_tested_is_never_learnt_from():
    """Other labels for the test photos change no answer."""
    other = LABELS.copy()
    other[TEST] = (other[TEST] + 1) % 3
    features, colours = telling(apart=2.0), coloured(TINTS[LABELS])
    one = baselines(features, colours, LABELS, LEARN, TEST)
    two = baselines(features, colours, other, LEARN, TEST)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_shuffled_labels_give_chance():
    found, expected = shuffled(telling(), LABELS, LEARN, TEST, 42)
    assert found.shape == (SHUFFLES,)
    assert found.std() > 0
    assert found.mean() == pytest.approx(expected, abs=0.1)
    np.testing.assert_array_equal(found, shuffled(telling(), LABELS, LEARN, TEST, 42)[0])
    assert found.tolist() != shuffled(telling(), LABELS, LEARN, TEST, 43)[0].tolist()


def test_shuffled_labels_of_which_one_is_frequent_give_chance_too():
    """Else labels that are merely uneven would look as if something gave the answer away."""
    labels = (np.arange(PHOTOS) % 5 == 0).astype(int)
    found, expected = shuffled(np.hstack([telling(labels), noise(1), noise(2)]), labels, LEARN, TEST, 42)
    assert found.mean() == pytest.approx(expected, abs=0.05)


def test_shuffling_leaves_the_labels_as_they_are():
    labels = LABELS.copy()
    shuffled(noise(), labels, LEARN, TEST, 0)
    np.testing.assert_array_equal(labels, LABELS)


def test_noise_gives_no_answer_away():
    """Features of nothing but noise leave no such way."""
    found, expected = shuffled(noise(), LABELS, LEARN, TEST, 42)
    spread = found.std() / SHUFFLES**0.5
    assert abs(found.mean() - expected) < 4 * spread + 0.02
