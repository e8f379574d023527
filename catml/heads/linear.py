"""The linear head: multinomial logistic regression, found by a convex solver, the same whatever the seed."""

import functools

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import ThreadpoolController

from catml.heads.geometry import Coordinates
from catml.heads.spec import Layer

# Numbers in the matrix up to which one thread is faster. On products this small a second one mostly waits for its turn,
# and where other processes keep the cores busy it waits so long that a fit of a second takes minutes.
SMALL = 4_000_000


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def fit_linear(coordinates: Coordinates, labels: NDArray[np.integer], classes: int, l2: float) -> Layer:
    """Minimise mean cross-entropy + l2 * sum of squared kernel weights; the bias is free.

    Args:
        coordinates: training photos, shape (n, r).
        labels: class numbers 0 to classes - 1, each at least once, shape (n,).
        classes: how many there are.
        l2: weight of the penalty.

    Returns:
        A softmax layer: kernel (r, classes), bias (classes,).
    """
    # For two classes scikit-learn has one column w and no softmax. The softmax twin has the columns -w/2 and w/2, and
    # a sum of squares half as large, so its penalty counts half.
    columns = 1 if classes == 2 else 2
    solver = LogisticRegression(C=1 / (columns * len(labels) * l2), max_iter=2000, tol=1e-6)
    with _threads().limit(limits=1 if coordinates.size <= SMALL else None):
        solver.fit(coordinates, labels)
    kernel, bias = solver.coef_.T, solver.intercept_
    if classes == 2:
        kernel, bias = np.hstack([-kernel, kernel]) / 2, np.array([-bias[0], bias[0]]) / 2
    return Layer(kernel, bias)
