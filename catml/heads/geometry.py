"""Features, centred, scaled and turned onto the few directions the training photos span.

With n photos of d features and n much smaller than d, a first layer can only learn within the span of the n
scaled photos: the loss doesn't see the rest of its kernel, and L2 pulls that rest to zero. So heads are trained
on n - 1 coordinates and not on d features, and the kernel is turned back afterwards. Nothing is lost, and a step costs
a fraction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catml.heads.spec import Layer

Coordinates = NDArray[np.floating]
ROWS = 4096  # taken at once where there are many photos


@dataclass(frozen=True)
class Geometry:
    """Centring, scaling and rotation, all fitted on training photos only.

    Attributes:
        mean: of each feature, shape (d,).
        scale: what each feature is divided by, shape (d,).
        basis: orthonormal columns, shape (d, r); None where there are too many photos for a rotation to save anything.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    basis: NDArray[np.float64] | None

    @property
    def rank(self) -> int:
        """How many coordinates a photo has."""
        return len(self.mean) if self.basis is None else self.basis.shape[1]

    def coordinates(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return features, shape (n, d), as coordinates, shape (n, r)."""
        found = np.empty((len(features), self.rank), np.float32)
        for start in range(0, len(features), ROWS):
            part = (features[start : start + ROWS] - self.mean) / self.scale
            found[start : start + ROWS] = part if self.basis is None else part @ self.basis
        return found

    def fold_back(self, first: Layer) -> Layer:
        """Return the layer on raw features that does what `first` does on coordinates."""
        turned = first.kernel if self.basis is None else self.basis @ first.kernel
        kernel = turned / self.scale[:, None]
        bias = first.bias - self.mean @ kernel
        return Layer(kernel.astype(np.float32), bias.astype(np.float32))


def fit_geometry(features: NDArray[np.floating], scaling: str, blocks: Sequence[int] = ()) -> Geometry:
    """Fit centring, scaling and rotation on training features, shape (n, d).

    Either scaling makes the mean square of all scaled features 1, so that the same L2 means the same under both. The
    basis comes from the eigenvectors of the n x n matrix of inner products, which for n < d is much cheaper than
    a singular value decomposition. With n >= d nothing would be saved, and there is no rotation.

    Args:
        features: of the training photos.
        scaling: one of `SCALINGS`.
        blocks: how many of the features are of each backbone, where there are several: each backbone then weighs the
            same, however wide it is and whatever its features are measured in.
    """
    count, width = features.shape
    blocks = blocks or (width,)
    mean = features.mean(axis=0, dtype=np.float64)
    scale = np.sqrt(_variance(features, mean))
    ends = np.cumsum(blocks)
    for start, end in zip(ends - blocks, ends, strict=True):
        own = scale[start:end]
        common = float(np.sqrt(np.mean(own**2))) or 1.0
        if scaling == "common":
            own[:] = common
        own[own < 1e-6 * common] = common  # a feature that never changes is zero after centring, whatever divides it
        own *= np.sqrt((end - start) * len(blocks) / width)
    if count >= width:
        return Geometry(mean, scale, None)
    standard = (features - mean) / scale
    values, vectors = np.linalg.eigh(standard @ standard.T)
    kept = values > 1e-9 * values[-1]
    return Geometry(mean, scale, standard.T @ (vectors[:, kept] / np.sqrt(values[kept])))


def _variance(features: NDArray[np.floating], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros_like(mean)
    for start in range(0, len(features), ROWS):
        total += ((features[start : start + ROWS] - mean) ** 2).sum(axis=0)
    return total / len(features)
