"""Whether wider heads score better: a study of each shape alone, on real photos."""

from pathlib import Path

import numpy as np

from catml import screen
from experiments.sweep_benchmark import data, ways

SHAPES = ("0", "16", "64", "128", "256", "40-20")
FOLDERS, BACKBONE, TRIALS, EPOCHS = ("ants-bees", "campus-cats", "apples"), "efficientnet-lite0", 40, 50


def main(shared: Path) -> None:
    """Print the lowest mean log loss of each shape, with the standard error over folds, and milliseconds a head."""
    for folder in FOLDERS:
        problem = data.photos(str(shared / "photos" / folder), BACKBONE, "")
        rows = []
        for shape in SHAPES:
            seconds, (losses, accuracies, _) = ways.timed(ways.study, problem, TRIALS, ways.only(shape, EPOCHS))
            best = losses.mean(axis=1).argmin()
            error = losses[best].std(ddof=1) / np.sqrt(losses.shape[1])
            cells = [shape, f"{losses[best].mean():.3f} ± {error:.3f}", f"{100 * accuracies[best].mean():.1f} %"]
            rows.append([*cells, f"{1000 * seconds:.1f}"])
        screen.say(f"\n{problem.name}, best of {TRIALS - 1} heads")
        screen.say(screen.table(["hidden", "log loss", "its accuracy", "ms a head"], rows, right=["ms a head"]))
