"""The linear head: multinomial logistic regression, found by a convex solver, the same whatever the seed."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from catml.heads.geometry import Coordinates
from catml.heads.spec import Layer
from catml.heads.threads import one_thread

MOST_STEPS, MEMORY, GRADIENT, PROGRESS = 3000, 20, 1e-5, 1e-10
# The loss curves by at most a quarter of a coordinate's mean square (Böhning 1992), and by much less where photos are
# told apart with confidence. Of 1/4, 1/20, 1/50, 1/100 and 1/500, tried on real features with L2 from 1e-4 to 10, those
# in the middle needed the fewest steps.
CURVATURE = 0.02


def fit_linear(coordinates: Coordinates, labels: NDArray[np.integer], classes: int, l2: float) -> Layer:
    """Minimise mean cross-entropy + l2 * sum of squared kernel weights; the bias is free.

    By L-BFGS, in variables of about equal curvature. With fewer photos than features, coordinates are principal axes
    (`geometry.py`), so the curvature of each is known without another decomposition.

    Args:
        coordinates: training photos, shape (n, r).
        labels: class numbers 0 to classes - 1, each at least once, shape (n,).
        classes: how many there are.
        l2: weight of the penalty, above 0.

    Returns:
        A softmax layer: kernel (r, classes), bias (classes,).
    """
    one_thread()
    inputs = coordinates.astype(np.float64, copy=False)
    count, rank = inputs.shape
    rows = np.arange(count)
    unit = 1 / np.sqrt(CURVATURE * np.einsum("ij,ij->j", inputs, inputs) / count + 2 * l2)[:, None]
    bias_unit = 1 / np.sqrt(CURVATURE)

    def layer(point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return unit * point[: rank * classes].reshape(rank, classes), bias_unit * point[rank * classes :]

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the loss and its gradient."""
        kernel, bias = layer(point)
        logits = inputs @ kernel + bias
        logits -= logits.max(axis=1, keepdims=True)
        own = logits[rows, labels]
        powers = np.exp(logits)
        sums = powers.sum(axis=1, keepdims=True)
        value = float((np.log(sums[:, 0]) - own).mean() + l2 * np.vdot(kernel, kernel))
        powers /= sums
        powers[rows, labels] -= 1
        powers /= count
        by_kernel = unit * (inputs.T @ powers + 2 * l2 * kernel)
        return value, np.concatenate([by_kernel.ravel(), bias_unit * powers.sum(axis=0)])

    options = {"maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "maxcor": MEMORY, "gtol": GRADIENT, "ftol": PROGRESS}
    start = np.zeros((rank + 1) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return Layer(*layer(found.x))
