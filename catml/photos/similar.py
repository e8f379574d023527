"""Photos that look alike: a perceptual hash of each, and the pairs whose hashes are near."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

Hashes = NDArray[np.uint64]

SIDE, KEPT = 32, 8  # the photo is shrunk to SIDE x SIDE grey values, of whose cosine transform KEPT x KEPT stay
# Below this standard deviation of grey values (of 255) there is nothing to recognise: fog, a lens cap, a blank scan.
FLAT = 4.0
BLOCK = 512
# Hashes are cut into bands to find near ones among more than FEW photos. Finding a pair that way takes as long as
# comparing twenty that lie side by side, so at most this SHARE of all pairs may be looked at: 0.016 in real photos, at
# radius 10. From 12 bits on they are more.
BANDS, WIDTH = 4, 16
FEW, FARTHEST, SHARE = 20_000, 11, 0.025


class Hash(NamedTuple):
    """Perceptual hashes of a photo and of its mirror image; `flat` is True where the photo is nearly one colour."""

    plain: int
    mirrored: int
    flat: bool


class Pairs(NamedTuple):
    """Pairs of photos by row number, first < second, and in how many of 64 bits they differ."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]


def perceptual_hash(image: Image.Image) -> Hash:
    """Return 64-bit hashes of the coarse structure of a photo (pHash: Zauner 2010, section 3.2).

    Photos scaled, re-encoded, or made brighter differ in 0 to 4 bits, shifted by 2 % in 0 to 8, enlarged by 5 % in 0 to
    8 and rarely up to 16, and different photos hardly ever in fewer than 18.
    """
    grey = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
    coefficients = dctn(grey, norm="ortho")[:KEPT, :KEPT]
    # Mirroring a picture turns the sign of every other column of its cosine transform, and does nothing else.
    mirrored = coefficients * np.where(np.arange(KEPT) % 2, -1, 1)
    return Hash(_bits(coefficients), _bits(mirrored), bool(grey.std() < FLAT))


def near_pairs(plain: Hashes, mirrored: Hashes, radius: int) -> Pairs:
    """Return all pairs that differ in at most `radius` bits, as they are or one of them mirrored, in order.

    Few photos are all compared, in blocks small enough for the processor's cache. Among many, only those are that come
    near each other in one of the bands their hashes are cut into, which leaves out none and is six times as fast:
    100,000 photos took 2 seconds on two cores.

    Args:
        plain: hashes, shape (n,).
        mirrored: hashes of the mirrored photos, shape (n,).
        radius: in bits, 0 to 64.
    """
    banded = len(plain) > FEW and radius <= FARTHEST and _candidates(plain, mirrored, radius) < SHARE * len(plain) ** 2
    return (_by_bands if banded else _all_pairs)(plain, mirrored, radius)


def _all_pairs(plain: Hashes, mirrored: Hashes, radius: int) -> Pairs:
    with ThreadPoolExecutor() as pool:
        starts = range(0, len(plain), BLOCK)
        found = list(pool.map(lambda start: list(_in_block(plain, mirrored, start, radius)), starts))
    empty = np.empty(0, np.int64)
    parts = [(empty, empty, empty), *(part for block in found for part in block)]
    pairs = Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    order = np.lexsort((pairs.second, pairs.first))
    return Pairs(*(column[order] for column in pairs))


def _by_bands(plain: Hashes, mirrored: Hashes, radius: int) -> Pairs:
    with ThreadPoolExecutor() as pool:
        jobs = [(other, band) for other in (plain, mirrored) for band in range(BANDS)]
        found = list(pool.map(lambda job: list(_in_band(plain, job[0], job[1], radius)), jobs))
    parts = [(np.empty(0, np.int64),) * 2, *(part for band in found for part in band)]
    one, other = (np.concatenate(column) for column in zip(*parts, strict=True))
    first, second = np.minimum(one, other), np.maximum(one, other)
    first, second = np.divmod(np.unique((first * len(plain) + second)[first < second]), max(1, len(plain)))
    distance = np.bitwise_count(plain[first] ^ plain[second])
    for left, right in ((plain, mirrored), (mirrored, plain)):
        np.minimum(distance, np.bitwise_count(left[first] ^ right[second]), out=distance)
    return Pairs(first, second, distance.astype(np.int64))


def _in_band(left: Hashes, right: Hashes, band: int, radius: int) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """Yield the pairs of a left and a right hash that are near as a whole, among those near in this band."""
    own, other = _band(left, band), _band(right, band)
    order = np.argsort(other, kind="stable")
    sizes = np.bincount(other, minlength=2**WIDTH)
    starts = sizes.cumsum() - sizes
    for flip in _flips(band, radius):
        wanted = own ^ flip
        counts = sizes[wanted]
        first = np.repeat(np.arange(len(left)), counts)
        # The right hashes with one value lie side by side in `order`: count on from where those of each row begin.
        place = np.arange(len(first)) + np.repeat(starts[wanted] - counts.cumsum() + counts, counts)
        second = order[place]
        near = np.bitwise_count(left[first] ^ right[second]) <= radius
        yield first[near], second[near]


def _candidates(plain: Hashes, mirrored: Hashes, radius: int) -> int:
    """Return how many pairs would have to be compared by bands: many, where many photos are much alike."""
    values = np.arange(2**WIDTH, dtype=np.uint16)
    count = 0
    for band in range(BANDS):
        sizes, turned = (np.bincount(_band(hashes, band), minlength=2**WIDTH) for hashes in (plain, mirrored))
        count += sum(int(sizes @ (sizes + turned)[values ^ flip]) for flip in _flips(band, radius))
    return count


def _band(hashes: Hashes, band: int) -> NDArray[np.uint16]:
    return (hashes >> np.uint64(WIDTH * band)).astype(np.uint16)


def _flips(band: int, radius: int) -> list[np.uint16]:
    """Return what turns a band's value into each one near it.

    Hashes that differ in more than `reach` bits in every band differ in more than `radius`: the bands' reaches, and one
    more for each, add up to `radius` + 1.
    """
    reach = (radius + 1 + band) // BANDS - 1
    flipped = (places for count in range(reach + 1) for places in combinations(range(WIDTH), count))
    return [np.uint16(sum(1 << place for place in places)) for places in flipped]


def _in_block(plain: Hashes, mirrored: Hashes, start: int, radius: int) -> Iterator[tuple[NDArray[np.int64], ...]]:
    rows = plain[start : start + BLOCK, None]
    for other in range(start, len(plain), BLOCK):
        distance = np.bitwise_count(rows ^ plain[None, other : other + BLOCK])
        # Which of the two is mirrored makes a difference of some bits, and order must make none: both are tried.
        for left, right in ((plain, mirrored), (mirrored, plain)):
            turned = np.bitwise_count(left[start : start + BLOCK, None] ^ right[None, other : other + BLOCK])
            np.minimum(distance, turned, out=distance)
        first, second = np.nonzero(distance <= radius)
        keep = first + start < second + other
        first, second = first[keep], second[keep]
        yield first + start, second + other, distance[first, second].astype(np.int64)


def _bits(coefficients: NDArray[np.float64]) -> int:
    flat = coefficients.ravel()
    # The first coefficient is the mean brightness, which says nothing of structure: it would only shift the median.
    bits = flat > np.median(flat[1:])
    return int(np.packbits(bits).view(">u8")[0])
