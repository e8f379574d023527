"""The tables of the talk: as text, as Markdown and as CSV."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from catml import screen
from catml.evaluation.intervals import Interval, wilson
from experiments.talk import published
from experiments.talk.mistakes import ARRAYS, KINDS, OF_THE_LIST
from experiments.talk.rows import CostRow, Estimate, PairRow, Results, Spread, Tested, TestRow, ValidationRow

NOT_GIVEN = "not given"
ENOUGH_SEEDS = 20  # with fewer, a published cell outside says nothing


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: for its file.
        title: a line above it.
        head: column names.
        rows: texts to be read.
        data: the same as plain numbers.
        notes: lines below it.
    """

    name: str
    title: str
    head: tuple[str, ...]
    rows: list[list[str]]
    data: pd.DataFrame
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it as aligned columns."""
        lines = [self.title, screen.table(self.head, self.rows), *(f"  {note}" for note in self.notes)]
        return "\n".join(lines)

    def markdown(self) -> str:
        """Return it in Markdown."""
        lines = [f"| {' | '.join(row)} |" for row in (self.head, ["---"] * len(self.head), *self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines, "", *(f"{note}  " for note in self.notes)]).rstrip()


def every(results: Results, seeds: int) -> list[Table]:
    """Return all tables of which there are rows; `seeds` is how many times each fit was made anew."""
    found = [validation(results.validation, seeds), test(results.test, seeds)]
    if results.pairs:
        found.append(pairs(results.pairs))
    if results.costs:
        found.append(costs(results.costs, seeds))
    return [*found, mistakes()]


def validation(rows: Sequence[ValidationRow], seeds: int) -> Table:
    """Return the cells of the talk's tables of validation accuracies."""
    texts = [
        [
            row.title,
            estimate(row.published),
            f"missing: {row.missing}" if row.reproduced is None else spread(row.reproduced),
            "" if row.reproduced is None else screen.percent(row.reproduced.dead),
            "" if row.reproduced is None else _holds(row.reproduced, row.published.value, seeds),
            f"missing: {row.missing}" if row.corrected is None else estimate(row.corrected),
        ]
        for row in rows
    ]
    data = pd.DataFrame(
        {
            "key": row.key,
            "published": row.published.value,
            **_ends("published", row.published.interval),
            **_numbers(row.reproduced, row.published.value),
            "corrected": None if row.corrected is None else row.corrected.value,
            **_ends("corrected", None if row.corrected is None else row.corrected.interval),
            "missing": row.missing,
            "note": row.note,
        }
        for row in rows
    )
    notes = [f"{row.title}: {row.note}." for row in rows if row.note]
    return Table(
        "validation",
        "Validation accuracy",
        ("head", "published [95 %]", f"as published, {seeds} seeds: mean ± sd (min to max)", "dead fits", "inside",
         "corrected [95 %]"),
        texts,
        data,
        (
            "Means of five splits of 289 and 51 photos; intervals by Nadeau and Bengio's error with 4 degrees of "
            "freedom, of a single split Wilson's.",
            "Dead: right in 25 or 26 of 51, as whoever always says the same. Inside: whether the published mean is one "
            "of those that fits as published give; p: two-sided, over every choice of one fit a split; outside is "
            "what has less than .05/6, there being six cells.",
            *notes,
        ),
    )  # fmt: skip


def test(rows: Sequence[TestRow], seeds: int) -> Table:
    """Return what was right of the 60 test photos."""
    texts = [
        [
            row.title,
            NOT_GIVEN if row.published is None else _count(row.published, wilson(row.published, published.TEST_PHOTOS)),
            _reproduced(row),
            f"missing: {row.missing}" if row.corrected is None and row.missing else tested(row.corrected),
        ]
        for row in rows
    ]
    data = pd.DataFrame(
        {
            "key": row.key,
            "published": row.published,
            "reproduced": None if row.reproduced is None else row.reproduced.count,
            "reproduced_wrong": None if row.reproduced is None else " ".join(map(str, row.reproduced.wrong)),
            **_ends("reproduced", None if row.reproduced is None else row.reproduced.interval),
            "trained_anew": None if row.seeds is None else row.seeds.mean(),
            "trained_anew_sd": None if row.seeds is None else _sd(row.seeds),
            "corrected": None if row.corrected is None else row.corrected.count,
            "corrected_wrong": None if row.corrected is None else " ".join(map(str, row.corrected.wrong)),
            **_ends("corrected", None if row.corrected is None else row.corrected.interval),
            "missing": row.missing,
        }
        for row in rows
    )
    return Table(
        "test",
        "The talk's 60 test photos",
        ("classifier", "published [95 %]", "as published, reproduced", "corrected [95 %]"),
        texts,
        data,
        (
            "Wilson's intervals; wrong at: positions among the 60, in the talk's order. Trained anew: the fifth fit's "
            f"file, {seeds} seeds, mean ± sd.",
            "Corrected heads are refitted on all 340 other photos; which setting they have was not chosen by any test.",
        ),
    )


