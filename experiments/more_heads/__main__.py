"""Whether more heads pay: concatenated backbones, averaged probabilities, mirrored views.

    python -m experiments.more_heads --photos FOLDER [--backbones NAMES] [--weights NAME=PATH] [--splits 20]

For each of several test sets the whole procedure is done once as it is by default and once with each option: study,
choice of the champion, refit, test. What is printed is the test's log loss less that of the default, split by split.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from catml import champion, cli, pipeline, quiet, screen
from catml.errors import InputError
from catml.evaluation.intervals import cross_validation_se
from catml.evaluation.metrics import accuracy, log_loss
from catml.photos.split import split
from catml.photos.views import AS_IS
from catml.pipeline import Found
from catml.preparation import Data, load
from catml.study.space import Space
from catml.study.store import open_study
from catml.study.sweep import Sweep

TRIALS, FOLDS, TEST_FRACTION, MEMORY = 30, 5, 0.25, 4 * 10**9


@dataclass(frozen=True)
class Way:
    """One way to use several heads: which sets of backbones, how many heads averaged, mirrored or not."""

    together: bool = False
    average: int = 1
    mirrored: bool = False


WAYS = {
    "default": Way(),
    "concatenated": Way(together=True),
    "averaged, 2": Way(average=2),
    "averaged, 4": Way(average=4),
    "mirrored": Way(mirrored=True),
    "mirrored, averaged, 4": Way(average=4, mirrored=True),
}


def main() -> int:
    """Print the table for one set of photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--backbones", default="efficientnet-lite0,efficientnet-lite2")
    parser.add_argument("--weights", default="")
    parser.add_argument("--splits", type=int, default=20)
    given = parser.parse_args()
    words = ["--photos", given.photos, "--backbones", given.backbones, "--weights", given.weights]
    try:
        _, values, problems = cli.parse(["extract", *words, "--mirrored", "true"])
        found = pipeline.find(values, problems)
    except InputError as error:
        screen.complain(error.problems)
        return error.exit_code
    quiet.settle()
    pipeline.extract(found)
    rows = [tested(found, seed) for seed in range(given.splits)]
    report(pd.DataFrame(rows))
    return 0


def tested(found: Found, seed: int) -> dict[tuple[str, str], float]:
    """Return log loss and accuracy of each way on the test photos of one split."""
    splits = split(found.table, TEST_FRACTION, FOLDS, seed)
    names = [source.backbone.name for source in found.sources]
    both = {"+".join(names): tuple(names)} if len(names) > 1 else {}
    single = {name: (name,) for name in names}
    row: dict[tuple[str, str], float] = {}
    for mirrored in (False, True):
        plain = replace(
            found, sources=tuple(replace(s, stores=s.stores if mirrored else {AS_IS: s.store}) for s in found.sources)
        )
        for together in (False, True):
            ways = {name: way for name, way in WAYS.items() if (way.together, way.mirrored) == (together, mirrored)}
            if ways:
                data = load(replace(plain, sets=single | (both if together else {})), splits)
                row |= {
                    (name, key): value
                    for name, of in finished(data, ways, found.costs, seed).items()
                    for key, value in of.items()
                }
    screen.say(f"split {seed}: " + ", ".join(f"{name} {row[name, 'log loss']:.4f}" for name in WAYS))
    return row


def finished(data: Data, ways: Mapping[str, Way], costs: Mapping[str, float], seed: int) -> dict[str, dict[str, float]]:
    """Return the test scores of ways that share a study and differ in how its champion is chosen."""
    test, material = data.is_test, data.material
    with tempfile.TemporaryDirectory() as folder:
        study = Sweep(material, Space(), seed, open_study("study", Path(folder)), MEMORY)
        trials = study.run(TRIALS, lambda _: None)
    scores = {}
    for name, way in ways.items():
        chosen = champion.choose(trials, study, way.average, costs)
        heads = champion.refit(chosen, material, ~test, seed)
        tested = {name: matrix[test] for name, matrix in material.features.items()}
        mean, answers = champion.answers(heads, tested), material.labels[test]
        scores[name] = {"log loss": log_loss(mean, answers), "accuracy": accuracy(mean, answers), "heads": len(heads)}
    return scores


def report(table: pd.DataFrame) -> None:
    """Print means over splits, and the paired differences from the default with their standard errors."""
    rows = []
    share = TEST_FRACTION / (1 - TEST_FRACTION)
    for name in WAYS:
        losses, right = table[name, "log loss"], table[name, "accuracy"]
        cells = [name, f"{losses.mean():.4f}", f"{100 * right.mean():.2f} %", f"{table[name, 'heads'].mean():.1f}"]
        for values, base, factor, digits in (
            (losses, table["default", "log loss"], 1, 4),
            (right, table["default", "accuracy"], 100, 2),
        ):
            difference = factor * (values - base).to_numpy()
            error = cross_validation_se(difference.tolist(), share)
            cells.append(f"{difference.mean():+.{digits}f} ± {error:.{digits}f}" if name != "default" else "")
        rows.append(cells)
    head = [
        "way",
        "test log loss",
        "test accuracy",
        "heads",
        "log loss less default's",
        "accuracy less default's, points",
    ]
    screen.say(screen.table(head, rows, right=head[1:]))


if __name__ == "__main__":
    sys.exit(main())
