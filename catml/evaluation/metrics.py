"""How good predictions are: plain functions of probabilities and labels."""

import numpy as np
from numpy.typing import NDArray

# A probability of exactly 0 for what turned out true would cost infinitely much; float32 can't tell it from this.
SMALLEST = 1e-7


def accuracy(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the share of rows whose most probable class is the label; probabilities (n, classes), labels (n,)."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def log_loss(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the mean of -ln(probability given to the label), in nats; probabilities (n, classes), labels (n,)."""
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(given.clip(SMALLEST, 1)).mean())


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities of logits, both of shape (n, classes)."""
    powers: NDArray[np.float64] = np.exp(np.asarray(logits, np.float64) - logits.max(axis=1, keepdims=True))
    total: NDArray[np.float64] = powers.sum(axis=1, keepdims=True)
    return powers / total
