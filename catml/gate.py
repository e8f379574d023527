"""The gate: whether a classifier is good enough to be registered, and whether it takes the champion's place."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from catml.evaluation.intervals import Interval, wilson
from catml.evaluation.paired import Paired
from catml.screen import between, percent

MOST = 20_000  # test photos that anybody may be told to take


@dataclass(frozen=True)
class Verdict:
    """What was decided, and why."""

    passed: bool
    reason: str


def gate(
    right: NDArray[np.bool_],
    interval: Interval,
    majority: NDArray[np.bool_],
    colours: NDArray[np.bool_],
    min_accuracy: float,
    validated: float = 1.0,
) -> Verdict:
    """Decide whether a classifier may be registered.

    The lower end of its interval must beat the most frequent label, which is right without looking at any photo, and
    reach what the user asks for. Cross-validation must say the same: one coin in forty would pass a test alone, and
    next to none passes both. And colours alone must not be right more often. They may be right as often: apples are
    told apart by their colour.

    Args:
        right: whether the classifier got each test photo right, shape (n,).
        interval: of its accuracy.
        majority: whether the most frequent label is right.
        colours: whether colours alone give the right label.
        min_accuracy: the user's own bar; 0 where there is none.
        validated: what cross-validation says its accuracy is at least; 1 where there was none.
    """
    shown = f"the 95 % interval of its accuracy, {between(interval)},"
    reasons = []
    if interval.low <= majority.mean():
        reasons.append(
            f"{shown} does not lie above {percent(float(majority.mean()))}, what always saying the most frequent label "
            "gives"
        )
    if validated <= majority.mean():
        reasons.append(
            f"cross-validation shows no more than {percent(validated)} with certainty, and always saying the most "
            f"frequent label gives {percent(float(majority.mean()))}"
        )
    if right.sum() < colours.sum():
        reasons.append(
            f"it gets {right.sum()} of {len(right)} test photos right, and their colours alone {colours.sum()}"
        )
    if interval.low < min_accuracy:
        reasons.append(
            f"{shown} does not lie above min_accuracy={min_accuracy:g}{_needed(right, interval, min_accuracy)}"
        )
    if reasons:
        return Verdict(False, "; ".join(reasons))
    beaten = f"lies above {percent(float(majority.mean()))}, what always saying the most frequent label gives"
    asked = f", and above min_accuracy={min_accuracy:g}" if min_accuracy else ""
    return Verdict(True, f"{shown} {beaten}{asked}")


def _needed(right: NDArray[np.bool_], interval: Interval, bar: float) -> str:
    """Say how many test photos like these it would take to show what is asked for, at the accuracy that was seen."""
    share, photos = float(right.mean()), len(right)
    if share <= bar:
        return ""
    # The end of Wilson's interval is where a test of that accuracy would just be refused (Wilson 1927).
    wanted = NormalDist().inv_cdf(0.975) ** 2 * bar * (1 - bar) / (share - bar) ** 2
    plain = wilson(int(right.sum()), photos)
    # Photos in groups are worth less than their number.
    wanted *= max(1.0, (share - interval.low) / (share - plain.low)) ** 2
    wanted = 10 * ceil(max(photos + 1, wanted) / 10)
    return f"; at the same accuracy, it would take about {wanted} test photos to show that" if wanted < MOST else ""


@dataclass(frozen=True)
class Rival:
    """The present champion beside the new classifier, on the same photos, none of which either has learnt from.

    Attributes:
        version: in the registry.
        labels: that the present champion knows.
        sample: whether it was made from the drawn sample.
        compared: the new classifier first; None where they can't be compared.
    """

    version: int
    labels: tuple[str, ...]
    sample: bool
    compared: Paired | None


def succession(labels: Sequence[str], rival: Rival | None, sample: bool) -> Verdict:
    """Decide whether a new classifier takes the place of the present champion.

    It does where it gets no fewer of the same photos right. A significance test could not tell two good classifiers
    apart on so few photos, so it is told and does not decide: who is in use stays in use unless the other one is at
    least as good.

    Args:
        labels: that the new classifier knows.
        rival: the present champion, None where there is none.
        sample: whether the new classifier is made from the drawn sample.
    """
    if rival is None:
        return Verdict(True, "there was no champion")
    present = f"version {rival.version}"
    if rival.sample and not sample:
        return Verdict(True, f"the champion, {present}, was made from the drawn sample")
    lost = sorted(set(rival.labels) - set(labels))
    if lost:
        return Verdict(
            False,
            f"the champion, {present}, knows {', '.join(lost)}, which this one does not. Register another task under "
            "another name: register_as=NAME",
        )
    if rival.compared is None:
        return Verdict(
            False,
            f"the champion, {present}, has learnt from too many of these test photos to be compared with. Use the same "
            "seed, test_fraction and folder as for it, or move the alias by hand",
        )
    return Verdict(rival.compared.ahead >= 0, f"against the champion, {present}: {rival.compared.said}")
