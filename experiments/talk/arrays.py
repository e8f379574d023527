"""The part of the talk that its author's stored arrays allow to repeat."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from catml.evaluation.paired import paired
from experiments.talk import as_published, corrected, published
from experiments.talk.author import Stored
from experiments.talk.mistakes import ARRAYS, KINDS, Mistakes, need_photos
from experiments.talk.published import BACKBONES, HEADS, Backbone, Head
from experiments.talk.rows import (
    CostRow,
    PairRow,
    Results,
    Spread,
    Tested,
    TestRow,
    ValidationRow,
    of_one_split,
    of_splits,
)

Floats = NDArray[np.float32]
NO_FEATURES = "its features of all 400 photos"
NO_PHOTOS = "the photos"
# What decides how a fit is trained; the other switches decide what is read off it.
TRAINING = ("softmax_features", "relu_output", "raw_features")
Trainings = dict[tuple[str, int, tuple[str, ...]], Spread]


@dataclass(frozen=True)
class Talk:
    """The talk's labels and splits: all rows but the test's, the test's, and five parts of the former."""

    labels: NDArray[np.intp]
    learn: published.Rows
    test: published.Rows
    parts: Sequence[tuple[published.Rows, published.Rows]]


def talk() -> Talk:
    """Return the talk's labels and splits."""
    return Talk(published.labels(), *published.splits())


def results(stored: Stored, seeds: int, seed: int, quick: bool = False) -> Results:
    """Repeat what stored arrays allow: cells as published and corrected, the author's heads, each mistake's cost.

    Args:
        stored: what there is; where something is missing, its rows say so.
        seeds: how many times each of the talk's fits is made anew.
        seed: what the random numbers of all of them follow from.
        quick: leave out what two mistakes cost together.
    """
    of = talk()
    chosen = {backbone.name: variants(backbone, together=not quick) for backbone in _present(stored)}
    spreads = _train(stored, of, chosen, seeds, seed)
    fixed = _correct(stored, of, [seed + number for number in range(seeds)])
    own = author_heads(stored, of)
    tested = {
        f"{backbone.name}_head_{number}": Tested(
            head.right(without_softmax(backbone, stored.features[backbone.name])[of.test], of.labels[of.test])
        )
        for backbone in _present(stored)
        for number, head in fixed[backbone.name].items()
    }
    return Results(
        [*_validation(stored, spreads, fixed), *_unrepeated()],
        _test(stored, spreads, own, tested),
        _pairs(own, tested),
        [row for backbone in _present(stored) for row in _costs(backbone, chosen[backbone.name], spreads)],
        list(stored.missing),
    )


def features(backbone: Backbone, stored: Floats, mistakes: Mistakes) -> Floats:
    """Return a backbone's features with or without the talk's mistake about them.

    Raises:
        ValueError: a mistake is to be switched off that only photos allow to.
    """
    if need_photos(mistakes):
        raise ValueError(f"only photos allow to do without {', '.join(need_photos(mistakes))}")
    return stored if mistakes.softmax_features else without_softmax(backbone, stored)


def without_softmax(backbone: Backbone, stored: Floats) -> Floats:
    """Return the logarithm of Xception's probabilities, which are its logits up to one number a photo."""
    return np.log(stored) if backbone.name == "xception" else stored


def author_heads(stored: Stored, of: Talk) -> dict[str, Tested]:
    """Return what the author's own heads get right of the test photos, by key; the threshold is .5, as in the talk."""
    found = {}
    for key, head in stored.heads.items():
        name = head.backbone.name
        inputs = stored.test_features.get(name)
        if inputs is None and name in stored.features:
            inputs = stored.features[name][of.test]
        if inputs is not None:
            found[key] = Tested((head.outputs(inputs) > 0.5) == (of.labels[of.test] == 1))
    return found


def repeat(features: Floats, of: Talk, head: Head, mistakes: Mistakes, seeds: int, seed: int) -> Spread:
    """Make the talk's five fits of a head with its mistakes, or some of them, once a seed."""
    sides = [_sides(features, of, part, mistakes) for part in of.parts]
    tasks = [
        as_published.Task(
            learn, of.labels[training], (held_out, of.labels[validation]), (seed, number, split, head.number)
        )
        for number in range(seeds)
        for split, ((learn, held_out, _), (training, validation)) in enumerate(zip(sides, of.parts, strict=True))
    ]
    output = "relu" if mistakes.relu_output else "sigmoid"
    fits = as_published.train(tasks, as_published.Recipe(head.hidden, head.dropout, output))
    right = np.empty((seeds, len(sides)))
    for split, (_, _, test) in enumerate(sides):
        weights = [weight[split :: len(sides)] for weight in fits.checkpoint]
        said = as_published.outputs(weights, test, output)
        right[:, split] = ((said > 0.5) == (of.labels[of.test] == 1)).mean(axis=1)
    shape = (seeds, len(sides))
    return Spread(fits.last_accuracy.reshape(shape), fits.best_accuracy.reshape(shape), right)


def _sides(
    features: Floats, of: Talk, part: tuple[published.Rows, published.Rows], mistakes: Mistakes
) -> tuple[Floats, Floats, Floats]:
    """Return features to learn from, of the validation photos and of the test photos, scaled where that is wanted."""
    learn, held_out, test = features[part[0]], features[part[1]], features[of.test]
    if mistakes.raw_features:
        return learn, held_out, test
    mean, scale = learn.mean(axis=0), np.sqrt(learn.var(axis=0).mean())
    return (learn - mean) / scale, (held_out - mean) / scale, (test - mean) / scale


