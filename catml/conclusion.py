"""The end of a study: the test is logged, the gate decides, the classifier is registered, the report is written."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from catml import config, earlier, newcomers, pipeline, screen, strangers, tracking
from catml.assessment import Assessment, predictions
from catml.classifier import Classifier, Description
from catml.errors import InputError
from catml.evaluation.metrics import by_label
from catml.gate import Verdict, succession
from catml.learning import Learnt
from catml.network import assemble
from catml.newcomers import Newcomers
from catml.photos.kept import keep, labels_only
from catml.preparation import Data, Prepared
from catml.registration import Entry, register, set_alias
from catml.rivalry import InUse, in_use, present
from catml.strangers import Strangers
from catml.study.sweep import Trial


@dataclass(frozen=True)
class Result:
    """What a study came to.

    Attributes:
        trials: all of them.
        learnt: the champion of the study, refitted and calibrated.
        assessed: its test.
        strangers: what it said of photos of something else, where there are some.
        newcomers: photos that came later, all of them first, where there are some.
        test_share: photos in a validation fold, over photos in its training side.
        looks: how many times these test photos have been looked at, this one included.
        verdict: of the gate.
        place: whether it takes the champion's place; None where it isn't registered.
        version: in the registry.
    """

    trials: list[Trial]
    learnt: Learnt
    assessed: Assessment
    strangers: Strangers | None
    newcomers: tuple[Newcomers, ...]
    test_share: float
    looks: int
    verdict: Verdict
    place: Verdict | None = None
    version: int | None = None

    @property
    def alias(self) -> str:
        """The alias it was given."""
        return config.CHAMPION if self.place and self.place.passed else config.CHALLENGER


def conclude(
    run: tracking.Run,
    prepared: Prepared,
    data: Data,
    trials: list[Trial],
    learnt: Learnt,
    assessed: Assessment,
    values: Mapping[str, Any],
) -> Result:
    """Log the test, decide, and register the classifier where it passes."""
    metrics = assessed.metrics() | {"temperature": learnt.temperature, "threshold": learnt.threshold.probability}
    other = strangers.meet(values["other"], learnt, prepared.found, data) if values["other"] else None
    if other is not None:
        metrics |= {"other_photos": len(other.table), "other_answered": other.answered}
        run.log_text(other.table.to_csv(index=False), "other.csv")
    looks = count_looks(run, prepared.test_tags, nested=prepared.is_nested)
    run.log(metrics=metrics, tags={"test_evaluations": looks})
    run.log_text(
        by_label(assessed.answers.probabilities, assessed.labels, data.labels).to_csv(index=False), "labels.csv"
    )
    run.log_text(predictions(assessed, learnt, data).to_csv(index=False), "predictions.csv")
    champion, lost = _in_use(values["register_as"])
    listing = prepared.found.checked.listing
    came = newcomers.meet(listing, data, learnt, assessed, champion)
    if came:
        run.log(metrics=came[0].metrics())
        run.log_text(newcomers.table(came[0], data.splits, listing, champion).to_csv(index=False), "new_photos.csv")
    verdict = _verdict(prepared, learnt, assessed, values)
    result = Result(trials, learnt, assessed, other, came, data.material.test_share, looks, verdict)
    run.log(tags={"gate": f"{'passed' if verdict.passed else 'refused'}: {verdict.reason}"[:5000]})
    name, photos = values["register_as"], pipeline.name_of(prepared.found.checked)
    if not verdict.passed or not name:
        run.describe(describe(result, photos, data.labels))
        return result
    sample = values["photos"] == config.SAMPLE
    rival = present(champion, assessed, data, prepared.found.folder) if champion else None
    place = Verdict(False, lost) if lost else succession(data.labels, rival, sample)
    result = replace(result, place=place)
    text = describe(result, photos, data.labels)
    run.describe(text)
    made = classifier(prepared, data, learnt, assessed, values, metrics)
    with tempfile.TemporaryDirectory() as folder:
        made.save(Path(folder) / "classifier")
        tags = {
            "backbone": learnt.champion.backbone,
            "hidden": learnt.champion.params["hidden"],
            "photos": photos,
            "gate": verdict.reason,
            "alias_reason": place.reason,
            **{name: f"{value:.4f}" for name, value in metrics.items()},
        }
        entry = Entry(name, tags, text)
        number = register(run.id, Path(folder) / "classifier", list(data.labels), entry)
    set_alias(name, result.alias, number)
    run.log(tags={"registered": f"{name} version {number}, {result.alias}: {place.reason}"[:5000]})
    return replace(result, version=number)


def _in_use(name: str) -> tuple[InUse | None, str]:
    """Return the present champion, and why it can't be loaded."""
    try:
        return (in_use(name) if name else None), ""
    except InputError as error:
        return None, "; ".join(error.problems)


