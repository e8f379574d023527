"""The ways to try heads. Each takes a problem and heads, and returns log loss and accuracy of each head on each fold.

The first two are written as in tutorials: for each trial and fold a model is built, compiled and fitted. They are given
the same heads as catml, the same folds, standardised features and number of epochs. As catml does, they take the epoch
that is best for all folds together.
"""

import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from catml.study.space import LINEAR, read
from catml.study.store import open_study
from catml.study.sweep import Material, Sweep
from experiments.sweep_benchmark.data import Problem

Head = dict[str, Any]
# Log loss and accuracy, each of shape (heads, folds), and how many heads were trained on a fold.
Scores = tuple[np.ndarray, np.ndarray, int]
MEMORY = 4 * 10**9
TRIALS = 200


def optuna_and_keras(problem: Problem, heads: Sequence[Head], epochs: int) -> Scores:
    """Optuna, and Keras's `fit` on each fold."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    curves = []

    def objective(trial: optuna.Trial) -> float:
        head = heads[trial.suggest_int("head", 0, len(heads) - 1)]
        histories = [_fit(problem, fold, head, epochs) for fold in problem.folds]
        curves.append(histories)
        return float(np.min(np.mean([history[0] for history in histories], axis=0)))

    study = optuna.create_study()
    for number in range(len(heads)):
        study.enqueue_trial({"head": number})
    study.optimize(objective, n_trials=len(heads))
    return _at_best_epoch(curves)


def keras_tuner(problem: Problem, heads: Sequence[Head], epochs: int) -> Scores:
    """KerasTuner, which knows no folds: a search for each of them."""
    import keras_tuner

    curves: list[list[Any]] = [[None] * len(problem.folds) for _ in heads]
    for number, (training, validation) in enumerate(problem.folds):
        inputs, held_out = _standardised(problem, training, validation)

        class Model(keras_tuner.HyperModel):
            def build(self, hp: Any) -> Any:
                return _model(problem, heads[hp.Choice("head", list(range(len(heads))))])

            def fit(self, hp: Any, model: Any, *args: Any, number: int = number, **kwargs: Any) -> Any:
                history = model.fit(*args, **kwargs)
                curves[hp.get("head")][number] = _curves(history)
                return history

        with tempfile.TemporaryDirectory() as folder:
            tuner = keras_tuner.GridSearch(Model(), objective="val_loss", max_trials=len(heads), directory=folder)
            tuner.search(
                inputs,
                problem.labels[training],
                validation_data=(held_out, problem.labels[validation]),
                epochs=epochs,
                batch_size=32,
                verbose=0,
            )
    return _at_best_epoch(curves)


def scikit_learn_mlp(problem: Problem, heads: Sequence[Head], epochs: int) -> Scores:
    """Scikit-learn's MLPClassifier; it has no dropout, and no best epoch is looked for."""
    from sklearn.neural_network import MLPClassifier

    def make(head: Head) -> Any:
        widths, l2, rate, _ = settings(head)
        return MLPClassifier(
            widths,
            # Its penalty is alpha / 2 over the number of photos in a batch.
            alpha=2 * 32 * l2,
            learning_rate_init=rate,
            batch_size=32,
            max_iter=epochs,
        )

    return _scikit_learn(problem, [lambda head=head: make(head) for head in heads])


def logistic_regression(problem: Problem, heads: Sequence[Head], epochs: int) -> Scores:
    """Scikit-learn's LogisticRegression with two strengths of penalty: C = 1, as it comes, and C = 0.01."""
    from sklearn.linear_model import LogisticRegression

    return _scikit_learn(problem, [lambda c=c: LogisticRegression(C=c, max_iter=5000) for c in (1.0, 0.01)])


def catml(problem: Problem, heads: Sequence[Head], epochs: int) -> Scores:
    """The study of catml, TPE and all, of as many trials as there are heads to try and more."""
    return study(problem, TRIALS, f"epochs={epochs}")


