"""What all ways are timed on: features, labels, folds, and the heads to try."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold

from catml import config, pipeline, quiet
from catml.study.propose import propose
from catml.study.space import Space

FOLDS = 5


@dataclass(frozen=True)
class Problem:
    """Features with labels, and the folds that every way uses."""

    name: str
    features: np.ndarray
    labels: np.ndarray
    fewer: int = FOLDS  # of the five folds, where a way would take too long on all

    @property
    def folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Five folds, the same for everyone."""
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(self.features, self.labels)
        return list(folds)[: self.fewer]

    @property
    def classes(self) -> int:
        """How many labels there are."""
        return int(self.labels.max()) + 1


def talk(folder: Path) -> Problem:
    """Return the features of the talk's 400 photos by InceptionResNetV2, as its author stored them."""
    return Problem("talk", np.load(folder / "inception_bottleneck.npy"), np.repeat([0, 1], 200))


def photos(folder: str, backbone: str, weights: str) -> Problem:
    """Return the features of a photo folder; those that are missing are computed."""
    found = pipeline.find({"photos": folder, "backbones": (backbone,), "weights": weights})
    quiet.settle()
    pipeline.extract(found)
    table = found.table
    labels = table["label"].astype("category").cat.codes.to_numpy(np.int64)
    name = "sample" if folder == config.SAMPLE else found.folder.resolve().name
    return Problem(f"{name}, {backbone}", found.sources[0].store.read(table["pixels_sha256"].tolist()), labels)


def made_up(photos: int, width: int, classes: int) -> Problem:
    """Return random features in which labels can be found, but not perfectly."""
    generator = np.random.default_rng(0)
    labels = np.arange(photos) % classes
    middles = generator.normal(size=(classes, width)).astype(np.float32)
    features = generator.standard_normal((photos, width), np.float32)
    features += 3 / np.sqrt(width) * middles[labels]
    return Problem(f"{photos} x {width}, {classes} classes", features, labels)


def heads(count: int) -> list[dict[str, Any]]:
    """Return the first heads of a study, drawn at random after the first one: the same for everyone."""
    return propose(Space(), ("features",), 0, 0, [])[1 : count + 1]
