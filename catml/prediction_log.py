"""`catml predict --log`: what was said of photos, kept as a table to correct labels in, and as a run in MLflow."""

import contextlib
import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from catml import screen, tracking
from catml.classifier import Classifier
from catml.evaluation.familiarity import STRANGE_PERCENT
from catml.evaluation.intervals import wilson
from catml.photos.listing import BYTES_SHA256

AGAIN = "{} is kept, and can be corrected; only the run is missing in MLflow."


class PredictionLog:
    """A table of predictions, one row a photo, in which a user fills in the column `label`.

    A row is written as soon as it is known, so that whatever ends the process, those so far are there.

    Args:
        folder: where the table is to lie; its name is the time.
        classifier: that answers.
    """

    def __init__(self, folder: Path, classifier: Classifier) -> None:
        self._classifier = classifier
        self.labels = classifier.description.labels
        self.counts: Counter[str] = Counter()
        self.probability = 0.0  # sum over the answers
        folder.mkdir(parents=True, exist_ok=True)
        columns = ["path", "label", "answer", "probability", "unsure", "similarity"]
        columns += [*(f"probability_{label}" for label in self.labels), "problem", BYTES_SHA256]
        self._file = _new_file(folder)
        self.path = Path(self._file.name)
        self._writer = csv.DictWriter(self._file, columns, extrasaction="ignore", lineterminator="\n")
        self._writer.writeheader()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Keep what was said of a photo: a row of `Classifier.stream`, and `photo`, its path."""
        path = Path(row["photo"]).absolute()
        self.counts["photos"] += 1
        if row["problem"]:
            self.counts["broken"] += 1
            self._writer.writerow({"path": path, "problem": row["problem"]})
            return
        digest = ""
        with contextlib.suppress(OSError), path.open("rb") as file:  # it may be gone by now
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.counts["unsure"] += bool(row["unsure"])
        self.counts["strange"] += bool(self._classifier.is_strange(row["similarity"]))
        self.counts[f"said {row['label']}"] += 1
        self.probability += row["probability"]
        self._writer.writerow({**row, "path": path, "label": "", "answer": row["label"], BYTES_SHA256: digest})

    @property
    def can_tell_strange(self) -> bool:
        """Whether the classifier, which an older catml may have made, knows what familiar photos look like."""
        return self._classifier.familiar is not None

    @property
    def answered(self) -> int:
        """How many files are photos."""
        return self.counts["photos"] - self.counts["broken"]

    def metrics(self) -> dict[str, float]:
        """Return what is logged: counts, and shares of those that are photos."""
        found: dict[str, float] = {f"predicted_{name}": self.counts[name] for name in ("photos", "broken")}
        if self.answered:
            shares = ("unsure", "strange") if self.can_tell_strange else ("unsure",)
            found |= {f"predicted_{name}": self.counts[name] / self.answered for name in shares}
            found["predicted_probability"] = self.probability / self.answered
        return found


def log_run(log: PredictionLog, asked: str, model: str, version: str) -> None:
    """Log a finished table as a run: params, metrics, and the table itself.

    Args:
        log: the table.
        asked: which photos, as the user said it.
        model: MLflow address of the model.
        version: of the model, for people.
    """
    name = f"predict {log.counts['photos']} photos"
    with tracking.parent_run(name, AGAIN.format(log.path)) as run:
        run.log({"photos": asked[:500], "model": model}, log.metrics(), {"predicted_by": version})
        run.log_text(log.path.read_text(encoding="utf-8-sig"), "predictions.csv")


def said(log: PredictionLog) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of a table: a heading of one word, and a sentence."""
    counts, photos = log.counts, log.answered
    if photos:
        answers = ", ".join(f"{counts[f'said {label}']} {label}" for label in log.labels)
        yield "answers", f"{answers}; {counts['unsure']} of them unsure"
    if photos and log.can_tell_strange:
        strange, ends = counts["strange"], wilson(counts["strange"], photos)
        yield (
            "unlike",
            f"{strange} of {photos} are unlike all photos learnt from ({screen.percent(strange / photos)}, "
            f"95 % interval {screen.between(ends)}); of photos like those, about {STRANGE_PERCENT:g} % would be",
        )
    yield "kept", str(log.path)
    yield "next", f"fill in its column 'label' where you know it, then: catml train --photos … --new-photos {log.path}"


def _new_file(folder: Path) -> TextIO:
    """Open a file that is named after the time, and that no other process has."""
    now = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    path, number = folder / f"{now}.csv", 1
    while True:
        with contextlib.suppress(FileExistsError):
            # Line by line; with the mark by which spreadsheets know UTF-8; and whatever photos are called.
            return path.open("x", encoding="utf-8-sig", errors="backslashreplace", newline="", buffering=1)
        number += 1
        path = folder / f"{now}-{number}.csv"
