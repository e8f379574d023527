"""What every command begins with: photos, backbones and weights found and checked, and missing features computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from catml import config, quiet, screen
from catml.backbones import registry, weights
from catml.backbones.extract import extract_missing, missing
from catml.backbones.registry import Backbone
from catml.backbones.store import FeatureStore, fingerprint
from catml.backbones.weights import Weights
from catml.errors import InputError
from catml.photos.groups import Links, find_links, group
from catml.photos.sample import draw_sample
from catml.photos.scan import check, nested_labels, scan

if TYPE_CHECKING:
    import keras

T = TypeVar("T")
SHOWN_PAIRS = 5


@dataclass(frozen=True)
class Source:
    """A backbone with its weights, and where its features are kept."""

    backbone: Backbone
    weights: Weights
    store: FeatureStore
    fingerprint: Mapping[str, object]
    network: "keras.Model | None" = None  # where it had to be loaded early, to check a user's file

    def load(self) -> "keras.Model":
        """Return the network from pixels to features."""
        return self.network or weights.load(self.backbone, self.weights)


@dataclass(frozen=True)
class Found:
    """What a command has to work with: every input checked, nothing computed yet."""

    folder: Path
    table: pd.DataFrame  # each photo once, its group known, sorted by content and not by name
    sources: tuple[Source, ...]
    left_out: tuple[Backbone, ...]
    notes: tuple[str, ...]


def find(values: Mapping[str, Any], problems: Sequence[str] = ()) -> Found:
    """Check photos, backbones and weights, and say everything that is wrong with them at once.

    Args:
        values: the parameters `photos`, `backbones` and `weights`; one that is missing is among the problems.
        problems: what is known to be wrong already.

    Raises:
        InputError: holds all problems of all three, after those given.
    """
    problems = list(problems)
    photos, backbones, weights_text = (values.get(name) for name in ("photos", "backbones", "weights"))

    def attempt(work: Callable[[], T], about: str = "") -> T | None:
        try:
            return work()
        except InputError as error:
            problems.extend(about + problem for problem in error.problems)
            return None

    given, wrong = weights.parse(weights_text or "")
    problems += wrong
    chosen = attempt(lambda: _choose(backbones, given)) if backbones else None
    # The sample is always in order: no need to draw it for a command that can't go on.
    found = attempt(lambda: _photos(photos)) if photos and not (problems and photos == config.SAMPLE) else None
    if problems or chosen is None or found is None:
        raise InputError(problems)
    folder, table, notes = found
    sources = []
    for backbone, found_weights in chosen.items():
        # Only now, with all else in order, is anything downloaded.
        if found_weights is None:
            quiet.settle()
        ready = found_weights or attempt(partial(weights.fetch, backbone))
        if ready:
            of = fingerprint(backbone, ready)
            store = FeatureStore(config.data_folder() / "features", of, backbone.width)
            source = Source(backbone, ready, store, of)
            if ready.origin == "file" and len(missing(table, store)):
                # A user's file may be of another network: better said now than after an hour with the first backbone.
                quiet.settle()
                source = replace(source, network=attempt(source.load, f"weights of {backbone.name}: "))
            sources.append(source)
    if problems:
        raise InputError(problems)
    auto = tuple(backbones or ()) == (config.AUTO,)
    left_out = [backbone for backbone in map(registry.get, registry.names()) if auto and backbone not in chosen]
    return Found(folder, table, tuple(sources), tuple(left_out), tuple(notes))


def announce(found: Found) -> float:
    """Say what was found; return roughly how many seconds the extraction of what is missing will take."""
    counts = found.table["label"].value_counts().sort_index()
    labels = ", ".join(f"{count} {label}" for label, count in counts.items())
    screen.say(f"photos     {len(found.table)} in {found.folder}: {labels}")
    for note in found.notes:
        screen.say(f"note       {note}")
    seconds = 0.0
    for source in found.sources:
        todo = len(missing(found.table, source.store))
        cached = found.table["pixels_sha256"].nunique() - todo
        screen.say(f"backbone   {source.backbone.name}: features of {cached} photos at hand, {todo} to extract")
        seconds += todo * source.backbone.seconds_per_photo
    for backbone in found.left_out:
        screen.say(f"left out   {backbone.name}: {weights.how_to_get(backbone)}")
    return seconds


def extract(found: Found) -> int:
    """Compute the features that are missing, of every backbone; return how many were computed."""
    return sum(extract_missing(found.table, found.folder, s.backbone, s.load, s.store) for s in found.sources)


def _choose(names: Sequence[str], given: Mapping[str, str]) -> dict[Backbone, Weights | None]:
    """Return the backbones to use, with their weights where they are on this machine or None where Keras has them."""
    auto = tuple(names) == (config.AUTO,)
    problems: list[str] = []
    chosen: dict[Backbone, Weights | None] = {}
    for name in registry.names() if auto else names:
        try:
            backbone = registry.get(name)
            found = weights.find(backbone, given.get(name))
            if found is None and not auto:
                weights.require_download(backbone)
        except InputError as error:
            problems += error.problems
            continue
        if found is not None or not auto:
            chosen[backbone] = found
    if not auto:
        problems += [
            f"weights: given for '{name}', which is not among backbones={','.join(names)}. Add or drop it."
            for name in given
            if name not in names
        ]
    if not problems and not chosen:
        ways = "; ".join(f"{name}: {weights.how_to_get(registry.get(name))}" for name in registry.names())
        problems = [f"backbones: no weights on this machine. {ways}"]
    if problems:
        raise InputError(problems)
    return chosen


def _photos(photos: str) -> tuple[Path, pd.DataFrame, list[str]]:
    """Return the folder, its photo table with groups, and what should be known about it."""
    folder = Path(photos).expanduser()
    if photos == config.SAMPLE:
        folder = draw_sample(config.data_folder() / "sample")
    table = scan(folder, config.data_folder() / "photos")
    check(table, folder, config.MIN_PHOTOS_PER_LABEL)
    notes = nested_labels(table)
    # By content, so that no result depends on what files are called.
    different = table.sort_values(["label", "pixels_sha256", "path"]).drop_duplicates("pixels_sha256")
    if len(different) < len(table):
        notes.append(f"{len(table) - len(different)} files are exact copies of others; each photo counts once")
    different = different.reset_index(drop=True)
    links, _ = find_links(different)
    different["group"] = group(different, links)
    return folder, different, [*notes, *_group_notes(different, links)]


def _group_notes(table: pd.DataFrame, links: Links) -> list[str]:
    sizes = table["group"].value_counts()
    sizes = sizes[sizes > 1]
    if sizes.empty:
        return []
    notes = [
        f"{sizes.sum()} photos look alike or are of one moment, in {len(sizes)} groups of at most {sizes.max()}: "
        "each group stays on one side of every split"
    ]
    labels, paths = table["label"].to_numpy(), table["path"].to_numpy()
    across = labels[links.first] != labels[links.second]
    for first, second in zip(links.first[across][:SHOWN_PAIRS], links.second[across][:SHOWN_PAIRS], strict=True):
        pair = f"{paths[first]} and {paths[second]}"
        notes.append(f"{pair} look alike or are of one moment, but have different labels: is one mislabelled?")
    return notes
