"""What came out of the repeats, as tables."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom

from catml import screen
from catml.evaluation.intervals import wilson
from experiments.honesty.procedure import DEFAULTS
from experiments.honesty.run import QUICK_REPEATS, QUICK_SIZE

ALL = "all"
WAYS = {
    "champion": "catml's champion",
    "lowest_log_loss": "lowest log loss, no one-standard-error rule",
    "hold_out": "highest accuracy on one hold-out",
    "logistic_regression": "LogisticRegression(C=.01), standardised",
    "plain_linear": "plain linear head, catml's own baseline",
    "nearest_photo": "nearest photo",
}


class Mean(NamedTuple):
    """A mean over repeats, and its standard error."""

    value: float
    error: float

    def said(self, factor: float, digits: int, sign: str = "+") -> str:
        """Return it as it stands in a table, times `factor`."""
        return f"{factor * self.value:{sign}.{digits}f} ± {factor * self.error:.{digits}f}"


def mean(values: "pd.Series[float]") -> Mean:
    """Return mean and standard error over repeats."""
    return Mean(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def truths(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the true accuracy by folder size: of all classifiers, on all photos each has not seen."""
    sums = rows.groupby("size")[["right", "unseen"]].sum()
    return sums["right"] / sums["unseen"]


def held(tests: pd.DataFrame, rows: pd.DataFrame) -> "pd.Series[bool]":
    """Return whether the interval of each test holds the true accuracy."""
    truth = tests["size"].map(truths(rows))
    return (tests["low"] <= truth) & (truth <= tests["high"])


def optimism(rows: pd.DataFrame, way: str = "champion") -> "pd.Series[float]":
    """Return what a way claims less what is true of it, for each repeat."""
    claim, right = ("claim", "right") if way == "champion" else (f"{way}_claim", f"{way}_right")
    return rows[claim] - rows[right] / rows["unseen"]


def ahead(rows: pd.DataFrame, way: str) -> "pd.Series[float]":
    """Return by how much the champion is more often right than a rival on the same photos, for each repeat."""
    return (rows["right"] - rows[f"{way}_right"]) / rows["unseen"]


def quick(rows: pd.DataFrame, tests: pd.DataFrame) -> str:
    """Return what the quick run prints."""
    inside, found = held(tests, rows), mean(optimism(rows))
    return "\n".join(
        [
            f"{len(rows)} folders of {rows['size'][0]} photos, {len(tests)} tests of {rows['test'][0]}: "
            f"{inside.sum()} intervals hold {screen.percent(float(truths(rows).iloc[0]))}; "
            f"optimism {found.said(100, 2)} points",
            f"coverage {100 * inside.mean():.1f} optimism {100 * found.value:.2f}",
        ]
    )


def quick_runs(rows: pd.DataFrame, tests: pd.DataFrame) -> str:
    """Return the last line of the quick run for its own folders, and for the next ones, as many at a time."""
    rows, tests = (table[table["size"] == QUICK_SIZE].reset_index(drop=True) for table in (rows, tests))
    lines = []
    for first in range(0, len(rows) - QUICK_REPEATS + 1, QUICK_REPEATS):
        own, of = (t[t["number"].between(first, first + QUICK_REPEATS - 1)] for t in (rows, tests))
        lines.append("  " + quick(own.reset_index(drop=True), of).splitlines()[-1])
    return "\n".join(lines)


def everything(rows: pd.DataFrame, tests: pd.DataFrame, mixed: pd.DataFrame) -> str:
    """Return all tables."""
    parts = {
        "Intervals": coverage(rows, tests),
        "Claims, on the same unseen photos": claims(rows),
        "Optimism by folder size": by_size(rows),
        "Probabilities": probabilities(rows),
        "Threshold": threshold(rows),
        "Shuffled labels": shuffled(mixed),
        "What --quick would print of its folders and of those after them": quick_runs(rows, tests),
    }
    return "\n\n".join(f"{name}\n{part}" for name, part in parts.items())


def coverage(rows: pd.DataFrame, tests: pd.DataFrame) -> str:
    """Return how many intervals hold the true accuracy."""
    truth, cells = truths(rows), []
    tests = tests.assign(held=held(tests, rows))
    printed = tests[tests["test"] == 0].merge(rows[["size", "number", "right", "unseen"]], on=["size", "number"])
    # What the same classifier gets right outside its folder; where the folder is all there is, nothing is outside.
    outside = (printed["right_y"] - printed["right_x"]) / (printed["unseen"] - printed["photos"])
    printed = printed.assign(own=outside.between(printed["low"], printed["high"]), outside=outside)
    for size in [*sorted(truth.index), ALL]:
        every, of = (part if size == ALL else part[part["size"] == size] for part in (tests, printed))
        wilsons = np.mean([exact(truth[s], int(p)) for s, p in zip(of["size"], of["photos"], strict=True)])
        test = ["", ""] if size == ALL else [str(of["photos"].iloc[0]), screen.percent(truth[size])]
        own = of.loc[of["outside"].notna(), "own"]
        cells.append([str(size), *test, *map(_share, (of["held"], every["held"], own)), screen.percent(float(wilsons))])
    head = ["photos", "in the test", "true accuracy", "printed ones hold it", "all tests of that size"]
    head += ["printed ones hold the classifier's own", "Wilson's, exactly"]
    return screen.table(head, cells, right=head)


