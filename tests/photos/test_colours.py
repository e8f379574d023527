"""Colour histograms tell colours apart and nothing else."""

import numpy as np

from catml.photos.colours import EDGE, SIDE, STEPS, WIDTH, colour_histogram

RED, GREEN, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 0), (255, 255, 255)


def plain(colour):
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


def framed(inside, outside):
    pixels = plain(outside)
    pixels[EDGE:-EDGE, EDGE:-EDGE] = inside
    return pixels


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def place(colour):
    """Where a colour is counted: red counts most, blue least."""
    red, green, blue = (value * STEPS // 256 for value in colour)
    return (red * STEPS + green) * STEPS + blue


def test_one_colour():
    for colour in (RED, GREEN, BLACK, WHITE, (70, 130, 200)):
        found = colour_histogram(plain(colour))
        assert np.flatnonzero(found).tolist() == [place(colour), WIDTH // 2 + place(colour)]
        assert found[found > 0].tolist() == [1, 1]


def test_shape_and_kind():
    found = colour_histogram(noise())
    assert found.shape == (WIDTH,) == (128,)
    assert found.dtype == np.float32


def test_shares_of_both_halves_sum_to_one():
    """Roots of shares: two such vectors are at most the square root of two apart, in each half."""
    squares = colour_histogram(noise()) ** 2
    np.testing.assert_allclose([squares[:64].sum(), squares[64:].sum()], 1, rtol=1e-5)


def test_the_frame_is_about_half_of_the_photo_and_counted_by_itself():
    found = colour_histogram(framed(RED, GREEN))
    whole, frame = found[:64], found[64:]
    assert 0.4 < whole[place(GREEN)] ** 2 < 0.6
    np.testing.assert_allclose(whole[place(RED)] ** 2 + whole[place(GREEN)] ** 2, 1, rtol=1e-6)
    assert frame[place(GREEN)] == 1
    assert frame[place(RED)] == 0


def test_the_frame_is_ten_pixels_on_each_side():
    for turns in range(4):
        for depth, inside in ((0, False), (EDGE - 1, False), (EDGE, True)):
            pixels = plain(BLACK)
            pixels[depth, SIDE // 2] = RED
            whole, frame = np.split(colour_histogram(np.rot90(pixels, turns)), 2)
            assert whole[place(RED)] > 0
            assert (frame[place(RED)] == 0) == inside


def test_what_lies_where_does_not_matter():
    pixels = noise()
    inside = pixels[EDGE:-EDGE, EDGE:-EDGE]
    mixed = pixels.copy()
    order = np.random.default_rng(1).permutation(inside.shape[0])
    mixed[EDGE:-EDGE, EDGE:-EDGE] = inside[order][:, order]
    np.testing.assert_array_equal(colour_histogram(mixed), colour_histogram(pixels))
    np.testing.assert_array_equal(colour_histogram(pixels[::-1, ::-1]), colour_histogram(pixels))


def test_every_value_is_counted_in_one_of_four_steps():
    """Grey from 0 to 255: the four steps of each colour are equally wide, 64 values each."""
    values = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 256
    found = colour_histogram(np.repeat(values[..., None], 3, axis=2).astype(np.uint8))[:64] ** 2
    greys = [place((value, value, value)) for value in (0, 64, 128, 192)]
    np.testing.assert_allclose(found[greys], 0.25, rtol=1e-5)


def test_slightly_lighter_is_the_same_colour():
    np.testing.assert_array_equal(colour_histogram(plain((200, 10, 10))), colour_histogram(plain((210, 20, 20))))
