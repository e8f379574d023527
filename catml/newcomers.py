"""Photos that came later: whether they look unlike those there were, and what the champion so far makes of them."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catml import screen
from catml.assessment import Assessment
from catml.errors import InputError
from catml.evaluation.drift import Drift, drift
from catml.evaluation.familiarity import STRANGE_PERCENT
from catml.evaluation.intervals import Interval, accuracy_interval
from catml.evaluation.paired import CHANCE, Paired, paired
from catml.learning import Learnt, joined
from catml.photos.listing import Listing
from catml.preparation import Data
from catml.rivalry import FEWEST, InUse


@dataclass(frozen=True)
class Judged:
    """What the champion so far makes of new photos, none of which it has learnt from.

    Attributes:
        version: in the registry.
        right: whether each photo came out right.
        interval: of its accuracy on them.
        tested: of its accuracy in its own test; None where that isn't known.
    """

    version: int
    right: NDArray[np.bool_]
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
        rows: which photos those are, as rows of the split.
        old: the photos there were.
        drift: whether they look unlike those.
        right: of those among the test photos of the new classifier, whether it got each right.
        judged: by the champion so far; None where there is none, or it can't tell.
        beside: the new classifier, first, and the champion so far, on those test photos; None likewise.
    """

    name: str
    rows: NDArray[np.intp]
    old: NDArray[np.intp]
    drift: Drift
    right: NDArray[np.bool_]
    judged: Judged | None = None
    beside: Paired | None = None

    @property
    def looks_unlike(self) -> bool:
        """Whether they look more unlike the old ones than chance would have it."""
        return self.drift.p <= CHANCE

    def metrics(self) -> dict[str, float]:
        """Return what is logged."""
        found = {
            "new_photos": len(self.rows),
            "new_strange": float(self.drift.strange.mean()),
            "new_less_similar": self.drift.less_similar,
            "new_p": self.drift.p,
        }
        if self.judged:
            found["new_champion_accuracy"] = float(self.judged.right.mean())
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
    features, labels = joined(learnt.heads, data.material.features), data.splits["label"]
    groups = data.splits["group"]
    everyone = np.unique(np.concatenate([rows for _, rows in sets]))
    old = np.setdiff1d(np.arange(len(labels)), everyone)
    answers = _answers(champion, data.splits.iloc[everyone], listing.folder)
    found = []
    for name, rows in sets:
        before, now = ((features[of], labels.iloc[of].tolist(), groups.iloc[of].tolist()) for of in (old, rows))
        is_new = np.isin(assessed.rows, rows)
        right = pd.Series(assessed.right[is_new], index=assessed.rows[is_new])
        one = Newcomers(name, rows, old, drift(*before, *now, learnt.familiar.blocks), right.to_numpy())
        found.append(one if champion is None else _beside(one, champion, answers, right, data.splits))
    return tuple(found)


def table(newcomers: Newcomers, splits: pd.DataFrame, listing: Listing) -> pd.DataFrame:
    """Return one row a new photo: `path`, `label`, `came_with`, `similarity`, `strange`; the most unlike first."""
    rows = splits.iloc[newcomers.rows][["path", "label", "split"]].reset_index(drop=True)
    rows["came_with"] = rows["path"].map(listing.added).fillna("")
    rows["similarity"], rows["strange"] = newcomers.drift.similar, newcomers.drift.strange
    return rows.sort_values("similarity", kind="stable")


