"""Mistakes, doubtful labels and strangers with their pictures, as plain data for the template."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from catml import screen
from catml.conclusion import Result
from catml.photos.thumbnails import SIDE, Album
from catml.preparation import Data, Prepared
from catml.report import words
from catml.report.mistakes import mistakes, suspicious, with_nearest
from catml.report.pictures import looked_at

SMALL = 96  # side of a thumbnail beside another one
SHOWN_MISTAKES, SHOWN_SUSPECTS, SHOWN_STRANGERS = 60, 24, 12
HEATED_MISTAKES, HEATED_RIGHT = 14, 10
Context = dict[str, Any]


def wrong(prepared: Prepared, data: Data, result: Result, album: Album) -> Context:
    """Return mistakes, suspicious labels, and what was looked at in them and in some photos that came out right."""
    names, paths = data.labels, data.splits["path"].tolist()
    numbers = data.material.labels
    missed, assessed = mistakes(result.assessed), result.assessed
    suspects = suspicious(result.learnt.rows, result.learnt.held_out, numbers)
    doubted = with_nearest(suspects[:SHOWN_SUSPECTS], result.learnt, data)
    right = _some_right(result)
    explained = {one.row: one.answer for one in missed[:HEATED_MISTAKES]}
    explained |= {int(assessed.rows[place]): int(assessed.labels[place]) for place in right}
    heats = looked_at(explained, prepared, data, result.learnt)

    def photo(row: int, caption: str = "", side: int = SIDE) -> Context:
        return album.of(paths[row], caption, side)

    def small(rows: Sequence[int]) -> list[Context]:
        return [photo(row, names[numbers[row]], SMALL) for row in rows]

    shown = [
        {
            "photo": photo(one.row),
            "heat": heats.get(one.row, ""),
            "label": names[one.label],
            "answer": names[one.answer],
            "probability": one.probability,
            "own": one.own,
            "unsure": one.unsure,
            "alike": small(one.alike),
        }
        for one in missed[:SHOWN_MISTAKES]
    ]
    doubtful = [
        {
            "photo": photo(one.row),
            "label": names[one.label],
            "answer": names[one.answer],
            "probability": one.probability,
            "own": one.own,
            "like_label": small(one.like_label),
            "like_answer": small(one.like_answer),
        }
        for one in doubted
    ]
    looked = [
        {"photo": photo(row), "heat": heats[row], "label": names[numbers[row]]}
        for row in assessed.rows[right].tolist()
        if row in heats
    ]
    return {
        "mistakes": shown,
        "mistake_count": len(missed),
        "suspects": doubtful,
        "suspect_count": len(suspects),
        "looked": looked,
        "heated": any(one["heat"] for one in shown),
        "averaged": len(result.learnt.heads),
    }


def _some_right(result: Result) -> list[int]:
    """Return places of photos that came out right, of each label in turn, the most doubtful first."""
    assessed = result.assessed
    confidence = assessed.answers.probabilities.max(axis=1)
    queues = [
        sorted(
            np.flatnonzero(assessed.right & (assessed.labels == label)).tolist(), key=lambda place: confidence[place]
        )
        for label in np.unique(assessed.labels)
    ]
    turns = [queue[turn] for turn in range(HEATED_RIGHT) for queue in queues if turn < len(queue)]
    return turns[:HEATED_RIGHT]


def strangers(result: Result, album: Album) -> Context:
    """Return what was made of photos of something else, and the most confident answers."""
    if result.strangers is None:
        return {"strangers": "", "answered": [], "answered_count": 0}
    table = result.strangers.table
    answered = table[~table["unsure"]].sort_values("probability", ascending=False)
    some = answered.head(SHOWN_STRANGERS)
    shown = [
        album.of(path, f"{answer}, {screen.percent(probability)}", SMALL)
        for path, answer, probability in some[["path", "answer", "probability"]].to_numpy().tolist()
    ]
    return {"strangers": words.strangers(result), "answered": shown, "answered_count": len(answered)}
