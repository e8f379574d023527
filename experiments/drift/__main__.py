"""Do new photos look unlike those learnt from? Ways to ask, by their false alarms and by what they find.

python -m experiments.drift FOLDER ANOTHER-FOLDER
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.model_selection import StratifiedGroupKFold
from tqdm import tqdm

from catml import config, screen
from catml.errors import InputError
from catml.evaluation.paired import CHANCE
from catml.heads.fit import fit_head
from catml.heads.spec import HeadSpec
from experiments.drift.album import AS_IS, Album, load
from experiments.drift.candidates import NAMES, candidates
from experiments.drift.kinds import Drawn, kinds

SIZES = (10, 30, 60)
ALIKE, UNLIKE = 200, 40  # draws
JUDGED = 3  # draws of which accuracies are taken
HEAD = HeadSpec(hidden=(), scaling="common", l2=0.01)


def main() -> int:
    """Print a row a folder, kind of new photos and number of them: how often each candidate finds them unlike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", help="folders with one folder of photos per label")
    try:
        albums = {Path(folder).name: load(folder) for folder in parser.parse_args().photos}
    except InputError as error:
        screen.complain(error.problems)
        return error.exit_code
    table = pd.DataFrame(row for name, album in albums.items() for row in rows(name, album))
    table.to_csv(config.data_folder() / "drift" / "rows.csv", index=False, float_format="%.4g")
    screen.say(table.to_string(index=False, float_format="{:.2f}".format))
    unlike = table[~table["new"].str.startswith("alike")]
    tracks = spearmanr(unlike["effect"], unlike["right of old"] - unlike["right of new"]).statistic
    screen.say(f"rank correlation of the effect with what accuracy loses, where photos are unlike: {tracks:.2f}")
    return 0


def rows(folder: str, album: Album) -> Iterator[dict[str, object]]:
    """Yield a row a kind and number of new photos: shares of draws with p < .05, mean effect, accuracies."""
    for kind, draw in kinds(album):
        for size in SIZES:
            draws = ALIKE if kind.startswith("alike") else UNLIKE
            found, judged = [], []
            for seed in tqdm(range(draws), f"{folder}, {size} {kind}", file=sys.stderr):
                if (drawn := draw(size, np.random.default_rng([seed, size]))) is None:
                    break
                old, new = album.features[AS_IS][drawn.old], album.features[drawn.change][drawn.new]
                found.append(
                    candidates(
                        *(old, drawn.labels[drawn.old], drawn.groups[drawn.old]),
                        *(new, drawn.labels[drawn.new], drawn.groups[drawn.new]),
                        seed,
                    )
                )
                if seed < JUDGED:
                    judged.append(accuracies(album, drawn))
            if found:
                alarms = np.mean([p < CHANCE for p, _ in found], axis=0)
                row = {"photos": folder, "new": kind, "size": size} | dict(zip(NAMES, alarms, strict=True))
                row["effect"] = np.mean([effect for _, effect in found])
                yield row | dict(zip(("right of old", "right of new"), np.mean(judged, axis=0), strict=True))


def accuracies(album: Album, drawn: Drawn) -> tuple[float, float]:
    """Return the linear head's accuracy on old photos, by cross-validation, and on new ones."""
    features, labels = album.features[AS_IS][drawn.old], drawn.labels[drawn.old]
    classes = album.labels.max() + 1

    def right(rows, on, truth):
        (layer,) = fit_head(features[rows], labels[rows], HEAD, classes, 0)
        return (on @ layer.kernel + layer.bias).argmax(axis=1) == truth

    folds = StratifiedGroupKFold(config.FOLDS, shuffle=True, random_state=0)
    split = folds.split(features, labels, drawn.groups[drawn.old])
    old = np.concatenate([right(training, features[held], labels[held]) for training, held in split])
    new = right(slice(None), album.features[drawn.change][drawn.new], drawn.labels[drawn.new])
    return float(old.mean()), float(new.mean())


if __name__ == "__main__":
    sys.exit(main())
