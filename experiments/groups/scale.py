"""How long groups take, and how much memory, on as many made-up hashes as wanted."""

import resource
import time

import numpy as np
import pandas as pd

from catml import screen
from catml.photos.groups import RADIUS, find_borderline, find_links, group

PLANTED = 0.01


def main(count: int) -> None:
    """Print seconds and memory for `count` photos, 1 % of which are near copies of others."""
    table = made_up(count)
    before = peak_megabytes()
    started = time.perf_counter()
    links = find_links(table)
    linked = time.perf_counter()
    groups = group(table, links)
    done = time.perf_counter()
    borderline = find_borderline(table, groups)
    screen.say(f"{count} photos, {round(PLANTED * count)} of them planted: {len(links.first)} links")
    screen.say(f"{len(borderline.first)} borderline pairs, {groups.nunique()} groups")
    screen.say(f"find_links {linked - started:.1f} s, group {done - linked:.1f} s")
    screen.say(f"peak memory {peak_megabytes():.0f} MB, {before:.0f} MB of it before")


def made_up(count: int) -> pd.DataFrame:
    """Return what `find_links` needs of a photo table: random hashes, 32 bits set as in real ones, and copies."""
    generator = np.random.default_rng(0)
    hashes = np.packbits(generator.random((2, count, 64)).argsort(axis=2) < 32, axis=2).view(np.uint64)[..., 0]
    copies = generator.choice(count, round(PLANTED * count), replace=False)
    for row in copies:
        differing = generator.choice(64, generator.integers(0, RADIUS + 1), replace=False).astype(np.uint64)
        hashes[0, row] = hashes[0, generator.integers(count)] ^ np.bitwise_or.reduce(np.uint64(1) << differing)
    return pd.DataFrame(
        {
            "pixels_sha256": [f"{row:064x}" for row in generator.permutation(count)],
            "phash": hashes[0],
            "phash_mirrored": hashes[1],
            "flat": False,
            "taken": "",
            "camera": "",
        }
    )


def peak_megabytes() -> float:
    """Return the most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
