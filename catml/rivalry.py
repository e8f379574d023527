"""The present champion beside a new classifier, on the same photos, none of which either has learnt from."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml import config, screen
from catml.assessment import Assessment
from catml.classifier import Classifier
from catml.evaluation.paired import Paired, paired
from catml.gate import Rival
from catml.preparation import Data
from catml.registration import holder, load_classifier

FEWEST = 10  # photos on which two classifiers are compared


def present(name: str, assessed: Assessment, data: Data, folder: Path) -> Rival | None:
    """Return the champion in the registry, compared with a new classifier; None where there is none.

    Args:
        name: of the registered model.
        assessed: the test of the new classifier.
        data: its photos.
        folder: what their paths are relative to.
    """
    number = holder(name, config.CHAMPION)
    if number is None:
        return None
    champion = load_classifier(name, number)
    labels = champion.description.labels
    compared = None if set(labels) - set(data.labels) else compare(champion, assessed, data, folder)
    return Rival(number, labels, champion.description.photos == config.SAMPLE, compared)


def compare(champion: Classifier, assessed: Assessment, data: Data, folder: Path) -> Paired | None:
    """Compare a new classifier, first, with the champion on the new one's test photos.

    What the champion was tested on counts as it was tested. What it has learnt from is left out. It answers all others
    now.

    Returns:
        None where too few photos are left.
    """
    photos = data.splits.iloc[assessed.rows][["path", "label", "pixels_sha256"]].reset_index(drop=True)
    answers = photos["pixels_sha256"].map(_known(champion, "test")).astype(object)
    learnt = photos["pixels_sha256"].isin(_known(champion, "learn").index)
    unknown = answers.isna() & ~learnt
    if unknown.any():
        screen.say(f"compared   the present champion answers {unknown.sum()} test photos it has not seen")
        paths = [folder / path for path in photos.loc[unknown, "path"]]
        answers[unknown] = champion.predict(paths)["label"].to_numpy()
    fair: NDArray[np.bool_] = answers.notna().to_numpy()
    if fair.sum() < min(FEWEST, len(photos)):
        return None
    return paired(assessed.right[fair], (answers == photos["label"]).to_numpy()[fair])


def _known(champion: Classifier, judged: str) -> "pd.Series[str]":
    """Return the champion's answers by `pixels_sha256`."""
    if champion.judged is None:
        return pd.Series(dtype=str)
    table = champion.judged[champion.judged["judged"] == judged]
    return pd.Series(table["answer"].to_numpy(), index=table["pixels_sha256"].to_numpy())
