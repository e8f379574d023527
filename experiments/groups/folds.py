"""The linear head's accuracy and log loss by cross-validation, on folds that ignore groups and folds that keep them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from catml import config, screen
from catml.evaluation.intervals import wilson
from catml.evaluation.metrics import accuracy, log_loss, softmax
from catml.heads.fit import cross_validate, fit_head, make_folds
from catml.heads.spec import HeadSpec

SEEDS = range(5)
# The study searches the strength; here it only has to be the same on both sides.
HEAD = HeadSpec(hidden=(), scaling="common", l2=0.01)


def compare(table: pd.DataFrame, features: np.ndarray, grouped: Mapping[str, pd.Series]) -> None:
    """Print mean and spread over seeds for random folds and for each way to group."""
    names = sorted(table["label"].unique())
    labels = table["label"].map(names.index).to_numpy()
    rows = [scored("random folds", features, labels, None)]
    for name, groups in grouped.items():
        if groups.groupby(labels).nunique().min() >= config.FOLDS:
            rows.append(scored(f"by {name}", features, labels, groups.to_numpy()))
        else:
            rows.append([f"by {name}", "a label has fewer groups than folds", ""])
    screen.say(screen.table(["folds", "accuracy", "log loss"], rows))
    by_author(table, features, labels, len(names))


def scored(name: str, features: np.ndarray, labels: np.ndarray, groups: np.ndarray | None) -> list[str]:
    """Return a row: five times five folds, mean and standard deviation over the five times."""
    scores = []
    for seed in SEEDS:
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        folds = list(kind(config.FOLDS, shuffle=True, random_state=seed).split(features, labels, groups))
        score = cross_validate(make_folds(features, labels, folds, HEAD.scaling), HEAD, labels.max() + 1, seed)
        weights = [len(validation) for _, validation in folds]
        scores.append([np.average(score.accuracy, weights=weights), np.average(score.log_loss, weights=weights)])
    (right, loss), (right_sd, loss_sd) = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=1)
    return [name, f"{100 * right:.1f} ± {100 * right_sd:.1f} %", f"{loss:.3f} ± {loss_sd:.3f}"]


def by_author(table: pd.DataFrame, features: np.ndarray, labels: np.ndarray, classes: int) -> None:
    """Where the author named files `train_…` and `test_…`: learn from the first, test on the second."""
    names = table["path"].str.rsplit("/", n=1).str[-1]
    training, test = (names.str.startswith(prefix).to_numpy() for prefix in ("train_", "test_"))
    if not training.any() or not test.any():
        return
    (layer,) = fit_head(features[training], labels[training], HEAD, classes, 0)
    given = softmax(features[test] @ layer.kernel + layer.bias)
    right, count = accuracy(given, labels[test]), int(test.sum())
    ends = wilson(round(right * count), count)
    screen.say(
        f"by the author's names, {training.sum()} to learn, {count} to test: {screen.percent(right)} "
        f"[{100 * ends.low:.1f}, {100 * ends.high:.1f}], log loss {log_loss(given, labels[test]):.3f}"
    )
