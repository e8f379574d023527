"""How good predictions are: plain functions of probabilities and labels.

Probabilities have shape (n, classes), labels are class numbers of shape (n,).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Probabilities = NDArray[np.floating]
Labels = NDArray[np.integer]
# A probability of exactly 0 for what turned out true would cost infinitely much; float32 can't tell it from this.
SMALLEST = 1e-7


def accuracy(probabilities: Probabilities, labels: Labels) -> float:
    """Return the share of rows whose most probable class is the label."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def log_loss(probabilities: Probabilities, labels: Labels) -> float:
    """Return the mean of -ln(probability given to the label), in nats."""
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(given.clip(SMALLEST, 1)).mean())


def brier(probabilities: Probabilities, labels: Labels) -> float:
    """Return the mean squared distance of the probabilities from what turned out, 0 (perfect) to 2 (Brier 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def balanced_accuracy(probabilities: Probabilities, labels: Labels) -> float:
    """Return the mean, over the labels there are, of the share of each label's photos that come out right."""
    right = probabilities.argmax(axis=1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def metrics(probabilities: Probabilities, labels: Labels) -> Iterator[tuple[str, float]]:
    """Yield name and value of all of the above."""
    for metric in (accuracy, balanced_accuracy, log_loss, brier):
        yield metric.__name__, metric(probabilities, labels)


def confusion(probabilities: Probabilities, labels: Labels) -> NDArray[np.int64]:
    """Return how many photos of each label (rows) were taken for which (columns), shape (classes, classes)."""
    from sklearn.metrics import confusion_matrix  # here, so that a served classifier can do without scikit-learn

    every = np.arange(probabilities.shape[1])
    counts: NDArray[np.int64] = confusion_matrix(labels, probabilities.argmax(axis=1), labels=every)
    return counts


def by_label(probabilities: Probabilities, labels: Labels, names: Sequence[str]) -> pd.DataFrame:
    """Return one row a label: `label`, `photos`, `precision`, `recall`.

    Precision is the share of right ones among the answers with this label, NaN where there is none; recall the share of
    right ones among its photos.
    """
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, _, photos = precision_recall_fscore_support(
        labels, probabilities.argmax(axis=1), labels=np.arange(len(names)), zero_division=np.nan
    )
    return pd.DataFrame({"label": list(names), "photos": photos, "precision": precision, "recall": recall})


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities of logits, both of shape (n, classes)."""
    powers: NDArray[np.float64] = np.exp(np.asarray(logits, np.float64) - logits.max(axis=1, keepdims=True))
    total: NDArray[np.float64] = powers.sum(axis=1, keepdims=True)
    return powers / total
