"""Which photos are kept back for the test, and which fold of the cross-validation each other photo is in.

The side of a photo is decided once. When photos are added, all others stay where they were, so that the test photos of
an earlier run are never learnt from later.
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from catml.errors import InputError
from catml.files import write_whole

TEST, LEARN = "test", "learn"
REPEAT = "fold_"
Sides = dict[str, str]  # "test" or "learn" by pixels_sha256
MORE_MOMENTS = "Add photos of it taken at other times or places."


def split(table: pd.DataFrame, test_fraction: float, folds: int, seed: int, sides: Sides | None = None) -> pd.DataFrame:
    """Split photos into test and folds: by whole groups, each label in its share; or as the user has decided.

    Groups that aren't decided yet are kept back for the test in the order of the hashes of their names, as long as they
    fit into the label's share, so that the order and the names of the files don't matter. Where none fits, it is the
    smallest. Whatever the share, `folds` groups of each label are left to learn from.

    Where the table's column `split` is filled ("test", "learn" or a fold's number), that is how it is, and
    `test_fraction` and `sides` count for nothing; photos to learn from without a fold's number are put into folds here.

    Args:
        table: photo table without problems; `path`, `label`, `group`, `pixels_sha256`, maybe `split`.
        test_fraction: share of each label's photos to keep back, at least one photo.
        folds: number of folds for the rest.
        seed: another seed, another split.
        sides: of photos that an earlier run has decided; a group goes where those of its photos are.

    Returns:
        Columns `path`, `label`, `group`, `pixels_sha256` and `split`, which is "test" or the fold's number as text;
        the same rows in the same order as `table`.

    Raises:
        InputError: a label has too few groups, or none left for the test; or a new photo joins photos of both sides to
            one group; or a group lies on both sides of the user's split.
    """
    result = table[["path", "label", "group", "pixels_sha256"]].copy()
    if is_given(table):
        return _as_given(result.assign(split=table["split"]), folds, seed)
    side = _sides_of_groups(result, sides or {})
    # A group of two labels counts for the one it has more photos of.
    owner = result.groupby("group")["label"].agg(lambda labels: labels.mode()[0])
    size = result["group"].value_counts()
    problems = []
    for label in sorted(result["label"].unique()):
        sizes = size[owner.index[owner == label]]
        side |= _decide(sizes, test_fraction, folds, seed, side)
        problems += _too_few(label, sizes, folds, [side[str(name)] for name in sizes.index])
    if problems:
        raise InputError(problems)
    result["split"] = result["group"].map(side)
    return _into_folds(result, folds, seed)


def is_given(table: pd.DataFrame) -> bool:
    """Return whether the user has decided the split, in a column of a table or by folders."""
    return "split" in table and bool((table["split"] != "").any())


def has_own_folds(table: pd.DataFrame) -> bool:
    """Return whether the user has numbered the folds."""
    return is_given(table) and bool(table["split"].str.fullmatch("[0-9]+").any())


def remember(splits: pd.DataFrame, file: Path) -> None:
    """Add the sides of photos to a file; those it has already, also of photos that are gone, stay in it."""
    new = {key: TEST if where == TEST else LEARN for key, where in _pairs(splits, "split")}
    sides = new | remembered(file)
    table = pd.DataFrame(sorted(sides.items()), columns=["pixels_sha256", "side"])
    write_whole(file, table.to_csv(index=False).encode())


def remembered(file: Path) -> Sides:
    """Return the sides in a file that `remember` wrote; none where there is no file.

    Raises:
        InputError: the file is damaged.
    """
    if not file.exists():
        return {}
    try:
        table = pd.read_csv(file, dtype=str)
        sides = dict(_pairs(table, "side"))
        sound = set(sides.values()) <= {TEST, LEARN} and len(sides) == int(table["pixels_sha256"].count()) == len(table)
    except (ValueError, KeyError):
        sound = False
    if not sound:
        raise InputError(
            f"{file}: is damaged. Bring it back from a backup; without it, test photos of earlier runs would be learnt "
            "from. If there were none that count, delete it."
        )
    return sides


def split_hash(splits: pd.DataFrame) -> str:
    """Return the digest of which photo is where, whatever the files are called."""
    rows = sorted((splits["pixels_sha256"] + " " + splits["label"] + " " + splits["split"]).tolist())
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def test_hash(splits: pd.DataFrame) -> str:
    """Return the digest of which photos are tested: those kept back, or all of them where none are."""
    test = splits["split"] == TEST
    keys = splits.loc[test if test.any() else test | True, "pixels_sha256"].tolist()
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:16]


def fold_indices(splits: pd.DataFrame) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return (training rows, validation rows) of each fold of each repeat, as positions in `splits`.

    Test rows are in neither.
    """
    repeats = [name for name in splits.columns if name == "split" or name.startswith(REPEAT)]
    found = []
    for where in (splits[name].to_numpy() for name in repeats):
        for fold in sorted(set(where) - {TEST}, key=int):
            found.append((np.flatnonzero((where != fold) & (where != TEST)), np.flatnonzero(where == fold)))
    return found