def said(newcomers: Newcomers) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of photos that came later: a heading, and a sentence."""
    seen, count = newcomers.drift, len(newcomers.rows)
    strange, ends = int(seen.strange.sum()), seen.strange_share
    verdict = "look unlike the old ones" if newcomers.looks_unlike else "can't be told from the old ones by their looks"
    chance = "p < 0.001" if seen.p < 0.001 else f"p = {seen.p:.2g}"
    yield (
        "new",
        f"The {count} photos that came later {verdict}: in {100 * seen.less_similar:.0f} of 100 cases such a photo is "
        f"less similar to the old ones than an old one of its label is, and 50 would be no difference ({chance})."
        if seen.moments
        else f"Whether the {count} photos that came later look different can't be told: there were no photos of their "
        "labels before.",
    )
    yield (
        "unlike",
        f"{strange} of {count} are unlike all old ones ({screen.percent(strange / count)}, 95 % interval "
        f"{screen.percent(ends.low)} to {screen.percent(ends.high)}); of old ones, {STRANGE_PERCENT:g} % are.",
    )
    if newcomers.judged:
        yield "champion", _champion_said(newcomers.judged)
    if len(newcomers.right):
        beside = newcomers.beside
        against = f"; beside the champion so far, {beside.said}" if beside else ""
        right = f"{newcomers.right.sum()} of the {len(newcomers.right)} of them that are test photos"
        yield "learnt", f"The new classifier, which has learnt from the others, gets {right} right{against}."


def _champion_said(judged: Judged) -> str:
    right, count = int(judged.right.sum()), len(judged.right)
    ends = f"{screen.percent(judged.interval.low)} to {screen.percent(judged.interval.high)}"
    text = (
        f"The champion so far, version {judged.version}, gets {right} of {count} right, none of which it has learnt "
        f"from: {screen.percent(right / count)}, 95 % interval {ends}"
    )
    if judged.tested is None:
        return f"{text}."
    tested = f"{screen.percent(judged.tested.low)} to {screen.percent(judged.tested.high)}"
    if judged.is_worse:
        return f"{text}, less than its test said ({tested}). Either photos have changed, or these are the hard ones."
    return f"{text}; its test said {tested}."


def _sets(listing: Listing, splits: pd.DataFrame, champion: InUse | None) -> Sequence[tuple[str, NDArray[np.intp]]]:
    """Return names and rows of the sets of new photos."""
    came = splits["path"].map(listing.added)
    names = list(dict.fromkeys(name for name in listing.added.values() if (came == name).any()))
    sets = [(name, np.flatnonzero(came == name)) for name in names]
    if len(sets) > 1:
        sets.insert(0, ("all", np.flatnonzero(came.notna())))
    if not sets and champion is not None:
        is_known = champion.knows(splits)
        if FEWEST <= is_known.sum() < len(splits):
            sets = [(f"since version {champion.version}", np.flatnonzero(~is_known))]
    return sets if sum(len(rows) for _, rows in sets[:1]) < len(splits) else ()


def _answers(champion: InUse | None, photos: pd.DataFrame, folder: Path) -> "pd.Series[str]":
    """Return what the champion says of photos, by row; missing for those it has learnt from."""
    if champion is not None and not set(champion.classifier.description.labels).isdisjoint(photos["label"]):
        with contextlib.suppress(InputError):  # some are gone since their features were computed
            return champion.answers(photos, folder)
    return pd.Series(dtype=object)


def _beside(
    one: Newcomers, champion: InUse, answers: "pd.Series[str]", right: "pd.Series[bool]", splits: pd.DataFrame
) -> Newcomers:
    """Return the photos with what the champion makes of them: of those, none that it has learnt from."""
    given = answers[answers.index.isin(one.rows)].dropna()
    if given.empty:
        return one
    photos = splits.loc[given.index]
    was_right = given == photos["label"]
    interval = accuracy_interval(was_right.to_numpy(), tuple(photos["group"]))
    both = right.index.intersection(given.index)
    return replace(
        one,
        judged=Judged(champion.version, was_right.to_numpy(), interval, _tested(champion)),
        beside=paired(right[both].to_numpy(), was_right[both].to_numpy()) if len(both) else None,
    )


def _tested(champion: InUse) -> Interval | None:
    metrics: Mapping[str, float] = champion.classifier.description.metrics
    ends = [metrics.get(f"test_accuracy_{end}") for end in ("low", "high")]
    return None if None in ends else Interval(*map(float, ends))  # type: ignore[arg-type]
