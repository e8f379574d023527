"""The part of the talk that a folder of photos allows to repeat, whosever photos they are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from catml import benchmark, train
from catml.evaluation.intervals import Interval, accuracy_interval
from catml.evaluation.paired import Paired, paired
from catml.heads import scratch
from experiments.talk import album as albums
from experiments.talk import arrays, as_published, cnns, corrected, published
from experiments.talk.album import Album, Floats
from experiments.talk.arrays import Talk
from experiments.talk.mistakes import Mistakes
from experiments.talk.published import AUGMENTED_HEADS, HEADS, Head, Rows
from experiments.talk.rows import CostRow, Estimate, Spread, of_one_split, of_splits

SEEDS = 5  # of fits as published: those of augmented photos take ten times as long as the talk's on arrays
TRANSFER = ("divided_by_255", "relu_output", "one_checkpoint", "last_epoch", "raw_features")
AUGMENTATION = ("divided_by_255", "relu_output", "mixed_labels", "leaking_split", "last_epoch", "raw_features")
PUBLISHED = {backbone.name for backbone in published.BACKBONES}
Features = Mapping[str, Mapping[str, Floats]]  # "proper" or "255", then by backbone: (1 + views, photos, width)
Said = tuple[Estimate | None, int | None]


@dataclass(frozen=True)
class Right:
    """Test photos of a folder: whether each came out right, and their groups."""

    right: NDArray[np.bool_]
    groups: tuple[object, ...]

    @property
    def interval(self) -> Interval:
        """The 95 % interval, as `catml train` has it."""
        return accuracy_interval(self.right, self.groups)


@dataclass(frozen=True)
class Row:
    """A step of the talk on these photos.

    Attributes:
        title: what it is.
        said: what the talk published for its step, of its own photos: validation, and right of 60.
        reproduced: as published, validation accuracies (seeds, splits) and tests; None where it can't be.
        corrected: validation.
        test: corrected.
        note: what is missing.
    """

    title: str
    said: Said
    reproduced: Spread | None = None
    corrected: Estimate | None = None
    test: Right | None = None
    note: str = ""


@dataclass(frozen=True)
class Step:
    """A bar of the last slide: what catml itself comes to, as a run in MLflow."""

    title: str
    run: str
    test: Right


@dataclass(frozen=True)
class Repeated:
    """What a folder of photos gave."""

    album: Album
    rows: list[Row] = field(default_factory=list)
    costs: list[CostRow] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[str, str, Paired]]:
        """Each step beside the one before it, on the same photos."""
        return [
            (one.title, other.title, paired(one.test.right, other.test.right))
            for other, one in zip(self.steps, self.steps[1:], strict=False)
        ]


def repeat(photos: str, values: Mapping[str, Any], seeds: int) -> Repeated:
    """Repeat the talk on a folder: as published, corrected, and as catml does it, in three runs of MLflow.

    Args:
        photos: the folder, a table, or "sample".
        values: of the command `talk`.
        seeds: how many times each fit is made as published; at most `SEEDS`.
    """
    found, own = albums.find(photos, values, 0)
    augmented, own_augmented = albums.find(photos, values, published.AUGMENTED_VIEWS)
    album = albums.open_album(augmented, own)
    seeds, seed = min(seeds, SEEDS), int(values["seed"])
    size = int(values["size"])
    steps = list(_runs(album, (found, own), (augmented, own_augmented), size))
    of_cnns = list(_from_scratch(album, size, seed))
    features = {"proper": albums.proper(album), "255": albums.divided_by_255(album)}
    top = albums.probabilities(album)
    heads = [*_transfer(album, features, seeds, seed), *_augmentation(album, features, seeds, seed)]
    costs = list(_costs(album, features, top, seeds, seed)) if album.is_of_two else []
    return Repeated(album, of_cnns + heads, costs, steps)


def _runs(
    album: Album, plain: tuple[Any, dict[str, Any]], augmented: tuple[Any, dict[str, Any]], size: int
) -> Iterable[Step]:
    """Do the three steps with catml's own commands."""
    found, own = plain
    outcome = benchmark.benchmark(found, {**own, "epochs": cnns.EPOCHS, "size": size})
    assert outcome.best.answers is not None
    answered = outcome.best.answers.set_index("pixels_sha256")
    keys = album.splits["pixels_sha256"].to_numpy()[album.of.test]
    right = (answered["answer"] == answered["label"]).loc[keys].to_numpy(bool)
    yield Step(f"from scratch: {outcome.best.title}", f"{album.name} benchmark", Right(right, album.groups))
    for title, (there, values) in (("transfer learning", plain), ("augmentation", augmented)):
        result = train.train(there, values)
        assert result is not None, "another process works on the same study"
        champion = result.learnt.champion
        spec = champion.heads[0].spec
        name = f"{title}: {champion.backbone}, {spec.title}" + (f", {spec.views} views" if spec.views else "")
        yield Step(name, f"{album.name} {values['trials']} trials", Right(result.assessed.right, album.groups))


