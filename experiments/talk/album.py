"""A folder of photos, ready for the talk: its splits, and features with and without the talk's mistakes about them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml import config, pipeline
from catml.backbones import efficientnet_lite
from catml.backbones.extract import extract_missing
from catml.backbones.registry import Backbone, Preprocessing
from catml.photos.split import TEST
from catml.photos.views import AS_IS
from catml.pipeline import Found
from catml.preparation import load
from catml.sources import Source, make_source
from experiments.talk import published
from experiments.talk.arrays import Talk

WITH_TOP = "efficientnet-lite0"  # the only backbone here whose weights come with its top
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Album:
    """A folder of photos.

    Attributes:
        name: what it is called.
        found: its photos, and the backbones, with two augmented views of each photo to learn from.
        splits: which photos are kept back for the test, by catml's own rule: whole groups.
        names: the labels.
        of: the labels as numbers, and the talk's five random validation splits of the photos that are not tested.
    """

    name: str
    found: Found
    splits: pd.DataFrame
    names: tuple[str, ...]
    of: Talk

    @property
    def is_of_two(self) -> bool:
        """Whether there are two labels, as the one output of the talk's heads takes it."""
        return len(self.names) == 2

    @property
    def groups(self) -> tuple[object, ...]:
        """The groups of the test photos."""
        return tuple(self.splits["group"].to_numpy()[self.of.test])

    @property
    def tested(self) -> frozenset[str]:
        """Keys of the test photos."""
        return frozenset(self.splits["pixels_sha256"].to_numpy()[self.of.test])


def open_album(found: Found, values: Mapping[str, Any]) -> Album:
    """Decide which photos are tested and which are in which split; those tested are the same as in `catml train`."""
    from sklearn.model_selection import train_test_split

    splits, _ = pipeline.decide(found.checked, values["test_fraction"], values["seed"])
    names = tuple(sorted(splits["label"].unique()))
    labels = splits["label"].map({label: number for number, label in enumerate(names)}).to_numpy(np.intp)
    test = (splits["split"] == TEST).to_numpy()
    learn = np.flatnonzero(~test)
    parts = [
        train_test_split(learn, test_size=0.15, random_state=42 + number, stratify=labels[learn])
        for number in range(published.SPLITS)
    ]
    of = Talk(labels, learn, np.flatnonzero(test), [(training, validation) for training, validation in parts])
    return Album(pipeline.name_of(found.checked), found, splits, names, of)


def proper(album: Album) -> dict[str, Floats]:
    """Return features as catml makes them, by backbone: photos and their views, shape (1 + views, n, width)."""
    pipeline.extract(album.found, album.tested)
    return dict(load(album.found, album.splits).material.shown)


def divided_by_255(album: Album) -> dict[str, Floats]:
    """Return features of pixels divided by 255, whatever a backbone expects; as `proper`."""
    found = {}
    for source in album.found.sources:
        backbone = replace(source.backbone, preprocessing=Preprocessing(0.0, 255.0))
        found[backbone.name] = _extracted(album, make_source(backbone, source.weights, tuple(source.stores)))
    return found


def probabilities(album: Album) -> dict[str, Floats]:
    """Return the 1000 ImageNet probabilities that a backbone with its top gives to pixels divided by 255, (1, n, 1000).

    Only of EfficientNet-Lite0: the others' weights come without the top.
    """
    found = {}
    for source in album.found.sources:
        if source.backbone.name == WITH_TOP and source.weights.path is not None:
            backbone = replace(
                source.backbone,
                name=f"{WITH_TOP}-top",
                width=efficientnet_lite.CLASSES,
                preprocessing=Preprocessing(0.0, 255.0),
            )
            own = make_source(backbone, source.weights, (AS_IS,))
            found[WITH_TOP] = _extracted(album, replace(own, network=_with_top(source)))
    return found


def _extracted(album: Album, source: Source) -> Floats:
    table, keys = album.found.table, album.splits["pixels_sha256"].tolist()
    extract_missing(table, album.found.folder, source.backbone, source.load, source.stores, without=album.tested)
    shown = np.full((1 + source.views, len(keys), source.backbone.width), np.nan, np.float32)
    shown[0] = source.store.read(keys)
    for view, store in source.stores.items():
        if view.number:
            shown[view.number, album.of.learn] = store.read([keys[row] for row in album.of.learn])
    return shown


def _with_top(source: Source) -> Any:
    import keras

    backbone: Backbone = source.backbone
    network = efficientnet_lite.build(1.0, 1.0, backbone.input_size, include_top=True)
    assert source.weights.path is not None
    efficientnet_lite.load_pth(network, source.weights.path)
    pixels = keras.Input((backbone.input_size, backbone.input_size, 3), name="pixels")
    scaled = keras.layers.Rescaling(1 / 255)(pixels)
    return keras.Model(pixels, keras.layers.Softmax()(network(scaled)))


def find(photos: str, values: Mapping[str, Any], views: int) -> tuple[Found, dict[str, Any]]:
    """Check a folder as `catml train` would; return what was found, and the values of that command.

    Raises:
        InputError: photos, backbones or weights can't be used.
    """
    own = {name: config.as_text(values[name]) for name in ("backbones", "weights", "seed")}
    fixed = {"photos": photos, "nested": "false", "register_as": "", "views": str(views), **own}
    given, problems = config.read_parameters("train", fixed | ({"space": f"views={views}"} if views else {}))
    return pipeline.find(given, problems), given
