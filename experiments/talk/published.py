"""What the talk published, and the splits it was measured on. Facts of its notebooks; nothing here is computed anew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REPOSITORY = "luiznonenmacher/cat-classification"
PHOTOS, TEST_PHOTOS, VALIDATION_PHOTOS, SPLITS = 400, 60, 51, 5
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Backbone:
    """A backbone of the talk: `name` in catml, `short` in the author's file names, `width` of what he stored."""

    name: str
    title: str
    short: str
    width: int


BACKBONES = (
    Backbone("nasnetlarge", "NASNetLarge", "nasnet", 4032),
    Backbone("inceptionresnetv2", "InceptionResNetV2", "inception", 1536),
    Backbone("xception", "Xception", "xception", 1000),
)


@dataclass(frozen=True)
class Head:
    """A head of the talk: the units of its hidden layers, all ReLU, and the share of each dropped while training."""

    number: int
    hidden: tuple[int, ...]
    dropout: float

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return "".join(f"Dense {units}, {'Dropout, ' if self.dropout else ''}" for units in self.hidden) + "Dense 1"


HEADS = (Head(1, (), 0.0), Head(2, (10,), 0.0), Head(3, (10,), 0.2))
AUGMENTED_HEADS = (Head(1, (), 0.0), Head(2, (20,), 0.2), Head(3, (40, 20), 0.2))
AUGMENTED_EPOCHS, AUGMENTED_VIEWS = 100, 2

# Validation accuracy of the last epoch in each of the five splits, as the notebooks print it.
_FIVE = {
    ("nasnetlarge", 1): (0.9216, 0.9608, 0.9412, 0.9608, 0.9804),
    ("nasnetlarge", 2): (0.5294, 0.9412, 0.9216, 0.9216, 0.9804),
    ("nasnetlarge", 3): (0.902, 0.9608, 0.9216, 0.9804, 0.9804),
    ("inceptionresnetv2", 1): (0.9216, 0.8824, 0.9412, 0.9608, 0.4902),
    ("inceptionresnetv2", 2): (0.5098, 0.9804, 0.9804, 0.4902, 0.9804),
    ("inceptionresnetv2", 3): (0.9216, 0.9804, 0.9804, 0.4902, 0.5098),
    ("xception", 1): (0.5098, 0.5098, 0.5098, 0.4902, 0.4902),
    ("xception", 2): (0.7255, 0.8824, 0.8235, 0.4902, 0.7647),
    ("xception", 3): (0.8039, 0.5098, 0.8627, 0.4902, 0.4902),
}
NOTES = {("nasnetlarge", 3): "94.0 in the talk's table, 94.9 where its notebook prints the five"}


def five(backbone: str, head: int) -> tuple[float, ...]:
    """Return the published accuracies of the five splits as the fractions of 51 photos that they are."""
    return tuple(round(share * VALIDATION_PHOTOS) / VALIDATION_PHOTOS for share in _FIVE[backbone, head])


@dataclass(frozen=True)
class Step:
    """A step of the talk outside the table of heads, with what it published: shares, or None where it gave nothing.

    Attributes:
        key: for file names and metrics.
        title: what was done.
        validation: accuracy; of the augmentation, the mean of five splits, whose own were not told.
        test: how many of the 60 test photos came out right.
        photos: how many validation photos a split has, copies counted.
    """

    key: str
    title: str
    validation: float | None = None
    test: int | None = None
    photos: int = VALIDATION_PHOTOS


BENCHMARKS = (
    Step("benchmark_1", "from scratch, CNN 1", 34 / 51, 37),
    Step("benchmark_2", "from scratch, CNN 2", 33 / 51),
    Step("benchmark_3", "from scratch, CNN 3", 30 / 51),
)
TRANSFER = Step("nasnetlarge_head_1", "NASNetLarge, head 1", None, 55)
AUGMENTED = (
    Step("nasnetlarge_augmented_1", "NASNetLarge, augmented, head 1", 0.501, None, 153),
    Step("nasnetlarge_augmented_2", "NASNetLarge, augmented, head 2", 0.769, 57, 153),
    Step("nasnetlarge_augmented_3", "NASNetLarge, augmented, head 3", 0.739, None, 153),
)


def labels() -> NDArray[np.intp]:
    """Return the label of each row of an array: 200 of cat 0, then 200 of cat 1."""
    return np.repeat(np.arange(2), PHOTOS // 2)


def splits() -> tuple[Rows, Rows, list[tuple[Rows, Rows]]]:
    """Return the talk's 340 rows to learn from, its 60 test rows in its order, and five (289, 51) parts of the 340."""
    from sklearn.model_selection import train_test_split

    answers = labels()
    learn, test = train_test_split(np.arange(PHOTOS), test_size=0.15, random_state=42, stratify=answers)
    parts = [
        train_test_split(learn, test_size=0.15, random_state=42 + number, stratify=answers[learn])
        for number in range(SPLITS)
    ]
    return learn, test, [(training, validation) for training, validation in parts]
