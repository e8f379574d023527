"""Weights files of Keras: both the older `.h5` it offers for download and the newer `.weights.h5`."""

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catml.errors import InputError

if TYPE_CHECKING:
    import keras


def load_h5(network: "keras.Model", path: Path) -> None:
    """Fill a network from a Keras weights file of either kind, whatever the file is called.

    Args:
        network: the bare network the file was made from, not wrapped in another model.
        path: the file.

    Raises:
        InputError: not a Keras weights file, truncated, made from another network, or without numbers for a variable.
    """
    suffix = ".h5" if _is_legacy(path) else ".weights.h5"
    with tempfile.TemporaryDirectory() as folder:
        # Keras tells the two kinds apart by the file's name alone, so it is shown the file under a fitting one.
        link = Path(folder, f"network{suffix}")
        link.symlink_to(path.resolve())
        floats = [variable for variable in network.weights if "float" in variable.dtype]  # beside them, a counter
        for variable in floats:
            variable.assign(np.full(variable.shape, np.nan, variable.dtype))
        try:
            with warnings.catch_warnings(action="ignore"):  # hundreds where a file doesn't fit; the check below counts
                network.load_weights(link)
        except Exception as error:  # a file that doesn't fit makes Keras and HDF5 raise many kinds
            raise InputError(
                f"{path}: doesn't fit {network.name}; expected its weights without top "
                f"({network.count_params():,} parameters), found: {_shortened(error)}"
            ) from None
    empty = [variable.path for variable in floats if not np.isfinite(variable.numpy()).all()]
    if empty:
        raise InputError(
            f"{path}: has no values, or values that are not numbers, for {len(empty)} variables ({empty[0]})."
        )


def _is_legacy(path: Path) -> bool:
    import h5py  # type: ignore[import-untyped]

    try:
        with h5py.File(path, "r") as file:
            if "layer_names" in file.attrs or "model_weights" in file:
                return True
            if "layers" in file:
                return False
            found = ", ".join(list(file)[:5]) or "nothing"
    except OSError as error:
        raise InputError(f"{path}: not an HDF5 file, or truncated ({_shortened(error)}).") from None
    raise InputError(f"{path}: not a Keras weights file; expected layers in it, found {found}.")


def _shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
