"""Do augmented views pay? Heads that learn from more and more of them, on the same folds."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from catml import cli, pipeline, quiet, screen
from catml.errors import InputError
from catml.evaluation.intervals import cross_validation_se
from catml.evaluation.paired import corrected_t
from catml.heads.fit import Score, cross_validate, make_folds
from catml.heads.spec import HeadSpec
from catml.photos.split import repeated, without_test
from catml.preparation import Data, load

FOLDS, REPEATS, SEED = 5, 3, 42
EPOCHS = 240  # without views
# The talk's heads, and the linear one; each with the L2 that suits it best, since views do in part what L2 does, and
# with the number of epochs that suits it best, up to equally many steps: more views make an epoch longer.
L2 = (1e-3, 1e-2, 1e-1, 1.0)
HEADS = {
    "linear": [HeadSpec((), scaling, l2) for scaling in ("common", "each") for l2 in L2],
    "20": [HeadSpec((20,), "each", l2, 0.2, 3e-3, EPOCHS) for l2 in L2],
    "40-20": [HeadSpec((40, 20), "each", l2, 0.2, 3e-3, EPOCHS) for l2 in L2],
}


def main() -> int:
    """Extract what is missing, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m experiments.views", description=__doc__)
    parser.add_argument("--up-to", type=int, default=8, help="views of each photo (default: 8)")
    parser.add_argument("--few", type=int, default=0, help="learn from so many photos of each label only")
    given, words = parser.parse_known_args()
    try:
        _, values, problems = cli.parse(["extract", *words, "--views", str(given.up_to)])
        found = pipeline.find(values, problems)
    except InputError as error:
        screen.complain(error.problems)
        return error.exit_code
    quiet.settle()
    pipeline.extract(found)
    splits = repeated(without_test(found.table, FOLDS, SEED), REPEATS, SEED)
    counts = [0, *(2**power for power in range(20) if 2**power <= given.up_to)]
    names = ["backbone", "head", "views", "log loss", "accuracy", "log loss less that without", "p"]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows(load(found, splits), counts, given.few):
        tqdm.write(f"| {' | '.join(str(row[name]) for name in names)} |")
    return 0


def rows(data: Data, counts: list[int], few: int) -> Iterator[dict[str, object]]:
    """Yield one row a backbone, head and number of views."""
    material = data.material
    folds = [
        (some(training, material.labels, few, number), validation)
        for number, (training, validation) in enumerate(material.folds)
    ]
    share = float(np.mean([len(validation) / len(training) for training, validation in folds]))
    work = [(backbone, head, views) for backbone in material.features for head in HEADS for views in counts]
    plain: Score | None = None
    for backbone, head, views in tqdm(work, unit="row", file=sys.stderr):
        scores = []
        for scaling in dict.fromkeys(spec.scaling for spec in HEADS[head]):
            prepared = make_folds(material.table(backbone, views), material.labels, folds, scaling, views=views)
            scores += [
                cross_validate(prepared, with_views(spec, views), material.classes, SEED)
                for spec in HEADS[head]
                if spec.scaling == scaling
            ]
        best = min(scores, key=lambda score: float(np.mean(score.log_loss)))
        plain = best if views == 0 else plain
        assert plain is not None
        lower = np.subtract(best.log_loss, plain.log_loss).tolist()
        difference = f"{np.mean(lower):+.4f} ± {cross_validation_se(lower, share):.4f}"
        yield {
            "backbone": backbone,
            "head": head,
            "views": views,
            "log loss": f"{np.mean(best.log_loss):.4f}",
            "accuracy": f"{100 * np.mean(best.accuracy):.2f} %",
            "log loss less that without": difference if views else "",
            "p": f"{corrected_t(lower, share):.2g}" if views else "",
        }


def with_views(spec: HeadSpec, views: int) -> HeadSpec:
    """Return the head with so many views, and as many steps at most as without."""
    return replace(spec, views=views, epochs=EPOCHS // (1 + views) if spec.hidden else None)


def some(rows: NDArray[np.intp], labels: NDArray[np.integer], few: int, seed: int) -> NDArray[np.intp]:
    """Return so many of the rows of each label, drawn at random; all where `few` is 0."""
    if not few:
        return rows
    mixed = np.random.default_rng([SEED, seed]).permutation(rows)
    return np.concatenate([mixed[labels[mixed] == label][:few] for label in np.unique(labels)])


if __name__ == "__main__":
    sys.exit(main())
