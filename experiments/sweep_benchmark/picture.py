"""The plots of this experiment."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

INK, QUIET = "#1b6ca8", "#b7bcc4"


def ways(seconds: Mapping[str, Mapping[str, float]], folder: Path) -> None:
    """Draw seconds a head of each way, a panel a problem, on a logarithmic scale."""
    figure, panels = plt.subplots(1, len(seconds), figsize=(10, 2.9), sharey=True, squeeze=False)
    for panel, (problem, of) in zip(panels[0], seconds.items(), strict=True):
        names = list(of)[::-1]
        values = [of[name] for name in names]
        bars = panel.barh(names, values, color=[INK if name == "catml" else QUIET for name in names])
        panel.bar_label(bars, [f"{value:.3g} s" for value in values], padding=4, fontsize=9)
        panel.set(xscale="log", xlim=(min(values) / 3, max(values) * 8), title=problem, xlabel="seconds a head")
        panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(folder / "ways.png", dpi=110)


def growth(panels: Sequence[tuple[str, Sequence[float], Sequence[float], Sequence[float]]], folder: Path) -> None:
    """Draw milliseconds and megabytes against what grows: (name, sizes, seconds, megabytes) a panel."""
    figure, rows = plt.subplots(2, len(panels), figsize=(12, 4.6), sharex="col", squeeze=False)
    for column, (name, sizes, seconds, megabytes) in enumerate(panels):
        places = list(range(len(sizes)))
        for row, (values, what) in enumerate([([1000 * s for s in seconds], "ms a head"), (megabytes, "peak MB")]):
            axis = rows[row][column]
            axis.plot(places, values, "o-", color=INK)
            for place, value in zip(places, values, strict=True):
                axis.annotate(
                    f"{value:,.0f}", (place, value), (0, 6), textcoords="offset points", ha="center", fontsize=8
                )
            if max(values) > 20 * min(values):
                axis.set_yscale("log")
                axis.set_ylim(min(values) / 3, max(values) * 4)
            else:
                axis.set_ylim(0, max(values) * 1.25)
            axis.set(xlim=(-0.4, len(sizes) - 0.6), xticks=places, xticklabels=[f"{size:,}" for size in sizes])
            axis.spines[["top", "right"]].set_visible(False)
            axis.set_ylabel(what if column == 0 else "")
        rows[1][column].set_xlabel(name)
    figure.tight_layout()
    figure.savefig(folder / "growth.png", dpi=100)
