"""Tables and picture of what a folder of photos gave."""

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from catml import screen
from catml.evaluation.intervals import wilson
from experiments.talk import published
from experiments.talk.photos import Repeated, Right, Row
from experiments.talk.picture import CORRECTED, PUBLISHED, REPRODUCED, STYLE
from experiments.talk.rows import CostRow, Spread
from experiments.talk.tables import Table, estimate, plus_minus

BEST_OF = 2  # on the last slide, head 2 stands for the augmentation, as in the talk
NONE, TWO = "–", "the talk's heads tell two labels apart"


def every(found: Repeated, seeds: int) -> list[Table]:
    """Return all tables of a folder."""
    tables = [steps(found), rows(found, seeds)]
    return [*tables, costs(found, seeds)] if found.costs else tables


def steps(found: Repeated) -> Table:
    """Return what catml's own commands come to: the talk's last slide, corrected, on these photos."""
    pairs = {first: paired for first, _, paired in found.pairs}
    texts = [
        [
            step.title,
            _tested(step.test),
            pairs[step.title].said if step.title in pairs else "",
            step.run,
        ]
        for step in found.steps
    ]
    data = pd.DataFrame(
        {
            "step": step.title,
            "right": int(step.test.right.sum()),
            "photos": len(step.test.right),
            "low": step.test.interval.low,
            "high": step.test.interval.high,
            "p": pairs[step.title].p if step.title in pairs else np.nan,
            "run": step.run,
        }
        for step in found.steps
    )
    return Table(
        "steps",
        f"{found.album.name}: from scratch, transfer learning, augmentation, by catml's own commands",
        ("step", "test photos right [95 %]", "beside the step above", "run in MLflow"),
        texts,
        data,
    )


def rows(found: Repeated, seeds: int) -> Table:
    """Return the talk's steps on these photos: published of its own, as published and corrected of these."""
    texts = [
        [
            row.title,
            _said(row),
            TWO if row.reproduced is None else _mean(row.reproduced.means),
            "" if row.reproduced is None else _mean(_tests(row.reproduced)),
            NONE if row.corrected is None else estimate(row.corrected),
            NONE if row.test is None else _tested(row.test),
        ]
        for row in found.rows
    ]
    data = pd.DataFrame(
        {
            "step": row.title,
            "published_validation": None if row.said[0] is None else row.said[0].value,
            "published_right_of_60": row.said[1],
            "as_published_validation": None if row.reproduced is None else row.reproduced.means.mean(),
            "as_published_test": None if row.reproduced is None else _tests(row.reproduced).mean(),
            "corrected_validation": None if row.corrected is None else row.corrected.value,
            "corrected_right": None if row.test is None else int(row.test.right.sum()),
            "photos": len(found.album.of.test),
        }
        for row in found.rows
    )
    parts = found.album.of.parts[0]
    return Table(
        "rows",
        f"{found.album.name}: the talk's steps, {len(found.album.of.test)} test photos",
        ("step", "published, of the talk's cats", f"as published: validation, {seeds} seeds", "test",
         "corrected: validation [95 %]", "test [95 %]"),
        texts,
        data,
        (
            f"Validation: means of five random splits of {len(parts[0])} and {len(parts[1])} photos, networks from "
            "scratch of the first one, one seed. ± is one standard deviation over seeds.",
            "The test photos are those of `catml train`, whole groups, the same for all.",
        ),
    )  # fmt: skip


def costs(found: Repeated, seeds: int) -> Table:
    """Return what each mistake costs on these photos."""
    start = {row.backbone: row for row in found.costs if not row.off}
    texts = [
        [
            row.backbone,
            _off(row),
            plus_minus(row.validation),
            _points(row, start[row.backbone], "validation"),
            plus_minus(row.test),
            _points(row, start[row.backbone], "test"),
        ]
        for row in found.costs
    ]
    data = pd.DataFrame(
        {
            "step": row.backbone,
            "off": " ".join(row.off),
            "validation": row.validation.mean(),
            "test": row.test.mean(),
            "test_sd": row.test.std(ddof=1) if len(row.test) > 1 else 0.0,
        }
        for row in found.costs
    )
    return Table(
        "costs",
        f"{found.album.name}: mistakes switched off, {seeds} seeds",
        ("step", "switched off", "validation accuracy", "points", "test accuracy", "points "),
        texts,
        data,
        ("± is one standard deviation over seeds, of differences seed by seed; the photos are the same every time.",),
    )


