"""The figures of the report, drawn by matplotlib without any state of its own being touched for good."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from catml.evaluation.intervals import Interval
from catml.report.kinds import Kind
from catml.report.learning_curve import Curve, Outlook
from catml.report.reliability import Bin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The colours of the page in light mode. In the page they become its custom properties, and follow it into the dark.
INK, SOFT, LINE, BAR, MARK = "#1b1f24", "#5d6670", "#d9dee3", "#2f6f8f", "#b3541e"
THEMED = {INK: "var(--ink)", SOFT: "var(--soft)", LINE: "var(--line)", BAR: "var(--bar)", MARK: "var(--mark)"}
WIDTH = 5.4  # inches; on a phone, it is shown at two thirds of its size
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "catml",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
}


@dataclass(frozen=True)
class Drawing:
    """A figure as SVG to be put into the page, and as PNG."""

    svg: str
    png: bytes


class Learning(NamedTuple):
    """How a network learnt: its log losses by epoch, and the best epoch, the first being 1."""

    name: str
    training: Sequence[float]
    validation: Sequence[float]
    best: int


class Result(NamedTuple):
    """What a classifier came to in the test; `other` sets it apart from the rest."""

    name: str
    accuracy: float
    interval: Interval
    other: bool


def draw_heads(ranked: Sequence[Kind]) -> Drawing:
    """Draw each kind of head: its best one with its standard error, the others faint."""
    with _sheet(0.85 + 0.3 * len(ranked)) as figure:
        axes = _axes(figure)
        best = min((head for kind in ranked for head in kind.heads), key=lambda head: head.log_loss)
        low, high = best.log_loss - best.log_loss_se, best.log_loss + best.log_loss_se
        axes.axvspan(low, high, color=BAR, alpha=0.12, linewidth=0)
        axes.axvline(best.log_loss, color=BAR, linewidth=0.8, linestyle=(0, (4, 3)))
        for height, kind in enumerate(ranked):
            for head in kind.heads[1:]:
                _dot(axes, head.log_loss, height, BAR if head.as_good else SOFT, faint=True)
            one = kind.best
            colour = BAR if one.as_good else SOFT
            axes.errorbar(one.log_loss, height, xerr=one.log_loss_se, color=colour, elinewidth=1.4, capsize=3)
            _dot(axes, one.log_loss, height, colour)
            for head in kind.heads:
                if head.chosen:
                    axes.plot(head.log_loss, height, "D", color=MARK, markersize=9, zorder=5)
        axes.set_ylim(len(ranked) - 0.4, -0.6)
        axes.set_yticks(range(len(ranked)), [f"{kind.backbone}  {kind.shape}" for kind in ranked])
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0, colors=INK)
        axes.set_xlabel("log loss, lower is better")
        _scale(axes, [head.log_loss for kind in ranked for head in kind.heads], low, high)
        return _drawing(figure, "heads")


def draw_curve(curve: Curve, ahead: Outlook) -> Drawing:
    """Draw accuracy and log loss by the number of photos learnt from."""
    with _sheet(4.4) as figure:
        above, below = figure.subplots(2, 1, sharex=True)
        photos = curve.photos
        for axes, scores, what in ((above, curve.accuracies, "right"), (below, curve.log_losses, "log loss")):
            factor = 100 if axes is above else 1
            mean, error = factor * scores.mean(axis=0), factor * curve.se(scores)
            axes.errorbar(photos, mean, yerr=error, color=BAR, marker="o", markersize=5, capsize=3, linewidth=1.4)
            axes.set_title({"right": "right, in %", "log loss": "log loss"}[what], color=SOFT)
        line = np.geomspace(photos[0], 2 * curve.total, 50)
        above.plot(line, 100 * (1 - ahead.error(line)), color=MARK, linewidth=1.2, linestyle=(0, (5, 3)))
        lowest = 100 * float((curve.accuracies.mean(axis=0) - curve.se(curve.accuracies)).min())
        above.set_ylim(max(0, lowest - 2), 100.5)
        twice = 2 * curve.total
        above.plot(twice, 100 * (1 - ahead.error(np.array(float(twice)))), "o", color=MARK, markerfacecolor="none")
        below.set_ylim(bottom=0)
        below.set_xscale("log", base=2)
        ticks = [*photos.round().astype(int).tolist(), twice]
        below.set_xticks(ticks, [str(tick) for tick in ticks])
        below.minorticks_off()
        below.set_xlabel("photos learnt from")
        return _drawing(figure, "curve")


def draw_reliability(bins: Sequence[Bin]) -> Drawing:
    """Draw how often answers were right by how probable they were said to be."""
    with _sheet(3.4) as figure:
        axes = _axes(figure)
        said = [100 * one.probability for one in bins]
        share = np.array([100 * one.share for one in bins])
        ends = np.array([[100 * one.interval.low, 100 * one.interval.high] for one in bins])
        low = max(0.0, min(min(said), float(ends.min())) - 3)
        axes.plot([low, 100], [low, 100], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        reach = np.abs(ends.T - share)
        axes.errorbar(said, share, yerr=reach, color=BAR, fmt="o", markersize=6, capsize=3, elinewidth=1.4)
        axes.set_xlim(low, 101)
        axes.set_ylim(low, 102)
        axes.set_xlabel("probability that was said, in %")
        axes.set_title("right, in %", color=SOFT)
        return _drawing(figure, "reliability")


def draw_benchmark(curves: Sequence[Learning], results: Sequence[Result], most_frequent: float) -> Drawing:
    """Draw how networks learnt from scratch, and their tests beside what the most frequent label would give."""
    with _sheet(3.6 + 0.3 * len(results)) as figure:
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.4, 1.2 + 0.3 * len(results)))[:, 0]
        for axes, curve in zip(above.subplots(1, len(curves), sharey=True, squeeze=False)[0], curves, strict=True):
            epochs = np.arange(1, len(curve.training) + 1)
            axes.plot(epochs, curve.training, color=SOFT, linewidth=1.2, linestyle=(0, (4, 2)), label="learnt from")
            axes.plot(epochs, curve.validation, color=BAR, linewidth=1.6, label="validation")
            axes.plot(curve.best, curve.validation[curve.best - 1], "D", color=MARK, markersize=6, label="best epoch")
            axes.set_title(curve.name, color=INK)
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
        handles, names = axes.get_legend_handles_labels()
        above.supylabel("log loss", color=SOFT, fontsize=10)
        above.legend(handles, names, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
        axes = below.subplots()
        for height, one in enumerate(results):
            colour = MARK if one.other else BAR
            reach = [[100 * (one.accuracy - one.interval.low)], [100 * (one.interval.high - one.accuracy)]]
            axes.errorbar(100 * one.accuracy, height, xerr=reach, color=colour, elinewidth=1.4, capsize=3)
            _dot(axes, 100 * one.accuracy, height, colour)
        axes.axvline(100 * most_frequent, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_title("dashed: the most frequent label", color=SOFT, fontsize=9)
        axes.set_ylim(len(results) - 0.4, -0.6)
        axes.set_yticks(range(len(results)), [one.name for one in results])
        axes.set_xlim(right=101)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0, colors=INK)
        axes.set_xlabel("test photos right, in %, with 95 % interval")
        return _drawing(figure, "benchmark")


@contextmanager
def _sheet(height: float) -> "Iterator[Figure]":
    # Text stays text only where the settings say so; they are put back, and nothing else draws meanwhile.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        yield Figure((WIDTH, height), layout="constrained")


def _axes(figure: "Figure") -> "Axes":
    axes: Axes = figure.subplots()
    return axes


def _dot(axes: "Axes", where: float, height: float, colour: str, *, faint: bool = False) -> None:
    axes.plot(where, height, "o", color=colour, markersize=4 if faint else 7, alpha=0.35 if faint else 1, linewidth=0)


def _scale(axes: "Axes", values: Sequence[float], low: float, high: float) -> None:
    """Show small differences between good heads, also where others are many times worse."""
    least, most = min(values), max(values)
    if most > 4 * least:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        axes.set_xscale("log")
        axes.set_xlim(max(least / 4, 0.85 * low), most * 1.3)
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if most < 40 * least else (1,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(left=max(0.0, min(low, least) - 0.05 * (most - least)), right=max(most, high) * 1.03)


def _drawing(figure: "Figure", name: str) -> Drawing:
    svg, png = io.StringIO(), io.BytesIO()
    options: dict[str, Any] = {"metadata": {"Date": None, "Creator": None, "Format": None, "Type": None}}
    figure.savefig(svg, format="svg", transparent=True, **options)
    figure.savefig(png, format="png", dpi=160, facecolor="white", metadata={"Software": None})
    return Drawing(_inlined(svg.getvalue(), name), png.getvalue())


def _inlined(svg: str, name: str) -> str:
    """Return an SVG file as a part of a page: no header, no addresses, its names its own, its colours the page's."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'(?<= id=")|(?<=url\(#)|(?<=href="#)', f"{name}-", svg)
    svg = re.sub(r"font: ([^'\"]*?[\d.]+px) [^;\"]+", r"font: \1 system-ui, sans-serif", svg)
    for colour, variable in THEMED.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1).strip()
