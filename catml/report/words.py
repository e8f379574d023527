"""What a run came to, in sentences for people who are no statisticians."""

from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Any

from catml import screen
from catml.augmentation import gains
from catml.baselines import COLOURS, MAJORITY
from catml.conclusion import Result
from catml.evaluation.calibration import takes
from catml.evaluation.intervals import Interval, accuracy_interval
from catml.evaluation.paired import CHANCE, Paired
from catml.report.kinds import Kind

NARROW = 0.03  # intervals narrower than this are told in thousandths


def expected(interval: Interval) -> str:
    """Return between how many of a hundred new photos will come out right, rounded outwards.

    "All" is only said where the interval holds it: 99.8 % are not 100 of 100.
    """
    of, word = (1000, "1,000") if interval.high - interval.low < NARROW else (100, "100")
    low = floor(of * interval.low + 1e-9)
    if interval.high >= 1:
        return f"between {low} and all {word} of {word}" if low < of else f"all {word} of {word}"
    high = min(of - 1, ceil(of * interval.high - 1e-9))
    return f"between {low} and {high} of {word}" if low < high else f"about {high} of {word}"


def headline(result: Result, nested: bool) -> str:
    """Say how many photos came out right, and what that lets one expect."""
    assessed = result.assessed
    count, right = len(assessed.rows), int(assessed.right.sum())
    hits = "all" if right == count else str(right)
    expect = f"For new photos like these, expect {expected(assessed.interval)} to come out right."
    if nested:
        return (
            f"{count} photos were each answered by a classifier that had not learnt from them: {hits} came out right. "
            f"{expect}"
        )
    return f"Of {count} photos it had never seen, it got {hits} right. {expect}"


def registered(result: Result, values: Mapping[str, Any]) -> str:
    """Say whether the classifier is registered, and why."""
    name, verdict, place = values["register_as"], result.verdict, result.place
    if not verdict.passed:
        return f"Not registered: {verdict.reason}."
    if place is None or result.version is None:
        return f"Not registered, as no name was given (register_as). It would have been good enough: {verdict.reason}."
    taken = "It is now in use" if place.passed else "It does not take the place of the one in use"
    return f"Registered as {name}, version {result.version}, alias {result.alias}. {taken}: {place.reason}."


def looks(result: Result, nested: bool) -> str:
    """Warn where the test photos have been looked at before; empty where they have not."""
    if result.looks < 2:
        return ""
    before = "once" if result.looks == 2 else f"{result.looks - 1} times"
    photos = "These photos were tested" if nested else "The test photos were looked at"
    return (
        f"{photos} {before} before this run. Whoever chooses between runs by their test adapts to these very photos, "
        "and the result flatters. Photos taken later, and never used so far, would tell the truth."
    )


def compared(result: Result) -> list[dict[str, str]]:
    """Return one row a baseline: `name`, `right`, `accuracy`, `interval`, `said`."""
    assessed = result.assessed
    rows = []
    for name, given in assessed.baselines.items():
        right = given == assessed.labels
        ends = accuracy_interval(right, assessed.groups)
        rows.append(
            {
                "name": name,
                "right": f"{right.sum()} of {len(right)}",
                "accuracy": screen.percent(float(right.mean())),
                "interval": screen.between(ends),
                "said": difference(assessed.beside(name)),
            }
        )
    return rows


def difference(pair: Paired) -> str:
    """Say how the classifier, first, does beside something else on the same photos."""
    if not pair.only_first + pair.only_second:
        return "no difference: the same photos right"
    more = f"{abs(pair.ahead)} {'more' if pair.ahead > 0 else 'fewer'}" if pair.ahead else "as many"
    chance = screen.chance(pair.p)
    if pair.p > CHANCE:
        return f"no detectable difference: {more} right ({chance})"
    return f"{'better' if pair.ahead > 0 else 'worse'}: {more} right ({chance})"


def suspicion(result: Result) -> str:
    """Warn where the classifier is not shown to be better than colours alone; empty else."""
    pair = result.assessed.beside(COLOURS)
    if pair.ahead > 0 and pair.p <= CHANCE:
        return ""
    return (
        "Colours alone, without any shape, are about as good. Either colour is what tells the labels apart (ripe "
        "apples), or background and light do (all photos of one label from one room). Then the classifier may fail "
        "elsewhere: the heat maps below help to tell."
    )


