"""The command `talk`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from catml import config, screen, tracking
from catml.errors import InputError
from catml.files import write_whole
from experiments.talk import album, arrays, author, published
from experiments.talk.rows import Results
from experiments.talk.tables import Table, every

QUICK_SEEDS = 3
NAME = "talk"


def show(values: dict[str, Any], problems: list[str]) -> None:
    """Repeat the talk as far as there is something to repeat it with; print, write and track the tables and pictures.

    Args:
        values: of the command `talk`.
        problems: found in them so far.

    Raises:
        InputError: bad values, or files that can't be what they are called.
    """
    try:
        stored = author.read(values.get("bottlenecks", ""))
    except InputError as error:
        problems = [*problems, *error.problems]
    output = Path(values.get("output", ""))
    if output.exists() and not output.is_dir():
        problems = [*problems, f"output: '{output}' is a file; expected a folder, made where there is none."]
    folders = [] if values.get("quick") else _folders(values.get("photos", ""))
    for folder in folders:
        if problems and folder == config.SAMPLE:
            continue  # it is always in order: no need to draw it for a command that can't go on
        try:
            album.find(folder, values, published.AUGMENTED_VIEWS)
        except InputError as error:
            problems = [*problems, *(problem for problem in error.problems if problem not in problems)]
    if problems:
        raise InputError(problems)
    seeds = min(values["seeds"], QUICK_SEEDS) if values["quick"] else values["seeds"]
    _announce(stored, seeds, values["quick"], folders)
    with tracking.parent_run(NAME) as run:
        run.log({**values, "seeds_used": seeds, "heads_of_the_author": ",".join(stored.heads) or "none"})
        results = arrays.results(stored, seeds, values["seed"], values["quick"])
        found = every(results, seeds)
        for table in found:
            screen.say(f"\n{table.text()}")
        run.log(metrics=dict(metrics(results)))
        for name, data in files(found, results, seeds):
            write_whole(output / name, data)
            run.log_bytes(data, name)
        for folder in folders:
            _repeat(folder, values, seeds, output, run)
    screen.say(f"\nwritten to {output}, and tracked as the run '{NAME}'")


def _repeat(folder: str, values: dict[str, Any], seeds: int, output: Path, run: tracking.Run) -> None:
    """Repeat the talk on a folder of photos; print, write and track its tables and its picture."""
    from experiments.talk import photo_tables, photos

    screen.say(f"\nphotos     {folder}\n")
    found, name = photos.repeat(folder, values, seeds), Path(folder).name
    tables = photo_tables.every(found, min(seeds, photos.SEEDS))
    for table in tables:
        screen.say(f"\n{table.text()}")
    contents = {"tables.md": "\n\n".join([*(table.markdown() for table in tables), ""]).encode()}
    contents |= {f"{table.name}.csv": table.data.to_csv(index=False, float_format="%.6g").encode() for table in tables}
    contents |= {"last_slide.png": photo_tables.slide(found)}
    for file, data in contents.items():
        write_whole(output / name / file, data)
        run.log_bytes(data, f"{name}/{file}")


def _folders(text: str) -> list[str]:
    # A folder whose own name has a comma is meant as it stands.
    if text and Path(text).expanduser().exists():
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()]


def metrics(results: Results) -> Iterator[tuple[str, float]]:
    """Yield the main figures by their names in MLflow: accuracies from 0 to 1."""
    for row in results.validation:
        yield f"{row.key}_published", row.published.value
        if row.reproduced is not None:
            yield f"{row.key}_as_published", float(row.reproduced.means.mean())
            yield f"{row.key}_as_published_dead", row.reproduced.dead
        if row.corrected is not None:
            yield f"{row.key}_corrected", row.corrected.value
            yield f"{row.key}_corrected_low", row.corrected.interval.low
            yield f"{row.key}_corrected_high", row.corrected.interval.high
    for test in results.test:
        for name, tested in (("reproduced", test.reproduced), ("corrected", test.corrected)):
            if tested is not None:
                yield f"{test.key}_test_{name}", tested.count / len(tested.right)
                yield f"{test.key}_test_{name}_low", tested.interval.low
                yield f"{test.key}_test_{name}_high", tested.interval.high


def files(tables: list[Table], results: Results, seeds: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of what is written: all tables in Markdown, each as CSV, and two pictures."""
    from experiments.talk import picture

    yield "tables.md", "\n\n".join([*(table.markdown() for table in tables), ""]).encode()
    for table in tables:
        yield f"{table.name}.csv", table.data.to_csv(index=False, float_format="%.6g").encode()
    yield "cells.png", picture.cells(results.validation, seeds)
    slide = (published.BENCHMARKS[0].key, published.TRANSFER.key, published.AUGMENTED[1].key)
    by_key = {row.key: row for row in results.test}
    beside = [by_key[key] for backbone in published.BACKBONES[1:] if (key := f"{backbone.name}_head_1") in by_key]
    yield "last_slide.png", picture.last_slide([by_key[key] for key in slide], beside)


def _announce(stored: author.Stored, seeds: int, quick: bool, folders: Sequence[str]) -> None:
    titles = {backbone.name: backbone.title for backbone in published.BACKBONES}
    there = [f"{titles[name]}, {array.shape[0]} photos" for name, array in stored.features.items()]
    there += [f"{titles[name]}, the {len(array)} test photos" for name, array in stored.test_features.items()]
    screen.say(f"features   {'; '.join(there) or 'none: nothing can be repeated'}")
    screen.say(f"heads      {'; '.join(head.title for head in stored.heads.values()) or 'none'}")
    for line in stored.missing:
        screen.say(f"missing    {line}")
    screen.say(
        "missing    the talk's own photos, which its cells from scratch and augmented would take: the README of the "
        f"GitHub repository {published.REPOSITORY} links to them"
    )
    if not there and not stored.heads:
        screen.say(
            f"           clone the GitHub repository {published.REPOSITORY} and give its folder as `bottlenecks`"
        )
    elif stored.features:
        short = " (quick: too few to say which published cells lie outside)" if quick else ""
        screen.say(f"seeds      {seeds}{short}")
    if folders:
        screen.say(f"photos     the talk is repeated on {', '.join(folders)}; some minutes each, on two cores")
    elif quick:
        screen.say("photos     left out (quick)")
