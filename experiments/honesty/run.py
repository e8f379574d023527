"""The repeats, one after the other, and the files they are kept in."""

import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from experiments.honesty.folders import Photos
from experiments.honesty.repeat import repeat, shuffled

SIZES = (200, 250, 300, 400)
# The quick run has folders of one size: the smallest, whose unseen photos suffice for six tests of its size.
QUICK_SIZE, QUICK_REPEATS = 200, 12
REPEATS, INTERVALS, SHUFFLED = "repeats.csv", "intervals.csv", "shuffled.csv"


def in_turn(count: int) -> Iterator[tuple[int, int]]:
    """Yield size and number of so many folders, the sizes taking turns."""
    for place in range(count):
        yield SIZES[place % len(SIZES)], place // len(SIZES)


def full(photos: Photos, repeats: int, mixed: int, folder: Path) -> None:
    """Do all repeats and keep their results as CSV files in `folder`, after each one what there is so far."""
    rows, tests = [], []
    for size, number in tqdm(list(in_turn(repeats)), desc="true labels", unit="folder"):
        row, of = repeat(photos, size, number)
        rows.append(row)
        tests += of
        _keep(pd.DataFrame(rows), folder / REPEATS)
        _keep(pd.DataFrame(tests), folder / INTERVALS)
    rows = []
    for size, number in tqdm(list(in_turn(mixed)), desc="shuffled labels", unit="folder"):
        rows.append(shuffled(photos, size, number))
        _keep(pd.DataFrame(rows), folder / SHUFFLED)


def quick(photos: Photos, until: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Do a few repeats, none begun after `until` on the clock of `time.perf_counter`; return rows and tests."""
    rows, tests = [], []
    for number in tqdm(range(QUICK_REPEATS), desc="true labels", unit="folder"):
        if number and time.perf_counter() > until:
            break
        row, of = repeat(photos, QUICK_SIZE, number, compare=False)
        rows.append(row)
        tests += of
    return pd.DataFrame(rows), pd.DataFrame(tests)


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return repeats, tests and repeats with shuffled labels that `full` has kept."""
    found = [pd.read_csv(folder / name, dtype={"hidden": str}) for name in (REPEATS, INTERVALS, SHUFFLED)]
    return found[0], found[1], found[2]


def _keep(table: pd.DataFrame, file: Path) -> None:
    table.to_csv(file, index=False, float_format="%.6g")