def shuffled(result: Result) -> tuple[str, bool]:
    """Say what heads make of shuffled labels, and whether it is a reason to worry."""
    assessed = result.assessed
    mean, chance = float(assessed.shuffled.mean()), assessed.chance
    majority = float((assessed.baselines[MAJORITY] == assessed.labels).mean())
    worry = (
        mean > max(chance, majority) + 3 * float(assessed.shuffled.std(ddof=1)) / len(assessed.shuffled) ** 0.5 + 0.02
    )
    told = (
        f"With the labels of the photos learnt from shuffled, {screen.percent(mean)} of the test photos come out "
        f"right; guessing gives {screen.percent(chance)}. "
    )
    if worry:
        return (
            told + "That is too much: something beside the labels gives the answers away. Don't believe this test.",
            True,
        )
    return told + "As it should be: without true labels there is nothing to learn, so the test has no back door.", False


def unsure(result: Result) -> Iterator[str]:
    """Yield what there is to say of the photos that are not answered."""
    assessed, threshold, familiar = result.assessed, result.learnt.threshold, result.learnt.familiar
    count, sure = len(assessed.rows), int(assessed.sure.sum())
    line = (
        f"A photo is called unsure where its best probability is below {screen.percent(threshold.probability)}, or "
        if threshold.probability > 0
        else "However low its best probability, a photo is answered. It is only called unsure "
    )
    yield (
        f"{line}where it looks like none of the photos learnt from (similarity below {familiar.least:.2f}; 2 of 100 of "
        "those photos are as unlike all others)."
    )
    share = screen.percent(assessed.answered)
    if sure:
        hits = "all" if assessed.answered_right == sure else str(assessed.answered_right)
        yield f"Of {count} tested photos it answered {sure} ({share}); {hits} of those are right."
    else:
        yield f"It answered none of the {count} tested photos."
    wanted = f"that {100 * threshold.precision:g} of 100 answers are right"
    if threshold.claimed:
        yield f"The photos learnt from allow to claim, with 95 % confidence, {wanted}."
    else:
        yield (
            f"It can't be claimed yet {wanted}. That takes {takes(threshold.precision, 0)} answers without a mistake, "
            f"or {takes(threshold.precision, 1)} with one, on photos of different moments that were not learnt from."
        )


def strangers(result: Result) -> str:
    """Say what was made of photos of something else; empty where there were none."""
    other = result.strangers
    if other is None:
        return ""
    count, answered = len(other.table), other.answered
    by_probability = f"By the probability alone, {count - other.doubtful} would have been answered."
    if not answered:
        return f"All {count} photos of something else are called unsure, as they should be. {by_probability}"
    return f"Of {count} photos of something else, {answered} are answered, though they should not be. {by_probability}"


def why(result: Result, ranked: list[Kind]) -> str:
    """Say why the champion was chosen."""
    champion = result.learnt.champion
    names = [f"{head.backbone} with {_article(head.spec.title)} (trial {head.number})" for head in champion.heads]
    who = names[0] if len(names) == 1 else f"the mean of {', '.join(names)}"
    everything = [head for kind in ranked for head in kind.heads]
    best = min(everything, key=lambda head: head.log_loss)
    good = sum(head.as_good for head in everything)
    own = next((head for head in everything if head.chosen and (len(names) == 1 or " + " in head.name)), best)
    if own is best:
        others = f"; {good - 1} others can't be told from it, none of them simpler" if good > 1 else ""
        return f"The champion is {who}. It has the lowest log loss{others}."
    return (
        f"The champion is {who}. {best.name.capitalize()} has a log loss of {best.log_loss:.2g} instead of "
        f"{own.log_loss:.2g}, but so small a difference can be the luck of the folds. {good} of {len(everything)} "
        "heads are as good in that sense, and this is the simplest of them: the fastest backbone first, then the "
        "smallest head."
    )


def views(result: Result) -> str:
    """Say whether learning from augmented views pays; empty where none were tried, or nothing else."""
    pays = gains(result.trials, result.test_share)
    if pays is None:
        return ""
    best, plain = pays
    found = (
        "It can't be told whether augmented views of the photos help."
        if best.p > CHANCE
        else f"Learning from augmented views of the photos {'helps' if best.log_loss > 0 else 'does harm'}."
    )
    return f"{found} Log loss of the best head {best.said}; of the plain linear head {plain.said}."


def _article(title: str) -> str:
    return f"a {title}" if title == "linear head" else title
