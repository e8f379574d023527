"""The plot of this experiment."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from catml.evaluation.intervals import wilson
from experiments.honesty.report import ahead, held, mean, optimism

INK, QUIET, GOOD = "#1b6ca8", "#b7bcc4", "#e4f0e4"
RIVALS = {
    "hold_out": "one hold-out",
    "logistic_regression": "LogisticRegression",
    "plain_linear": "plain linear head",
    "lowest_log_loss": "lowest log loss",
}


def honesty(rows: pd.DataFrame, tests: pd.DataFrame, folder: Path) -> None:
    """Draw coverage, optimism, and the champion beside its rivals."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.6))
    _coverage(left, rows, tests)
    _optimism(middle, rows)
    _rivals(right, rows)
    for panel in (left, middle, right):
        panel.spines[["top", "right"]].set_visible(False)
        panel.title.set_fontsize(10)
    figure.tight_layout()
    figure.savefig(folder / "honesty.png", dpi=110)


def _coverage(panel: Axes, rows: pd.DataFrame, tests: pd.DataFrame) -> None:
    tests = tests.assign(held=held(tests, rows))
    panel.axhspan(93, 97, color=GOOD, zorder=0)
    panel.axhline(95, color="black", linewidth=0.8, linestyle=":")
    printed, sizes = tests[tests["test"] == 0], sorted(tests["photos"].unique())
    for shift, color, name, of in ((-0.12, INK, "printed", printed), (0.12, QUIET, "all tests of that size", tests)):
        shares = [of.loc[of["photos"] == size, "held"] for size in sizes] + [of["held"]]
        middles = np.array([100 * share.mean() for share in shares])
        ends = 100 * np.array([wilson(int(share.sum()), len(share)) for share in shares]).T
        places = np.arange(len(shares)) + shift
        bars = np.abs(ends - middles)
        panel.errorbar(places, middles, bars, fmt="o", color=color, label=name, capsize=3)
    ticks = [f"{size}" for size in sizes] + ["all"]
    panel.set(xticks=range(len(ticks)), xticklabels=ticks, xlabel="test photos", ylim=(82, 100.5))
    panel.set(yticks=range(85, 101, 5), ylabel="%", title="95 % intervals that hold the true accuracy")
    panel.legend(frameon=False, fontsize=8, loc="lower right")


def _optimism(panel: Axes, rows: pd.DataFrame) -> None:
    bins = np.arange(-8.5, 10.6, 1.0)
    for way, color, name in (("hold_out", QUIET, "one hold-out"), ("champion", INK, "catml")):
        points = 100 * optimism(rows, way)
        found = mean(points)
        panel.hist(points, bins, color=color, alpha=0.75, label=f"{name}: {found.said(1, 2)}")
        panel.axvline(found.value, ymax=0.8, color=color, linewidth=2)
    panel.axvline(0, ymax=0.8, color="black", linewidth=0.8, linestyle=":")
    panel.set(xlabel="points", ylabel="repeats", ylim=(0, 60), title="accuracy claimed, less that on unseen photos")
    panel.legend(frameon=False, fontsize=8, loc="upper right")


def _rivals(panel: Axes, rows: pd.DataFrame) -> None:
    for place, way in enumerate(RIVALS):
        found = mean(100 * ahead(rows, way))
        panel.errorbar(found.value, place, xerr=1.96 * found.error, fmt="o", color=INK, capsize=3)
        panel.annotate(
            f"{found.value:+.2f}", (found.value, place), (0, 7), textcoords="offset points", ha="center", fontsize=8
        )
    panel.axvline(0, color="black", linewidth=0.8, linestyle=":")
    panel.set(yticks=range(len(RIVALS)), yticklabels=RIVALS.values(), ylim=(-0.6, len(RIVALS) - 0.3))
    panel.margins(x=0.15)
    panel.set(xlabel="points", title="the champion is ahead by")
