"""The whole procedure on one folder, done by the product's own functions: split, study, champion, refit."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catml import config
from catml.learning import Learnt, Wanted, learn
from catml.photos.split import TEST, fold_indices, repeated, split
from catml.study.space import Space
from catml.study.store import open_study
from catml.study.sweep import Material, Sweep, Trial
from experiments.honesty.folders import BACKBONE, Photos, table

DEFAULTS, _ = config.read_parameters("train", {})


@dataclass(frozen=True)
class Done:
    """What the procedure came to on one folder.

    Attributes:
        material: features and labels of the folder's photos, test photos too, and the folds.
        trials: the study's.
        learnt: the classifier.
        learn: which photos of all there are it has learnt from.
        test: which ones were kept back for the test.
        tomorrow: which ones were not in the folder.
    """

    material: Material
    trials: list[Trial]
    learnt: Learnt
    learn: NDArray[np.intp]
    test: NDArray[np.intp]
    tomorrow: NDArray[np.intp]

    @property
    def unseen(self) -> NDArray[np.intp]:
        """All photos that nothing was learnt from, the test's first."""
        return np.concatenate([self.test, self.tomorrow])

    @property
    def learnt_from(self) -> NDArray[np.bool_]:
        """Which of the folder's photos were learnt from."""
        return np.isin(np.arange(len(self.material.labels)), self.learnt.rows)


def procedure(photos: Photos, rows: NDArray[np.intp], labels: NDArray[np.int64], seed: int) -> Done:
    """Do with a folder what `catml train` does by default.

    Args:
        photos: all there are.
        rows: which of them are in the folder.
        labels: what the user says is on those; shape (len(rows),).
        seed: as given to `catml train`.
    """
    photo_table = table(rows, labels)
    splits = split(photo_table, DEFAULTS["test_fraction"], config.FOLDS, seed)
    splits = repeated(splits, DEFAULTS["repeats"], seed)
    material = Material({BACKBONE: photos.features[rows]}, labels, fold_indices(splits), {})
    with tempfile.TemporaryDirectory() as folder:
        memory = int(DEFAULTS["memory"] * 10**9)
        sweep = Sweep(material, Space(), seed, open_study("study", Path(folder)), memory)
        trials = sweep.run(DEFAULTS["trials"], lambda _: None)
        wanted = Wanted(DEFAULTS["average"], DEFAULTS["precision"], {BACKBONE: 1.0})
        learnt = learn(trials, sweep, photo_table["group"].tolist(), wanted)
    is_test = (splits["split"] == TEST).to_numpy()
    tomorrow = np.setdiff1d(np.arange(len(photos.labels)), rows)
    return Done(material, trials, learnt, rows[~is_test], rows[is_test], tomorrow)
