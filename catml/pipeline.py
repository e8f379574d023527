"""What every command begins with: photos, backbones and weights found and checked, and missing features computed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml import config, quiet, screen
from catml.backbones import registry, weights
from catml.backbones.extract import extract_colours, extract_missing, missing_keys
from catml.backbones.registry import Backbone
from catml.backbones.store import FeatureStore, colours_fingerprint, digest
from catml.backbones.weights import Weights
from catml.errors import InputError
from catml.photos.colours import WIDTH as COLOURS_WIDTH
from catml.photos.findings import Checked, examine, group_notes
from catml.photos.groups import Links, alike_in_features, group
from catml.photos.named import find_sets
from catml.photos.sample import draw_sample
from catml.photos.split import TEST, is_given, remembered, split, test_hash
from catml.photos.views import all_views, read_ranges
from catml.sources import Source, make_source

T = TypeVar("T")
# Whose features say which photos show one scene. Always the same, so that the split doesn't depend on what is tried.
GROUPING = "efficientnet-lite0"


@dataclass(frozen=True)
class Found:
    """What a command has to work with: every input checked, nothing computed yet."""

    checked: Checked
    sources: tuple[Source, ...]
    left_out: tuple[Backbone, ...]
    sets: Mapping[str, tuple[str, ...]]  # backbones whose features are used together, by name: "a", "a+b"

    @property
    def folder(self) -> Path:
        """What the paths of photos are relative to."""
        return self.checked.listing.folder

    @property
    def costs(self) -> dict[str, float]:
        """Roughly how many seconds a new photo takes with each backbone."""
        return {of.backbone.name: of.backbone.seconds_per_photo * len(of.of(0)) for of in self.sources}

    @property
    def table(self) -> pd.DataFrame:
        """Each photo once, its group known, sorted by content and not by name."""
        return self.checked.photos


def find(values: Mapping[str, Any], problems: Sequence[str] = ()) -> Found:
    """Check photos, backbones and weights, and say everything that is wrong with them at once.

    Args:
        values: the parameters `photos`, `backbones` and `weights`, one that is missing is among the problems; and
            `new_photos`, `skip_broken`, `mirrored`, `views`, `augmentation` and `seed` where the command has them.
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
    ranges = attempt(lambda: read_ranges(values.get("augmentation", "")))
    views = values.get("views", 0), bool(values.get("mirrored")), values.get("seed", 0)
    if values.get("augmentation") and not views[0] and "views" in values:
        problems.append("augmentation: has no effect without augmented views. Drop it, or give views.")
    # The sample is always in order: no need to draw it for a command that can't go on.
    skip, later = bool(values.get("skip_broken")), values.get("new_photos", "")
    ready = photos and not (problems and photos == config.SAMPLE)
    checked = attempt(lambda: look(str(photos), skip, later)) if ready else None
    problems += checked.stops if checked else ()
    if problems or chosen is None or checked is None or ranges is None:
        raise InputError(problems)
    sources = []
    for backbone, found_weights in chosen.items():
        # Only now, with all else in order, is anything downloaded.
        if found_weights is None:
            quiet.settle()
        ready = found_weights or attempt(partial(weights.fetch, backbone))
        if ready:
            source = make_source(backbone, ready, all_views(*views, ranges))
            if ready.origin == "file" and _todo(checked.photos, source, ()):
                # A user's file may be of another network: better said now than after an hour with the first backbone.
                quiet.settle()
                source = replace(source, network=attempt(source.load, f"weights of {backbone.name}: "))
            sources.append(source)
    if problems:
        raise InputError(problems)
    auto = tuple(backbones or ()) == (config.AUTO,)
    others = [backbone for backbone in map(registry.get, registry.names()) if auto and backbone not in chosen]
    left_out = [backbone for backbone in others if backbone.name in registry.usual() or weights.damaged(backbone)]
    names = [source.backbone.name for source in sources] if auto else backbones or ()
    return Found(checked, tuple(sources), tuple(left_out), {name: tuple(name.split("+")) for name in names})


def find_photos(values: Mapping[str, Any], problems: Sequence[str] = ()) -> Found:
    """Check photos for a command that needs no backbone; as `find`, and with the same parameters where they matter."""
    problems, checked = list(problems), None
    photos = values.get("photos")
    if photos and not (problems and photos == config.SAMPLE):
        try:
            checked = look(photos, bool(values.get("skip_broken")), values.get("new_photos", ""))
            problems += checked.stops
        except InputError as error:
            problems += error.problems
    if problems or checked is None:
        raise InputError(problems)
    return Found(checked, (), (), {})


def look(photos: str, skip_broken: bool, new_photos: str = "") -> Checked:
    """Look through the photos, without raising an error for what is wrong with them.

    Raises:
        InputError: there is nothing to look through.
    """
    later, problems = find_sets(new_photos)
    if later and photos == config.SAMPLE:
        problems = ["there is nothing of yours to add them to: say what the others are with photos=FOLDER."]
    if problems:
        raise InputError([f"new_photos: {problem}" for problem in problems])
    source = draw_sample(config.data_folder() / "sample") if photos == config.SAMPLE else Path(photos).expanduser()
    cache = config.data_folder() / "photos"
    return examine(source, cache, config.MIN_PHOTOS_PER_LABEL, skip_broken=skip_broken, later=later)


def name_of(checked: Checked) -> str:
    """Return what the set of photos is called: its folder, or its table without suffix."""
    source = checked.listing.source
    return source.stem if source.is_file() else source.resolve().name


