"""Perceptual hashes of the drawn sample and of what happens to photos; near pairs against brute force."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from catml.photos import similar
from catml.photos.groups import BORDERLINE, RADIUS
from catml.photos.sample import LABELS, draw_photo
from catml.photos.similar import near_pairs, perceptual_hash

PICTURES = [draw_photo(label, index) for label in LABELS for index in range(20)]


def bits(one, other):
    return (one ^ other).bit_count()


def moved(change):
    """Return in how many bits each changed picture differs from the picture."""
    return [bits(perceptual_hash(picture).plain, perceptual_hash(change(picture)).plain) for picture in PICTURES]


def encoded(quality):
    def change(picture):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return change


def resized(factor):
    return lambda picture: picture.resize((round(picture.width * factor), round(picture.height * factor)))


def cropped(left, top, right, bottom):
    """Return a change that cuts off these shares of the sides and enlarges the rest."""

    def change(picture):
        width, height = picture.size
        box = (left * width, top * height, width - right * width, height - bottom * height)
        return picture.resize(picture.size, Image.Resampling.BICUBIC, box=box)

    return change


def brute_force(plain, mirrored, radius):
    """Return {(first, second): distance}, pair by pair, in plain Python."""
    found = {}
    for first in range(len(plain)):
        for second in range(first + 1, len(plain)):
            one, other = (int(plain[first]), int(mirrored[first])), (int(plain[second]), int(mirrored[second]))
            distance = min(bits(one[0], other[0]), bits(one[0], other[1]), bits(one[1], other[0]))
            if distance <= radius:
                found[first, second] = distance
    return found


def as_dict(pairs):
    rows = zip(pairs.first.tolist(), pairs.second.tolist(), pairs.distance.tolist(), strict=True)
    return {(first, second): distance for first, second, distance in rows}


def random_hashes(count, seed):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 2**64, (2, count), dtype=np.uint64)


@pytest.mark.parametrize("size", [(400, 300), (397, 283), (3001, 1999)])
def test_mirrored_picture_has_the_mirrored_hash(size):
    """Up to rounding: a coefficient within 0.01 of the median may fall on either side of it."""
    for picture in PICTURES[:10]:
        photo = picture.resize(size)
        plain, turned = perceptual_hash(photo), perceptual_hash(ImageOps.mirror(photo))
        assert bits(plain.mirrored, turned.plain) <= 2
        assert bits(plain.plain, turned.mirrored) <= 2
        assert bits(plain.plain, turned.plain) > RADIUS


@pytest.mark.parametrize("change", [encoded(30), encoded(80), resized(0.5), resized(3), resized(0.97)])
def test_copies_lie_within_few_bits(change):
    distances = moved(change)
    assert max(distances) <= 4
    assert np.mean(distances) < 1


def test_thumbnails_lie_near():
    assert max(moved(resized(0.3))) <= 6


def test_brighter_or_flatter_copies_lie_near():
    assert max(moved(lambda picture: ImageEnhance.Brightness(picture).enhance(1.1))) <= 6
    assert max(moved(lambda picture: ImageEnhance.Contrast(picture).enhance(0.8))) <= 4
    assert max(moved(lambda picture: ImageEnhance.Color(picture).enhance(0.5))) <= 2


@pytest.mark.parametrize("change", [cropped(0.02, 0, 0, 0), cropped(0, 0.02, 0, 0)])
def test_slightly_shifted_copies_lie_within_twelve(change):
    assert max(moved(change)) <= 12
    assert np.mean(np.array(moved(change)) <= RADIUS) > 0.9


def test_most_slightly_enlarged_copies_lie_within_twelve():
    distances = np.array(moved(cropped(*[0.025] * 4)))
    assert np.mean(distances <= 12) >= 0.9
    assert distances.max() <= BORDERLINE


def test_different_pictures_lie_apart():
    hashes = [perceptual_hash(picture).plain for picture in PICTURES]
    distances = [bits(one, other) for row, one in enumerate(hashes) for other in hashes[:row]]
    assert np.mean(np.array(distances) > BORDERLINE) > 0.99
    assert min(distances) > RADIUS


@pytest.mark.parametrize("colour", ["black", "white", "grey", (10, 200, 30)])
def test_one_colour_is_flat(colour):
    assert perceptual_hash(Image.new("RGB", (300, 200), colour)).flat


def test_faint_noise_is_flat_and_pictures_are_not():
    noise = np.random.default_rng(0).normal(128, 3, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    assert perceptual_hash(Image.fromarray(noise)).flat
    assert not any(perceptual_hash(picture).flat for picture in PICTURES)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (31, 33)])
def test_any_size_has_a_hash_of_64_bits(size):
    found = perceptual_hash(Image.new("RGB", size, "red"))
    assert 0 <= found.plain < 2**64
    assert 0 <= found.mirrored < 2**64


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 30),
    block=st.integers(1, 12),
    radius=st.sampled_from([0, 1, 10, 17, 32, 64]),
    seed=st.integers(0, 2**32 - 1),
)
def test_near_pairs_are_those_of_brute_force(count, block, radius, seed):
    plain, mirrored = random_hashes(count, seed)
    _plant(plain, mirrored, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similar, "BLOCK", block)
        found = near_pairs(plain, mirrored, radius)
    assert as_dict(found) == brute_force(plain, mirrored, radius)
    assert (found.first < found.second).all()
    assert all(column.dtype == np.int64 for column in found)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(0, 30), radius=st.integers(0, similar.FARTHEST), seed=st.integers(0, 2**32 - 1))
def test_near_pairs_by_bands_are_those_of_brute_force(count, radius, seed):
    plain, mirrored = random_hashes(count, seed)
    _plant(plain, mirrored, seed)
    found = similar._by_bands(plain, mirrored, radius)
    assert list(as_dict(found).items()) == sorted(brute_force(plain, mirrored, radius).items())
    assert all(column.dtype == np.int64 for column in found)


@pytest.mark.parametrize("radius", range(similar.FARTHEST + 1))
def test_bands_leave_out_no_pair(radius):
    """Bits are spread over the bands in every way there is: one band at least is flipped to the other's value."""
    flips = [set(map(int, similar._flips(band, radius))) for band in range(similar.BANDS)]
    reaches = [max((flip.bit_count() for flip in band), default=-1) for band in flips]
    for spread in itertools.product(range(radius + 1), repeat=similar.BANDS):
        if sum(spread) <= radius:
            assert any(count <= reach for count, reach in zip(spread, reaches, strict=True))