def pairs(rows: Sequence[PairRow]) -> Table:
    """Return classifiers compared on the same test photos."""
    texts = [
        [row.first, row.second, f"{row.paired.only_first}", f"{row.paired.only_second}", f"{row.paired.p:.3f}"]
        for row in rows
    ]
    data = pd.DataFrame(
        {
            "first": row.first,
            "second": row.second,
            "photos": row.paired.photos,
            "only_first": row.paired.only_first,
            "only_second": row.paired.only_second,
            "p": row.paired.p,
        }
        for row in rows
    )
    return Table(
        "pairs",
        "The same 60 photos, two by two",
        ("first", "second", "only first right", "only second right", "exact McNemar p"),
        texts,
        data,
    )


def costs(rows: Sequence[CostRow], seeds: int) -> Table:
    """Return what each mistake costs."""
    start = {row.backbone: row for row in rows if not row.off}
    texts = [
        [
            row.backbone,
            ", ".join(row.off) or "nothing: as published",
            plus_minus(row.validation),
            _points(row.validation - start[row.backbone].validation) if row.off else "",
            plus_minus(row.test),
            _points(row.test - start[row.backbone].test) if row.off else "",
        ]
        for row in rows
    ]
    data = pd.DataFrame(
        {
            "backbone": row.backbone,
            "off": " ".join(row.off),
            "validation": row.validation.mean(),
            "validation_sd": _sd(row.validation),
            "test": row.test.mean(),
            "test_sd": _sd(row.test),
        }
        for row in rows
    )
    return Table(
        "costs",
        f"Mistakes switched off, {seeds} seeds",
        ("backbone", "switched off", "validation accuracy", "points", "test accuracy", "points "),
        texts,
        data,
        (
            "Mean over the three heads; ± is one standard deviation over seeds, which choose initial weights, order "
            "and dropout: the photos are the same 51 and 60 every time.",
            "Points are differences from all mistakes made, seed by seed.",
        ),
    )


def mistakes() -> Table:
    """Return the list of mistakes."""
    texts = [
        [
            f"{number}" if number <= OF_THE_LIST else f"{number} (found here)",
            kind.name,
            kind.title,
            kind.instead,
            "stored arrays" if kind.needs == ARRAYS else "needs the photos",
        ]
        for number, kind in enumerate(KINDS, 1)
    ]
    head = ("number", "switch", "what was done", "what is done here", "switched off on")
    return Table("mistakes", "The mistakes", head, texts, pd.DataFrame(texts, columns=list(head)))


def estimate(given: Estimate) -> str:
    """Return an accuracy with its interval as text."""
    return f"{screen.percent(given.value)} {_interval(given.interval)}"


def spread(given: Spread) -> str:
    """Return what the seeds gave as text."""
    least, most = given.means.min(), given.means.max()
    return f"{plus_minus(given.means)} ({100 * least:.1f} to {100 * most:.1f})"


def tested(given: Tested | None) -> str:
    """Return what was right of the test photos as text; an empty one where nothing was tested."""
    if given is None:
        return ""
    wrong = f", wrong at {' '.join(map(str, given.wrong))}" if given.wrong else ""
    return _count(given.count, given.interval) + wrong


def plus_minus(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> str:
    """Return mean and standard deviation of accuracies in percent."""
    return f"{100 * values.mean():.1f} ± {100 * _sd(values):.1f} %"


def _points(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> str:
    return f"{100 * values.mean():+.1f} ± {100 * _sd(values):.1f}"


def _sd(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _reproduced(row: TestRow) -> str:
    parts = []
    if row.reproduced is not None:
        parts.append(f"{tested(row.reproduced)} (the author's own head)")
    if row.seeds is not None:
        parts.append(f"{plus_minus(row.seeds)} trained anew")
    return "; ".join(parts) or f"missing: {row.missing}"


def _holds(given: Spread, value: float, seeds: int) -> str:
    answer = "yes" if given.holds(value) else "no" if seeds >= ENOUGH_SEEDS else "no, but few seeds"
    return f"{answer} (p = {given.chance(value):.2g})"


def _count(right: int, interval: Interval) -> str:
    photos = published.TEST_PHOTOS
    return f"{right}/{photos} = {screen.percent(right / photos)} {_interval(interval)}"


def _interval(ends: Interval) -> str:
    return f"[{100 * ends.low:.1f}, {100 * ends.high:.1f}]"


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def _numbers(given: Spread | None, value: float) -> dict[str, float | bool | None]:
    if given is None:
        return dict.fromkeys(("reproduced", "sd", "min", "max", "dead", "living", "inside", "p", "best_epoch"))
    return {
        "reproduced": float(given.means.mean()),
        "sd": _sd(given.means),
        "min": float(given.means.min()),
        "max": float(given.means.max()),
        "dead": given.dead,
        "living": given.living,
        "inside": given.holds(value),
        "p": given.chance(value),
        "best_epoch": float(given.best.mean()),
    }