def repeated(splits: pd.DataFrame, repeats: int, seed: int) -> pd.DataFrame:
    """Return a split with more ways to fold its photos to learn from, in the columns `fold_2`, `fold_3` and so on.

    Folds drawn once more take off the luck of the draw; the test photos are the same (Kohavi 1995, section 4).

    Args:
        splits: what `split` returns.
        repeats: how many ways in all.
        seed: of the study.

    Raises:
        InputError: a label has too few groups.
    """
    result = splits.copy()
    test = splits["split"] == TEST
    folds = splits["split"].nunique() - int(test.any())
    for repeat in range(2, repeats + 1):
        again = splits.assign(split=np.where(test, TEST, LEARN))
        own_seed = int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0])
        result[f"{REPEAT}{repeat}"] = _into_folds(again, folds, own_seed)["split"]
    return result


def without_test(table: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """Return what `split` does where no photo is kept back: all are in folds.

    Raises:
        InputError: a label has too few groups.
    """
    result = table[["path", "label", "group", "pixels_sha256"]].assign(split=LEARN)
    moments = result.groupby("label")["group"].nunique()
    few = [
        f"{label}: shows only {count} different moments, near-duplicates and bursts counted once; at least {folds} are "
        f"needed. {MORE_MOMENTS}"
        for label, count in moments.items()
        if count < folds
    ]
    if few:
        raise InputError(few)
    return _into_folds(result, folds, seed)


def kept_back(splits: pd.DataFrame, fold: str, folds: int, repeats: int, seed: int) -> pd.DataFrame:
    """Return a split whose test photos are those of one fold, all others in folds drawn anew, `repeats` times.

    It is one round of a nested cross-validation; where a label has fewer groups left than `folds`, there are as many
    folds as it has groups.
    """
    test = splits["split"] == fold
    moments = splits[~test].groupby("label")["group"].nunique().min()
    bare = splits[["path", "label", "group", "pixels_sha256"]].assign(split=np.where(test, TEST, LEARN))
    own_seed = int(np.random.SeedSequence([seed, 1, int(fold)]).generate_state(1)[0])
    return repeated(_into_folds(bare, max(2, min(folds, int(moments))), own_seed), repeats, own_seed)


def _as_given(splits: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """Return the user's split, its photos to learn from in folds, or say what can't be right about it."""
    problems = []
    for _, members in splits.groupby("group"):
        if members["split"].nunique() > 1:
            two = members.drop_duplicates("split")
            first, second = (f"{path} ({where})" for path, where in zip(two["path"][:2], two["split"][:2], strict=True))
            problems.append(
                f"{first} and {second} look alike or are of one moment ({len(members)} photos in all), but lie on "
                "different sides of your split. Put them on one side, or leave one out; where they don't belong "
                "together, give them different groups in the column 'group' of a table."
            )
    learn = splits["split"] != TEST
    numbered = sorted(set(splits["split"]) - {TEST, LEARN}, key=int)
    if numbered and (splits["split"] == LEARN).any():
        problems.append("split: some photos to learn from have the number of a fold and others have none.")
    elif len(numbered) == 1:
        problems.append("split: all photos to learn from are in one fold; at least two are needed.")
    elif numbered:
        folds = len(numbered)
    for label in sorted(splits["label"].unique()):
        own = splits["label"] == label
        if not (own & ~learn).any():
            problems.append(f"{label}: your split keeps none of its photos for the test. Mark some with 'test'.")
        if numbered and splits.loc[own & learn, "split"].nunique() < 2:
            problems.append(f"{label}: at most one of your folds has photos of it. {MORE_MOMENTS}")
        if not numbered and (count := splits.loc[own & learn, "group"].nunique()) < folds:
            problems.append(
                f"{label}: your split leaves {count} different moments to learn from, near-duplicates and bursts "
                f"counted once; at least {folds} are needed. {MORE_MOMENTS}"
            )
    if problems:
        raise InputError(problems)
    return splits if numbered else _into_folds(splits, folds, seed)


def _into_folds(result: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """Give each photo to learn from the number of its fold."""
    problems = []
    # Sorted by content, so that renaming files changes no fold.
    rest = result[result["split"] == LEARN].sort_values(["label", "group", "path"])
    folder = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (training, members) in enumerate(folder.split(rest, rest["label"], rest["group"])):
        result.loc[rest.index[members], "split"] = str(number)
        lacking = sorted(set(rest["label"]) - set(rest["label"].iloc[training]))
        problems += [f"{label}: all its photos come to lie in one fold. {MORE_MOMENTS}" for label in lacking]
    if problems:
        raise InputError(problems)
    return result


def _decide(sizes: "pd.Series[int]", test_fraction: float, folds: int, seed: int, side: Sides) -> Sides:
    """Return the sides of those groups of one label, named by the index of `sizes`, that have none in `side`."""
    wanted = max(1, round(test_fraction * int(sizes.sum())))
    decided = [side.get(str(name)) for name in sizes.index]
    taken = sum(int(count) for count, where in zip(sizes, decided, strict=True) if where == TEST)
    spare = len(sizes) - folds - decided.count(TEST)  # how many groups more the test may have
    ranked = sorted(
        (str(name) for name in sizes.index[[where is None for where in decided]]),
        key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest(),
    )
    sides = dict.fromkeys(ranked, LEARN)
    for name in ranked:
        if spare > 0 and taken + sizes[name] <= wanted:
            sides[name] = TEST
            taken += int(sizes[name])
            spare -= 1
    if taken == 0 and spare > 0 and ranked:
        sides[min(ranked, key=lambda name: int(sizes[name]))] = TEST
    return sides


def _too_few(label: str, sizes: "pd.Series[int]", folds: int, sides: list[str]) -> list[str]:
    """Say what the groups of one label lack, if anything."""
    if len(sizes) <= folds or sides.count(LEARN) < folds:
        return [
            f"{label}: shows only {len(sizes)} different moments, near-duplicates and bursts counted once, "
            f"{sides.count(TEST)} of them test photos; at least {folds + 1} are needed, one for the test and "
            f"{folds} to learn from. {MORE_MOMENTS}"
        ]
    if TEST not in sides:
        return [f"{label}: none of its test photos is left, and all others were learnt from before. {MORE_MOMENTS}"]
    return []


def _sides_of_groups(splits: pd.DataFrame, sides: Sides) -> Sides:
    known = splits.assign(side=splits["pixels_sha256"].map(sides)).dropna(subset=["side"])
    crossing = known.groupby("group")["side"].nunique() > 1
    problems = []
    for name in crossing.index[crossing]:
        new = splits[(splits["group"] == name) & ~splits["pixels_sha256"].isin(sides)]["path"].tolist()
        old = known[known["group"] == name].drop_duplicates("side").sort_values("side")["path"].tolist()
        problems.append(
            f"{', '.join(new)}: looks like both {old[0]}, which was learnt from before, and {old[1]}, which is a test "
            f"photo. Leave {'it' if len(new) == 1 else 'them'} out, or one of the two would have to change sides."
            if new
            else f"{old[0]}: was learnt from before, and looks like {old[1]}, which is a test photo. Leave one of the "
            "two out."
        )
    if problems:
        raise InputError(problems)
    return dict(_pairs(known.drop_duplicates("group"), "side", key="group"))


def _pairs(table: pd.DataFrame, value: str, key: str = "pixels_sha256") -> "zip[tuple[str, str]]":
    return zip(table[key], table[value], strict=True)