def count_looks(run: tracking.Run, tags: Mapping[str, str], *, nested: bool = False) -> int:
    """Count this look at the test photos, and say loudly where it isn't the first.

    Args:
        run: the run that is about to look.
        tags: as `pipeline.test_tags` returns them.
        nested: whether it is a nested test, of all photos.
    """
    looks = 1 + earlier.earlier_tests(run.id, tags)
    if looks > 1:
        before = "once" if looks == 2 else f"{looks - 1} times"
        which = "photos were used for a nested test" if nested else "test photos were looked at"
        screen.say(f"note       these {which} {before} before: each look makes them less of a test")
    return looks


def _verdict(prepared: Prepared, learnt: Learnt, assessed: Assessment, values: Mapping[str, Any]) -> Verdict:
    used = {name for head in learnt.heads for name in head.backbones}
    random = [s.backbone.name for s in prepared.found.sources if s.weights.is_random and s.backbone.name in used]
    if random:
        return Verdict(False, f"{random[0]} has random weights, which are for tests only")
    return assessed.gate(values["min_accuracy"], learnt.validated)


def classifier(
    prepared: Prepared,
    data: Data,
    learnt: Learnt,
    assessed: Assessment,
    values: Mapping[str, Any],
    metrics: Mapping[str, float],
) -> Classifier:
    """Put the classifier together, from pixels to labels."""
    used = dict.fromkeys(name for head in learnt.heads for name in head.backbones)
    sources = {source.backbone.name: source for source in prepared.found.sources if source.backbone.name in used}
    network = assemble(
        {name: source.load() for name, source in sources.items()}, learnt.heads, mirrored=values["mirrored"]
    )
    description = Description(
        data.labels,
        tuple(sorted({source.backbone.input_size for source in sources.values()})),
        tuple("+".join(head.backbones) for head in learnt.heads),
        tuple(head.spec.params() for head in learnt.heads),
        values["mirrored"],
        {name: dict(source.fingerprint) for name, source in sources.items()},
        dict(metrics),
        learnt.temperature,
        learnt.threshold.probability,
        learnt.threshold.precision,
        config.SAMPLE if values["photos"] == config.SAMPLE else pipeline.name_of(prepared.found.checked),
    )
    judged = predictions(assessed, learnt, data)[["pixels_sha256", "label", "judged", "answer"]]
    known = data.splits.iloc[learnt.rows[learnt.familiar.rows]]
    paths, own = known["path"].tolist(), known["label"].tolist()
    kept = keep(prepared.found.folder, paths, own) if values["small_pictures"] else labels_only(own)
    return Classifier(network, description, learnt.familiar, judged, kept)


def describe(result: Result, photos: str, labels: tuple[str, ...]) -> str:
    """Return the description of run and model version, in Markdown."""
    assessed, interval = result.assessed, result.assessed.interval
    heads = ", ".join(f"{'+'.join(head.backbones)} with {head.spec.title}" for head in result.learnt.heads)
    reason = result.verdict.reason
    decided = [f"Gate: {'passed' if result.verdict.passed else 'refused'}, {reason}."]
    if result.place:
        decided.append(f"Alias `{result.alias}`: {result.place.reason}.")
    return "\n\n".join(
        [
            f"Tells {', '.join(labels)} apart; learnt from **{photos}**.",
            f"**{assessed.right.sum()} of {len(assessed.rows)}** photos it had not learnt from came out right: "
            f"{screen.percent(assessed.accuracy)}, 95 % interval {screen.between(interval)}.",
            f"It says of {screen.percent(1 - assessed.answered)} of them that it is unsure; of those it answers, "
            f"{assessed.answered_right} of {int(assessed.sure.sum())} are right.",
            f"Made of {heads}. {' '.join(decided)}",
            "The report of the run (`report.html`) shows its mistakes.",
        ]
    )
