"""Photos of something else: how many of them a classifier answers, though it should say that it is unsure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from catml import config, pipeline
from catml.learning import Learnt
from catml.photos.listing import COLUMNS, Listing
from catml.photos.named import find
from catml.photos.scan import scan
from catml.pipeline import Found
from catml.preparation import Data, matrices


@dataclass(frozen=True)
class Strangers:
    """What a classifier said of photos of something else.

    Attributes:
        table: one row a photo: `path`, `answer`, `probability`, `similarity`, `unsure`.
        doubtful: how many of them are unsure by their probability alone.
        broken: how many files were no photos.
    """

    table: pd.DataFrame
    doubtful: int
    broken: int

    @property
    def answered(self) -> int:
        """How many were answered."""
        return int((~self.table["unsure"]).sum())


def meet(other: str, learnt: Learnt, found: Found, data: Data) -> Strangers:
    """Answer the photos in a folder, but for those that were learnt from or tested.

    Args:
        other: the folder.
        learnt: the classifier.
        found: the backbones.
        data: the photos that are known.
    """
    folder = Path(other).expanduser().absolute()
    names = [str(path.absolute().relative_to(folder)) for path in find([other])[0]]
    files = pd.DataFrame([(name, "", "", "") for name in sorted(names)], columns=COLUMNS, dtype=object)
    table = scan(Listing(folder, folder, files, ()), config.data_folder() / "photos")
    fine = table[table["problem"] == ""].drop_duplicates("pixels_sha256")
    fine = fine[~fine["pixels_sha256"].isin(data.splits["pixels_sha256"])].reset_index(drop=True)
    used = _used(found, ["+".join(head.backbones) for head in learnt.heads])
    checked = replace(found.checked, listing=Listing(folder, folder, files, ()), photos=fine)
    there = replace(used, checked=checked)
    pipeline.extract(there)
    answers = learnt.answer(matrices(there, fine["pixels_sha256"].tolist()))
    best = answers.probabilities.argmax(axis=1)
    said = pd.DataFrame(
        {
            "path": fine["path"],
            "answer": [data.labels[number] for number in best],
            "probability": answers.probabilities.max(axis=1),
            "similarity": answers.similar,
            "unsure": ~answers.sure,
        }
    )
    doubtful = int((said["probability"] < learnt.threshold.probability).sum())
    return Strangers(said, doubtful, int((table["problem"] != "").sum()))


def _used(found: Found, sets: Sequence[str]) -> Found:
    """Return only the backbones that are in use, without augmented views."""
    parts = {part for name in sets for part in found.sets[name]}
    sources = tuple(replace(source, stores=source.of(0)) for source in found.sources if source.backbone.name in parts)
    return replace(found, sources=sources, sets={name: found.sets[name] for name in dict.fromkeys(sets)})
