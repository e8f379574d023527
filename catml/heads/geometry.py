"""Features, centred, scaled and turned onto the few directions the training photos span.

With n photos of d features and n much smaller than d, a first layer can only learn within the span of the n
scaled photos: the loss doesn't see the rest of its kernel, and L2 pulls that rest to zero. So heads are trained
on n - 1 coordinates and not on d features, and the kernel is turned back afterwards. Nothing is lost, and a step costs
a fraction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catml.heads.spec import Layer

Coordinates = NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """Centring, scaling and rotation, all fitted on training photos only.

    Attributes:
        mean: of each feature, shape (d,).
        scale: what each feature is divided by, shape (d,).
        basis: orthonormal columns, shape (d, r).
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    basis: NDArray[np.float64]

    def coordinates(self, features: NDArray[np.floating]) -> Coordinates:
        """Return features, shape (n, d), as coordinates, shape (n, r)."""
        return ((features - self.mean) / self.scale) @ self.basis

    def fold_back(self, first: Layer) -> Layer:
        """Return the layer on raw features that does what `first` does on coordinates."""
        kernel = (self.basis @ first.kernel) / self.scale[:, None]
        bias = first.bias - self.mean @ kernel
        return Layer(kernel.astype(np.float32), bias.astype(np.float32))


def fit_geometry(features: NDArray[np.floating], scaling: str) -> Geometry:
    """Fit centring, scaling and rotation on training features, shape (n, d).

    Either scaling makes the mean square of all scaled features 1, so that the same L2 means the same under both. The
    basis comes from the eigenvectors of the n x n matrix of inner products, which for n < d is much cheaper than
    a singular value decomposition. With n >= d nothing would be saved, and the basis is the identity.
    """
    features = np.asarray(features, np.float64)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    common = float(np.sqrt(np.mean(scale**2))) or 1.0
    if scaling == "common":
        scale = np.full_like(scale, common)
    scale[scale < 1e-6 * common] = common  # a feature that never changes is zero after centring, whatever divides it
    count, width = features.shape
    if count >= width:
        return Geometry(mean, scale, np.eye(width))
    standard = (features - mean) / scale
    values, vectors = np.linalg.eigh(standard @ standard.T)
    kept = values > 1e-9 * values[-1]
    return Geometry(mean, scale, standard.T @ (vectors[:, kept] / np.sqrt(values[kept])))
