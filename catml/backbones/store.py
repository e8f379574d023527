"""The feature store: what a backbone said about each photo, kept on disk for every later run.

One folder per fingerprint (everything the numbers depend on), in it Parquet parts with the columns `pixels_sha256`
(text) and `features` (fixed-size list of float32). A part appears under its name only when it is complete, so a
process killed at any moment leaves a store that is whole. Any Arrow, Spark or pandas reader can open the folder.
"""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from catml.backbones.registry import Backbone
from catml.backbones.weights import Weights
from catml.errors import InputError
from catml.files import write_whole
from catml.photos.colours import SIDE
from catml.photos.decode import DECODER_VERSION
from catml.photos.views import AS_IS, View

KEY, FEATURES = "pixels_sha256", "features"


def fingerprint(backbone: Backbone, weights: Weights, view: View = AS_IS) -> dict[str, object]:
    """Return everything features depend on beside the photo; equal fingerprints, equal features."""
    return {
        "backbone": backbone.name,
        "weights_sha256": weights.sha256,
        "input_size": backbone.input_size,
        "preprocessing": str(backbone.preprocessing),
        "view": str(view),
        "decoder": DECODER_VERSION,
        "keras": version("keras"),
        "pillow": version("pillow"),
        "tensorflow": tensorflow_build(),
    }


def colours_fingerprint() -> dict[str, object]:
    """Return what colour histograms depend on beside the photo."""
    return {"backbone": "colours", "input_size": SIDE, "decoder": DECODER_VERSION, "pillow": version("pillow")}


def tensorflow_build() -> str:
    """Return which build of TensorFlow is installed, and its version: the one for GPUs computes a little otherwise."""
    for package in ("tensorflow-cpu", "tensorflow"):
        with contextlib.suppress(PackageNotFoundError):
            return f"{package}=={version(package)}"
    raise InputError("TensorFlow is not installed: pip install 'catml[cpu]', or 'make setup'.")


def digest(of: Mapping[str, object]) -> str:
    """Return a short digest of a fingerprint."""
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]


class FeatureStore:
    """The features of one fingerprint: `known`, `read` and `append`."""

    def __init__(self, root: Path, of: Mapping[str, object], width: int) -> None:
        self.folder = root / f"{of['backbone']}-{digest(of)}"
        self.width = width
        self._of = of

    def known(self) -> set[str]:
        """Return the keys that have features.

        Raises:
            InputError: a part is damaged.
        """
        if not self.folder.is_dir():
            return set()
        try:
            return set(self._dataset().to_table(columns=[KEY])[KEY].to_pylist())
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{self.folder}: holds features that can't be read ({error}). Delete it; they are computed anew."
            ) from None

    def read(self, keys: Sequence[str]) -> NDArray[np.float32]:
        """Return the features of `keys`, shape (len(keys), width), in their order.

        Raises:
            KeyError: a key has no features.
        """
        if not keys:
            return np.empty((0, self.width), np.float32)
        wanted = pa.array(sorted(set(keys)))
        table = self._dataset().to_table(filter=ds.field(KEY).isin(wanted)) if self.folder.is_dir() else None
        if table is None or table.num_rows == 0:
            raise KeyError(keys[0])
        table = table.combine_chunks()
        rows = {key: row for row, key in enumerate(table[KEY].to_pylist())}
        matrix: NDArray[np.float32] = (
            table[FEATURES].chunk(0).flatten().to_numpy(zero_copy_only=False).reshape(-1, self.width)
        )
        return matrix[[rows[key] for key in keys]]

    def append(self, keys: Sequence[str], features: NDArray[np.float32]) -> None:
        """Add features, shape (len(keys), width); on return they are on disk, whole."""
        description = self.folder / "_fingerprint.json"  # readers of Parquet folders pass over a leading underscore
        if not description.exists():
            write_whole(description, json.dumps(self._of, indent=2, sort_keys=True).encode())
        values = pa.array(np.ascontiguousarray(features, np.float32).ravel())
        table = pa.table({KEY: pa.array(keys), FEATURES: pa.FixedSizeListArray.from_arrays(values, self.width)})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        write_whole(self.folder / f"part-{uuid.uuid4().hex}.parquet", sink.getvalue().to_pybytes())

    def _dataset(self) -> ds.Dataset:
        return ds.dataset(
            [str(part) for part in sorted(self.folder.glob("part-*.parquet"))], format="parquet", schema=self._schema()
        )

    def _schema(self) -> pa.Schema:
        return pa.schema({KEY: pa.string(), FEATURES: pa.list_(pa.float32(), self.width)})
