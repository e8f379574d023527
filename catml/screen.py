"""What the user reads while a command works."""

import sys
from collections.abc import Sequence


def say(text: str = "") -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def complain(problems: Sequence[str]) -> None:
    """Print problems to standard error."""
    for problem in problems:
        print(f"catml: {problem}", file=sys.stderr)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> str:
    """Return rows as aligned columns; those named in `right` end flush right."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, head, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join(f"  {line}" for line in lines)


def duration(seconds: float) -> str:
    """Return seconds as people say them: "40 s", "3 min", "1 h 20 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def percent(share: float) -> str:
    """Return a share as a percentage with one decimal."""
    return f"{100 * share:.1f} %"


def chance(p: float) -> str:
    """Return a p-value as "p = 0.03"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def between(ends: tuple[float, float]) -> str:
    """Return an interval of shares as "93.3 % to 99.8 %"."""
    return f"{percent(ends[0])} to {percent(ends[1])}"
