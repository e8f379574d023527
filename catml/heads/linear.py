"""The linear head: multinomial logistic regression, found by a convex solver, the same whatever the seed."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from catml.heads.geometry import Coordinates
from catml.heads.spec import Layer
from catml.heads.threads import one_thread


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
    one_thread()
    solver.fit(coordinates.astype(np.float64, copy=False), labels)
    kernel, bias = solver.coef_.T, solver.intercept_
    if classes == 2:
        kernel, bias = np.hstack([-kernel, kernel]) / 2, np.array([-bias[0], bias[0]]) / 2
    return Layer(kernel, bias)
