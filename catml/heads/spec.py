"""What a head is: its shape and how it is trained."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from catml.evaluation.metrics import softmax

SCALINGS = ("common", "each")


@dataclass(frozen=True)
class HeadSpec:
    """One head configuration.

    Attributes:
        hidden: widths of the hidden layers; none is the linear head, found by a convex solver.
        scaling: what features are divided by after their mean is taken off: "common", one number for all of them, which
            keeps a backbone's own weighting of its features; or "each", every feature's own standard deviation.
        l2: weight of the sum of squared kernel weights in the loss (Keras's `regularizers.L2`), mean cross-entropy
            being the rest of it.
        dropout: share of each hidden layer's outputs dropped while training.
        learning_rate: Adam's; hidden layers only.
        epochs: passes over the training photos; hidden layers only.
        views: how many augmented views of each photo are learnt from beside the photo itself.
    """

    hidden: tuple[int, ...]
    scaling: str
    l2: float
    dropout: float = 0.0
    learning_rate: float | None = None
    epochs: int | None = None
    views: int = 0

    def __post_init__(self) -> None:
        if self.scaling not in SCALINGS:
            raise ValueError(f"scaling is one of {', '.join(SCALINGS)}, not {self.scaling!r}")
        trained = self.learning_rate is not None and self.epochs is not None
        if self.hidden and not trained:
            raise ValueError("a head with hidden layers needs learning_rate and epochs")
        if not self.hidden and (self.dropout or self.learning_rate is not None or self.epochs is not None):
            raise ValueError("dropout, learning_rate and epochs have no effect on a linear head")

    @property
    def shape(self) -> str:
        """Hidden widths as text: "0" for the linear head, "64", "40-20"."""
        return "-".join(map(str, self.hidden)) or "0"

    @property
    def title(self) -> str:
        """What the head is called in a sentence."""
        return f"hidden {self.shape}" if self.hidden else "linear head"

    def with_epochs(self, epochs: int) -> "HeadSpec":
        """Return the same head, trained for another number of epochs."""
        return replace(self, epochs=epochs)

    def params(self) -> dict[str, object]:
        """Return what has an effect on this head, by its name in MLflow."""
        named = {
            "hidden": self.shape,
            "scaling": self.scaling,
            "l2": self.l2,
            "dropout": self.dropout if self.hidden else None,
            "learning_rate": self.learning_rate,
            "epochs": self.epochs,
            "views": self.views,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class Layer:
    """One dense layer on what comes before it: kernel (inputs, outputs), bias (outputs,)."""

    kernel: NDArray[np.floating]
    bias: NDArray[np.floating]


def respond(layers: Sequence[Layer], inputs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the probabilities (n, labels) that trained layers, ReLU between them, give to inputs (n, width)."""
    *hidden, last = layers
    for layer in hidden:
        inputs = np.maximum(inputs @ layer.kernel + layer.bias, 0)
    return softmax(inputs @ last.kernel + last.bias)
