"""Probabilities that mean what they say, and the one below which the answer is "unsure".

Both are fitted on out-of-fold predictions: what heads said of photos they had not learnt from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import beta

from catml.evaluation.metrics import Labels, Probabilities, softmax

LOWEST, HIGHEST = 0.05, 20.0  # temperatures looked at
SURE = 0.95  # confidence of a claim


def tempered(heads: Sequence[Probabilities], temperature: float) -> NDArray[np.float64]:
    """Return the mean of the heads' probabilities, the logits of each divided by the temperature."""
    logits = [np.log(np.asarray(given, np.float64).clip(1e-30)) / temperature for given in heads]
    return np.asarray(np.mean([softmax(of) for of in logits], axis=0))


def fit_temperature(heads: Sequence[Probabilities], labels: Labels) -> float:
    """Return the temperature that makes held-out probabilities most likely (Guo et al. 2017, section 4.2).

    Where nearly every photo comes out right, the likeliest temperature would be 0, and the next mistake made with
    certainty. So the target of a photo is not quite 1, but (n + 1) / (n + 2) with n photos of its label (Platt 1999,
    section 2.2).

    Args:
        heads: probabilities of each head, (n, classes) each, their mean being the classifier's.
        labels: class numbers, shape (n,).
    """
    classes = heads[0].shape[1]
    counts = np.bincount(labels, minlength=classes)
    own = (counts + 1) / (counts + 2)
    target = ((1 - own) / (classes - 1))[labels][:, None].repeat(classes, axis=1)
    target[np.arange(len(labels)), labels] = own[labels]

    def loss(logarithm: float) -> float:
        return float(-(target * np.log(tempered(heads, np.exp(logarithm)).clip(1e-30))).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


@dataclass(frozen=True)
class Threshold:
    """From which probability on a photo is answered.

    Attributes:
        precision: the share of right answers that was asked for.
        probability: photos below it are "unsure".
        claimed: whether the precision can be claimed, with 95 % confidence; else it is only what was seen.
        answered: share of the out-of-fold predictions that are answered.
        right: share of right ones among them, NaN where none is answered.
    """

    precision: float
    probability: float
    claimed: bool
    answered: float
    right: float


def fit_threshold(probabilities: Probabilities, labels: Labels, groups: int, precision: float) -> Threshold:
    """Return the lowest probability from which on answers have the precision asked for.

    That is claimed where the lower end of the exact interval (Clopper & Pearson 1934, one-sided, 95 %) of the answered
    photos' precision reaches it. Where no threshold allows that, the precision seen is what decides.

    Args:
        probabilities: held-out ones, (n, classes); several rows a photo where folds were drawn several times.
        labels: class numbers, shape (n,).
        groups: how many groups the photos are in; photos of one group count for one together.
        precision: what is asked for, below 1.
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    confidence, wrong = confidence[order], (probabilities.argmax(axis=1) != labels)[order]
    count = np.arange(1, len(order) + 1)
    errors = np.cumsum(wrong)
    worth = groups / len(order)  # of a row, in independent photos
    shown = beta.ppf(1 - SURE, worth * (count - errors), worth * errors + 1)
    # Between equal probabilities no line can be drawn.
    ends = np.append(confidence[:-1] > confidence[1:], True)
    for reached, claimed in ((shown >= precision, True), (1 - errors / count >= precision, False)):
        places = np.flatnonzero(reached & ends)
        if len(places):
            last = int(places[-1])
            everything = last == len(order) - 1
            line = 0.0 if everything else float(confidence[last] + confidence[last + 1]) / 2
            share = float(1 - errors[last] / count[last])
            return Threshold(precision, line, claimed, float(count[last] / len(order)), share)
    return Threshold(precision, 1.0, False, 0.0, float("nan"))


def takes(precision: float, errors: int) -> int:
    """Return how many answers with so many wrong ones it takes to claim a precision with 95 % confidence."""
    count = errors + 1
    while beta.ppf(1 - SURE, count - errors, errors + 1) < precision:
        count += 1
    return count
