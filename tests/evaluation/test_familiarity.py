"""What is unlike all that was learnt from is told from what is like it."""

from dataclasses import replace

import numpy as np
import pytest

from catml.evaluation.familiarity import MOST_KEPT, fit_familiar, load_familiar

WIDTH = 12


def photos(count, seed, middle=0, width=WIDTH):
    """Features around a direction of their own, `middle`."""
    generator = np.random.default_rng(seed)
    found = generator.normal(size=(count, width))
    found[:, middle] += 8
    return found


def fitted(count=300, seed=0):
    return fit_familiar(photos(count, seed), range(count), [WIDTH])


def test_similarity_is_the_cosine():
    familiar = fit_familiar(np.array([[1.0, 0], [0, 2], [3, 3]]), range(3), [2])
    wanted = [[1, 0, np.sqrt(0.5)], [0, -1, -np.sqrt(0.5)]]
    np.testing.assert_allclose(familiar.similarities(np.array([[5.0, 0], [0, -0.1]])), wanted, atol=1e-3)
    np.testing.assert_allclose(familiar.of(np.array([[5.0, 0], [0, -0.1]])), [1, 0], atol=1e-3)


def test_strangers_are_below_the_line():
    familiar = fitted()
    assert (familiar.of(photos(100, 1, middle=5)) < familiar.least).all()
    assert (familiar.of(-photos(100, 1)) < familiar.least).all()


def test_about_two_in_a_hundred_of_the_same_kind_are_below_the_line():
    shares = []
    for seed in range(20):
        familiar = fitted(seed=seed)
        shares.append((familiar.of(photos(300, 1000 + seed)) < familiar.least).mean())
    assert np.mean(shares) == pytest.approx(0.02, abs=0.01)


def test_a_photo_is_as_familiar_as_it_is_bright_or_dark():
    """The length of features says nothing."""
    familiar, some = fitted(), photos(20, 1)
    np.testing.assert_allclose(familiar.of(7 * some), familiar.of(some), rtol=1e-5)


def test_a_photo_is_no_neighbour_of_its_own_group():
    """Each photo comes twice: with itself for a neighbour, it would look more familiar than any new one."""
    some = photos(100, 0)
    twice, groups = np.repeat(some, 2, axis=0), [f"group {number // 2}" for number in range(200)]
    together = fit_familiar(twice, groups, [WIDTH])
    assert together.least == pytest.approx(fit_familiar(some, range(100), [WIDTH]).least, abs=2e-3)
    alone = fit_familiar(twice, range(200), [WIDTH])
    assert alone.least > 0.999 > together.least


def test_left_out_is_the_similarity_to_other_groups():
    some = np.array([[1.0, 0], [1, 0.1], [0, 1], [3, 3]])
    familiar = fit_familiar(some, ["a", "a", "b", "c"], [2])
    wanted = [np.sqrt(0.5), 1.1 / np.sqrt(2.02), np.sqrt(0.5), 1.1 / np.sqrt(2.02)]
    np.testing.assert_allclose(familiar.left_out(some, ["a", "a", "b", "c"]), wanted, atol=1e-3)
    assert familiar.left_out(some, ["a"] * 4).tolist() == [-1] * 4


def test_where_all_are_of_one_group_nothing_is_strange():
    familiar = fit_familiar(photos(30, 0), ["one"] * 30, [WIDTH])
    assert (familiar.of(-photos(30, 1)) >= familiar.least).all()


def test_backbones_weigh_the_same_whatever_their_scale():
    """A hundred times as large, or ten times as wide: it doesn't outvote the other one."""
    narrow, wide = photos(50, 0, width=4), photos(50, 1, width=40)
    alike = fit_familiar(np.hstack([narrow, wide]), range(50), [4, 40])
    scaled = fit_familiar(np.hstack([100 * narrow, wide]), range(50), [4, 40])
    new = photos(10, 2, width=4), photos(10, 3, width=40)
    found = alike.similarities(np.hstack(new))
    np.testing.assert_allclose(scaled.similarities(np.hstack([100 * new[0], new[1]])), found, atol=1e-5)
    assert scaled.least == pytest.approx(alike.least, abs=1e-5)
    each = [fit_familiar(of, range(50), [of.shape[1]]) for of in (narrow, wide)]
    mean = np.mean([one.similarities(part) for one, part in zip(each, new, strict=True)], axis=0)
    np.testing.assert_allclose(found, mean, atol=2e-3)


