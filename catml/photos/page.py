"""The report of `catml check` as one HTML page, thumbnails inside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader

from catml.photos.findings import Checked
from catml.photos.groups import find_borderline
from catml.photos.overview import Fact, by_label
from catml.photos.split import TEST
from catml.photos.thumbnails import Album, Figure

SHOWN_STOPS, SHOWN_GROUPS, SHOWN_IN_GROUP, SHOWN_PAIRS, SHOWN_COPIES = 200, 40, 12, 30, 100
SAMPLES_PER_LABEL, SAMPLES = 8, 160
WHY = {"alike": "look alike", "burst": "one camera, one moment", "features": "one scene, by their features"}


def render(
    checked: Checked,
    splits: pd.DataFrame | None,
    facts: Sequence[Fact],
    notes: Sequence[str],
    stops: Sequence[str],
) -> str:
    """Return the page; nothing beside it is needed to show it.

    Args:
        checked: the photos.
        splits: what `split` returns, None where there is no split.
        facts: what there is to say of the photos.
        notes: what should be known.
        stops: reasons why nothing can be learnt from them.
    """
    figures = _Figures(checked, splits)
    groups, group_count = _groups(checked, figures)
    pairs, pair_count = _pairs(checked, figures)
    copies, copy_count = _copies(checked.table)
    samples = _samples(checked.photos, figures)
    figures.draw()
    source = checked.listing.source
    counts = by_label(checked, splits)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("page.html.jinja").render(
        name=source.stem if source.is_file() else source.resolve().name,
        source=str(source),
        photos=len(checked.photos),
        files=len(checked.table),
        stops=list(stops),
        shown=SHOWN_STOPS,
        notes=list(notes),
        facts=list(facts),
        columns=list(counts.columns),
        labels=counts.to_dict("records"),
        decided=splits is not None,
        most=max(1, int(counts["photos"].max())) if len(counts) else 1,
        broken=checked.broken.to_dict("records"),
        groups=groups,
        group_count=group_count,
        pairs=pairs,
        pair_count=pair_count,
        copies=copies,
        copy_count=copy_count,
        samples=samples,
    )


class _Figures:
    """The thumbnails of a page, asked for by the row of the photo."""

    def __init__(self, checked: Checked, splits: pd.DataFrame | None) -> None:
        photos = checked.photos
        sides = splits["split"].to_numpy() if splits is not None else np.full(len(photos), "")
        self._said = [
            " · ".join(
                filter(
                    None,
                    [
                        label,
                        {TEST: "test", "": ""}.get(side, "learnt from"),
                        "turned upright" if orientation != 1 else "",
                    ],
                )
            )
            for label, side, orientation in zip(photos["label"], sides, photos["orientation"], strict=True)
        ]
        self._paths = photos["path"].tolist()
        self._album = Album(checked.listing.folder)

    def of(self, row: int) -> Figure:
        """Return the figure of a row of the photos; its thumbnail is there after `draw`."""
        return self._album.of(self._paths[row], self._said[row])

    def draw(self) -> None:
        """Decode all that were asked for."""
        self._album.draw()


def _groups(checked: Checked, figures: _Figures) -> tuple[list[dict[str, Any]], int]:
    """Return the groups to show, those of several labels first and then by size, and how many there are."""
    photos, links = checked.photos, checked.links
    members = {name: rows for name, rows in photos.groupby("group").indices.items() if len(rows) > 1}
    labels = photos["label"].to_numpy()
    ranked = sorted(members.items(), key=lambda item: (-len(set(labels[item[1]])), -len(item[1]), str(item[0])))
    names = photos["group"].to_numpy()
    inside = names[links.first] == names[links.second]
    reasons: dict[Any, set[str]] = {}
    for row, reason in zip(links.first[inside], links.reason[inside], strict=True):
        reasons.setdefault(names[row], set()).add(WHY[str(reason)])
    shown = []
    for name, rows in ranked[:SHOWN_GROUPS]:
        why = "; ".join(sorted(reasons.get(name, {"given by you"})))
        several = sorted(set(labels[rows]))
        why += f". Several labels: {', '.join(several)}" if len(several) > 1 else ""
        figures_of = [figures.of(int(row)) for row in rows[:SHOWN_IN_GROUP]]
        shown.append({"why": why, "photos": figures_of, "more": max(0, len(rows) - SHOWN_IN_GROUP)})
    return shown, len(ranked)


def _pairs(checked: Checked, figures: _Figures) -> tuple[list[dict[str, Any]], int]:
    pairs = find_borderline(checked.photos, checked.photos["group"])
    first = zip(pairs.first[:SHOWN_PAIRS], pairs.second[:SHOWN_PAIRS], pairs.distance[:SHOWN_PAIRS], strict=True)
    shown = [
        {"first": figures.of(int(one)), "second": figures.of(int(other)), "bits": bits} for one, other, bits in first
    ]
    return shown, len(pairs.first)


def _copies(table: pd.DataFrame) -> tuple[list[list[str]], int]:
    fine = table[table["problem"] == ""]
    copies = fine[fine.duplicated("pixels_sha256", keep=False)]
    sets = [same["path"].tolist() for _, same in copies.groupby("pixels_sha256", sort=False)]
    return sets[:SHOWN_COPIES], len(sets)


def _samples(photos: pd.DataFrame, figures: _Figures) -> list[tuple[str, list[Figure]]]:
    """Return some photos of each label, evenly from all of it; turned ones first, since they are worth a look."""
    found: list[tuple[str, list[Figure]]] = []
    each = max(1, min(SAMPLES_PER_LABEL, SAMPLES // max(1, photos["label"].nunique())))
    for label, own in list(photos.sort_values("path").groupby("label"))[:SAMPLES]:
        turned = own.index[own["orientation"] != 1][: each // 2]
        others = own.index.difference(turned, sort=False)
        places = np.unique(np.linspace(0, len(others) - 1, min(each - len(turned), len(others))).round().astype(int))
        found.append((str(label), [figures.of(int(row)) for row in [*turned, *others[places]]]))
    return found
