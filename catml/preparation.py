"""A study before its first head is trained: the split decided, the space read, the store opened, features in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml import config, pipeline, screen
from catml.backbones.store import digest, tensorflow_build
from catml.errors import InputError
from catml.heads.stack import HEADS_VERSION
from catml.photos.split import (
    TEST,
    fold_indices,
    has_own_folds,
    is_given,
    kept_back,
    repeated,
    split_hash,
    without_test,
)
from catml.pipeline import Found
from catml.sources import Source
from catml.study import space as spaces
from catml.study.propose import ROUND, grid
from catml.study.space import Space
from catml.study.store import StudyStore, open_study
from catml.study.sweep import Material, Sweep


@dataclass(frozen=True)
class Prepared:
    """A study before its first head is trained: photos in a split, the space of heads, where trials are kept."""

    found: Found
    splits: pd.DataFrame
    sides: Path | None
    space: Space
    store: StudyStore
    repeats: int
    seed: int
    memory: int
    depends_on: Mapping[str, object]
    storage: str

    @property
    def folds(self) -> list[str]:
        """The numbers of the folds that the photos to learn from are in, in each repeat."""
        return sorted(set(self.splits["split"]) - {TEST}, key=int)

    @property
    def tested(self) -> frozenset[str]:
        """The keys of the photos that are kept back for the test."""
        return frozenset(self.splits.loc[self.splits["split"] == TEST, "pixels_sha256"])

    @property
    def is_nested(self) -> bool:
        """Whether no photos are kept back, and the test is a nested cross-validation."""
        return TEST not in set(self.splits["split"])

    @property
    def test_tags(self) -> dict[str, str]:
        """The tags by which runs with the same test photos know each other; as `pipeline.test_tags`."""
        return pipeline.test_tags(self.found.checked, self.splits, self.sides)

    def sweep(self, material: Material) -> Sweep:
        """Return the study on what `load` has read."""
        return Sweep(material, self.space, self.seed, self.store, self.memory)

    def keeping_back(self, fold: str) -> "Prepared":
        """Return the study of one round of a nested cross-validation: the photos of one fold are its test photos."""
        splits = kept_back(self.splits, fold, config.FOLDS, self.repeats, self.seed)
        depends_on = {**self.depends_on, "split": split_hash(splits)}
        store = open_study(digest(depends_on), config.data_folder() / "studies", self.storage)
        return replace(self, splits=splits, store=store, depends_on=depends_on)


def prepare(found: Found, values: Mapping[str, Any]) -> Prepared:
    """Decide the split and open the study.

    Raises:
        InputError: the space makes no sense, the photos can't be split, the storage can't be used.
    """
    space, seed = spaces.read(values["space"], values["views"]), values["seed"]
    if values["cosine"]:
        found = replace(found, checked=pipeline.group_by_features(found.checked, values["cosine"]))
    splits, sides = _decide(found, values)
    repeats = values["repeats"]
    if repeats > 1 and has_own_folds(found.table):
        screen.say("note       your own folds are used as they are, once: repeats has no effect")
        repeats = 1
    splits = repeated(splits, repeats, seed)
    depends_on = {
        "split": split_hash(splits),
        "repeats": repeats,
        "features": [[name, *folders] for name, folders in _folders(found).items()],
        "seed": seed,
        "space": space.description(),
        # Trials are numbered otherwise where all heads of the space are tried in turn.
        "in_full": grid(space, tuple(found.sets), values["trials"]) is not None,
        "round": ROUND,
        "heads": HEADS_VERSION,
        "versions": [tensorflow_build(), *(version(p) for p in ("numpy", "optuna", "scikit-learn", "scipy"))],
    }
    study_store = open_study(digest(depends_on), config.data_folder() / "studies", values["storage"])
    memory = round(1e9 * values["memory"])
    return Prepared(found, splits, sides, space, study_store, repeats, seed, memory, depends_on, values["storage"])


def _decide(found: Found, values: Mapping[str, Any]) -> tuple[pd.DataFrame, Path | None]:
    """Decide the split, or that there is none because so few photos would be kept back; say so.

    Raises:
        InputError: the photos can't be split, or the user's split leaves no choice.
    """
    wanted, seed, own = values["nested"], values["seed"], is_given(found.table)
    if own and wanted is True:
        raise InputError(
            "nested: your own split says which photos are kept back for the test. Leave nested out, or drop the column "
            "'split'."
        )
    if wanted is True:
        return without_test(found.table, config.FOLDS, seed), None
    moments = found.table.groupby("label")["group"].nunique().min()
    if not own and wanted == config.AUTO and moments == config.FOLDS:
        screen.say(
            "note       too few different moments for a test: all photos are learnt from, tested by nested folds"
        )
        return without_test(found.table, config.FOLDS, seed), None
    splits, sides = pipeline.decide(found.checked, values["test_fraction"], seed)
    few = int((splits["split"] == TEST).sum())
    if own or wanted is False or few >= config.FEW_TEST_PHOTOS:
        return splits, sides
    screen.say(
        f"note       {few} test photos would say little: all photos are learnt from, and tested by nested "
        f"cross-validation (nested=false keeps {few} back)"
    )
    return without_test(found.table, config.FOLDS, seed), None


@dataclass(frozen=True)
class Data:
    """What the study works on: the split, labels, and what heads are trained on, all in the same row order."""

    splits: pd.DataFrame
    labels: tuple[str, ...]
    material: Material

    @property
    def is_test(self) -> NDArray[np.bool_]:
        """True where a photo is kept back for the test."""
        return (self.splits["split"] == TEST).to_numpy()

    def split_by(self, splits: pd.DataFrame) -> "Data":
        """Return the same photos, otherwise split."""
        return replace(self, splits=splits, material=replace(self.material, folds=fold_indices(splits)))


def load(found: Found, splits: pd.DataFrame) -> Data:
    """Read the features of all photos from the stores."""
    labels = tuple(sorted(splits["label"].unique()))
    numbers = splits["label"].map({label: number for number, label in enumerate(labels)}).to_numpy(np.int64)
    keys = splits["pixels_sha256"].tolist()
    learnt = (splits["split"] != TEST).to_numpy()
    shown = _shown(found, keys, learnt)
    features = {name: table[0] for name, table in shown.items()}
    widths = {source.backbone.name: source.backbone.width for source in found.sources}
    blocks = {name: tuple(widths[part] for part in of) for name, of in found.sets.items()}
    dead = {
        part: None
        for name, of in found.sets.items()
        for part, own in zip(of, np.hsplit(features[name], np.cumsum(blocks[name])[:-1]), strict=True)
        if np.ptp(own, axis=0).max() <= 1e-6 * np.abs(own).max()
    }
    if dead:
        raise InputError([f"{name}: gives equal features for all photos. Its weights are damaged." for name in dead])
    return Data(splits, labels, Material(features, numbers, fold_indices(splits), blocks, shown))


def matrices(found: Found, keys: Sequence[str], number: int = 0) -> dict[str, NDArray[np.float32]]:
    """Return the features of photos, or of an augmented view, by the names of `Found.sets`, each (len(keys), width)."""
    single = {source.backbone.name: _features(source, keys, number) for source in found.sources}
    return {
        name: single[of[0]] if len(of) == 1 else np.hstack([single[part] for part in of])
        for name, of in found.sets.items()
    }


def _shown(found: Found, keys: Sequence[str], learnt: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
    """Return the features of photos and of the augmented views of those learnt from: (1 + views, len(keys), width)."""
    plain = matrices(found, keys)
    views = max(source.views for source in found.sources)
    if not views:
        return {name: of[np.newaxis] for name, of in plain.items()}
    shown = {name: np.full((1 + views, *of.shape), np.nan, np.float32) for name, of in plain.items()}
    for name, table in shown.items():
        table[0] = plain.pop(name)
    some = [key for key, wanted in zip(keys, learnt, strict=True) if wanted]
    for number in range(1, 1 + views):
        for name, of in matrices(found, some, number).items():
            shown[name][number, learnt] = of
    return shown


def _features(source: Source, keys: Sequence[str], number: int) -> NDArray[np.float32]:
    """Return the features of a backbone; the mean over a view and its mirror image, where both are wanted."""
    views = [store.read(keys) for store in source.of(number).values()]
    return views[0] if len(views) == 1 else np.mean(views, axis=0, dtype=np.float32)


def _folders(found: Found) -> dict[str, list[str]]:
    stores = {source.backbone.name: [store.folder.name for store in source.stores.values()] for source in found.sources}
    return {name: [folder for part in of for folder in stores[part]] for name, of in found.sets.items()}
