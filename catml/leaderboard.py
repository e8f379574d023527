"""All that was tested on the same test photos, in one table, and compared photo by photo."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from catml import earlier, screen
from catml.evaluation.intervals import accuracy_interval
from catml.evaluation.paired import Paired, paired
from catml.photos.split import LEARN, TEST, test_hash

KEYS = ["pixels_sha256", "label"]


@dataclass(frozen=True)
class Entry:
    """One classifier and its test.

    Attributes:
        run: name of its run.
        params: what it is, by the names in MLflow.
        metrics: what it came to, likewise.
        answers: of the test photos, columns `pixels_sha256`, `label` and `answer`; None where they aren't known.
    """

    run: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    answers: pd.DataFrame | None = None

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        if "filters" in self.params:
            return f"{self.run} ({self.params['filters']})"
        hidden = self.params.get("hidden", "")
        return f"{self.params.get('backbone', self.run)}, {'linear head' if hidden == '0' else f'hidden {hidden}'}"

    @property
    def is_head(self) -> bool:
        """Whether it is a head on a frozen backbone, and no network trained from scratch."""
        return "filters" not in self.params

    def beside(self, other: "Entry") -> Paired | None:
        """Compare it, first, with another on the photos that both have answered; None where answers aren't known."""
        if self.answers is None or other.answers is None:
            return None
        both = self.answers.merge(other.answers, on=KEYS, suffixes=("", "_other"))
        first, second = ((both[name] == both["label"]).to_numpy(bool) for name in ("answer", "answer_other"))
        return paired(first, second) if len(both) else None


def earlier_entries(run_id: str, splits: pd.DataFrame) -> list[Entry]:
    """Return what earlier runs in the tracking store have tested on the same photos.

    Of a nested test of all photos, with its answers at hand, it is the part on the photos that are kept back here: each
    was answered by a classifier that had not learnt from it.

    Args:
        run_id: of the run that asks.
        splits: which photos are tested, and their groups.
    """
    found = []
    for run in earlier.tested(run_id, test_hash(splits)):
        found.append(
            Entry(run.name, run.params, run.metrics, None if "filters" in run.params else _answers(run.run_id))
        )
    for run in earlier.tested(run_id, test_hash(splits.assign(split=LEARN))):
        said = _answers(run.run_id)
        part = None if said is None else said.merge(splits.loc[splits["split"] == TEST, [*KEYS, "group"]], on=KEYS)
        if part is not None and len(part) == int((splits["split"] == TEST).sum()):
            right = (part["answer"] == part["label"]).to_numpy(bool)
            low, high = accuracy_interval(right, part["group"].tolist())
            own = {"test_accuracy": float(right.mean()), "test_accuracy_low": low, "test_accuracy_high": high}
            found.append(Entry(f"{run.name} (nested)", run.params, {**run.metrics, **own}, part[[*KEYS, "answer"]]))
    return found


def ranked(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries by what decides, the validation log loss, the lowest first."""
    return sorted(entries, key=lambda entry: entry.metrics.get("val_log_loss", np.inf))


def leaderboard(entries: Sequence[Entry], best: Entry, photos: int) -> pd.DataFrame:
    """Return one row an entry, the lowest validation log loss first.

    Args:
        entries: all that was tested.
        best: the one that the others are compared with, photo by photo.
        photos: how many were tested.

    Returns:
        Columns `run`, `backbone`, `filters`, `hidden`, `val_log_loss`, `val_accuracy`, `test_right`, `test_photos`,
        `test_accuracy`, `test_accuracy_low`, `test_accuracy_high`, and `only_this`, `only_best` and `mcnemar_p` of the
        comparison, empty where there is none.
    """
    rows = []
    for entry in ranked(entries):
        metrics = {name: entry.metrics.get(name, np.nan) for name in ("val_log_loss", "val_accuracy")}
        tested = {
            f"test_accuracy{end}": entry.metrics.get(f"test_accuracy{end}", np.nan) for end in ("", "_low", "_high")
        }
        compared = None if entry is best else entry.beside(best)
        rows.append(
            {"run": entry.run}
            | {name: entry.params.get(name, "") for name in ("backbone", "filters", "hidden")}
            | metrics
            | {"test_right": round(tested["test_accuracy"] * photos), "test_photos": photos}
            | tested
            | {"only_this": compared.only_first if compared else None}
            | {"only_best": compared.only_second if compared else None}
            | {"mcnemar_p": compared.p if compared else np.nan}
        )
    table = pd.DataFrame(rows)
    return table.astype({"only_this": "Int64", "only_best": "Int64"})


def as_text(table: pd.DataFrame) -> str:
    """Return the table as it is shown on the screen."""
    head = ["run", "backbone", "filters", "hidden", "val log loss", "val accuracy", "test", "95 % interval"]
    rows = [
        [
            str(row["run"]),
            str(row["backbone"]),
            str(row["filters"]),
            str(row["hidden"]),
            f"{row['val_log_loss']:.4f}",
            screen.percent(row["val_accuracy"]),
            f"{row['test_right']} of {row['test_photos']}, {screen.percent(row['test_accuracy'])}",
            f"{screen.percent(row['test_accuracy_low'])} to {screen.percent(row['test_accuracy_high'])}",
        ]
        for row in table.to_dict("records")
    ]
    return screen.table(head, rows, right=head[4:])


def compared(entry: Entry, best: Entry) -> str | None:
    """Return, as a sentence, how an entry does beside the best network from scratch; None where that isn't known."""
    found = entry.beside(best)
    if found is None:
        return None
    return (
        f"{entry.title} gets {found.only_first} of the {found.photos} test photos right that {best.title} gets wrong, "
        f"and {found.only_second} the other way round: McNemar p = {found.p:.2g}"
    )


def _answers(run_id: str) -> pd.DataFrame | None:
    """Return what a run of `train` said of its test photos."""
    text = earlier.artifact(run_id, "predictions.csv")
    if text is None:
        return None
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    if not {*KEYS, "answer", "judged"} <= set(table.columns):
        return None
    return table.loc[table["judged"] == "test", [*KEYS, "answer"]]
