"""Which photos belong together: near-duplicates and bursts, which a split must not separate.

Ten shots of one second on both sides of a split, and any classifier looks perfect: it has seen the test photos. Barz
and Denzler (2020) found 3 and 10 % of the test photos of two well-known data sets among their training photos.
"""

from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from catml.photos.similar import Pairs, near_pairs

# In bits of 64. Re-encoded, resized and slightly cropped copies lie within; different photos begin at about 18, and
# between 11 and 17 only a person can tell.
RADIUS, BORDERLINE = 10, 17
# Two photos of one camera within so many seconds are of one moment.
BURST_SECONDS = 3.0
# A second with more photos than any camera takes is no time of capture but of an export, or a clock that was never set.
MOST_IN_A_SECOND = 20


class Links(NamedTuple):
    """Pairs of rows of a photo table, and for each why: "equal", "alike" or "burst"; `bits` is 0 but for "alike"."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    reason: NDArray[np.str_]
    bits: NDArray[np.int64]


def find_links(table: pd.DataFrame, radius: int = RADIUS) -> tuple[Links, Pairs]:
    """Find the pairs of photos that belong together, and those that only a person can tell.

    Args:
        table: photo table without problems.
        radius: how many of the 64 bits of their perceptual hashes may differ.

    Returns:
        The links, by row position in `table`; and the borderline pairs, of more bits than `radius` up to `BORDERLINE`.
    """
    equal = _neighbours(table["pixels_sha256"].to_numpy())
    near = _alike(table, max(radius, BORDERLINE))
    close = near.distance <= radius
    burst = _bursts(table)
    links = Links(
        np.concatenate([equal[0], near.first[close], burst[0]]),
        np.concatenate([equal[1], near.second[close], burst[1]]),
        np.repeat(["equal", "alike", "burst"], [len(equal[0]), close.sum(), len(burst[0])]),
        np.concatenate([np.zeros_like(equal[0]), near.distance[close], np.zeros_like(burst[0])]),
    )
    return links, Pairs(*(column[~close] for column in near))


def group(table: pd.DataFrame, links: Links) -> pd.Series:
    """Return each photo's group: all photos that a chain of links joins.

    A group is called by the smallest of its photos' pixel hashes, so neither names nor order matter.
    """
    count = len(table)
    graph = coo_matrix((np.ones(len(links.first)), (links.first, links.second)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    return table["pixels_sha256"].groupby(component).transform("min").rename("group")


def _alike(table: pd.DataFrame, radius: int) -> Pairs:
    rows = np.flatnonzero(~table["flat"].to_numpy(bool))
    plain, mirrored = (table[name].to_numpy(np.uint64)[rows] for name in ("phash", "phash_mirrored"))
    found = near_pairs(plain, mirrored, radius)
    return Pairs(rows[found.first], rows[found.second], found.distance)


def _bursts(table: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Link each photo to the next one of the same camera, if that was taken at most `BURST_SECONDS` later."""
    seconds = table["taken"].map(_seconds).to_numpy(np.float64)
    whole = pd.Series(np.floor(seconds))
    credible = whole.groupby(whole).transform("size").fillna(0).to_numpy() <= MOST_IN_A_SECOND
    rows = np.flatnonzero(np.isfinite(seconds) & credible)
    cameras = table["camera"].to_numpy()[rows]
    rows = rows[np.lexsort((seconds[rows], cameras))]
    first, second = rows[:-1], rows[1:]
    same = table["camera"].to_numpy()[first] == table["camera"].to_numpy()[second]
    together = same & (seconds[second] - seconds[first] <= BURST_SECONDS)
    return first[together], second[together]


def _neighbours(values: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Link each row to the next one that has the same value."""
    order = np.argsort(values, kind="stable")
    same = values[order[:-1]] == values[order[1:]]
    return order[:-1][same], order[1:][same]


def _seconds(taken: str) -> float:
    # Cameras write local time: read as if it were UTC, no second is skipped or repeated in spring and autumn.
    return (datetime.fromisoformat(taken) - datetime(1970, 1, 1)).total_seconds() if taken else float("nan")