def test_many_photos_are_compared_by_bands_unless_many_are_alike(monkeypatch):
    monkeypatch.setattr(similar, "FEW", 0)
    ways = []
    for name in ("_all_pairs", "_by_bands"):
        way = getattr(similar, name)
        monkeypatch.setattr(similar, name, lambda *given, way=way, name=name: ways.append(name) or way(*given))
    plain, mirrored = random_hashes(400, 4)
    plain[7] = plain[3] ^ np.uint64(5)
    assert as_dict(near_pairs(plain, mirrored, RADIUS)) == {(3, 7): 2}
    near_pairs(plain, mirrored, BORDERLINE)
    plain[300:] = plain[0]
    assert len(near_pairs(plain, mirrored, RADIUS).first) == 1 + 101 * 100 / 2
    assert ways == ["_by_bands", "_all_pairs", "_all_pairs"]


def _plant(plain, mirrored, seed):
    """Make some rows copies, mirrored copies or near copies of others."""
    generator = np.random.default_rng(seed + 1)
    for row in range(len(plain) // 3):
        origin = generator.integers(len(plain))
        flipped = np.uint64(0)
        for place in generator.choice(64, generator.integers(0, 20), replace=False):
            flipped |= np.uint64(1) << np.uint64(place)
        source, other = (plain, mirrored) if generator.random() < 0.5 else (mirrored, plain)
        plain[row], mirrored[row] = source[origin] ^ flipped, other[origin]


def test_a_pair_across_the_border_of_two_blocks(monkeypatch):
    monkeypatch.setattr(similar, "BLOCK", 4)
    plain, mirrored = random_hashes(9, 1)
    plain[4], mirrored[8] = plain[3] ^ np.uint64(7), plain[0]
    assert as_dict(near_pairs(plain, mirrored, 10)) == {(3, 4): 3, (0, 8): 0}


def test_radius_64_finds_all_pairs_and_radius_0_only_equal_ones():
    plain, mirrored = random_hashes(20, 2)
    plain[7] = plain[3]
    assert len(near_pairs(plain, mirrored, 64).first) == 190
    assert as_dict(near_pairs(plain, mirrored, 0)) == {(3, 7): 0}


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_for_a_pair(count):
    found = near_pairs(*random_hashes(count, 3), 64)
    assert [len(column) for column in found] == [0, 0, 0]


def test_pairs_and_distances_do_not_depend_on_the_order():
    """Mirroring twice is not exactly the same hash, so which of the two is mirrored could make a difference."""
    hashes = [perceptual_hash(picture) for picture in PICTURES]
    plain, mirrored = (np.array([getattr(one, name) for one in hashes], np.uint64) for name in ("plain", "mirrored"))
    forward = as_dict(near_pairs(plain, mirrored, 32))
    last = len(plain) - 1
    backward = as_dict(near_pairs(plain[::-1], mirrored[::-1], 32))
    assert forward == {(last - second, last - first): distance for (first, second), distance in backward.items()}
