"""The pictures of the talk: its cells, and its last slide with intervals."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from catml.evaluation.intervals import Interval, wilson
from experiments.talk import published
from experiments.talk.rows import TestRow, ValidationRow

PUBLISHED, REPRODUCED, CORRECTED, QUIET = "#c4472b", "#8a93a0", "#1b6ca8", "#d7dbe0"
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


def cells(rows: Sequence[ValidationRow], seeds: int) -> bytes:
    """Draw each cell of the talk's table: as published, with other seeds, and corrected; a PNG file.

    Args:
        rows: of any backbones, three heads of each; rows of photos are drawn beside those of arrays.
        seeds: how many were tried.
    """
    groups: dict[str, list[ValidationRow]] = {}
    for row in rows:
        if row.key.partition("_head_")[1]:
            groups.setdefault(row.title.partition(",")[0], []).append(row)
    with rc_context(STYLE):
        figure = Figure((3.1 * len(groups), 3.5), layout="constrained")
        panels: list[Axes] = list(np.atleast_1d(figure.subplots(1, len(groups), sharey=True)))
        for panel, (title, of) in zip(panels, groups.items(), strict=True):
            for place, row in enumerate(of):
                _cell(panel, place, row)
            panel.axhline(50, color="black", linewidth=0.7, linestyle=":")
            panel.set(xticks=range(len(of)), xticklabels=[row.title.partition(", ")[2] for row in of], title=title)
            panel.set(xlim=(-0.6, len(of) - 0.4), ylim=(44, 101))
        panels[0].set_ylabel("validation accuracy, five splits, in %")
        handles, names = _legend(panels)
        label = f"as published, {seeds} seeds, and their mean"
        names = [label if name == "seeds" else name for name in names]
        figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
        return _png(figure)


def last_slide(rows: Sequence[TestRow], beside: Sequence[TestRow]) -> bytes:
    """Draw test accuracies with Wilson's intervals: the talk's three steps and what corrected heads get; a PNG file.

    Args:
        rows: the steps of the talk's last slide, in its order, as published.
        beside: corrected classifiers to show next to them, of arrays or of photos.
    """
    steps = [(row.title, row.published, PUBLISHED) for row in rows if row.published is not None]
    steps += [
        (f"{row.title}, corrected", row.corrected.count, CORRECTED) for row in beside if row.corrected is not None
    ]
    with rc_context(STYLE):
        figure = Figure((7.6, 0.42 * len(steps) + 0.8), layout="constrained")
        panel: Axes = figure.subplots()
        for place, (_, right, colour) in enumerate(steps):
            _bar(panel, place, right, wilson(right, published.TEST_PHOTOS), colour)
        panel.set(yticks=range(len(steps)), yticklabels=[title for title, *_ in steps], xlim=(45, 112))
        panel.set(
            xticks=range(50, 101, 10), xlabel="of the talk's 60 test photos right, in %, with Wilson's 95 % interval"
        )
        panel.invert_yaxis()
        panel.tick_params(axis="y", length=0)
        return _png(figure)


def _cell(panel: Axes, place: int, row: ValidationRow) -> None:
    if row.reproduced is not None:
        means = 100 * row.reproduced.means
        # Spread sideways by rank, so that seeds with the same mean are seen.
        shifts = (np.argsort(np.argsort(means, kind="stable")) % 5 - 2) * 0.035
        panel.plot(place + shifts, means, "o", color=REPRODUCED, markersize=3, alpha=0.7, label="seeds")
        panel.hlines(means.mean(), place - 0.14, place + 0.14, color=REPRODUCED, linewidth=2)
    else:
        panel.text(place, 53, "arrays\nmissing", ha="center", color=REPRODUCED, fontsize=7)
    panel.plot(place - 0.24, 100 * row.published.value, "D", color=PUBLISHED, markersize=6, label="published")
    if row.corrected is not None:
        value, ends = 100 * row.corrected.value, 100 * np.array(row.corrected.interval)
        reach = np.abs(ends - value)[:, None]
        panel.errorbar(
            place + 0.24, value, reach, fmt="o", color=CORRECTED, capsize=3, label="corrected, 95 % interval"
        )


def _legend(panels: Sequence[Axes]) -> tuple[list[object], list[str]]:
    found = {}
    for panel in panels:
        for handle, name in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    order = [name for name in ("published", "seeds", "corrected, 95 % interval") if name in found]
    return [found[name] for name in order], order


def _bar(panel: Axes, place: int, right: int, interval: Interval, colour: str) -> None:
    value = 100 * right / published.TEST_PHOTOS
    low, high = 100 * interval.low, 100 * interval.high
    panel.hlines(place, low, high, color=colour, linewidth=5, alpha=0.35)
    panel.plot(value, place, "o", color=colour, markersize=8)
    text = f"{right}/{published.TEST_PHOTOS}  {value:.1f} %"
    panel.text(101.5, place, text, va="center", fontsize=8.5)


def _png(figure: Figure) -> bytes:
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=130, facecolor="white", metadata={"Software": None})
    return held.getvalue()
