"""How long many photos take to be read and grouped, the first time and again, and how much memory that needs.

    python -m experiments.scan [--count 100000] [--keep]

The photos are drawn into the data folder, and deleted afterwards without --keep. Each look is a process of its own.
"""

import argparse
import multiprocessing
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from catml import config, screen
from experiments.scan.drawn import LABELS, draw
from experiments.scan.look import HEAD, look

PLANTED = 0.01
ADDED = 20


def main() -> int:
    """Print one row a look: with nothing known, with nothing changed, and with `ADDED` photos more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="how many photos")
    parser.add_argument("--keep", action="store_true", help="leave the photos where they were drawn")
    given = parser.parse_args()
    folder = config.data_folder().resolve() / "scan"
    shutil.rmtree(folder, ignore_errors=True)
    for label in LABELS:
        (folder / "photos" / label).mkdir(parents=True)
    copies = round(PLANTED * given.count)
    own = given.count - copies
    processes = multiprocessing.get_context("spawn")

    def row(name: str) -> list[str]:
        with ProcessPoolExecutor(1, processes) as pool:
            return [name, *pool.submit(look, folder / "photos", folder / "cache").result()]

    try:
        with ProcessPoolExecutor(mp_context=processes) as pool:
            list(pool.map(partial(draw, folder / "photos", copies), range(own), chunksize=1000))
        rows = [row("first"), row("nothing changed")]
        for number in range(own, own + ADDED):
            draw(folder / "photos", 0, number)
        rows.append(row(f"{ADDED} added"))
    finally:
        if not given.keep:
            shutil.rmtree(folder)
    screen.say(f"{copies} of {given.count} photos are copies of others")
    screen.say(screen.table(["look", *HEAD], rows, right=HEAD))
    return 0


if __name__ == "__main__":
    sys.exit(main())
