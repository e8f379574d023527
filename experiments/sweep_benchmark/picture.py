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
    """Draw seconds and megabytes against what grows: (name, sizes, seconds, megabytes) a panel."""
    figure, axes = plt.subplots(1, len(panels), figsize=(12, 3.2), squeeze=False)
    for axis, (name, sizes, seconds, megabytes) in zip(axes[0], panels, strict=True):
        places = range(len(sizes))
        axis.plot(places, seconds, "o-", color=INK)
        axis.set(xlabel=name, yscale="log", xticks=list(places), xticklabels=[f"{size:,}" for size in sizes])
        axis.tick_params(axis="x", labelrotation=45)
        axis.set_ylabel("seconds a head", color=INK)
        twin = axis.twinx()
        twin.plot(places, megabytes, "s--", color="#8a8f98")
        twin.set_ylabel("peak MB", color="#8a8f98")
        twin.set_ylim(0, max(megabytes) * 1.15)
    figure.tight_layout()
    figure.savefig(folder / "growth.png", dpi=110)
