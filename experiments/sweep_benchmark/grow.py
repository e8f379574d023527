"""How time and memory of a study grow with heads, photos, width and classes, each measured in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

from catml import screen
from experiments.sweep_benchmark import data, picture, ways

WIDTH, PHOTOS, CLASSES, TRIALS = 1280, 400, 2, 21
# What grows: (photos, hidden, classes, trials) for each size.
GROWS = {
    "heads": [(PHOTOS, "64", CLASSES, trials) for trials in (10, 100, 1000)],
    "photos": [(photos, "64", CLASSES, 2) for photos in (100, 1_000, 10_000, 100_000)],
    "hidden units": [(PHOTOS, width, CLASSES, TRIALS) for width in ("0", "16", "64", "256", "512")],
    "classes": [(2_000, "64", classes, TRIALS) for classes in (2, 10, 100)],
}
PLACE = {"photos": 0, "hidden units": 1, "classes": 2, "heads": 3}


def main(folder: Path) -> None:
    """Measure everything, print the table and draw it."""
    rows, panels = [], []
    for name, cases in GROWS.items():
        sizes = [int(case[PLACE[name]]) for case in cases]
        found = [_measured(case) for case in cases]
        for size, (seconds, total, megabytes) in zip(sizes, found, strict=True):
            rows.append([name, f"{size:,}", f"{total:.1f}", f"{1000 * seconds:.1f}", f"{megabytes:.0f}"])
        panels.append((name, sizes, [of[0] for of in found], [of[2] for of in found]))
        screen.say(screen.table(["grows", "to", "s in all", "ms a head", "peak MB"], rows[-len(cases) :]))
    picture.growth(panels, folder)


def _measured(case: tuple[int, str, int, int]) -> tuple[float, float, float]:
    code = f"from experiments.sweep_benchmark import grow; grow.one(*{case!r})"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    seconds, total, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, total, megabytes


def one(photos: int, hidden: str, classes: int, trials: int) -> None:
    """Run one study and print seconds a head, seconds in all, and peak memory."""
    from catml import quiet
    from experiments.sweep_benchmark.__main__ import megabytes

    quiet.settle("tensorflow", "optuna")
    problem = data.made_up(photos, WIDTH, classes)
    seconds, (_, _, fits) = ways.timed(ways.study, problem, trials, ways.only(hidden, 50))
    print(json.dumps([seconds, seconds * fits, megabytes()]))
