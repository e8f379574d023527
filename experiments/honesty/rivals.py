"""Other ways to come to a classifier, on the same photos: what they claim, and whether they are right on each photo."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from catml.baselines import LINEAR, NEAREST, baselines
from catml.champion import Champion, answers, refit
from catml.study.sweep import Trial, best
from experiments.honesty.folders import BACKBONE, Photos
from experiments.honesty.procedure import Done

LOGISTIC, HOLD_OUT, LOWEST = "logistic_regression", "hold_out", "lowest_log_loss"
PRODUCTS = {NEAREST: "nearest_photo", LINEAR: "plain_linear"}
Right = NDArray[np.bool_]


@dataclass(frozen=True)
class Rival:
    """A rival: the accuracy it would have claimed (NaN where none), and which unseen photos it gets right."""

    claim: float
    right: Right


def rivals(photos: Photos, done: Done, seed: int) -> dict[str, Rival]:
    """Return all rivals of a champion by name; all learn from the photos it has learnt from."""
    nothing = np.zeros((len(photos.labels), 1))  # there are no photos to take colours from
    known = baselines(photos.features, nothing, photos.labels, done.learn, done.unseen)
    truth = photos.labels[done.unseen]
    found = {name: Rival(float("nan"), known[of] == truth) for of, name in PRODUCTS.items()}
    picked = by_hold_out(done.trials, seed)
    lowest = best(done.trials)
    return found | {
        LOGISTIC: Rival(float("nan"), logistic(photos, done) == truth),
        HOLD_OUT: Rival(picked.accuracies[0], refitted(photos, done, picked, seed) == truth),
        LOWEST: Rival(lowest.accuracy, refitted(photos, done, lowest, seed) == truth),
    }


def by_hold_out(trials: list[Trial], seed: int) -> Trial:
    """Return the head with the highest accuracy on the first fold alone; among equal ones, one at random."""
    highest = max(trial.accuracies[0] for trial in trials)
    ties = [trial for trial in trials if trial.accuracies[0] == highest]
    return ties[int(np.random.default_rng(seed).integers(len(ties)))]


def logistic(photos: Photos, done: Done) -> NDArray[np.int64]:
    """Return the answers of scikit-learn's LogisticRegression, no search at all."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=5000))
    model.fit(photos.features[done.learn], photos.labels[done.learn])
    return np.asarray(model.predict(photos.features[done.unseen]))


def refitted(photos: Photos, done: Done, trial: Trial, seed: int) -> NDArray[np.intp]:
    """Return the answers of a head of the study, trained on all photos that were learnt from."""
    heads = refit(Champion((trial,), trial.log_losses, trial.accuracies), done.material, done.learnt_from, seed)
    return answers(heads, {BACKBONE: photos.features[done.unseen]}).argmax(axis=1)