def _from_scratch(album: Album, size: int, seed: int) -> Iterable[Row]:
    """Train the talk's networks as published, and as catml does, on its first validation split."""
    of, (learn, validation) = album.of, album.of.parts[0]
    bars = len(scratch.CNNS) * cnns.EPOCHS * 2
    with benchmark.unpacked(album.found, size) as pixels, tqdm(total=bars, unit="epoch") as bar:
        bar.set_description("from scratch")
        for (name, shape), step in zip(scratch.CNNS.items(), published.BENCHMARKS, strict=True):
            spread = None
            if album.is_of_two:
                made = cnns.train(shape, pixels, of.labels, (learn, validation, of.test), seed, bar.update)
                spread = _single(made.validation, float(made.test.mean()))
            fitted = scratch.fit(shape, pixels, of.labels, (learn, validation), cnns.EPOCHS, seed, lambda: bar.update())
            held = float((fitted.held_out.argmax(axis=1) == of.labels[validation]).mean())
            right = scratch.answer(fitted.network, pixels, of.test).argmax(axis=1) == of.labels[of.test]
            said = None if step.validation is None else of_one_split(step.validation, step.photos)
            yield Row(
                f"from scratch, {name}", (said, step.test), spread, of_one_split(held, len(validation)),
                Right(right, album.groups),
            )  # fmt: skip


def _transfer(album: Album, features: Features, seeds: int, seed: int) -> Iterable[Row]:
    """Yield the talk's three heads on each backbone."""
    of, many = album.of, [seed + number for number in range(seeds)]
    for name, shown in features["proper"].items():
        fixed = corrected.heads(shown[0], of.labels, of.learn, of.parts, many)
        for head in HEADS:
            old = features["255"][name][0]
            spread = arrays.repeat(old, of, head, Mistakes(), seeds, seed) if album.is_of_two else None
            says = of_splits(published.five(name, head.number)) if name in PUBLISHED else None
            key = f"{name}_head_{head.number}"
            test = published.TRANSFER.test if key == published.TRANSFER.key else None
            yield _row(album, f"{name}, head {head.number}", (says, test), spread, fixed[head.number], shown)


def _augmentation(album: Album, features: Features, seeds: int, seed: int) -> Iterable[Row]:
    """Yield the talk's three heads on augmented photos, on each backbone."""
    of, many = album.of, [seed + number for number in range(seeds)]
    steps = {step.key: step for step in published.AUGMENTED}
    for name, shown in features["proper"].items():
        table = shown.reshape(-1, shown.shape[-1])
        views = published.AUGMENTED_VIEWS
        fixed = corrected.heads(table, of.labels, of.learn, of.parts, many, of=AUGMENTED_HEADS, views=views)
        for head in AUGMENTED_HEADS:
            old = features["255"][name]
            spread = augmented(old, of, head, Mistakes(), seeds, seed) if album.is_of_two else None
            step = steps.get(f"{name}_augmented_{head.number}")
            says = None if step is None or step.validation is None else of_one_split(step.validation, step.photos)
            title = f"{name}, augmented, head {head.number}"
            yield _row(album, title, (says, step.test if step else None), spread, fixed[head.number], shown)


def augmented(shown: Floats, of: Talk, head: Head, mistakes: Mistakes, seeds: int, seed: int) -> Spread:
    """Make the talk's five fits on photos and two augmented views of each, with its mistakes or some of them.

    Args:
        shown: features of photos and views, shape (3, n, width).
        of: labels and splits.
        head: one of `AUGMENTED_HEADS`.
        mistakes: those made.
        seeds: how many times.
        seed: what the random numbers follow from.
    """
    output = "relu" if mistakes.relu_output else "sigmoid"
    tasks, tests = [], []
    for number in range(seeds):
        for split, part in enumerate(of.parts):
            labels = _labels(of, mistakes, np.random.default_rng([seed, number, 9]))
            (learn, own), (held_out, answers) = _rows(shown, of, labels, part, split, mistakes)
            mean, scale = 0.0, 1.0
            if not mistakes.raw_features:
                mean, scale = learn.mean(axis=0), float(np.sqrt(learn.var(axis=0).mean()))
            validation = (((held_out - mean) / scale).astype(np.float32), answers)
            tests.append(((shown[0][of.test] - mean) / scale).astype(np.float32))
            learn = ((learn - mean) / scale).astype(np.float32)
            tasks.append(as_published.Task(learn, own, validation, (seed, number, split, 10 + head.number)))
    recipe = as_published.Recipe(head.hidden, head.dropout, output)
    fits = as_published.train(tasks, recipe, published.AUGMENTED_EPOCHS)
    said = as_published.outputs(fits.checkpoint, np.stack(tests), output)
    right = ((said > 0.5) == (of.labels[of.test] == 1)).mean(axis=1)
    shape = (seeds, len(of.parts))
    return Spread(fits.last_accuracy.reshape(shape), fits.best_accuracy.reshape(shape), right.reshape(shape))


