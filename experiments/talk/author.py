"""The author's stored arrays and heads, read from a clone of his repository or from a flat folder, and checked."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catml.errors import InputError
from experiments.talk.published import BACKBONES, PHOTOS, REPOSITORY, TEST_PHOTOS, Backbone

Floats = NDArray[np.float32]
# Where a clone keeps things; a flat folder has them beside each other.
ARRAYS, TRANSFER, AUGMENTED = "data/bottleneck_features", "models/transfer_learning", "models/data_augmentation"
HEAD = re.compile(r"(?:head_|weights\.best\.)(nasnet|inception|xception)(_augmented)?_([123])\.hdf5")
UNREADABLE = (OSError, EOFError, KeyError, ValueError, TypeError, RuntimeError, AttributeError)


@dataclass(frozen=True)
class StoredHead:
    """A head the author trained.

    Attributes:
        backbone: what it was trained on.
        number: 1, 2 or 3.
        augmented: whether it is one of the augmentation's.
        layers: kernel (inputs, units) and bias (units,) of each; ReLU after every one, the last included.
    """

    backbone: Backbone
    number: int
    augmented: bool
    layers: tuple[tuple[Floats, Floats], ...]

    @property
    def key(self) -> str:
        """For metrics and file names, as the steps of `published` have it."""
        return f"{self.backbone.name}_{'augmented' if self.augmented else 'head'}_{self.number}"

    @property
    def title(self) -> str:
        """What it is called in a table."""
        return f"{self.backbone.title}, {'augmented, ' if self.augmented else ''}head {self.number}"

    def outputs(self, features: Floats) -> Floats:
        """Return what the head says of features, shape (n, d): numbers from 0 up, above .5 cat 1, shape (n,)."""
        for kernel, bias in self.layers:
            features = np.maximum(features @ kernel + bias, 0)
        return features[:, 0]


@dataclass(frozen=True)
class Stored:
    """What there is of the author's.

    Attributes:
        features: of all 400 photos, by backbone.
        test_features: of the 60 test photos, by backbone, where they are kept apart.
        heads: what he trained, by `key`.
        missing: what isn't there, and where it is to be had.
    """

    features: dict[str, Floats] = field(default_factory=dict)
    test_features: dict[str, Floats] = field(default_factory=dict)
    heads: dict[str, StoredHead] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def read(folder: str) -> Stored:
    """Read what a folder has of the author's arrays and heads; an empty name is a folder without any.

    Raises:
        InputError: no such folder, nothing of his in it, or files that can't be what they are called.
    """
    stored, problems = Stored(), []
    root = Path(folder) if folder else None
    if root is not None and not root.is_dir():
        raise InputError(f"bottlenecks: there is no folder '{folder}' (looked in {Path.cwd()}).")
    for name, shape, kept, backbone in _arrays():
        found = _only(root, [f"{place}{one}" for place in ("", f"{ARRAYS}/") for one in name], problems)
        if found is not None:
            array = _array(found, shape, backbone, problems)
            if array is not None:
                getattr(stored, kept)[backbone.name] = array
    for key, path, backbone, number, augmented in _head_files(root, problems):
        layers = _layers(path, backbone.width, problems)
        if layers is not None:
            stored.heads[key] = StoredHead(backbone, number, augmented, layers)
    if problems:
        raise InputError(problems)
    if root is not None and not (stored.features or stored.test_features or stored.heads):
        raise InputError(
            f"bottlenecks: '{folder}' has none of the talk's arrays and heads, such as inception_bottleneck.npy or "
            f"{ARRAYS}/inception_bottleneck.npy. They are in the GitHub repository {REPOSITORY}; give its clone."
        )
    return Stored(stored.features, stored.test_features, stored.heads, tuple(_missing(stored)))


def _arrays() -> Iterator[tuple[tuple[str, ...], tuple[int, int], str, Backbone]]:
    """Yield what each array may be called, its shape, and where it is kept."""
    for backbone in BACKBONES:
        yield (f"{backbone.short}_bottleneck.npy",), (PHOTOS, backbone.width), "features", backbone
    nasnet = BACKBONES[0]
    yield ("nasnet_test_bottleneck.npy", "test_bottleneck.npy"), (TEST_PHOTOS, nasnet.width), "test_features", nasnet


def _only(root: Path | None, names: list[str], problems: list[str]) -> Path | None:
    found = [] if root is None else [root / name for name in names if (root / name).exists()]
    if len(found) > 1:
        problems.append(f"bottlenecks: {' and '.join(map(str, found))} are the same thing; keep one of them.")
    return found[0] if found else None


def _array(path: Path, shape: tuple[int, int], backbone: Backbone, problems: list[str]) -> Floats | None:
    try:
        array = np.load(path, allow_pickle=False)
        found = f"{array.dtype} {array.shape}"
    except UNREADABLE as error:
        problems.append(f"{path}: not a NumPy array, or damaged ({_shortened(error)}).")
        return None
    if array.shape != shape or array.dtype != np.float32:
        rows = "first 200 of one cat, then 200 of the other" if shape[0] == PHOTOS else "in the test split's order"
        problems.append(f"{path}: expected float32 {shape}, {rows}; found {found}.")
        return None
    if not np.isfinite(array).all():
        problems.append(f"{path}: {int((~np.isfinite(array)).sum())} of its values are no numbers.")
        return None
    if backbone.name == "xception" and not (np.abs(array.sum(axis=1) - 1).max() < 1e-3 and array.min() > 0):
        problems.append(
            f"{path}: expected probabilities above 0 whose rows sum to 1, as the talk's Xception gives them."
        )
        return None
    return array


def _head_files(root: Path | None, problems: list[str]) -> Iterator[tuple[str, Path, Backbone, int, bool]]:
    seen: dict[str, Path] = {}
    for place in ("", TRANSFER, AUGMENTED) if root is not None else ():
        for path in sorted(root.joinpath(place).glob("*.hdf5")):
            fits = HEAD.fullmatch(path.name)
            if fits is None:
                continue
            backbone = next(one for one in BACKBONES if one.short == fits[1])
            augmented = bool(fits[2]) or place == AUGMENTED
            key = f"{backbone.name}_{'augmented' if augmented else 'head'}_{fits[3]}"
            if key in seen:
                problems.append(f"bottlenecks: {seen[key]} and {path} are the same thing; keep one of them.")
            else:
                yield key, path, backbone, int(fits[3]), augmented
            seen[key] = path


def _layers(path: Path, width: int, problems: list[str]) -> tuple[tuple[Floats, Floats], ...] | None:
    """Read the Dense layers of a Keras 2 HDF5 file: numbers and names, nothing that is executed."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            group = file["model_weights"]
            layers = []
            for name in group.attrs["layer_names"]:
                layer = group[_text(name)]
                arrays = [np.asarray(layer[_text(weight)], np.float32) for weight in layer.attrs["weight_names"]]
                if arrays:
                    kernel, bias = arrays
                    layers.append((kernel, bias))
            activations = _activations(file.attrs.get("model_config"))
    except UNREADABLE as error:
        problems.append(f"{path}: not a Keras 2 HDF5 file of Dense layers, or damaged ({_shortened(error)}).")
        return None
    shapes = [kernel.shape for kernel, _ in layers]
    inputs = [width, *(kernel.shape[-1] for kernel, _ in layers)]
    chained = all(
        kernel.shape == (rows, units) and bias.shape == (units,)
        for (kernel, bias), rows, units in zip(layers, inputs, inputs[1:], strict=False)
    )
    if not layers or not chained or inputs[-1] != 1:
        problems.append(f"{path}: expected Dense layers from {width} features to 1 output; found kernels {shapes}.")
        return None
    if not all(np.isfinite(part).all() for layer in layers for part in layer):
        problems.append(f"{path}: has weights that are no numbers.")
        return None
    if activations - {"relu"}:
        problems.append(
            f"{path}: expected ReLU after every layer, as in the talk; found {', '.join(sorted(activations))}."
        )
        return None
    return tuple(layers)


