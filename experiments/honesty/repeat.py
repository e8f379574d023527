"""One repeat: what catml would have printed about a folder, and what is true of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from catml.baselines import COLOURS, MAJORITY, baselines
from catml.champion import answers, cooled
from catml.evaluation.intervals import accuracy_interval
from catml.evaluation.metrics import log_loss
from catml.gate import gate
from experiments.honesty.folders import BACKBONE, Photos, drawn
from experiments.honesty.procedure import Done, procedure
from experiments.honesty.rivals import rivals

Row = dict[str, Any]


def repeat(photos: Photos, size: int, number: int, *, compare: bool = True) -> tuple[Row, list[Row]]:
    """Do everything on one folder with true labels.

    Args:
        photos: all there are.
        size: photos in the folder.
        number: of the folder; everything random follows from it and from the size.
        compare: whether rivals are fitted too.

    Returns:
        One row on the classifier, and one row a test: first the test that catml would have made, then all others of the
        same size that the other unseen photos suffice for.
    """
    rows = drawn(photos.labels, size, number)
    done = procedure(photos, rows, photos.labels[rows], number)
    given = done.learnt.answer({BACKBONE: photos.features[done.unseen]})
    truth = photos.labels[done.unseen]
    right = given.probabilities.argmax(axis=1) == truth
    row: Row = {"size": size, "number": number, "test": len(done.test), "unseen": len(truth)}
    row |= {"claim": float(np.mean(done.learnt.champion.accuracies)), "right": int(right.sum())}
    row |= {"test_right": int(right[: len(done.test)].sum()), "hidden": done.learnt.champion.params["hidden"]}
    row |= calibration(done, photos, truth) | sureness(done, given.probabilities, given.sure, right)
    if compare:
        for name, rival in rivals(photos, done, number).items():
            row |= {f"{name}_right": int(rival.right.sum()), f"{name}_claim": rival.claim}
    return row, [{"size": size, "number": number} | of for of in tests(right, truth, len(done.test), number)]


def tests(right: NDArray[np.bool_], truth: NDArray[np.int64], photos: int, seed: int) -> list[Row]:
    """Return one row a test: how many were right, and the interval catml prints; the folder's own test comes first."""
    generator = np.random.default_rng(seed)
    rest = np.arange(photos, len(truth))
    decks = [generator.permutation(rest[truth[rest] == label]) for label in (0, 1)]
    each = photos // 2
    parts = [np.arange(photos)]
    for start in range(0, min(map(len, decks)) - each + 1, each):
        parts.append(np.concatenate([deck[start : start + each] for deck in decks]))
    found = []
    for number, part in enumerate(parts):
        interval = accuracy_interval(right[part], part.tolist())
        found.append({"test": number, "right": int(right[part].sum()), "photos": len(part)} | interval._asdict())
    return found


def calibration(done: Done, photos: Photos, truth: NDArray[np.int64]) -> Row:
    """Return the temperature, and the log loss on unseen photos with it and without it."""
    features, temperature = {BACKBONE: photos.features[done.unseen]}, done.learnt.temperature
    plain = [cooled(head, 1 / temperature) for head in done.learnt.heads]
    return {
        "temperature": temperature,
        "log_loss": log_loss(answers(done.learnt.heads, features), truth),
        "log_loss_plain": log_loss(answers(plain, features), truth),
    }


def sureness(done: Done, probabilities: NDArray[np.float64], sure: NDArray[np.bool_], right: NDArray[np.bool_]) -> Row:
    """Return what the threshold claims, and how many unseen photos are answered, and how many of those are right.

    `answered` is by the threshold alone, which the claim is about; `sure` is what is said to be sure, unfamiliar photos
    left out too.
    """
    threshold = done.learnt.threshold
    answered = probabilities.max(axis=1) >= threshold.probability
    return {
        "threshold": threshold.probability,
        "claimed": threshold.claimed,
        "answered": int(answered.sum()),
        "answered_right": int((answered & right).sum()),
        "sure": int(sure.sum()),
        "sure_right": int((sure & right).sum()),
    }


def shuffled(photos: Photos, size: int, number: int) -> Row:
    """Do everything on one folder whose labels were shuffled before anything else, up to the gate."""
    rows = drawn(photos.labels, size, number)
    mixed = photos.labels.copy()
    mixed[rows] = np.random.default_rng([size, number]).permutation(mixed[rows])
    done = procedure(photos, rows, mixed[rows], number)
    truth = mixed[done.test]
    right = done.learnt.answer({BACKBONE: photos.features[done.test]}).probabilities.argmax(axis=1) == truth
    interval = accuracy_interval(right, done.test.tolist())
    nothing = np.zeros((len(mixed), 1))  # there are no photos to take colours from
    known = baselines(photos.features, nothing, mixed, done.learn, done.test)
    verdict = gate(right, interval, known[MAJORITY] == truth, known[COLOURS] == truth, 0.0, done.learnt.validated)
    claim = float(np.mean(done.learnt.champion.accuracies))
    row: Row = {"size": size, "number": number, "claim": claim, "right": int(right.sum()), "photos": len(right)}
    return row | interval._asdict() | {"passed": verdict.passed}