def only(shape: str, epochs: int) -> str:
    """Return the space of one shape; a linear head has no epochs."""
    return f"hidden={shape}" + ("" if shape == LINEAR else f"; epochs={epochs}")


def study(problem: Problem, trials: int, settings: str) -> Scores:
    """Run a study of catml; its first trial, the linear head, is not among the scores."""
    material = Material({"features": problem.features}, problem.labels, problem.folds, {})
    with tempfile.TemporaryDirectory() as folder:
        found = Sweep(material, read(settings), 0, open_study("study", Path(folder)), MEMORY)
        done = found.run(trials, lambda _: None)
    scored = done[1:] or done
    scores = [np.array([getattr(trial, name) for trial in scored]) for name in ("log_losses", "accuracies")]
    return scores[0], scores[1], len(done) * len(problem.folds)


def settings(head: Head) -> tuple[list[int], float, float, float]:
    """Return widths, L2, learning rate and dropout of a head; for a linear one the rate is Keras's own."""
    if head["hidden"] == LINEAR:
        return [], head["linear_l2"], 1e-3, 0.0
    widths = [int(width) for width in head["hidden"].split("-")]
    return widths, head["hidden_l2"], head["learning_rate"], head["dropout"]


def _fit(problem: Problem, fold: tuple[np.ndarray, np.ndarray], head: Head, epochs: int) -> Any:
    training, validation = fold
    inputs, held_out = _standardised(problem, training, validation)
    model = _model(problem, head)
    history = model.fit(
        inputs,
        problem.labels[training],
        validation_data=(held_out, problem.labels[validation]),
        epochs=epochs,
        batch_size=32,
        verbose=0,
    )
    return _curves(history)


def _curves(history: Any) -> tuple[list[float], list[float]]:
    # Keras's own `val_loss` has the penalty in it.
    return history.history["val_log_loss"], history.history["val_accuracy"]


def _model(problem: Problem, head: Head) -> Any:
    import keras

    widths, l2, rate, dropout = settings(head)
    model = keras.Sequential([keras.Input((problem.features.shape[1],))])
    penalty = keras.regularizers.L2(l2)
    for width in widths:
        model.add(keras.layers.Dense(width, "relu", kernel_initializer="he_normal", kernel_regularizer=penalty))
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(problem.classes, "softmax", kernel_regularizer=penalty))
    log_loss = keras.metrics.SparseCategoricalCrossentropy(name="log_loss")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy", log_loss])
    return model


def _standardised(problem: Problem, training: np.ndarray, validation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(problem.features[training])
    return scaler.transform(problem.features[training]), scaler.transform(problem.features[validation])


def _at_best_epoch(curves: Sequence[Any]) -> Scores:
    values = np.array(curves)  # (heads, folds, 2, epochs)
    best = values[:, :, 0].mean(axis=1).argmin(axis=1)
    taken = values[np.arange(len(values)), :, :, best]
    return taken[..., 0], taken[..., 1], values.shape[0] * values.shape[1]


def _scikit_learn(problem: Problem, makes: Sequence[Callable[[], Any]]) -> Scores:
    from catml.evaluation.metrics import accuracy, log_loss

    losses, accuracies = (np.empty((len(makes), len(problem.folds))) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "maximum iterations reached": so they shall be
        for row, make in enumerate(makes):
            for column, (training, validation) in enumerate(problem.folds):
                inputs, held_out = _standardised(problem, training, validation)
                given = make().fit(inputs, problem.labels[training]).predict_proba(held_out)
                losses[row, column] = log_loss(given, problem.labels[validation])
                accuracies[row, column] = accuracy(given, problem.labels[validation])
    return losses, accuracies, losses.size


def timed(way: Callable[..., Scores], *arguments: Any) -> tuple[float, Scores]:
    """Return seconds a head (one fit on one fold) and the scores; imports are not in it."""
    start = time.perf_counter()
    scores = way(*arguments)
    return (time.perf_counter() - start) / scores[2], scores