def _activations(config: str | bytes | None) -> set[str]:
    """Return the activations of the Dense layers; none where the file doesn't say."""
    if config is None:
        return set()
    layers = json.loads(_text(config))["config"]
    layers = layers["layers"] if isinstance(layers, dict) else layers
    return {layer["config"]["activation"] for layer in layers if layer["class_name"] == "Dense"}


def _missing(stored: Stored) -> Iterator[str]:
    source = f"GitHub repository {REPOSITORY}"
    for backbone in BACKBONES:
        if backbone.name in stored.features:
            continue
        file = f"{ARRAYS}/{backbone.short}_bottleneck.npy"
        if backbone.name == "nasnetlarge":
            yield (
                f"{backbone.title}'s features of all photos: {file}, {PHOTOS} x {backbone.width}, is not in that "
                f"repository; its notebooks make it from the photos, which its README links to"
            )
        else:
            yield f"{backbone.title}'s features: {file} in the {source}"
    if "nasnetlarge" not in stored.test_features and "nasnetlarge" not in stored.features:
        yield f"NASNetLarge's features of the test photos: {ARRAYS}/test_bottleneck.npy in the {source}"
    for key, file in (
        ("nasnetlarge_head_1", f"{TRANSFER}/weights.best.nasnet_1.hdf5"),
        ("nasnetlarge_augmented_2", f"{AUGMENTED}/weights.best.nasnet_2.hdf5"),
    ):
        if key not in stored.heads:
            yield f"the tested head {key}: {file} in the {source}"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
