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
from catml.photos.split import TEST, fold_indices, has_own_folds, repeated, split_hash
from catml.pipeline import Found, Source
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

    @property
    def folds(self) -> int:
        """How many folds the photos to learn from are in, in each repeat."""
        return int(self.splits["split"].nunique()) - 1

    def sweep(self, material: Material) -> Sweep:
        """Return the study on what `load` has read."""
        return Sweep(material, self.space, self.seed, self.store, self.memory)


def prepare(found: Found, values: Mapping[str, Any]) -> Prepared:
    """Decide the split and open the study.

    Raises:
        InputError: the space makes no sense, the photos can't be split, the storage can't be used.
    """
    space, seed = spaces.read(values["space"]), values["seed"]
    if values["cosine"]:
        found = replace(found, checked=pipeline.group_by_features(found.checked, values["cosine"]))
    splits, sides = pipeline.decide(found.checked, values["test_fraction"], seed)
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
    return Prepared(found, splits, sides, space, study_store, repeats, seed, round(1e9 * values["memory"]))


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


def load(found: Found, splits: pd.DataFrame) -> Data:
    """Read the features of all photos from the stores."""
    labels = tuple(sorted(splits["label"].unique()))
    numbers = splits["label"].map({label: number for number, label in enumerate(labels)}).to_numpy(np.int64)
    keys = splits["pixels_sha256"].tolist()
    single = {source.backbone.name: _features(source, keys) for source in found.sources}
    dead = [name for name, matrix in single.items() if np.ptp(matrix, axis=0).max() <= 1e-6 * np.abs(matrix).max()]
    if dead:
        raise InputError([f"{name}: gives equal features for all photos. Its weights are damaged." for name in dead])
    features = {
        name: single[of[0]] if len(of) == 1 else np.hstack([single[part] for part in of])
        for name, of in found.sets.items()
    }
    blocks = {name: tuple(single[part].shape[1] for part in of) for name, of in found.sets.items()}
    return Data(splits, labels, Material(features, numbers, fold_indices(splits), blocks))


def _features(source: Source, keys: Sequence[str]) -> NDArray[np.float32]:
    """Return the features of a backbone; the mean over photo and mirror image, where both are wanted."""
    views = [store.read(keys) for store in source.stores.values()]
    return views[0] if len(views) == 1 else np.mean(views, axis=0, dtype=np.float32)


def _folders(found: Found) -> dict[str, list[str]]:
    stores = {source.backbone.name: [store.folder.name for store in source.stores.values()] for source in found.sources}
    return {name: [folder for part in of for folder in stores[part]] for name, of in found.sets.items()}
