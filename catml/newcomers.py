"""Photos that came later: whether they look unlike those there were, and what the champion so far makes of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml import screen
from catml.assessment import Assessment
from catml.evaluation.drift import Drift, drift, look_back
from catml.evaluation.familiarity import STRANGE_PERCENT
from catml.evaluation.intervals import Interval, accuracy_interval
from catml.evaluation.paired import CHANCE, Paired, paired
from catml.learning import Learnt, joined
from catml.photos.listing import Listing
from catml.preparation import Data
from catml.rivalry import FEWEST, InUse

MOST = 2000  # new photos that are looked at; the champion needs some 20 ms for each


@dataclass(frozen=True)
class Judged:
    """What the champion so far makes of new photos, answered without having learnt from them.

    Attributes:
        version: in the registry.
        right: whether each photo came out right.
        foreign: how many others have labels that it does not know.
        interval: of its accuracy on them.
        tested: of its accuracy in its own test; None where that isn't known.
    """

    version: int
    right: NDArray[np.bool_]
    foreign: int
    interval: Interval
    tested: Interval | None

    @property
    def is_worse(self) -> bool:
        """Whether it is worse on them than in its test: the intervals don't even touch."""
        return self.tested is not None and self.interval.high < self.tested.low


@dataclass(frozen=True)
class Newcomers:
    """Photos that came later, beside those there were.

    Attributes:
        name: what they came with.
        count: how many they are.
        rows: which photos those are, as rows of the split; of more than `MOST`, so many drawn at random.
        old: the photos there were.
        drift: whether they look unlike those.
        right: of those among the test photos of the new classifier, whether it got each right.
        interval: of its accuracy on them; None where there are none.
        judged: by the champion so far; None where there is none, or it can't tell.
        beside: the new classifier, first, and the champion so far, on those test photos; None likewise.
    """

    name: str
    count: int
    rows: NDArray[np.intp]
    old: NDArray[np.intp]
    drift: Drift
    right: NDArray[np.bool_]
    interval: Interval | None
    judged: Judged | None = None
    beside: Paired | None = None

    @property
    def looks_unlike(self) -> bool:
        """Whether they look more unlike the old ones than chance would have it."""
        return self.drift.p <= CHANCE

    def metrics(self) -> dict[str, float]:
        """Return what is logged."""
        ends = self.drift.strange_share
        found = {"new_photos": self.count, "new_strange": float(self.drift.strange.mean())}
        found |= {"new_strange_low": ends.low, "new_strange_high": ends.high}
        if self.drift.moments:
            found |= {"new_less_similar": self.drift.less_similar, "new_p": self.drift.p}
        if self.judged:
            accuracy, interval = float(self.judged.right.mean()), self.judged.interval
            found |= {"new_champion_accuracy": accuracy}
            found |= {"new_champion_accuracy_low": interval.low, "new_champion_accuracy_high": interval.high}
        return found


def meet(
    listing: Listing, data: Data, learnt: Learnt, assessed: Assessment, champion: InUse | None
) -> tuple[Newcomers, ...]:
    """Look at the photos that came later: all of them first, then by what they came with, where that is several.

    Where none were named as such, those that the champion so far does not know are new.

    Args:
        listing: says which photos came later.
        data: all photos.
        learnt: whose features are compared.
        assessed: its test.
        champion: in use until now.
    """
    sets = _sets(listing, data.splits, champion)
    if not sets:
        return ()
    features, splits = joined(learnt.heads, data.material.features), data.splits
    new = np.unique(np.concatenate([rows for _, rows in sets]))
    old = np.setdiff1d(np.arange(len(splits)), new)
    if len(new) > MOST:
        new = np.sort(np.random.default_rng(0).choice(new, MOST, replace=False))

    def of(rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], list[str], list[str]]:
        return features[rows], splits["label"].iloc[rows].tolist(), splits["group"].iloc[rows].tolist()

    before = look_back(*of(old), learnt.familiar.blocks)
    answers = pd.Series(dtype=object) if champion is None else champion.answers(splits.iloc[new], listing.folder)
    found = []
    for name, everyone in sets:
        rows = np.intersect1d(everyone, new)
        if not len(rows):
            continue
        is_new = np.isin(assessed.rows, rows)
        right = pd.Series(assessed.right[is_new], index=assessed.rows[is_new])
        ends = accuracy_interval(right.to_numpy(), splits["group"].iloc[right.index].tolist()) if len(right) else None
        one = Newcomers(name, len(everyone), rows, old, drift(before, *of(rows)), right.to_numpy(), ends)
        found.append(one if champion is None else _beside(one, champion, answers, right, splits))
    return tuple(found)


def table(newcomers: Newcomers, splits: pd.DataFrame, listing: Listing, champion: InUse | None) -> pd.DataFrame:
    """Return one row a new photo, the most unlike first.

    Returns:
        Columns `path`, `label`, `split` ("test" or a fold's number), `came_with`, `champion` (what the champion so far
        answered, empty where it has learnt from the photo), `similarity` to the nearest old photo, and `strange`,
        whether that is too little.
    """
    rows = splits.iloc[newcomers.rows][["path", "label", "split"]].reset_index(drop=True)
    keys = splits["pixels_sha256"].iloc[newcomers.rows].reset_index(drop=True)
    rows["champion"] = champion.known(keys).fillna("") if champion else ""
    rows["came_with"] = rows["path"].map(listing.added).fillna("")
    rows["similarity"], rows["strange"] = newcomers.drift.similar, newcomers.drift.strange
    return rows.sort_values("similarity", kind="stable")