def group_by_features(checked: Checked, cosine: float) -> Checked:
    """Join photos of one label whose features are alike to the groups there are; missing features are computed.

    Args:
        checked: photos without a reason to stop.
        cosine: of the features of `GROUPING`, from which on photos are taken to show one scene.
    """
    backbone = registry.get(GROUPING)
    ready = weights.find(backbone, None)
    if ready is None:
        raise InputError(f"cosine: needs the weights of {GROUPING}: {weights.how_to_get(backbone)}")
    source = make_source(backbone, ready)
    extract_missing(checked.photos, checked.listing.folder, backbone, source.load, source.stores)
    features = source.store.read(checked.photos["pixels_sha256"].tolist())
    more = alike_in_features(features, checked.photos["label"], cosine)
    links = Links(*(np.concatenate(columns) for columns in zip(checked.links, more, strict=True)))
    # The groups found so far would count for given ones.
    given = checked.listing.files.set_index("path")["group"].reindex(checked.photos["path"]).to_numpy()
    photos = checked.photos.assign(group=given)
    return replace(checked, photos=photos.assign(group=group(photos, links)), links=links)


def decide(checked: Checked, test_fraction: float, seed: int) -> tuple[pd.DataFrame, Path | None]:
    """Decide which photos are kept back for the test and which are in which fold.

    Returns:
        What `split` returns; and the file in which the side of each photo is to be remembered, None where the user has
        decided.

    Raises:
        InputError: as `split`.
    """
    if is_given(checked.photos):
        return split(checked.photos, test_fraction, config.FOLDS, seed), None
    key = {"folder": str(checked.listing.source.resolve()), "test_fraction": test_fraction, "seed": seed}
    sides = config.data_folder() / "splits" / f"{digest(key)}.csv"
    return split(checked.photos, test_fraction, config.FOLDS, seed, remembered(sides)), sides


def test_tags(checked: Checked, splits: pd.DataFrame, sides: Path | None) -> dict[str, str]:
    """Return the tags by which runs with the same test photos know each other, also when photos have been added.

    Args:
        checked: the photos.
        splits: which of them are tested; all of them where none are kept back.
        sides: as `decide` returns it.
    """
    tags = {"test_hash": test_hash(splits)}
    if TEST not in set(splits["split"]):
        return tags | {"sides": digest({"folder": str(checked.listing.source.resolve()), "nested": True})}
    return tags | ({"sides": sides.stem} if sides else {})


def announce(found: Found, without: Collection[str] = ()) -> float:
    """Say what was found; return roughly how many seconds the extraction of what is missing will take.

    Args:
        found: by `find`.
        without: as for `extract`.
    """
    counts = found.table["label"].value_counts().sort_index()
    labels = ", ".join(f"{count} {label}" for label, count in counts.items())
    screen.say(f"photos     {len(found.table)} in {found.folder}: {labels}")
    for note in [*found.checked.notes, *group_notes(found.table, found.checked.links)]:
        screen.say(f"note       {note}")
    seconds = 0.0
    photos = found.table["pixels_sha256"].nunique()
    for source in found.sources:
        todo = _todo(found.table, source, without)
        wanted = sum(photos - len(without) if view.number else photos for view in source.stores)
        what = "photos and their mirror images" if len(source.of(0)) > 1 else "photos"
        what = f"{what} and {source.views} augmented views of each" if source.views else what
        screen.say(f"backbone   {source.backbone.name}: features of {wanted - todo} {what} at hand, {todo} to extract")
        seconds += todo * source.backbone.seconds_per_photo
    for backbone in found.left_out:
        screen.say(f"left out   {backbone.name}: {weights.how_to_get(backbone)}")
    return seconds


def extract(found: Found, without: Collection[str] = ()) -> int:
    """Compute the features that are missing, of every backbone; return how many were computed.

    Args:
        found: by `find`.
        without: keys of photos that nothing is learnt from, and so no augmented views are wanted of.
    """
    return sum(
        extract_missing(found.table, found.folder, source.backbone, source.load, source.stores, without=without)
        for source in found.sources
    )


def colours(found: Found) -> NDArray[np.float32]:
    """Return the colour histograms of all photos, shape (n, 128); those that are missing are computed, once a photo."""
    store = FeatureStore(config.data_folder() / "features", colours_fingerprint(), COLOURS_WIDTH)
    extract_colours(found.table, found.folder, store)
    return store.read(found.table["pixels_sha256"].tolist())


def _todo(table: pd.DataFrame, source: Source, without: Collection[str]) -> int:
    return sum(len(missing_keys(table, view, store, without)) for view, store in source.stores.items())


def _choose(names: Sequence[str], given: Mapping[str, str]) -> dict[Backbone, Weights | None]:
    """Return the backbones to use, with their weights where they are on this machine or None where Keras has them."""
    auto = tuple(names) == (config.AUTO,)
    problems: list[str] = []
    chosen: dict[Backbone, Weights | None] = {}
    together = [part for name in names for part in name.split("+")]
    for name in registry.names() if auto else dict.fromkeys(together):
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
            if name not in together
        ]
    if not problems and not chosen:
        ways = "; ".join(f"{name}: {weights.how_to_get(registry.get(name))}" for name in registry.usual())
        problems = [f"backbones: no weights on this machine. {ways}"]
    if problems:
        raise InputError(problems)
    return chosen