def slide(found: Repeated) -> bytes:
    """Draw the talk's last slide for these photos: published, as published, and catml's own runs; a PNG file."""
    groups = ("from scratch", "transfer learning", "augmentation")
    said = (published.BENCHMARKS[0].test, published.TRANSFER.test, published.AUGMENTED[1].test)
    kinds = [_kind(row) for row in found.rows]
    with rc_context(STYLE):
        figure = Figure((7.6, 3.4), layout="constrained")
        panel: Axes = figure.subplots()
        for place, right in enumerate(said):
            ends, share = wilson(right or 0, published.TEST_PHOTOS), (right or 0) / published.TEST_PHOTOS
            _bar(panel, place - 0.24, share, ends, PUBLISHED, "published, the talk's cats")
        for place, step in enumerate(found.steps):
            share = float(step.test.right.mean())
            _bar(panel, place + 0.24, share, step.test.interval, CORRECTED, "catml, these photos")
        for place, group in enumerate(groups):
            again = [
                row.reproduced for row, kind in zip(found.rows, kinds, strict=True) if kind == group and row.reproduced
            ]
            for shift, spread in zip(np.linspace(-0.05, 0.05, max(2, len(again))), again, strict=False):
                tests = 100 * _tests(spread)
                label = "as published, these photos, each seed"
                panel.plot([place + shift] * len(tests), tests, "o", color=REPRODUCED, markersize=4, label=label)
        most = 100 * float(np.bincount(found.album.of.labels[found.album.of.test]).max()) / len(found.album.of.test)
        panel.axhline(most, color="black", linewidth=0.7, linestyle=":")
        panel.set(xticks=range(3), xticklabels=groups, xlim=(-0.5, 2.5), ylim=(40, 102))
        panel.set(ylabel="test photos right, in %, 95 % interval", title=f"{found.album.name}: the talk's last slide")
        seen = dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
        figure.legend(seen.values(), seen.keys(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
        held = io.BytesIO()
        figure.savefig(held, format="png", dpi=130, facecolor="white", metadata={"Software": None})
    return held.getvalue()


def _kind(row: Row) -> str:
    """Return which bar of the last slide a row stands for; of the cells, only those that the talk tested."""
    if row.title == "from scratch, CNN 1":
        return "from scratch"
    if row.title.endswith(f", augmented, head {BEST_OF}"):
        return "augmentation"
    return "transfer learning" if row.title.endswith(", head 1") and "augmented" not in row.title else ""


def _bar(panel: Axes, place: float, share: float, ends: tuple[float, float], colour: str, label: str) -> None:
    panel.vlines(place, 100 * ends[0], 100 * ends[1], color=colour, linewidth=7, alpha=0.35)
    panel.plot(place, 100 * share, "o", color=colour, markersize=8, label=label)
    panel.annotate(f"{100 * share:.1f}", (place + 0.06, 100 * share), va="center", fontsize=8.5)


def _tests(spread: Spread) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return what the talk would have quoted: the test of the last fit's file, one a seed."""
    return spread.test[:, -1]


def _said(row: Row) -> str:
    parts = [] if row.said[0] is None else [screen.percent(row.said[0].value)]
    parts += [] if row.said[1] is None else [f"test {row.said[1]}/{published.TEST_PHOTOS}"]
    return ", ".join(parts) or NONE


def _tested(test: Right) -> str:
    right, count = int(test.right.sum()), len(test.right)
    low, high = test.interval
    return f"{right}/{count} = {screen.percent(right / count)} [{100 * low:.1f}, {100 * high:.1f}]"


def _off(row: CostRow) -> str:
    return "all of these" if len(row.off) > 1 else ", ".join(row.off) or "nothing: as published"


def _mean(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> str:
    return plus_minus(values) if len(values) > 1 else screen.percent(float(values[0]))


def _points(row: CostRow, start: CostRow, kind: str) -> str:
    if not row.off:
        return ""
    difference: Sequence[float] = getattr(row, kind) - getattr(start, kind)
    sd = np.std(difference, ddof=1) if len(difference) > 1 else 0.0
    return f"{100 * np.mean(difference):+.1f} ± {100 * sd:.1f}"
