"""Photos that came later, with pictures of the most unlike ones, as plain data for the template."""

from typing import Any

import numpy as np

from catml import newcomers, screen
from catml.conclusion import Result
from catml.learning import joined
from catml.newcomers import Newcomers
from catml.photos.thumbnails import Album
from catml.preparation import Data
from catml.report.cases import SMALL

SHOWN, BESIDE = 12, 2
Context = dict[str, Any]


def came_later(data: Data, result: Result, album: Album) -> Context:
    """Return what there is to say of photos that came later; `came` is empty where none did."""
    if not result.newcomers:
        return {"came": []}
    everyone = result.newcomers[0]
    return {
        "came": [_row(one) for one in result.newcomers],
        "came_said": [text for _, text in newcomers.said(everyone)],
        "came_unlike": everyone.looks_unlike,
        "came_shown": _most_unlike(everyone, data, result, album),
    }


def _row(one: Newcomers) -> Context:
    seen, judged = one.drift, one.judged
    right = f"{judged.right.sum()} of {len(judged.right)}" if judged else "–"
    return {
        "name": one.name,
        "photos": one.count,
        "moments": seen.moments,
        "strange": f"{seen.strange.sum()} of {len(one.rows)}",
        "less": f"{100 * seen.less_similar:.0f} of 100" if seen.moments else "–",
        "chance": screen.chance(seen.p) if seen.moments else "–",
        "right": right,
        "between": screen.between(judged.interval) if judged else "",
    }


def _most_unlike(one: Newcomers, data: Data, result: Result, album: Album) -> list[Context]:
    """Return the most unlike new photos, and beside each the old ones learnt from that are most like it."""
    learnt, names = result.learnt, data.splits["path"].tolist()
    labels = data.splits["label"].tolist()
    some = np.argsort(one.drift.similar, kind="stable")[:SHOWN]
    known = learnt.rows[learnt.familiar.rows]
    is_old = np.isin(known, one.old)
    similar = learnt.familiar.similarities(joined(learnt.heads, data.material.features)[one.rows[some]])[:, is_old]
    nearest = known[is_old][np.argsort(-similar, axis=1, kind="stable")[:, :BESIDE]]
    return [
        {
            "photo": album.of(names[row], f"{labels[row]}, similarity {one.drift.similar[place]:.2f}"),
            "strange": bool(one.drift.strange[place]),
            "alike": [album.of(names[other], labels[other], SMALL) for other in old],
        }
        for place, row, old in zip(some.tolist(), one.rows[some].tolist(), nearest.tolist(), strict=True)
    ]
