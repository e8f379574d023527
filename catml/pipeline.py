"""What every command begins with: photos, backbones and weights found and checked, and missing features computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from catml.photos.scan import check, scan

if TYPE_CHECKING:
    import keras

T = TypeVar("T")


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
    table: pd.DataFrame
    sources: tuple[Source, ...]


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

    def attempt(work: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return work(*arguments)
        except InputError as error:
            problems.extend(error.problems)
            return None

    given = attempt(weights.parse, weights_text)
    chosen = attempt(_choose, backbones, given or {}) if backbones else None
    # The sample is always in order: no need to draw it for a command that can't go on.
    found = attempt(_scan, photos) if photos and not (problems and photos == config.SAMPLE) else None
    if problems or chosen is None or found is None:
        raise InputError(problems)
    sources = []
    for backbone, found_weights in chosen:
        # Only now, with all else in order, is anything downloaded.
        ready = found_weights or attempt(weights.fetch, backbone)
        if ready:
            of = fingerprint(backbone, ready)
            store = FeatureStore(config.data_folder() / "features", of, backbone.width)
            source = Source(backbone, ready, store, of)
            if ready.origin == "file" and len(missing(found[1], store)):
                # A user's file may be of another network: better said now than after an hour with the first backbone.
                quiet.settle()
                source = replace(source, network=attempt(source.load))
            sources.append(source)
    if problems:
        raise InputError(problems)
    return Found(*found, tuple(sources))


def announce(found: Found) -> float:
    """Say what was found; return roughly how many seconds the extraction of what is missing will take."""
    counts = found.table["label"].value_counts().sort_index()
    labels = ", ".join(f"{count} {label}" for label, count in counts.items())
    screen.say(f"photos     {len(found.table)} in {found.folder}: {labels}")
    seconds = 0.0
    for source in found.sources:
        todo = len(missing(found.table, source.store))
        cached = found.table["pixels_sha256"].nunique() - todo
        screen.say(f"backbone   {source.backbone.name}: features of {cached} photos at hand, {todo} to extract")
        seconds += todo * source.backbone.seconds_per_photo
    return seconds


def extract(found: Found) -> int:
    """Compute the features that are missing, of every backbone; return how many were computed."""
    return sum(extract_missing(found.table, found.folder, s.backbone, s.load, s.store) for s in found.sources)


def _choose(names: Sequence[str], given: Mapping[str, str]) -> list[tuple[Backbone, Weights | None]]:
    """Return the backbones to use, with their weights where they are on this machine."""
    auto = tuple(names) == (config.AUTO,)
    problems: list[str] = []
    chosen: list[tuple[Backbone, Weights | None]] = []
    left_out: list[Backbone] = []
    for name in registry.names() if auto else names:
        try:
            backbone = registry.get(name)
            found = weights.find(backbone, given.get(name))
        except InputError as error:
            problems += error.problems
            continue
        if auto and found is None:
            left_out.append(backbone)
        else:
            chosen.append((backbone, found))
    if not auto:
        problems += [
            f"weights: given for '{name}', which is not among backbones={','.join(names)}. Add or drop it."
            for name in given
            if name not in names
        ]
    if not problems and not chosen:
        problems = ["backbones: no weights on this machine. " + " ".join(map(weights.how_to_get, left_out))]
    if problems:
        raise InputError(problems)
    for backbone in left_out:
        screen.say(f"left out: {backbone.name}, whose weights are not on this machine ({weights.how_to_get(backbone)})")
    return chosen


def _scan(photos: str) -> tuple[Path, pd.DataFrame]:
    if photos == config.SAMPLE:
        from catml.photos.sample import draw_sample

        folder = draw_sample(config.data_folder() / "sample")
    else:
        folder = Path(photos).expanduser()
    table = scan(folder, config.data_folder() / "photos")
    check(table, folder, config.MIN_PHOTOS_PER_LABEL)
    return folder, table
