"""What groups there are among photos, and how much accuracy a split that ignores them would invent.

    python -m experiments.groups --photos FOLDER
    python -m experiments.groups --scale 100000

Contact sheets go into the data folder, not here: other people's photos are not ours to publish.
"""

import argparse
import sys

import numpy as np

from catml import config, pipeline, quiet, screen
from catml.errors import InputError
from catml.photos.groups import BORDERLINE, RADIUS, Links, find_borderline, find_links, group
from catml.photos.similar import Pairs
from experiments.groups import folds, scale
from experiments.groups.sheet import draw

BACKBONE = "efficientnet-lite0"
COSINES = (0.9, 0.8, 0.7)


def main() -> int:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--photos", help="folder with one folder of photos per label")
    what.add_argument("--scale", type=int, help="so many made-up hashes: only seconds and memory")
    given = parser.parse_args()
    if given.scale:
        scale.main(given.scale)
        return 0
    try:
        found = pipeline.find({"photos": given.photos, "backbones": (BACKBONE,), "weights": ""})
        quiet.settle()
        pipeline.announce(found)
        pipeline.extract(found)
    except InputError as error:
        screen.complain(error.problems)
        return error.exit_code
    report(found)
    return 0


def report(found: pipeline.Found) -> None:
    """Print the groups by hash and by features, draw them, and compare the accuracies of splits."""
    table = found.table.drop(columns="group")  # what is grouped already would count for given, and stay as it is
    features = found.sources[0].store.read(table["pixels_sha256"].tolist())
    cosine = cosines(features)
    grouped = {}
    sheets = config.data_folder() / "groups" / found.folder.resolve().name
    rows = []
    for radius in (RADIUS, BORDERLINE - 1):
        links = find_links(table, radius)
        name = f"hash, radius {radius}"
        grouped[name] = group(table, links)
        rows.append(described(name, table, links, grouped[name]))
        if radius == RADIUS:
            borderline = find_borderline(table, grouped[name])
            draw(found.folder, table, Pairs(links.first, links.second, links.bits), sheets / "alike.png")
            draw(found.folder, table, borderline, sheets / "borderline.png")
            told = np.bincount(borderline.distance, minlength=BORDERLINE + 1)[RADIUS + 1 :]
            screen.say(f"borderline {dict(enumerate(told.tolist(), RADIUS + 1))} pairs by bits")
    ceiling = 1.01
    for threshold in COSINES:
        links = by_cosine(cosine, threshold)
        name = f"cosine, from {threshold}"
        grouped[name] = group(table, links)
        rows.append(described(name, table, links, grouped[name]))
        new = links.bits < 100 * ceiling
        draw(
            found.folder,
            table,
            Pairs(links.first[new], links.second[new], links.bits[new]),
            sheets / f"{threshold}.png",
        )
        ceiling = threshold
    screen.say(
        screen.table(["joined by", "links", "reasons", "groups", "photos in them", "largest", "of two labels"], rows)
    )
    screen.say(f"contact sheets in {sheets}")
    folds.compare(table, features, grouped)


def cosines(features: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of rows, after the mean of all is taken off."""
    centred = features - features.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    return centred @ centred.T


def by_cosine(cosine: np.ndarray, threshold: float) -> Links:
    """Return the pairs of at least this cosine; `bits` is the cosine in hundredths."""
    first, second = np.nonzero(np.triu(cosine >= threshold, 1))
    hundredths = (100 * cosine[first, second]).astype(np.int64)
    return Links(first, second, np.full(len(first), "cosine"), hundredths)


def described(name: str, table, links: Links, groups) -> list[str]:
    """Return a row of the table of ways to join photos."""
    sizes = groups.value_counts()
    labels = table["label"].groupby(groups).nunique()
    reasons = ", ".join(
        f"{count} {reason}" for reason, count in zip(*np.unique(links.reason, return_counts=True), strict=True)
    )
    joined = sizes[sizes > 1]
    counts = [len(links.first), reasons, len(joined), joined.sum(), sizes.max(), (labels > 1).sum()]
    return [name, *map(str, counts)]


if __name__ == "__main__":
    sys.exit(main())