def _present(stored: Stored) -> list[Backbone]:
    return [backbone for backbone in BACKBONES if backbone.name in stored.features]


def variants(backbone: Backbone, *, together: bool) -> list[Mistakes]:
    """Return all mistakes made, each that arrays allow to do without switched off alone, maybe two at once, and all."""
    names = [kind.name for kind in KINDS if kind.needs == ARRAYS and kind.name != "bare_numbers"]
    if backbone.name != "xception":
        names.remove("softmax_features")
    alone = [Mistakes().without(name) for name in names]
    # Logits are ten times as large as other features, so it takes both to see what the probabilities alone have cost.
    second = [name for name in ("softmax_features", "raw_features") if name in names and together]
    pairs = [Mistakes().without("relu_output", name) for name in second]
    return [Mistakes(), *alone, *pairs, Mistakes().without(*names)]


def _training(mistakes: Mistakes) -> tuple[str, ...]:
    return tuple(name for name in mistakes.off if name in TRAINING)


def _train(stored: Stored, of: Talk, chosen: dict[str, list[Mistakes]], seeds: int, seed: int) -> Trainings:
    jobs = {
        (backbone.name, head.number, _training(mistakes)): (backbone, head, mistakes)
        for backbone in _present(stored)
        for mistakes in chosen[backbone.name]
        for head in HEADS
    }
    done: Trainings = {}
    for key, (backbone, head, mistakes) in tqdm(jobs.items(), desc="as published", unit="head", disable=not jobs):
        inputs = features(backbone, stored.features[backbone.name], mistakes)
        done[key] = repeat(inputs, of, head, mistakes, seeds, seed)
    return done


def _correct(stored: Stored, of: Talk, seeds: Sequence[int]) -> dict[str, dict[int, corrected.Corrected]]:
    present = _present(stored)
    with tqdm(total=len(present) * len(HEADS), desc="corrected", unit="head", disable=not present) as bar:
        return {
            backbone.name: corrected.heads(
                without_softmax(backbone, stored.features[backbone.name]),
                of.labels,
                of.learn,
                of.parts,
                seeds,
                bar.update,
            )
            for backbone in present
        }


def _validation(
    stored: Stored, spreads: Trainings, fixed: dict[str, dict[int, corrected.Corrected]]
) -> Iterable[ValidationRow]:
    for backbone in BACKBONES:
        for head in HEADS:
            here = backbone.name in stored.features
            yield ValidationRow(
                f"{backbone.name}_head_{head.number}",
                f"{backbone.title}, head {head.number}",
                of_splits(published.five(backbone.name, head.number)),
                spreads[backbone.name, head.number, ()] if here else None,
                of_splits(fixed[backbone.name][head.number].accuracy) if here else None,
                "" if here else NO_FEATURES,
                published.NOTES.get((backbone.name, head.number), ""),
            )


def _unrepeated() -> Iterable[ValidationRow]:
    """Yield the cells that only photos allow to repeat."""
    for step in (*published.BENCHMARKS, *published.AUGMENTED):
        if step.validation is None:
            continue
        yield ValidationRow(step.key, step.title, of_one_split(step.validation, step.photos), missing=NO_PHOTOS)


def _test(stored: Stored, spreads: Trainings, own: dict[str, Tested], tested: dict[str, Tested]) -> list[TestRow]:
    benchmark, transfer, augmented = published.BENCHMARKS[0], published.TRANSFER, published.AUGMENTED[1]
    said = {step.key: (step.title, step.test) for step in (benchmark, transfer, augmented)}
    for key, head in stored.heads.items():
        said.setdefault(key, (head.title, None))
    for backbone in _present(stored):
        for head in HEADS:
            said.setdefault(f"{backbone.name}_head_{head.number}", (f"{backbone.title}, head {head.number}", None))
    rows = []
    for key, (title, right) in said.items():
        name, _, number = key.rpartition("_head_")
        spread = spreads.get((name, int(number), ())) if name else None
        missing = "" if key in own or spread is not None else "the author's head, or the test photos' features"
        if key == benchmark.key:
            missing = NO_PHOTOS
        seeds = None if spread is None else spread.test[:, -1]
        rows.append(TestRow(key, title, right, own.get(key), seeds, tested.get(key), missing))
    return rows


def _pairs(own: dict[str, Tested], tested: dict[str, Tested]) -> list[PairRow]:
    transfer, augmented = published.TRANSFER, published.AUGMENTED[1]
    named = [(f"{step.title}, as published", own[step.key]) for step in (augmented, transfer) if step.key in own]
    pairs = [(named[0], named[1])] if len(named) == 2 else []
    for backbone in BACKBONES[1:]:
        key = f"{backbone.name}_head_1"  # named before the test was looked at: the linear one
        if key in tested:
            pairs += [((f"{backbone.title}, head 1, corrected", tested[key]), other) for other in named]
    return [PairRow(one, other, paired(first.right, second.right)) for (one, first), (other, second) in pairs]


def _costs(backbone: Backbone, chosen: Sequence[Mistakes], spreads: Trainings) -> Iterable[CostRow]:
    for mistakes in chosen:
        of_heads = [spreads[backbone.name, head.number, _training(mistakes)] for head in HEADS]
        accuracy = [(one.accuracy if mistakes.last_epoch else one.best).mean(axis=1) for one in of_heads]
        test = [one.test[:, -1] if mistakes.one_checkpoint else one.test.mean(axis=1) for one in of_heads]
        yield CostRow(backbone.title, mistakes.off, np.mean(accuracy, axis=0), np.mean(test, axis=0))
