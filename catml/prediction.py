"""`catml predict`: photos through a registered model, a row each, as they come."""

import contextlib
import csv
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from catml import config, screen
from catml.classifier import Classifier, Photo
from catml.errors import InputError
from catml.photos.listing import UNSURE
from catml.photos.named import find
from catml.registration import load_from, registered

STANDARD_INPUT = "-"
FEW = 32  # so many rows are no long work
Row = Mapping[str, Any]


def show(photos: Sequence[str], model: str, layout: str, copy_to: str, log: bool) -> None:
    """Print a row a photo, as soon as it is answered.

    Args:
        photos: paths of photos or folders, patterns, or "-" for standard input; one text may name several, separated by
            commas.
        model: MLflow address of the model.
        layout: "table", "csv" or "jsonl".
        copy_to: folder into which photos are copied, one folder a label; empty: none.
        log: whether to keep the answers, as a table and as a run in MLflow.

    Raises:
        InputError: names that lead nowhere, and how many files are no photos; the others are answered all the same.
    """
    named, problems = _named(photos)
    if any(name == STANDARD_INPUT for name, _ in named):
        nameless = "the photo on standard input has no name to be {} under. Give its file."
        wanted = {"copy_to": bool(copy_to) and "copied", "log": log and "kept"}
        refused = [f"{name}: {nameless.format(what)}" for name, what in wanted.items() if what]
        if refused:
            raise InputError(refused)
    broken = 0
    if named:
        labelled = load_from(model)
        write = {"table": _table, "csv": _csv, "jsonl": _jsonl}[layout]
        rows = _rows([name for name, _ in named], labelled.stream(photo for _, photo in named))
        quiet = len(named) < FEW or sys.stdout.isatty()  # rows that appear show the progress themselves
        with tqdm(rows, total=len(named), desc="predicting", unit="photo", disable=quiet) as seen:
            answers = write(seen, [name for name, _ in named], labelled.description.labels)
            for row in _logged(answers, labelled, photos, model, aloud=layout == "table") if log else answers:
                broken += bool(row["problem"])
                if copy_to and not row["problem"]:
                    copy(Path(row["photo"]), Path(copy_to).expanduser() / (UNSURE if row["unsure"] else row["label"]))
    if broken:
        are = "is no photo" if broken == 1 else "are no photos"
        problems.append(f"{broken} of {len(named)} files {are}: their rows say why.")
    if problems:
        raise InputError(problems)


def _logged(
    rows: Iterable[Row], classifier: Classifier, photos: Sequence[str], model: str, *, aloud: bool
) -> Iterator[Row]:
    """Yield rows, and keep them; say at the end what was kept, where standard output isn't for a program."""
    from catml.prediction_log import PredictionLog, log_run, said  # with what it imports, half a second

    entry = registered(model)  # now: by the end, another version may have the alias
    version = f"{entry.name} version {entry.version}" if entry else model
    with PredictionLog(config.data_folder() / "predictions", classifier) as log:
        try:
            for row in rows:
                log.add(row)
                yield row
        except BaseException:  # interrupted, by Ctrl-C or an error, here or where the rows are used
            screen.complain([f"{log.path} has the {log.counts['photos']} photos that were answered."])
            raise
    with contextlib.nullcontext() if aloud else contextlib.redirect_stdout(sys.stderr):
        for heading, text in said(log):
            screen.say(f"{heading:<10} {text}")
        log_run(log, ",".join(photos), model, version)


def copy(photo: Path, folder: Path) -> None:
    """Copy a photo into a folder. What is there already stays, and another photo of the same name gets a number."""
    folder.mkdir(parents=True, exist_ok=True)
    number, target = 1, folder / photo.name
    while target.exists():
        if target.read_bytes() == photo.read_bytes():
            return
        number += 1
        target = folder / f"{photo.stem}-{number}{photo.suffix}"
    shutil.copy2(photo, target)


def _named(photos: Sequence[str]) -> tuple[list[tuple[str, Photo]], list[str]]:
    """Return photos with their names, and what is wrong with the names."""
    names = [name for name in photos if name != STANDARD_INPUT]
    named: list[tuple[str, Photo]] = []
    if len(names) < len(photos):
        given = sys.stdin.buffer.read()
        try:
            lines = given.decode().replace("\0", "\n").splitlines()
            names += [name for line in lines if (name := line.strip())]
        except UnicodeDecodeError:  # no list of names, so a photo
            named.append((STANDARD_INPUT, given))
    paths, problems = find(names)
    return [*((str(path), path) for path in paths), *named], problems


def _rows(names: Sequence[str], answers: Iterator[pd.DataFrame]) -> Iterator[Row]:
    """Yield one row a photo: `photo`, and the columns of `Classifier.stream`."""
    rest = iter(names)
    for batch in answers:
        for row in batch.to_dict("records"):
            yield {"photo": next(rest), **{str(name): value for name, value in row.items()}}


def _table(rows: Iterable[Row], names: Sequence[str], labels: Sequence[str]) -> Iterator[Row]:
    """Print aligned columns; widths are known before the first row is."""
    wide = max(map(len, ["photo", *names]))
    label_wide = max(len(f"unsure, perhaps {label}") for label in labels)
    screen.say(f"  {'photo':<{wide}}  {'label':<{label_wide}}  probability")
    for row in rows:
        if row["problem"]:
            screen.say(f"  {row['photo']:<{wide}}  no photo: {row['problem']}")
        else:
            label = f"unsure, perhaps {row['label']}" if row["unsure"] else row["label"]
            probability = screen.percent(row["probability"])
            screen.say(f"  {row['photo']:<{wide}}  {label:<{label_wide}}  {probability:>11}")
        yield row


def _csv(rows: Iterable[Row], names: Sequence[str], labels: Sequence[str]) -> Iterator[Row]:
    columns = ["photo", "label", "probability", "unsure", *(f"probability_{label}" for label in labels), "problem"]
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row if not row["problem"] else {"photo": row["photo"], "problem": row["problem"]})
        yield row


def _jsonl(rows: Iterable[Row], names: Sequence[str], labels: Sequence[str]) -> Iterator[Row]:
    for row in rows:
        if row["problem"]:
            said: dict[str, object] = {"photo": row["photo"], "problem": row["problem"]}
        else:
            said = {name: row[name] for name in ("photo", "label", "probability", "unsure")}
            said["probabilities"] = {label: row[f"probability_{label}"] for label in labels}
        screen.say(json.dumps(said, ensure_ascii=False))
        yield row