def said(newcomers: Newcomers) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of photos that came later: a heading, and a sentence."""
    seen, count, one = newcomers.drift, len(newcomers.rows), newcomers.count == 1
    photos = "The photo that came later" if one else f"The {newcomers.count:,} photos that came later"
    yield "new", f"{photos} {_looks(newcomers, one)}"
    strange = int(seen.strange.sum())
    yield (
        "unlike",
        f"{strange} of {count:,} {'is' if strange == 1 else 'are'} unlike all old ones "
        f"({screen.percent(strange / count)}, 95 % interval {screen.between(seen.strange_share)}); of old ones, "
        f"{STRANGE_PERCENT:g} % are.",
    )
    if newcomers.judged:
        yield "before", _champion_said(newcomers.judged)
    if newcomers.interval:
        right, tested = int(newcomers.right.sum()), len(newcomers.right)
        beside = f"; beside the champion so far, {newcomers.beside.said}" if newcomers.beside else ""
        yield (
            "after",
            f"The new classifier was tested on {tested} of them, answered without having learnt from them: {right} "
            f"right, {screen.percent(right / tested)}, 95 % interval {screen.between(newcomers.interval)}{beside}.",
        )


def _looks(newcomers: Newcomers, one: bool) -> str:
    seen, count = newcomers.drift, len(newcomers.rows)
    if not seen.moments:
        return f"can't be compared with old ones: there were none of {'its label' if one else 'their labels'}."
    if newcomers.looks_unlike:
        verdict = f"look{'s' if one else ''} unlike the old ones"
    else:
        verdict = f"{'is' if one else 'are'} not shown to look unlike the old ones"
    moments = f"{seen.moments} moment{'s' if seen.moments > 1 else ''} compared"
    drawn = f" {count:,} of them, drawn at random, were looked at." if count < newcomers.count else ""
    return (
        f"{verdict}: in {100 * seen.less_similar:.0f} of 100 cases such a photo is less similar to the old ones than "
        f"an old one of its label is, and 50 would be no difference ({screen.chance(seen.p)}, {moments}).{drawn}"
    )


def _champion_said(judged: Judged) -> str:
    right, count = int(judged.right.sum()), len(judged.right)
    lacks = f" ({judged.foreign} more have labels that it does not know)" if judged.foreign else ""
    text = (
        f"The champion so far, version {judged.version}, gets {right} of {count} right that it answered without having "
        f"learnt from them{lacks}: {screen.percent(right / count)}, 95 % interval {screen.between(judged.interval)}"
    )
    if judged.tested is None:
        return f"{text}."
    if judged.is_worse:
        why = "Either photos have changed, or these are the hard ones."
        return f"{text}, less than its test said ({screen.between(judged.tested)}). {why}"
    return f"{text}; its test said {screen.between(judged.tested)}."


def _sets(listing: Listing, splits: pd.DataFrame, champion: InUse | None) -> Sequence[tuple[str, NDArray[np.intp]]]:
    """Return names and rows of the sets of new photos."""
    came = splits["path"].map(listing.added)
    sets = [(name, np.flatnonzero(came == name)) for name in dict.fromkeys(listing.added.values())]
    sets = [(name, rows) for name, rows in sets if len(rows)]  # of copies of old photos, none is left
    if len(sets) > 1:
        sets.insert(0, ("all", np.flatnonzero(came.notna())))
    if not sets and champion is not None:
        is_known = champion.knows(splits)
        if FEWEST <= is_known.sum() < len(splits):
            sets = [(f"since version {champion.version}", np.flatnonzero(~is_known))]
    return sets if sum(len(rows) for _, rows in sets[:1]) < len(splits) else ()


def _beside(
    one: Newcomers, champion: InUse, answers: "pd.Series[str]", right: "pd.Series[bool]", splits: pd.DataFrame
) -> Newcomers:
    """Return the photos with what the champion makes of those that it has not learnt from."""
    given = answers[answers.index.isin(one.rows)].dropna()
    photos = splits.loc[given.index]
    is_fair = photos["label"].isin(champion.classifier.description.labels)
    photos, given = photos[is_fair], given[is_fair]
    if given.empty:
        return one
    was_right = given == photos["label"]
    ends = accuracy_interval(was_right.to_numpy(), tuple(photos["group"]))
    both = right.index.intersection(given.index)
    return replace(
        one,
        judged=Judged(champion.version, was_right.to_numpy(), int((~is_fair).sum()), ends, _tested(champion)),
        beside=paired(right[both].to_numpy(), was_right[both].to_numpy()) if len(both) else None,
    )


def _tested(champion: InUse) -> Interval | None:
    metrics: Mapping[str, float] = champion.classifier.description.metrics
    ends = [metrics.get(f"test_accuracy_{end}") for end in ("low", "high")]
    return None if None in ends else Interval(*map(float, ends))  # type: ignore[arg-type]