def test_a_stranger_to_one_of_two_backbones_is_strange():
    familiar = fit_familiar(np.hstack([photos(200, 0), photos(200, 1)]), range(200), [WIDTH, WIDTH])
    new = np.hstack([photos(50, 2), photos(50, 3, middle=5)])
    assert (familiar.of(new) < familiar.least).all()


def test_of_many_photos_some_are_kept():
    count = MOST_KEPT + 300
    some = photos(count, 0, width=4)
    familiar = fit_familiar(some, range(count), [4])
    assert familiar.directions.shape == (MOST_KEPT, 4)
    assert len(set(familiar.rows.tolist())) == MOST_KEPT
    assert (np.diff(familiar.rows) > 0).all()
    assert familiar.rows.max() >= MOST_KEPT
    own = familiar.similarities(some[familiar.rows[:20]])[np.arange(20), np.arange(20)]
    np.testing.assert_allclose(own, 1, atol=1e-3)
    again = fit_familiar(some, range(count), [4])
    np.testing.assert_array_equal(again.rows, familiar.rows)


def test_few_photos_are_all_kept():
    assert fitted(30).rows.tolist() == list(range(30))


def test_in_parts_it_is_the_same(monkeypatch):
    whole = fitted()
    monkeypatch.setattr("catml.evaluation.familiarity.ROWS", 7)
    parts = fitted()
    assert parts.least == pytest.approx(whole.least, abs=1e-6)
    np.testing.assert_allclose(parts.of(photos(30, 1)), whole.of(photos(30, 1)), atol=1e-6)


def test_features_are_left_as_they_are():
    some = photos(20, 0).astype(np.float32)
    before = some.copy()
    fit_familiar(some, range(20), [WIDTH]).of(some)
    np.testing.assert_array_equal(some, before)


def test_features_of_nothing_but_zeros_are_strange_and_no_crash():
    familiar = fitted()
    assert familiar.of(np.zeros((1, WIDTH))).tolist() == [0]
    assert familiar.least > 0


def test_saved_and_loaded(tmp_path):
    familiar = fit_familiar(np.hstack([photos(40, 0), photos(40, 1)]), range(40), [WIDTH, WIDTH])
    familiar.save(tmp_path / "familiar.npz")
    with np.load(tmp_path / "familiar.npz", allow_pickle=False) as kept:
        assert all(kept[name].dtype != object for name in kept.files)
    again = load_familiar(tmp_path / "familiar.npz")
    assert (again.least, again.blocks) == (familiar.least, familiar.blocks)
    np.testing.assert_array_equal(again.directions, familiar.directions)
    np.testing.assert_array_equal(again.rows, familiar.rows)
    new = np.hstack([photos(5, 2), photos(5, 3)])
    np.testing.assert_array_equal(again.of(new), familiar.of(new))


def test_no_photos():
    assert fitted().of(np.empty((0, WIDTH))).shape == (0,)


def test_middle_is_the_mean_of_all_photos_learnt_from(tmp_path):
    some = photos(MOST_KEPT + 50, 0)
    familiar = fit_familiar(some, range(len(some)), [WIDTH])
    np.testing.assert_allclose(familiar.middle, some.mean(axis=0), rtol=1e-6)
    familiar.save(tmp_path / "familiar.npz")
    np.testing.assert_array_equal(load_familiar(tmp_path / "familiar.npz").middle, familiar.middle)


def test_an_older_file_without_a_middle_is_loaded(tmp_path):
    replace(fitted(), middle=None).save(tmp_path / "familiar.npz")
    assert load_familiar(tmp_path / "familiar.npz").middle is None
