"""Whether what catml prints is true: the whole procedure, done again and again on parts of 400 real photos.

    python -m experiments.honesty [--shared FOLDER] [--features PATH] [--repeats 240]  everything (a quarter of an hour)
    python -m experiments.honesty --tables                                             the last one's tables and plot
    python -m experiments.honesty --quick                                              "coverage N optimism N"

FOLDER has `talk/inception_bottleneck.npy`: features of 400 photos, the first half one cat, the second half the other.
"""

import argparse
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
FEATURES = Path("talk") / "inception_bottleneck.npy"
QUICK_SECONDS = 38.0  # from the start, TensorFlow's included, until no new repeat is begun


def main() -> int:
    """Do what is asked for."""
    start = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("CATML_SHARED", "../shared")))
    parser.add_argument("--features", type=Path, help="instead of FOLDER's")
    parser.add_argument("--repeats", type=int, default=240)
    parser.add_argument("--shuffled", type=int, default=120, help="repeats with shuffled labels")
    parser.add_argument("--keep", type=Path, default=HERE, help="where tables and plot go")
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()

    # Only now: importing takes long, and the quick run counts it in.
    from catml import quiet, screen
    from experiments.honesty import folders, report, run

    if not given.tables:
        quiet.settle("tensorflow", "optuna")
        photos = folders.talk(given.features or given.shared / FEATURES)
    if given.quick:
        rows, tests = run.quick(photos, start + QUICK_SECONDS)
        screen.say(report.quick(rows, tests))
        return 0
    if not given.tables:
        run.full(photos, given.repeats, given.shuffled, given.keep)
    from experiments.honesty import picture

    rows, tests, mixed = run.read(given.keep)
    screen.say(report.everything(rows, tests, mixed))
    picture.honesty(rows, tests, given.keep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
