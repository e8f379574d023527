"""The sections of the report that need no pictures, as plain data for the template."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from catml import pipeline, screen
from catml.backbones.weights import how_to_get
from catml.conclusion import Result
from catml.evaluation.intervals import cross_validation_se
from catml.evaluation.metrics import brier, by_label, confusion, log_loss
from catml.photos.findings import group_notes
from catml.photos.split import TEST
from catml.preparation import Data, Prepared
from catml.report import words
from catml.report.kinds import Kind

SHOWN_BROKEN, SHOWN_PAIRS = 200, 8
Context = dict[str, Any]


def test_share(data: Data) -> float:
    """Return photos in a validation fold, over photos in its training side; the mean over the folds."""
    return data.material.test_share


def verdict(prepared: Prepared, data: Data, result: Result, values: Mapping[str, Any]) -> Context:
    """Return the result, and what it has to be better than, in words."""
    nested, assessed = prepared.is_nested, result.assessed
    shuffled, worry = words.shuffled(result)
    return {
        "name": pipeline.name_of(prepared.found.checked),
        "source": str(prepared.found.checked.listing.source),
        "labels": data.labels,
        "photos": len(data.splits),
        "tested": len(assessed.rows),
        "learnt_from": len(result.learnt.rows),
        "nested": nested,
        "rounds": len(prepared.folds),
        "headline": words.headline(result, nested),
        "own_right": f"{assessed.right.sum()} of {len(assessed.rows)}",
        "accuracy": screen.percent(assessed.accuracy),
        "interval": screen.between(assessed.interval),
        "moments": len(set(assessed.groups)),
        "passed": result.verdict.passed,
        "registered": words.registered(result, values),
        "gate": result.verdict.reason,
        "looks": words.looks(result, nested),
        "compared": words.compared(result),
        "suspicion": words.suspicion(result),
        "shuffled": shuffled,
        "shuffled_worry": worry,
        "unsure": list(words.unsure(result)),
    }


def heads(result: Result, ranked: list[Kind]) -> Context:
    """Return why the champion was chosen, and one row a kind of head."""
    rows = [
        {
            "backbone": kind.backbone,
            "shape": kind.shape,
            "log_loss": f"{kind.best.log_loss:.3f} ± {kind.best.log_loss_se:.3f}",
            "accuracy": f"{100 * kind.best.accuracy:.1f} ± {100 * kind.best.accuracy_se:.1f} %",
            "name": kind.best.name,
            "tried": len(kind.heads),
            "chosen": any(head.chosen for head in kind.heads),
        }
        for kind in ranked
    ]
    return {"why": words.why(result, ranked), "views": words.views(result), "kinds": rows, "trials": len(result.trials)}


def confused(data: Data, result: Result) -> Context:
    """Return what was taken for what, the most confused pairs, and one row a label."""
    given, labels = result.assessed.answers.probabilities, result.assessed.labels
    counts = confusion(given, labels)
    wrong = counts - np.diag(np.diag(counts))
    pairs = [
        f"{data.labels[true]} taken for {data.labels[answer]}: {wrong[true, answer]} of {counts[true].sum()}"
        for true, answer in zip(
            *np.unravel_index(np.argsort(-wrong, axis=None, kind="stable"), wrong.shape), strict=True
        )
        if wrong[true, answer]
    ]
    totals = counts.sum(axis=1).clip(1)
    rows = [
        {
            "label": label,
            "cells": [
                {"count": int(count), "tint": round(float(count / total), 2), "right": column == row}
                for column, count in enumerate(counts[row])
            ],
        }
        for row, (label, total) in enumerate(zip(data.labels, totals, strict=True))
    ]
    return {"confusion": rows, "pairs": pairs[:SHOWN_PAIRS], "by_label": _by_label(data, result)}


def _by_label(data: Data, result: Result) -> list[Context]:
    table = by_label(result.assessed.answers.probabilities, result.assessed.labels, data.labels)
    return [
        {"label": label, "photos": photos, "recall": _share(recall), "precision": _share(precision)}
        for label, photos, precision, recall in table[["label", "photos", "precision", "recall"]].to_numpy().tolist()
    ]


def _share(share: float) -> str:
    return "–" if np.isnan(share) else screen.percent(share)


def calibration(data: Data, result: Result) -> Context:
    """Return what the probabilities of photos learnt from are worth."""
    learnt = result.learnt
    labels = data.material.labels[learnt.rows]
    champion = learnt.champion
    return {
        "held_photos": len(labels),
        "held_log_loss": log_loss(learnt.held_out, labels),
        "held_brier": brier(learnt.held_out, labels),
        "temperature": learnt.temperature,
        "val_accuracy": f"{100 * np.mean(champion.accuracies):.1f} ± "
        f"{100 * cross_validation_se(champion.accuracies, test_share(data)):.1f} %",
    }


def left_out(prepared: Prepared, data: Data) -> Context:
    """Return what was left out."""
    found, checked = prepared.found, prepared.found.checked
    broken = checked.broken
    return {
        "broken": broken.head(SHOWN_BROKEN).to_dict("records"),
        "broken_count": len(broken),
        "notes": [*checked.notes, *group_notes(found.table, checked.links)],
        "backbones_left_out": [{"name": one.name, "how": how_to_get(one)} for one in found.left_out],
        "kept_back": int((data.splits["split"] == TEST).sum()),
    }