def claims(rows: pd.DataFrame) -> str:
    """Return what each way claims, what is true, and how the champion does beside it."""
    cells = []
    for way, name in WAYS.items():
        right = rows["right" if way == "champion" else f"{way}_right"].sum() / rows["unseen"].sum()
        claim = rows["claim" if way == "champion" else f"{way}_claim"].mean()
        silent = bool(np.isnan(claim))
        cell = [name, "" if silent else screen.percent(claim), screen.percent(right)]
        cell += ["" if silent else mean(optimism(rows, way)).said(100, 2)]
        cells.append([*cell, "" if way == "champion" else mean(ahead(rows, way)).said(100, 2)])
    head = ["way", "claim", "unseen photos", "optimism, points", "champion ahead by, points"]
    return screen.table(head, cells, right=head[1:])


def by_size(rows: pd.DataFrame) -> str:
    """Return optimism and lead by folder size."""
    cells = []
    for size, of in _parts(rows):
        leads = [mean(ahead(of, way)).said(100, 2) for way in ("logistic_regression", "hold_out")]
        optimisms = [mean(optimism(of, way)).said(100, 2) for way in ("champion", "hold_out")]
        cells.append([size, str(len(of)), *optimisms, *leads])
    head = ["photos", "repeats", "champion", "hold-out", "ahead of LogisticRegression", "ahead of hold-out"]
    return screen.table(head, cells, right=head)


def probabilities(rows: pd.DataFrame) -> str:
    """Return log losses with and without the temperature."""
    cells = []
    for size, of in _parts(rows):
        better = mean(of["log_loss"] - of["log_loss_plain"]).said(1, 4)
        losses = [f"{of[name].mean():.4f}" for name in ("log_loss_plain", "log_loss")]
        cells.append([size, f"{of['temperature'].median():.2f}", *losses, better])
    head = ["photos", "temperature, median", "log loss without", "with", "difference"]
    return screen.table(head, cells, right=head)


def threshold(rows: pd.DataFrame) -> str:
    """Return what the threshold claims, and what is true of it on unseen photos."""
    wanted, cells = DEFAULTS["precision"], []
    for size, of in _parts(rows):
        claimed = of[of["claimed"]]
        precise = claimed["answered_right"].sum() / claimed["answered"].sum()
        kept = claimed["answered_right"] / claimed["answered"] >= wanted
        by_luck = binom.sf(np.ceil(wanted * claimed["answered"]) - 1, claimed["answered"], precise).mean()
        cell = [size, _share(of["claimed"]), screen.percent(float((claimed["answered"] / claimed["unseen"]).mean()))]
        cell += [screen.percent(precise), _share(kept), screen.percent(float(by_luck))]
        sure = claimed["sure_right"].sum() / claimed["sure"].sum()
        cells.append([*cell, screen.percent(float((claimed["sure"] / claimed["unseen"]).mean())), screen.percent(sure)])
    head = [
        "photos",
        "claimed",
        "answered",
        "right",
        "kept",
        "kept, if all the same",
        "sure",
        "right of those",
    ]
    return screen.table(head, cells, right=head)


def shuffled(mixed: pd.DataFrame) -> str:
    """Return how often the gate refuses."""
    cells = [
        [size, _share(~of["passed"]), screen.percent(of["claim"].mean()), screen.percent(_right(of))]
        for size, of in _parts(mixed)
    ]
    head = ["photos", "refused", "validation accuracy", "test accuracy"]
    return screen.table(head, cells, right=head)


def _parts(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the repeats of each folder size, and all."""
    return [*((str(size), of) for size, of in rows.groupby("size")), (ALL, rows)]


def _right(rows: pd.DataFrame) -> float:
    return float(rows["right"].sum() / rows["photos"].sum())


def _share(yes: "pd.Series[bool]") -> str:
    """Return a share with its own 95 % interval."""
    if not len(yes):
        return ""
    ends = wilson(int(yes.sum()), len(yes))
    return f"{yes.sum()}/{len(yes)} = {screen.percent(float(yes.mean()))} [{100 * ends.low:.1f}, {100 * ends.high:.1f}]"


def exact(truth: float, photos: int) -> float:
    """Return the coverage of Wilson's interval at an accuracy, each test photo drawn from an endless supply."""
    found = 0.0
    for right in range(photos + 1):
        low, high = wilson(right, photos)
        found += float(binom.pmf(right, photos, truth)) if low <= truth <= high else 0.0
    return found