def _labels(of: Talk, mistakes: Mistakes, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return the labels of photos and views, shape (3, n); mixed up, the last views carry those of other photos."""
    labels = np.tile(of.labels, (3, 1))
    if mistakes.mixed_labels:
        labels[2, of.learn] = generator.permutation(of.labels[of.learn])
    return labels


def _rows(
    shown: Floats, of: Talk, labels: NDArray[np.intp], part: tuple[Rows, Rows], split: int, mistakes: Mistakes
) -> tuple[tuple[Floats, NDArray[np.intp]], tuple[Floats, NDArray[np.intp]]]:
    """Return features and labels to learn from, and those to validate on."""
    if not mistakes.leaking_split:
        training, validation = part
        learn = shown[:, training].reshape(-1, shown.shape[-1]), labels[:, training].ravel()
        return learn, (shown[0, validation], labels[0, validation])
    from sklearn.model_selection import train_test_split

    everything, answers = shown[:, of.learn].reshape(-1, shown.shape[-1]), labels[:, of.learn].ravel()
    one, other = train_test_split(np.arange(len(answers)), test_size=0.15, random_state=42 + split, stratify=answers)
    return (everything[one], answers[one]), (everything[other], answers[other])


def _costs(album: Album, features: Features, top: Mapping[str, Floats], seeds: int, seed: int) -> Iterable[CostRow]:
    """Yield what becomes of the heads, each of the talk's mistakes switched off in turn."""
    of = album.of
    for name in features["proper"]:
        by_pixels = {True: features["255"][name], False: features["proper"][name]}

        def transfer(mistakes: Mistakes, by_pixels: Mapping[bool, Floats] = by_pixels) -> list[Spread]:
            table = by_pixels[mistakes.divided_by_255][0]
            return [arrays.repeat(table, of, head, mistakes, seeds, seed) for head in HEADS]

        def augmentation(mistakes: Mistakes, by_pixels: Mapping[bool, Floats] = by_pixels) -> list[Spread]:
            return [augmented(by_pixels[mistakes.divided_by_255], of, AUGMENTED_HEADS[1], mistakes, seeds, seed)]

        yield from _switched(f"{name}, transfer learning", TRANSFER, transfer)
        yield from _switched(f"{name}, augmented, head 2", AUGMENTATION, augmentation)
        if name in top:
            yield from _switched(
                f"{name}, its probabilities",
                (),
                lambda mistakes, name=name: [  # type: ignore[misc]
                    arrays.repeat(top[name][0], of, head, mistakes, seeds, seed) for head in HEADS
                ],
            )


def _switched(title: str, names: Sequence[str], make: Callable[[Mistakes], list[Spread]]) -> Iterable[CostRow]:
    chosen = [Mistakes(), *(Mistakes().without(name) for name in names)]
    chosen += [Mistakes().without(*names)] if names else []
    kept: dict[tuple[str, ...], list[Spread]] = {}
    for mistakes in tqdm(chosen, desc=title, unit="switch"):
        trained = tuple(name for name in mistakes.off if name not in ("one_checkpoint", "last_epoch"))
        spreads = kept[trained] = kept.get(trained) or make(mistakes)
        accuracy = [(one.accuracy if mistakes.last_epoch else one.best).mean(axis=1) for one in spreads]
        test = [one.test[:, -1] if mistakes.one_checkpoint else one.test.mean(axis=1) for one in spreads]
        yield CostRow(title, mistakes.off, np.mean(accuracy, axis=0), np.mean(test, axis=0))


def _row(album: Album, title: str, said: Said, spread: Spread | None, fixed: corrected.Corrected, shown: Floats) -> Row:
    test = album.of.test
    right = Right(fixed.right(shown[0][test], album.of.labels[test]), album.groups)
    return Row(title, said, spread, of_splits(fixed.accuracy), right)


def _single(validation: float, test: float) -> Spread:
    return Spread(np.array([[validation]]), np.array([[validation]]), np.array([[test]]))
