"""Which photos belong together: near-duplicates and bursts, which a split must not separate.

Ten shots of one second on both sides of a split, and any classifier looks perfect: it has seen the test photos. Barz
and Denzler (2020) found 3 and 10 % of the test photos of two well-known data sets among their training photos.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from catml.errors import InputError
from catml.photos.similar import Pairs, near_pairs

# In bits of 64. Re-encoded, resized and slightly cropped copies lie within; different photos begin at about 18, and
# between 11 and 17 only a person can tell.
RADIUS, BORDERLINE = 10, 17
# Two photos of one camera within so many seconds are of one moment.
BURST_SECONDS = 3.0
# A second with more photos than any camera takes is no time of capture but of an export, or a clock that was never set.
MOST_IN_A_SECOND = 20
BLOCK = 2048
LARGEST_CHAIN = 10_000  # clustering more would take gigabytes


class Links(NamedTuple):
    """Pairs of rows of a photo table, and for each why: "equal", "alike", "burst" or "features".

    `bits` is how many bits the perceptual hashes differ in, and 0 but for "alike".
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    reason: NDArray[np.str_]
    bits: NDArray[np.int64]


def find_links(table: pd.DataFrame, radius: int = RADIUS) -> Links:
    """Find the pairs of photos that belong together.

    Args:
        table: photo table without problems.
        radius: how many of the 64 bits of their perceptual hashes may differ.

    Returns:
        The links, by row position in `table`.
    """
    equal = _neighbours(table["pixels_sha256"].to_numpy())
    near = _alike(table, radius)
    burst = _bursts(table)
    return Links(
        np.concatenate([equal[0], near.first, burst[0]]),
        np.concatenate([equal[1], near.second, burst[1]]),
        np.repeat(["equal", "alike", "burst"], [len(equal[0]), len(near.first), len(burst[0])]),
        np.concatenate([np.zeros_like(equal[0]), near.distance, np.zeros_like(burst[0])]),
    )


def find_borderline(table: pd.DataFrame, groups: pd.Series) -> Pairs:
    """Find the pairs that only a person can tell: of more than `RADIUS` bits up to `BORDERLINE`, in different groups.

    Args:
        table: photo table without problems.
        groups: the group of each row.

    Returns:
        The pairs, by row position in `table`, nearest first.
    """
    near = _alike(table, BORDERLINE)
    names = groups.to_numpy()
    apart = (near.distance > RADIUS) & (names[near.first] != names[near.second])
    pairs = Pairs(*(column[apart] for column in near))
    return Pairs(*(column[pairs.distance.argsort(kind="stable")] for column in pairs))


def alike_in_features(features: NDArray[np.float32], labels: pd.Series, threshold: float) -> Links:
    """Link photos of one label whose features are alike: shots of one scene from different angles.

    Within each label, photos that chains of pairs with at least this cosine would join are clustered by average
    linkage, so that one photo between two scenes does not join them, and chains don't swallow a label.

    Args:
        features: shape (n, d); the cosine is taken after their mean is taken off.
        labels: of the n photos.
        threshold: cosine, above 0 up to 1.

    Returns:
        Links, by row position, of reason "features".
    """
    centred = features - features.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    firsts, seconds = [], []
    for _, rows in labels.reset_index(drop=True).groupby(labels.to_numpy()):
        members = rows.index.to_numpy()
        for cluster in _clusters(centred[members], threshold):
            firsts.append(members[cluster[:-1]])
            seconds.append(members[cluster[1:]])
    first, second = (np.concatenate([np.empty(0, np.int64), *parts]) for parts in (firsts, seconds))
    return Links(first, second, np.full(len(first), "features"), np.zeros_like(first))


def group(table: pd.DataFrame, links: Links) -> pd.Series:
    """Return each photo's group: the one given in the table's column `group`, else all that a chain of links joins.

    A found group is called by the smallest of its photos' pixel hashes, so neither names nor order matter. Given groups
    are never joined; photos without one that are linked to one belong to it, to the first by name if there are several.
    """
    given = table["group"].to_numpy(dtype=object) != "" if "group" in table else np.zeros(len(table), bool)
    own = ~(given[links.first] | given[links.second])
    shape = (len(table), len(table))
    graph = coo_matrix((np.ones(own.sum()), (links.first[own], links.second[own])), shape=shape)
    _, component = connected_components(graph, directed=False)
    names = table["pixels_sha256"].groupby(component).transform("min").to_numpy(dtype=object)
    if given.any():
        names[given] = table["group"].to_numpy(dtype=object)[given]
        to_given: dict[object, set[str]] = {}
        for one, other in zip(links.first, links.second, strict=True):
            if given[one] != given[other]:
                own_row, given_row = (other, one) if given[one] else (one, other)
                to_given.setdefault(names[own_row], set()).add(names[given_row])
        joined = {name: min(groups) for name, groups in to_given.items()}
        names[~given] = [joined.get(name, name) for name in names[~given]]
    return pd.Series(names, index=table.index, name="group")


def _clusters(unit: NDArray[np.float32], threshold: float) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each cluster of at least two."""
    pairs = [np.empty((0, 2), np.int64)]
    for start in range(0, len(unit), BLOCK):
        first, second = np.nonzero(unit[start : start + BLOCK] @ unit.T >= threshold)
        pairs.append(np.stack([first + start, second], axis=1)[first + start < second])
    first, second = np.concatenate(pairs).T
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(len(unit), len(unit)))
    _, component = connected_components(graph, directed=False)
    for rows in pd.Series(component).groupby(component).indices.values():
        if len(rows) > LARGEST_CHAIN:
            raise InputError(
                f"cosine: from {threshold:g}, {len(rows)} photos of one label hang together. Choose a larger one."
            )
        if len(rows) > 1:
            tree = linkage(unit[rows].astype(np.float64), "average", "cosine")
            cluster = fcluster(tree, 1 - threshold, "distance")
            yield from (rows[cluster == number] for number in np.unique(cluster) if (cluster == number).sum() > 1)


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
