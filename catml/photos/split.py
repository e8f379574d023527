"""Which photos are kept back for the test, and which fold of the cross-validation each other photo is in."""

import hashlib

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

TEST = "test"


def split(table: pd.DataFrame, test_fraction: float, folds: int, seed: int) -> pd.DataFrame:
    """Split photos into test and folds: by whole groups, each label in its share.

    A group is on the test side by the rank of its own hash among the groups of its label, so that the order and the
    names of the files don't matter.

    Args:
        table: photo table without problems; `path`, `label`, `group`, `pixels_sha256`.
        test_fraction: share of each label's photos to keep back, at least one photo.
        folds: number of folds for the rest.
        seed: another seed, another split.

    Returns:
        Columns `path`, `label`, `group`, `pixels_sha256` and `split`, which is "test" or the fold's number as text;
        the same rows in the same order as `table`.
    """
    result = table[["path", "label", "group", "pixels_sha256"]].copy()
    result["split"] = ""
    for _, photos in result.groupby("label"):
        counts = photos["group"].value_counts()
        order = sorted(counts.index, key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest())
        taken = counts[order].cumsum()
        wanted = max(1, round(test_fraction * len(photos)))
        test = [group for group in order if taken[group] - counts[group] < wanted]
        result.loc[photos.index[photos["group"].isin(test)], "split"] = TEST
    rest = result[result["split"] == ""]
    # Sorted by content, so that renaming files changes no fold.
    rest = rest.sort_values(["label", "group", "path"])
    folder = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (_, members) in enumerate(folder.split(rest, rest["label"], rest["group"])):
        result.loc[rest.index[members], "split"] = str(number)
    return result


def split_hash(splits: pd.DataFrame) -> str:
    """Return the digest of which photo is where, whatever the files are called."""
    rows = sorted((splits["pixels_sha256"] + " " + splits["label"] + " " + splits["split"]).tolist())
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def fold_indices(splits: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (training rows, validation rows) of each fold, as positions in `splits`; test rows are in neither."""
    where = splits["split"].to_numpy()
    return [
        (np.flatnonzero((where != fold) & (where != TEST)), np.flatnonzero(where == fold))
        for fold in sorted(set(where) - {TEST}, key=int)
    ]
