"""The report of a training run as one HTML page, pictures inside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from catml import screen
from catml.baselines import PLAIN_C
from catml.conclusion import Result
from catml.heads.spec import HeadSpec
from catml.photos import thumbnails
from catml.photos.thumbnails import Album
from catml.preparation import Data, Prepared
from catml.report import cases, repeat, sections
from catml.report.came_later import came_later
from catml.report.figures import Drawing, draw_curve, draw_heads, draw_reliability
from catml.report.kinds import Kind, kinds
from catml.report.learning_curve import learning_curve, outlook, said
from catml.report.reliability import reliability
from catml.report.sections import Context


def render(prepared: Prepared, data: Data, result: Result, values: Mapping[str, Any]) -> tuple[str, dict[str, bytes]]:
    """Return the page, and its figures as PNG by the names of their files.

    Args:
        prepared: the study.
        data: its photos.
        result: what it came to.
        values: the command's parameters.
    """
    folder = prepared.found.folder
    album, foreign = Album(folder), Album(Path(values["other"] or ".").expanduser().resolve())
    ranked = kinds(result.trials, result.learnt.champion, sections.test_share(data))
    drawings, curve = _drawn(prepared, data, result, ranked)
    context = {
        **sections.verdict(prepared, data, result, values),
        **sections.heads(result, ranked),
        **sections.confused(data, result),
        **cases.wrong(prepared, data, result, album),
        **cases.strangers(result, foreign),
        **came_later(data, result, album),
        **sections.calibration(data, result),
        **sections.left_out(prepared, data),
        "curve": curve,
        "figures": {name: drawing.svg for name, drawing in drawings.items()},
        "command": repeat.command(values),
        "versions": repeat.versions(prepared),
        "mirrored": values["mirrored"],
    }
    album.draw()
    foreign.draw()
    places = [Path(__file__).parent, Path(thumbnails.__file__).parent]
    environment = Environment(
        loader=FileSystemLoader(places), autoescape=True, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["percent"] = screen.percent
    page = environment.get_template("report.html.jinja").render(context)
    return page, {f"{name}.png": drawing.png for name, drawing in drawings.items()}


def _drawn(
    prepared: Prepared, data: Data, result: Result, ranked: Sequence[Kind]
) -> tuple[dict[str, Drawing], Context]:
    """Return the figures by name, and what there is to say of the learning curve."""
    material, learnt = data.material, result.learnt
    backbone = learnt.champion.heads[0].backbone
    linear = [trial for trial in result.trials if trial.backbone == backbone and not trial.spec.hidden]
    best = min(linear, key=lambda trial: trial.log_loss).spec if linear else None
    curve = learning_curve(
        material.features[backbone],
        material.labels,
        data.splits["group"].tolist(),
        material.folds,
        best or HeadSpec((), "each", 1 / (2 * PLAIN_C * len(material.folds[0][0]))),
        prepared.seed,
        material.blocks.get(backbone, ()),
    )
    ahead = outlook(curve)
    held = reliability(learnt.held_out, material.labels[learnt.rows])
    drawings = {
        "heads": draw_heads(ranked),
        "curve": draw_curve(curve, ahead),
        "reliability": draw_reliability(held),
    }
    rows = [
        {"photos": round(photos), "right": screen.percent(right), "se": f"{100 * se:.1f}", "log_loss": f"{loss:.3f}"}
        for photos, right, se, loss in zip(
            curve.photos,
            curve.accuracies.mean(axis=0),
            curve.se(curve.accuracies),
            curve.log_losses.mean(axis=0),
            strict=True,
        )
    ]
    return drawings, {"said": said(curve, ahead), "backbone": backbone, "rows": rows, "total": curve.total}
