"""The present champion beside a new classifier, on the same photos, none of which either has learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from catml import config, screen
from catml.assessment import Assessment
from catml.classifier import Classifier
from catml.evaluation.paired import Paired, paired
from catml.gate import Rival
from catml.preparation import Data
from catml.registration import holder, load_classifier

FEWEST = 10  # photos on which two classifiers are compared
QUIET_SECONDS = 3.0  # what takes no longer needs no bar


@dataclass(frozen=True)
class InUse:
    """The champion in the registry: its version, the classifier itself, and what it has answered by now."""

    version: int
    classifier: Classifier
    answered: dict[str, str] = field(default_factory=dict)

    def knows(self, photos: pd.DataFrame) -> "pd.Series[bool]":
        """Tell which photos it was tested on, or has learnt from."""
        return photos["pixels_sha256"].isin({*self._judged("test"), *self._judged("learn")})

    def answers(self, photos: pd.DataFrame, folder: Path) -> "pd.Series[str]":
        """Return the labels that it gives photos; missing for those it has learnt from, or that are gone by now.

        What it was tested on counts as it was tested. It answers all others now.

        Args:
            photos: `path` and `pixels_sha256`.
            folder: what paths are relative to.
        """
        keys, tested = photos["pixels_sha256"], self._judged("test")
        new = photos[~keys.isin({*tested, *self._judged("learn"), *self.answered})]
        if len(new):
            screen.say(f"compared   the present champion answers {len(new)} photos it has not seen")
            said = self._said([folder / path for path in new["path"]])
            gone = said["problem"].ne("").to_numpy()
            if gone.any():
                first = f"{new['path'].iloc[gone.argmax()]}: {said['problem'].iloc[gone.argmax()]}"
                screen.say(f"note       {gone.sum()} of these photos can't be read any more, and are left out: {first}")
            self.answered.update(zip(new["pixels_sha256"][~gone], said["label"][~gone], strict=True))
        return self.known(keys)

    def known(self, keys: "pd.Series[str]") -> "pd.Series[str]":
        """Return what it has answered so far, by `pixels_sha256`, as `answers`."""
        return keys.map({**self.answered, **self._judged("test")}).astype(object)

    def _said(self, paths: Sequence[Path]) -> pd.DataFrame:
        found = []
        with tqdm(total=len(paths), desc="champion so far", unit="photo", delay=QUIET_SECONDS) as bar:
            for rows in self.classifier.stream(paths):
                found.append(rows)
                bar.update(len(rows))
        return pd.concat(found, ignore_index=True)

    def _judged(self, how: str) -> dict[str, str]:
        """Return its answers, by `pixels_sha256`, to photos of its test ("test") or learnt from ("learn")."""
        table = self.classifier.judged
        if table is None:
            return {}
        table = table[table["judged"] == how]
        return dict(zip(table["pixels_sha256"], table["answer"], strict=True))


def in_use(name: str) -> InUse | None:
    """Load the present champion of a registered model; None where there is none.

    Raises:
        InputError: its files are gone.
    """
    number = holder(name, config.CHAMPION)
    return None if number is None else InUse(number, load_classifier(name, number))


def present(champion: InUse, assessed: Assessment, data: Data, folder: Path) -> Rival:
    """Return the champion compared with a new classifier.

    Args:
        champion: in the registry.
        assessed: the test of the new classifier.
        data: its photos.
        folder: what their paths are relative to.
    """
    described = champion.classifier.description
    lost = set(described.labels) - set(data.labels)
    compared = None if lost else compare(champion, assessed, data, folder)
    return Rival(champion.version, described.labels, described.photos == config.SAMPLE, compared)


def compare(champion: InUse, assessed: Assessment, data: Data, folder: Path) -> Paired | None:
    """Compare a new classifier, first, with the champion on the new one's test photos.

    Returns:
        None where too few photos are left that the champion has not learnt from.
    """
    photos = data.splits.iloc[assessed.rows].reset_index(drop=True)
    answers = champion.answers(photos, folder)
    fair: NDArray[np.bool_] = answers.notna().to_numpy()
    if fair.sum() < min(FEWEST, len(photos)):
        return None
    return paired(assessed.right[fair], (answers == photos["label"]).to_numpy()[fair])
