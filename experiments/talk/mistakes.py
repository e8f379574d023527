"""The mistakes of the talk, one switch each."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

ARRAYS, PHOTOS = "arrays", "photos"


@dataclass(frozen=True)
class Mistakes:
    """Which mistakes are made; all of them is the talk as published.

    Attributes:
        divided_by_255: pixels go into the backbones as x/255, where all three expect x/127.5 - 1.
        softmax_features: Xception is kept with its top; what is learnt from are 1000 probabilities.
        relu_output: the last layer is a ReLU under binary cross-entropy.
        mixed_labels: the second half of the augmented photos carries the labels of the first half.
        leaking_split: augmented copies of a photo lie on both sides of the validation split.
        one_checkpoint: five fits write the same file, so only the fifth is tested.
        bare_numbers: accuracies without intervals; 55 and 57 of 60 are called an improvement.
        last_epoch: the validation accuracy is that of the last epoch, while the file holds the best one.
        raw_features: heads see features as they come, neither centred nor scaled.
    """

    divided_by_255: bool = True
    softmax_features: bool = True
    relu_output: bool = True
    mixed_labels: bool = True
    leaking_split: bool = True
    one_checkpoint: bool = True
    bare_numbers: bool = True
    last_epoch: bool = True
    raw_features: bool = True

    def without(self, *names: str) -> "Mistakes":
        """Return the same with the named mistakes switched off."""
        return replace(self, **dict.fromkeys(names, False))

    @property
    def off(self) -> tuple[str, ...]:
        """The names of those that are switched off."""
        return tuple(of.name for of in fields(self) if not getattr(self, of.name))


@dataclass(frozen=True)
class Kind:
    """What is said of a mistake.

    Attributes:
        name: its switch.
        title: what was done, short.
        instead: what is done here.
        needs: what it can be switched off on, `ARRAYS` or `PHOTOS`.
    """

    name: str
    title: str
    instead: str
    needs: str


KINDS = (
    Kind("divided_by_255", "pixels divided by 255", "x/127.5 - 1, as the backbones were trained", PHOTOS),
    Kind("softmax_features", "Xception's features are 1000 probabilities", "their logarithm: the logits", ARRAYS),
    Kind("relu_output", "ReLU as the last layer", "sigmoid", ARRAYS),
    Kind("mixed_labels", "second augmented half with the first half's labels", "each photo its own label", PHOTOS),
    Kind("leaking_split", "copies of a photo on both sides of a split", "copies follow their photo", PHOTOS),
    Kind("one_checkpoint", "one file for five fits, the fifth tested", "each fit its own file, all tested", ARRAYS),
    Kind("bare_numbers", "numbers without intervals, 55 against 57 of 60", "Wilson, Nadeau-Bengio, McNemar", ARRAYS),
    Kind("last_epoch", "accuracy of the last epoch, file of the best", "accuracy of the epoch in the file", ARRAYS),
    Kind("raw_features", "features neither centred nor scaled", "centred, divided by one number", ARRAYS),
)
OF_THE_LIST = 7  # the others were found here


def need_photos(mistakes: Mistakes) -> list[str]:
    """Return the names of mistakes that are switched off and can't be on arrays alone."""
    return [kind.name for kind in KINDS if kind.needs == PHOTOS and kind.name in mistakes.off]


def titles(names: Iterable[str]) -> str:
    """Return mistakes by their titles, in words."""
    chosen = set(names)
    return "; ".join(kind.title for kind in KINDS if kind.name in chosen)
