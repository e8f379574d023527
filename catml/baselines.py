"""What a classifier has to be better than: answers that need no backbone, or no search."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from catml.evaluation.metrics import Labels
from catml.heads.fit import fit_head
from catml.heads.spec import HeadSpec, respond

MAJORITY, COLOURS, NEAREST, LINEAR = "most frequent label", "colours alone", "nearest photo", "plain linear head"
# The plain linear head is logistic regression on standardised features with C = 0.01, which is good almost everywhere.
PLAIN_C = 0.01
COLOURS_C = 10.0
SHUFFLES = 20
Rows = NDArray[np.intp]
Features = NDArray[np.floating]


def baselines(
    features: NDArray[np.float32], colours: Features, labels: Labels, learn: Rows, test: Rows
) -> Mapping[str, Labels]:
    """Return what each baseline, learnt from the same photos as the classifier, answers: class numbers by its name.

    Args:
        features: of all photos, from the classifier's backbone, shape (n, d).
        colours: of all photos, shape (n, 128).
        labels: class numbers of all photos, shape (n,).
        learn: rows to learn from.
        test: rows to answer.
    """
    return {
        MAJORITY: np.full(len(test), np.bincount(labels[learn]).argmax()),
        COLOURS: by_colours(colours, labels, learn, test),
        NEAREST: nearest(features, labels, learn, test),
        LINEAR: plain_linear(features, labels, learn, test),
    }


def by_colours(colours: Features, labels: Labels, learn: Rows, test: Rows) -> Labels:
    """Return logistic regression's answers on colour histograms."""
    fitted = LogisticRegression(C=COLOURS_C, max_iter=2000).fit(colours[learn], labels[learn])
    return np.asarray(fitted.predict(colours[test]))


def nearest(features: Features, labels: Labels, learn: Rows, test: Rows) -> Labels:
    """Return the label of the most similar photo learnt from, by the cosine of centred features."""
    centred = features - features[learn].mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True).clip(1e-12)
    return np.asarray(labels[learn][(centred[test] @ centred[learn].T).argmax(axis=1)])


def plain_linear(features: NDArray[np.float32], labels: Labels, learn: Rows, test: Rows) -> Labels:
    """Return the answers of the plain linear head."""
    spec = HeadSpec((), "each", 1 / (2 * PLAIN_C * len(learn)))
    layers = fit_head(features[learn], labels[learn], spec, int(labels.max()) + 1, 0)
    return np.asarray(respond(layers, features[test]).argmax(axis=1))


def shuffled(
    features: NDArray[np.float32], labels: Labels, learn: Rows, test: Rows, seed: int
) -> tuple[NDArray[np.float64], float]:
    """Return the accuracies of plain linear heads that learnt from shuffled labels, one a shuffle, and what is chance.

    Where they are better than chance, something beside the labels learnt from gives the answer away. Chance is what the
    same answers would get right if they were given to the test photos at random: a head that has learnt which label is
    frequent gives that one more often.
    """
    generator = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    shares = np.bincount(labels[test], minlength=classes) / len(test)
    found, expected = [], []
    for _ in range(SHUFFLES):
        mixed = labels.copy()
        mixed[learn] = generator.permutation(mixed[learn])
        given = plain_linear(features, mixed, learn, test)
        found.append(float((given == labels[test]).mean()))
        expected.append(float(np.bincount(given, minlength=classes) / len(test) @ shares))
    return np.array(found), float(np.mean(expected))
