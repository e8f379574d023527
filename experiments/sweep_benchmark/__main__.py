"""Seconds a head, memory and scores of a study of heads: catml beside what people usually write.

    python -m experiments.sweep_benchmark --shared FOLDER       the table and the plot (half an hour)
    python -m experiments.sweep_benchmark --quick               one line, "ratio N", on the drawn sample
    python -m experiments.sweep_benchmark --grow                how time and memory grow
    python -m experiments.sweep_benchmark --widths              whether wider heads score better, on FOLDER's photos
    python -m experiments.sweep_benchmark --train               the whole `catml train` on features of three backbones
    python -m experiments.sweep_benchmark --logging             milliseconds a trial that MLflow takes

A head is one fit on one fold. FOLDER has `talk/inception_bottleneck.npy`, `photos/ants-bees` and Xception's weights.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from catml import quiet, screen
from experiments.sweep_benchmark import data, grow, picture, ways, whole, widths

HERE = Path(__file__).parent
EPOCHS = 50
# How many heads each way is timed on: enough of each for the time a head, few where one takes half a minute.
WAYS = {
    "optuna_and_keras": ("Optuna + Keras fit", 6),
    "keras_tuner": ("KerasTuner", 6),
    "scikit_learn_mlp": ("MLPClassifier", 19),
    "logistic_regression": ("LogisticRegression", 2),
    "catml": ("catml", 19),
}
PROBLEMS = ("talk", "ants-bees")


def main() -> int:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("CATML_SHARED", "../shared")))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--grow", action="store_true")
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--widths", action="store_true")
    parser.add_argument("--logging", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "PROBLEM"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        quick()
    elif given.grow:
        grow.main(HERE)
    elif given.widths:
        quiet.settle()
        widths.main(given.shared)
    elif given.train:
        whole.main()
    elif given.logging:
        quiet.settle()
        whole.logging()
    elif given.one:
        print(json.dumps(one(*given.one, given.shared)))
    else:
        table(given.shared)
    return 0


def quick() -> None:
    """Time one head with Keras and a study of catml on the drawn sample's features."""
    problem = data.photos("sample", "efficientnet-lite0", "")
    heads = data.heads(1)
    theirs, _ = ways.timed(ways.optuna_and_keras, replace(problem, fewer=1), heads, EPOCHS)
    ours, _ = ways.timed(ways.catml, problem, heads, EPOCHS)
    screen.say(f"Optuna + Keras fit {theirs:.2f} s a head, catml {ours:.4f} s a head")
    screen.say(f"ratio {theirs / ours:.0f}")


def one(way: str, problem: str, shared: Path) -> dict[str, Any]:
    """Time one way on one problem; run in a process of its own, for the memory's sake."""
    quiet.settle()
    if problem == "talk":
        given = data.talk(shared / "talk")
    else:
        weights = f"xception={shared / 'weights' / 'xception-imagenet-notop.weights.h5'}"
        given = data.photos(str(shared / "photos" / problem), "xception", weights)
    before = megabytes()
    seconds, (losses, accuracies, fits) = ways.timed(getattr(ways, way), given, data.heads(WAYS[way][1]), EPOCHS)
    return {
        "seconds": seconds,
        "fits": fits,
        "megabytes": megabytes(),
        "megabytes_before": before,
        "log_losses": losses.tolist(),
        "accuracies": accuracies.tolist(),
    }


def table(shared: Path) -> None:
    """Time every way on every problem in turn, print the tables and keep the plot."""
    found: dict[str, dict[str, Any]] = {}
    for problem in PROBLEMS:
        found[problem] = {}
        for way in WAYS:
            command = [
                sys.executable,
                "-m",
                "experiments.sweep_benchmark",
                "--one",
                way,
                problem,
                "--shared",
                str(shared),
            ]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found[problem][way] = json.loads(done.stdout.splitlines()[-1])
            screen.say(f"{problem}, {way}: {found[problem][way]['seconds']:.4f} s a head")
        screen.say(report(problem, found[problem]))
    picture.ways({p: {WAYS[w][0]: of["seconds"] for w, of in ways_.items()} for p, ways_ in found.items()}, HERE)


def report(problem: str, found: dict[str, dict[str, Any]]) -> str:
    """Return the table of one problem, as it stands in the README."""
    ours = found["catml"]
    rows = []
    for way, (name, heads) in WAYS.items():
        of = found[way]
        losses, accuracies = (np.array(of[key]) for key in ("log_losses", "accuracies"))
        same = min(len(losses), heads) if way != "logistic_regression" else 0
        # The same heads on the same folds: the difference of each pair tells, the spread between folds does not.
        differences = (np.array(ours["log_losses"])[:same] - losses[:same]).mean(axis=1) if same else np.array([])
        pair = f"{differences.mean():+.4f} ± {_se(differences):.4f}" if way != "catml" and same else ""
        rows.append(
            [
                name,
                f"{of['fits']}",
                f"{of['seconds']:.4f}",
                f"{of['seconds'] / ours['seconds']:.0f}",
                f"{of['megabytes']:.0f} ({of['megabytes'] - of['megabytes_before']:.0f})",
                f"{losses.mean():.4f} ± {_se(losses.mean(axis=0)):.4f}",
                f"{losses.mean(axis=1).min():.4f}",
                f"{100 * accuracies.mean():.2f} ± {100 * _se(accuracies.mean(axis=0)):.2f} %",
                pair,
            ]
        )
    head = ["way", "fits", "s a head", "ratio", "peak MB (own)", "log loss", "best head", "accuracy", "catml less it"]
    return f"\n{problem}\n" + screen.table(head, rows, right=head[1:])


def megabytes() -> float:
    """Return the most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _se(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


if __name__ == "__main__":
    sys.exit(main())
