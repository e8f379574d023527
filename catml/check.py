"""`catml check`: what there is, what is wrong with it, and what a test on it could tell, before anything is learnt."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from catml import config, pipeline, quiet, screen
from catml.backbones.store import digest
from catml.errors import InputError
from catml.evaluation.intervals import wilson
from catml.files import write_whole
from catml.photos import page
from catml.photos.findings import Checked, group_notes
from catml.photos.overview import Fact, by_label, facts, full_table
from catml.photos.split import TEST, is_given

SUPPOSED = 0.95  # the accuracy for which the width of the interval is told


def show(values: Mapping[str, Any], problems: Sequence[str] = ()) -> None:
    """Print the report, and write it as a page and the photo table as Parquet and CSV.

    Args:
        values: the parameters of `check`.
        problems: what is known to be wrong with the parameters.

    Raises:
        InputError: why nothing can be learnt from these photos; the report is printed and written all the same.
    """
    if problems:
        raise InputError(list(problems))
    checked, splits, stops = examine(values)
    name, files = pipeline.name_of(checked), len(checked.table)
    screen.say(f"photos     {len(checked.photos)} different ones in {files} files of {checked.listing.source}")
    counts = by_label(checked, splits)
    head = [str(name) for name in counts.columns]
    screen.say("\n" + screen.table(head, counts.astype(str).to_numpy().tolist(), right=head[1:]) + "\n")
    for heading, text in all_facts(checked, splits):
        screen.say(f"{heading:<10} {text}")
    for note in notes(checked):
        screen.say(f"note       {note}")
    key = digest({"source": str(checked.listing.source.resolve())})[:8]
    folder = config.data_folder() / "checks" / f"{name}-{key}"
    table = full_table(checked, splits)
    write_whole(folder / "photos.parquet", table.to_parquet())
    write_whole(folder / "photos.csv", table.to_csv(index=False).encode())
    write_whole(folder / "check.html", as_page(checked, splits, stops).encode())
    screen.say(f"written    {folder}: check.html to look at, photos.parquet and photos.csv")
    if stops:
        screen.say("result     training can't start")
        raise InputError(stops)
    screen.say("result     training may start")


def examine(values: Mapping[str, Any]) -> tuple[Checked, pd.DataFrame | None, list[str]]:
    """Look through the photos and decide the split as `train` would.

    Returns:
        The photos, their split (None where there can be none), and the reasons not to start training.

    Raises:
        InputError: there is nothing to look through.
    """
    checked = pipeline.look(values["photos"], values["skip_broken"], values["new_photos"])
    if values["cosine"] and not checked.stops:
        quiet.settle("tensorflow")
        checked = pipeline.group_by_features(checked, values["cosine"])
    if checked.photos.empty:
        return checked, None, list(checked.stops)
    try:
        splits, _ = pipeline.decide(checked, values["test_fraction"], values["seed"])
    except InputError as error:
        # Where photos lack, the split lacks them too; to say so twice helps nobody.
        return checked, None, list(checked.stops or error.problems)
    return checked, splits, list(checked.stops)


def as_page(checked: Checked, splits: pd.DataFrame | None, stops: Sequence[str] = ()) -> str:
    """Return the report as one HTML page that needs nothing beside itself."""
    return page.render(checked, splits, all_facts(checked, splits), notes(checked), stops)


def all_facts(checked: Checked, splits: pd.DataFrame | None) -> list[Fact]:
    """Return what there is to say of photos and split."""
    return [*facts(checked), *(_test(splits, is_given(checked.photos)) if splits is not None else ())]


def notes(checked: Checked) -> list[str]:
    """Return what should be known, in the order of `train`."""
    return [*checked.notes, *group_notes(checked.photos, checked.links)]


def _test(splits: pd.DataFrame, given: bool) -> Iterator[Fact]:
    kept = splits[splits["split"] == TEST]
    if len(kept):
        yield "test", f"{len(kept)} photos of {kept['group'].nunique()} moments are kept back. {_told(len(kept))}"
    if not len(kept) or (len(kept) < config.FEW_TEST_PHOTOS and not given):
        few = "That is little, so 'train' keeps none back" if len(kept) else "None are kept back"
        yield "nested", f"{few}: every photo is tested by a study on others. {_told(len(splits))}"


def _told(count: int) -> str:
    right = round(SUPPOSED * count)
    ends = wilson(right, count)
    return (
        f"If {right} of {count} come out right, {screen.percent(right / count)}, the true share is between "
        f"{screen.percent(ends.low)} and {screen.percent(ends.high)} (95 % interval): so much is all that a test of "
        "this size can tell"
    )
