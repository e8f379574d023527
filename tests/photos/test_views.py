"""Views: the photo as it is, mirrored, or turned, moved, sheared and zoomed, always the same for photo and seed."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from catml.errors import InputError
from catml.photos.views import AS_IS, MIRRORED, Ranges, View, all_views, augmented, read_ranges

STILL = Ranges(0, 0, 0, 0, False)
GENERATOR = np.random.default_rng(0)
NOISE = GENERATOR.integers(0, 256, (24, 24, 3)).astype(np.uint8)
SMOOTH = np.stack([*np.meshgrid(np.linspace(40, 200, 64), np.linspace(200, 40, 64)), np.full((64, 64), 99)], axis=2)
SMOOTH = SMOOTH.round().astype(np.uint8)


class Fixed:
    """Draws what it is told to."""

    def __init__(self, rotation=0.0, across=0.0, down=0.0, slant=0.0, wide=0.0, high=0.0, flip=1.0):
        self.given = np.array([rotation, across, down, slant, wide, high])
        self.flip = flip

    def uniform(self, *range_and_count):
        return self.given if range_and_count else self.flip


def test_names_say_what_the_view_depends_on():
    assert [str(AS_IS), str(MIRRORED)] == ["as-is", "mirrored"]
    names = {str(view) for view in all_views(3, True, 42, Ranges())}
    names |= {str(View(1, seed=43)), str(View(1, seed=42, ranges=Ranges(rotation=10)))}
    assert len(names) == 10
    assert str(View(2, True, 7)) == (
        "augmented 2, seed 7, rotation=20; shift=0.2; shear=0.2; zoom=0.2; flip=true, mirrored"
    )


def test_the_photo_itself_comes_first_whatever_the_seed():
    assert all_views(0, False, 42, Ranges()) == (AS_IS,)
    assert all_views(0, True, 42, Ranges(10)) == (AS_IS, MIRRORED)
    assert [view.number for view in all_views(2, True, 1, Ranges())] == [0, 0, 1, 1, 2, 2]


def test_same_photo_seed_and_number_same_view():
    view = View(1, seed=42)
    first = view.show(NOISE, "key")
    assert (first == View(1, seed=42).show(NOISE, "key")).all()
    for other, key in ((View(2, seed=42), "key"), (View(1, seed=43), "key"), (view, "other")):
        assert (first != other.show(NOISE, key)).any()


def test_backbones_of_other_input_sizes_see_the_same():
    large = np.kron(SMOOTH, np.ones((2, 2, 1), np.uint8))
    view = View(1, seed=3, ranges=Ranges(zoom=0))
    small_of_large = view.show(large, "key").reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(small_of_large - view.show(SMOOTH, "key")).mean() < 3


def test_nothing_to_draw_from_nothing_changes():
    assert (View(1, ranges=STILL).show(NOISE, "key") == NOISE).all()
    assert (View(0).show(NOISE, "key") == NOISE).all()
    assert (View(1, True, ranges=STILL).show(NOISE, "key") == NOISE[:, ::-1]).all()


def test_each_range_does_what_it_says():
    assert (augmented(NOISE, Ranges(), Fixed(flip=0.0)) == NOISE[:, ::-1]).all()
    np.testing.assert_allclose(augmented(NOISE, Ranges(rotation=90), Fixed(rotation=-1.0)), np.rot90(NOISE, -1), atol=1)
    moved = augmented(NOISE, Ranges(shift=0.25), Fixed(across=1.0))
    assert (moved[:, :18] == NOISE[:, 6:]).all()
    assert (moved[:, 18:] == NOISE[:, -1:]).all()  # beyond the edge: the edge
    assert (augmented(NOISE, Ranges(shift=0.25), Fixed(down=-1.0))[6:] == NOISE[:18]).all()


@pytest.mark.parametrize("seed", range(4))
def test_all_at_once_is_one_resampling(seed):
    """Held against scipy, which resamples by the same affine map."""
    draw = np.random.default_rng(seed).uniform(-1, 1, 6)
    ranges = Ranges(flip=False)
    given = augmented(SMOOTH, ranges, Fixed(*draw)).astype(float)
    turn = np.radians(20 * draw[0])
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ [[1, 0.2 * draw[3]], [0, 1]] @ np.diag([1 + 0.2 * draw[4], 1 + 0.2 * draw[5]])
    across, down = np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5)
    places = np.einsum("ij,jrc->irc", matrix, np.stack([across - 32, down - 32]))
    columns, rows = places[0] + 32 + 12.8 * draw[1] - 0.5, places[1] + 32 + 12.8 * draw[2] - 0.5
    for colour in range(3):
        expected = map_coordinates(SMOOTH[..., colour].astype(float), [rows, columns], order=1, mode="nearest")
        np.testing.assert_allclose(given[..., colour], expected, atol=2)


def test_what_is_drawn_fills_the_ranges():
    """Many views of a photo with a bright middle: where it comes to lie."""
    photo = np.zeros((50, 50, 3), np.uint8)
    photo[23:27, 23:27] = 255
    places = []
    for number in range(1, 200):
        bright = np.argwhere(View(number, seed=1).show(photo, "key")[..., 0] > 100)
        places.append(bright.mean(axis=0) + 0.5 - 25)
    across, down = np.array(places).T
    for moved in (across, down):
        assert -14 < moved.min() < -7
        assert 7 < moved.max() < 14
        assert abs(moved.mean()) < 1.5


def test_ranges_are_read():
    assert read_ranges("") == Ranges()
    assert read_ranges("rotation=5; flip=false") == Ranges(rotation=5, flip=False)
    assert read_ranges("rotation=5, zoom=0") == Ranges(rotation=5, zoom=0)
    assert read_ranges(str(Ranges(1, 0.5, 1, 0.9, False))) == Ranges(1, 0.5, 1, 0.9, False)


def test_wrong_ranges_are_refused_all_at_once():
    with pytest.raises(InputError) as caught:
        read_ranges("rotate=20; zoom=2; flip=maybe; shift=nan; shear")
    assert list(caught.value.problems) == [
        "augmentation: no setting 'rotate'. Did you mean 'rotation'? There are rotation, shift, shear, zoom, flip.",
        "augmentation: zoom: expected a number from 0 to 0.9, got '2'.",
        "augmentation: flip: expected true or false, got 'maybe'.",
        "augmentation: shift: expected a number from 0 to 0.5, got 'nan'.",
        "augmentation: shear: expected a number from 0 to 1, got ''.",
    ]
