"""How good a classifier is on photos that it has not learnt from, beside what it has to be better than."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml.baselines import COLOURS, MAJORITY, baselines, shuffled
from catml.evaluation.intervals import Interval, accuracy_interval
from catml.evaluation.metrics import Labels, metrics
from catml.evaluation.paired import Paired, paired
from catml.gate import Verdict, gate
from catml.learning import Answers, Learnt, joined
from catml.preparation import Data

NEIGHBOURS = 3  # photos learnt from that are shown beside a mistake


@dataclass(frozen=True)
class Assessment:
    """Photos that were answered by a classifier that had not learnt from them.

    Of a nested cross-validation, these are all photos, and each was answered by the classifier of its round.

    Attributes:
        rows: which photos, as rows of the split, shape (n,).
        labels: their class numbers, shape (n,).
        groups: their groups.
        answers: what was said of them.
        baselines: what each baseline said, class numbers by its name.
        shuffled: accuracies of heads that learnt from shuffled labels.
        chance: what these should be.
        alike: rows of the most similar photos learnt from, shape (n, 3).
    """

    rows: NDArray[np.intp]
    labels: Labels
    groups: tuple[object, ...]
    answers: Answers
    baselines: Mapping[str, Labels]
    shuffled: NDArray[np.float64]
    chance: float
    alike: NDArray[np.intp]

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether each photo came out right."""
        return np.asarray(self.answers.probabilities.argmax(axis=1) == self.labels)

    @property
    def accuracy(self) -> float:
        """Share of the photos that came out right."""
        return float(self.right.mean())

    @cached_property
    def interval(self) -> Interval:
        """95 % interval of the accuracy, the wider of Wilson's and the bootstrap over groups."""
        return accuracy_interval(self.right, self.groups)

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Whether each photo was answered, and not called unsure."""
        return self.answers.sure

    @property
    def answered(self) -> float:
        """Share of the photos that were answered."""
        return float(self.sure.mean())

    @property
    def answered_right(self) -> int:
        """How many of the answered photos came out right."""
        return int(self.right[self.sure].sum())

    def beside(self, baseline: str) -> Paired:
        """Compare the classifier, first, with a baseline on the same photos."""
        return paired(self.right, self.baselines[baseline] == self.labels)

    def metrics(self) -> dict[str, float]:
        """Return all that is logged of it."""
        found = {f"test_{name}": value for name, value in metrics(self.answers.probabilities, self.labels)}
        found |= {"test_accuracy_low": self.interval.low, "test_accuracy_high": self.interval.high}
        found |= {"test_answered": self.answered}
        if self.sure.any():
            found["test_answered_accuracy"] = self.answered_right / int(self.sure.sum())
        for name, given in self.baselines.items():
            found[f"baseline_{name.replace(' ', '_')}"] = float((given == self.labels).mean())
        return found | {"baseline_shuffled_labels": float(self.shuffled.mean())}

    def gate(self, min_accuracy: float, validated: float = 1.0) -> Verdict:
        """Decide whether the classifier may be registered; as `gate.gate`."""
        majority, colours = (self.baselines[name] == self.labels for name in (MAJORITY, COLOURS))
        return gate(self.right, self.interval, majority, colours, min_accuracy, validated)


def assess(learnt: Learnt, data: Data, colours: NDArray[np.float32], seed: int) -> Assessment:
    """Answer the test photos of a split, by the classifier and by the baselines, which learn from the same photos.

    Args:
        learnt: from the other photos of the split.
        data: the split, and the features of all photos.
        colours: colour histograms of all photos, shape (n, 128).
        seed: for the shuffles.
    """
    material, rows = data.material, np.flatnonzero(data.is_test)
    features = joined(learnt.heads, material.features)
    answers = learnt.answer({name: matrix[rows] for name, matrix in material.features.items()})
    return Assessment(
        rows,
        material.labels[rows],
        tuple(data.splits["group"].to_numpy()[rows]),
        answers,
        baselines(features, colours, material.labels, learnt.rows, rows),
        *shuffled(features, material.labels, learnt.rows, rows, seed),
        alike(learnt, features[rows]),
    )


def alike(learnt: Learnt, features: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the rows of the photos learnt from that are most similar to photos, features (n, width): shape (n, 3)."""
    similar = learnt.familiar.similarities(features)
    nearest = np.argsort(-similar, axis=1, kind="stable")[:, :NEIGHBOURS]
    return learnt.rows[learnt.familiar.rows[nearest]]


def together(rounds: Sequence[Assessment]) -> Assessment:
    """Return the rounds of a nested cross-validation as one test of all photos."""
    said = [one.answers for one in rounds]
    answers = Answers(
        np.concatenate([one.probabilities for one in said]),
        np.concatenate([one.similar for one in said]),
        np.concatenate([one.sure for one in said]),
    )
    weights = [len(one.rows) for one in rounds]
    return Assessment(
        np.concatenate([one.rows for one in rounds]),
        np.concatenate([one.labels for one in rounds]),
        tuple(group for one in rounds for group in one.groups),
        answers,
        {name: np.concatenate([one.baselines[name] for one in rounds]) for name in rounds[0].baselines},
        np.average([one.shuffled for one in rounds], axis=0, weights=weights),
        float(np.average([one.chance for one in rounds], weights=weights)),
        np.concatenate([one.alike for one in rounds]),
    )


def predictions(assessed: Assessment, learnt: Learnt, data: Data) -> pd.DataFrame:
    """Return one row a photo that was judged: what was said of it by a classifier that had not learnt from it.

    Returns:
        Columns `path`, `label`, `group`, `pixels_sha256`, `judged` ("test", or "learn" for the out-of-fold predictions
        of photos learnt from), `answer`, `probability`, `unsure`, and `probability_LABEL` of each label.
    """
    parts = [(assessed.rows, "test", assessed.answers.probabilities, ~assessed.sure)]
    others = np.setdiff1d(learnt.rows, assessed.rows)
    held_out = learnt.held_out[np.searchsorted(learnt.rows, others)]
    parts.append((others, "learn", held_out, held_out.max(axis=1) < learnt.threshold.probability))
    found = []
    for rows, judged, probabilities, unsure in parts:
        table = data.splits.iloc[rows][["path", "label", "group", "pixels_sha256"]].reset_index(drop=True)
        table["judged"] = judged
        table["answer"] = [data.labels[best] for best in probabilities.argmax(axis=1)]
        table["probability"] = probabilities.max(axis=1)
        table["unsure"] = unsure
        for number, label in enumerate(data.labels):
            table[f"probability_{label}"] = probabilities[:, number]
        found.append(table)
    return pd.concat(found, ignore_index=True)
