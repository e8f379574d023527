"""Turning features onto the span of the training photos loses nothing."""

import numpy as np
import pytest

from catml.heads.geometry import fit_geometry
from catml.heads.spec import SCALINGS, Layer

FEW, MANY = (12, 50), (60, 10)
both_scalings = pytest.mark.parametrize("scaling", SCALINGS)
both_shapes = pytest.mark.parametrize("shape", [FEW, MANY], ids=["n<d", "n>d"])


def features(shape, seed=0):
    """Return features as a backbone gives them: of very different sizes, not centred, one of them constant."""
    generator = np.random.default_rng(seed)
    drawn = generator.gamma(1.0, 1.0, shape) * generator.uniform(0.1, 3, shape[1])
    drawn[:, 4] = 0.7
    return drawn.astype(np.float32)


def layer(rows, seed=1):
    generator = np.random.default_rng(seed)
    return Layer(generator.normal(size=(rows, 3)).astype(np.float32), generator.normal(size=3).astype(np.float32))


@both_scalings
@both_shapes
def test_fold_back(shape, scaling):
    training, others = features(shape), features((20, shape[1]), seed=9)
    geometry = fit_geometry(training, scaling)
    first = layer(geometry.rank)
    folded = geometry.fold_back(first)
    assert folded.kernel.dtype == folded.bias.dtype == np.float32
    for rows in (training, others):
        expected = geometry.coordinates(rows) @ first.kernel + first.bias
        np.testing.assert_allclose(rows @ folded.kernel + folded.bias, expected, atol=1e-4)


@both_scalings
@both_shapes
def test_inner_products_of_training_photos_are_kept(shape, scaling):
    training = features(shape)
    geometry = fit_geometry(training, scaling)
    standard = (training - geometry.mean) / geometry.scale
    coordinates = geometry.coordinates(training)
    np.testing.assert_allclose(coordinates @ coordinates.T, standard @ standard.T, atol=1e-4)
    if geometry.basis is not None:
        np.testing.assert_allclose(geometry.basis.T @ geometry.basis, np.eye(geometry.rank), atol=1e-8)


def test_few_photos_span_few_directions():
    assert fit_geometry(features(FEW), "common").basis.shape == (50, 11)
    assert fit_geometry(features(MANY), "common").basis is None


@both_scalings
@both_shapes
def test_coordinates_are_centred(shape, scaling):
    training = features(shape)
    np.testing.assert_allclose(fit_geometry(training, scaling).coordinates(training).mean(axis=0), 0, atol=1e-6)


def test_each_feature_gets_its_own_scale():
    training = features(MANY)
    spread = fit_geometry(training, "each").coordinates(training).std(axis=0)
    np.testing.assert_allclose(np.delete(spread, 4), 1, rtol=1e-5)


def test_common_scale_keeps_the_weighting():
    training = features(MANY)
    geometry = fit_geometry(training, "common")
    assert len(set(geometry.scale)) == 1
    coordinates = geometry.coordinates(training)
    assert (coordinates**2).mean() == pytest.approx(1, rel=1e-5)
    changing = np.arange(10) != 4
    ratios = coordinates.std(axis=0)[changing] / training.std(axis=0, dtype=np.float64)[changing]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-5)


@both_scalings
def test_constant_feature_is_zero(scaling):
    training = features(MANY)
    geometry = fit_geometry(training, scaling)
    np.testing.assert_allclose(geometry.coordinates(training)[:, 4], 0, atol=1e-6)
    assert (geometry.scale > 0.01).all()


def test_copies_of_a_photo_add_no_direction():
    training = np.vstack([features(FEW), features(FEW)])
    assert fit_geometry(training, "common").basis.shape == (50, 11)


@both_scalings
@both_shapes
def test_each_backbone_weighs_the_same(shape, scaling):
    """However many features it gives, and whatever they are measured in."""
    few = features((shape[0], 6), seed=5) * 1000
    together = np.hstack([few, features(shape)])
    coordinates = fit_geometry(together, scaling, (6, shape[1]))
    standard = (together - coordinates.mean) / coordinates.scale
    squares = (standard**2).sum(axis=1).mean()
    own = (standard[:, :6] ** 2).sum(axis=1).mean()
    assert own / squares == pytest.approx(0.5, abs=0.1)
    assert squares / together.shape[1] == pytest.approx(1, abs=0.15)
