"""The champion of the last study beside scikit-learn's LogisticRegression, on the same features, folds and test photos.

    python -m experiments.logistic_regression --photos FOLDER [--backbones NAMES --weights NAME=PATH ...]

takes the parameters of `catml train`, and is run after it in the same folder: features and trials come from there.
"""

import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from catml import cli, pipeline, screen
from catml.champion import choose
from catml.errors import InputError
from catml.evaluation.intervals import wilson
from catml.evaluation.metrics import accuracy, log_loss
from catml.preparation import load, prepare
from catml.study.sweep import best


def baselines():
    """Return scikit-learn models by name: as it comes, as it comes on standardised features, and C chosen by us."""
    return {
        "LogisticRegression()": lambda: LogisticRegression(max_iter=5000),
        "StandardScaler, LogisticRegression()": lambda: make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=5000)
        ),
        "StandardScaler, LogisticRegression(C=.01)": lambda: make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, max_iter=5000)
        ),
    }


def main() -> int:
    """Print one row a model: validation log loss and accuracy (means over folds), test accuracy with its interval."""
    try:
        _, values, problems = cli.parse(["train", *sys.argv[1:]])
        found = pipeline.find(values, problems)
    except InputError as error:
        screen.complain(error.problems)
        return error.exit_code
    prepared = prepare(found, values)
    data = load(prepared.found, prepared.splits)
    material, is_test = data.material, data.is_test
    study = prepared.sweep(material)
    trials = study.done()
    champion, lowest = choose(trials, study, values["average"], found.costs), best(trials)
    rows = []
    for name, heads, losses, accuracies in (
        ("catml, champion", champion.heads, champion.log_losses, champion.accuracies),
        ("catml, lowest log loss", (lowest,), lowest.log_losses, lowest.accuracies),
    ):
        what = "; ".join(f"{head.backbone}, {head.spec.title}" for head in heads)
        test = "as printed by train" if name.endswith("champion") else ""
        rows.append([name, what, f"{np.mean(losses):.4f}", screen.percent(float(np.mean(accuracies))), test])
    for backbone, features in material.features.items():
        for name, make in baselines().items():
            scores = []
            for training, validation in material.folds:
                given = make().fit(features[training], material.labels[training]).predict_proba(features[validation])
                scores.append(
                    (log_loss(given, material.labels[validation]), accuracy(given, material.labels[validation]))
                )
            loss, right_share = np.mean(scores, axis=0)
            if prepared.is_nested:
                rows.append([name, backbone, f"{loss:.4f}", screen.percent(right_share), "no photos kept back"])
                continue
            given = make().fit(features[~is_test], material.labels[~is_test]).predict(features[is_test])
            right, photos = int((given == material.labels[is_test]).sum()), int(is_test.sum())
            ends = wilson(right, photos)
            test = f"{right}/{photos} = {screen.percent(right / photos)} [{100 * ends.low:.1f}, {100 * ends.high:.1f}]"
            rows.append([name, backbone, f"{loss:.4f}", screen.percent(right_share), test])
    screen.say(screen.table(["model", "on", "val log loss", "val accuracy", "test accuracy [95 %]"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
