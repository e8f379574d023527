"""Which heads are tried: everything a study can choose from, in one place."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import optuna
import yaml

from catml.errors import InputError, did_you_mean
from catml.heads.spec import SCALINGS, HeadSpec

LINEAR = "0"
# The plain linear head every study begins with, on each backbone: as good as most on a few hundred photos.
FIRST_L2 = 0.1
NO_VIEWS = (0,)
# More would make the enumeration itself slow; TPE samples such a space instead.
MOST_CELLS = 100_000
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, drawn evenly on a logarithmic scale where `log`."""

    low: float
    high: float
    log: bool = True

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"


Values = tuple[Any, ...] | Range


@dataclass(frozen=True)
class Space:
    """The choices for each setting of a head; the meaning of each is told in `HeadSpec`.

    Attributes:
        hidden: shapes; "0" is the linear head, "40-20" the talk's deepest.
        scaling: how features are scaled.
        linear_l2: L2 of the linear head.
        hidden_l2: L2 of the others; so are all below.
        dropout: rates.
        learning_rate: Adam's.
        epochs: how many at most, one number; the best epoch is found by cross-validation.
        views: how many augmented views of each photo are learnt from.
    """

    hidden: Values = (LINEAR, "16", "64", "40-20")
    scaling: Values = SCALINGS
    linear_l2: Values = field(default_factory=lambda: Range(1e-4, 10.0))
    hidden_l2: Values = field(default_factory=lambda: Range(1e-5, 1e-1))
    dropout: Values = (0.0, 0.25, 0.5)
    learning_rate: Values = field(default_factory=lambda: Range(3e-4, 1e-2))
    epochs: Values = (60,)
    views: Values = NO_VIEWS

    def description(self) -> dict[str, Any]:
        """Return all of it as plain values, for the study's key: another space is another study."""
        return {of.name: _plain(getattr(self, of.name)) for of in fields(self) if of.name not in self._unused}

    @property
    def _unused(self) -> tuple[str, ...]:
        """Settings that are as if they didn't exist, so that a study without views is the one it always was."""
        return ("views",) if self.views == NO_VIEWS else ()

    @property
    def view_counts(self) -> tuple[int, ...]:
        """The numbers of augmented views there are."""
        return self._of("views")

    @property
    def shapes(self) -> tuple[str, ...]:
        """The shapes there are."""
        return self._of("hidden")

    def with_linear(self) -> "Space":
        """Return the same space with the linear head in it, which every study begins with."""
        shapes = self.shapes
        return self if LINEAR in shapes else replace(self, hidden=(*shapes, LINEAR))

    def firsts(self, backbones: Sequence[str]) -> list[dict[str, Any]]:
        """Return the heads every study begins with: plain linear ones, on each backbone, with each number of views."""
        plain = [self.first(backbone) for backbone in backbones]
        return plain if self._unused else [one | {"views": views} for one in plain for views in self._of("views")]

    def first(self, backbone: str) -> dict[str, Any]:
        """Return the plain linear head on a backbone, also where the space has no linear heads."""
        values = self.linear_l2
        if isinstance(values, Range):
            l2 = min(max(FIRST_L2, values.low), values.high)
        else:
            l2 = min(values, key=lambda value: abs(math.log(value / FIRST_L2)))
        return {"backbone": backbone, "hidden": LINEAR, "scaling": self._of("scaling")[0], "linear_l2": l2}

    def suggest(self, trial: optuna.trial.BaseTrial, backbones: Sequence[str]) -> dict[str, Any]:
        """Return the backbone and the settings a trial is to try."""
        found: dict[str, Any] = {"backbone": trial.suggest_categorical("backbone", list(backbones))}
        for name in ("hidden", "scaling", "views"):
            if name in self._unused:
                continue
            found[name] = trial.suggest_categorical(name, list(self._of(name)))
        for name in self._settings(found["hidden"]):
            values = getattr(self, name)
            if isinstance(values, Range):
                found[name] = trial.suggest_float(name, values.low, values.high, log=values.log)
            else:
                found[name] = trial.suggest_categorical(name, list(values))
        return found

    def distributions(self, params: Params, backbones: Sequence[str]) -> dict[str, Any]:
        """Return what each of `params` was chosen from, as Optuna keeps it with a trial."""
        found: dict[str, Any] = {}
        for name in params:
            values = backbones if name == "backbone" else getattr(self, name)
            if isinstance(values, Range):
                found[name] = optuna.distributions.FloatDistribution(values.low, values.high, log=values.log)
            else:
                found[name] = optuna.distributions.CategoricalDistribution(list(values))
        return found

    def spec(self, params: Params) -> HeadSpec:
        """Return the head that a trial's parameters stand for."""
        views = params.get("views", 0)
        if params["hidden"] == LINEAR:
            return HeadSpec((), params["scaling"], params["linear_l2"], views=views)
        widths = tuple(int(width) for width in params["hidden"].split("-"))
        settings = params["scaling"], params["hidden_l2"], params["dropout"], params["learning_rate"]
        return HeadSpec(widths, *settings, self._of("epochs")[0], views)

    def cells(self, backbones: Sequence[str]) -> list[dict[str, Any]] | None:
        """Return every head there is, in a fixed order; None where a setting is a range, or there are too many."""
        count, cells = 0, []
        for shape in self.shapes:
            values = [getattr(self, name) for name in self._settings(shape)]
            if any(isinstance(of, Range) for of in values):
                return None
            common = [backbones, (shape,), self._of("scaling"), *([] if self._unused else [self._of("views")])]
            count += math.prod(map(len, [*common, *values]))
            if count > MOST_CELLS:
                return None
            names = ("backbone", "hidden", "scaling", *(() if self._unused else ("views",)), *self._settings(shape))
            for head in itertools.product(*common, *values):
                cells.append(dict(zip(names, head, strict=True)))
        return cells

    def _settings(self, shape: str) -> tuple[str, ...]:
        return ("linear_l2",) if shape == LINEAR else ("hidden_l2", "dropout", "learning_rate")

    def _of(self, name: str) -> tuple[Any, ...]:
        values: tuple[Any, ...] = getattr(self, name)
        return values


def read(text: str, views: int = 0) -> Space:
    """Return the space that a text asks for: the default one, with the settings in it replaced.

    Args:
        views: how many augmented views of each photo there are; by default heads with and without them are tried.
        text: the path of a YAML file, or settings such as "hidden=0,64; hidden_l2=1e-4..1e-2; dropout=0", or both,
            separated by semicolons; what comes later wins. Commas separate choices, two dots the ends of a range. In
            the file a range is `{low: …, high: …}`, `log: false` for an even one.

    Raises:
        InputError: all that is wrong with it.
    """
    problems: list[str] = []
    settings: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        if "=" in part:
            name, _, value = part.partition("=")
            settings[name.strip()] = _parsed(value.strip())
        else:
            settings |= _from_file(Path(part).expanduser(), problems)
    space = replace(Space(), views=(0, views)) if views else Space()
    known = [of.name for of in fields(Space)]
    for name, value in settings.items():
        if name not in known:
            problems.append(f"space: no setting '{name}'.{did_you_mean(name, known)} There are {', '.join(known)}.")
            continue
        try:
            space = replace(space, **{name: _checked(name, value)})
        except (ValueError, TypeError) as expected:
            problems.append(f"space: {name}: expected {expected}, got '{_written(value)}'.")
    if space.shapes == (LINEAR,):
        problems += [
            f"space: {name}: has no effect on the linear head, the only one in 'hidden'. Drop it, or add a shape."
            for name in settings
            if name in ("hidden_l2", "dropout", "learning_rate", "epochs")
        ]
    most = max(space.view_counts)
    if most > views:
        problems.append(f"space: views: {most} wanted, but views={views} gives no more. Give views={most}.")
    if problems:
        raise InputError(problems)
    return space


def _from_file(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"space: '{path}' can't be read ({error.strerror}); a setting is written NAME=VALUES.")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problems.append(f"space: {path}: is no YAML ({' '.join(str(error).split())[:200]}).")
    else:
        if isinstance(found, dict):
            return {str(name): value for name, value in found.items()}
        problems.append(f"space: {path}: expected a setting per line, such as 'dropout: [0, 0.5]'.")
    return {}


def _parsed(text: str) -> Any:
    """Return what the short form of a setting means, in the words of the file."""
    if ".." in text:
        low, _, high = text.partition("..")
        return {"low": low, "high": high}
    return [part.strip() for part in text.split(",") if part.strip()]


def _checked(name: str, value: Any) -> Values:
    """Return the choices or the range that a setting asks for.

    Raises:
        ValueError: says what was expected.
    """
    if name in ("hidden", "scaling", "epochs", "views") and isinstance(value, dict):
        raise ValueError("choices, no range")
    if isinstance(value, dict):
        if not {"low", "high"} <= value.keys() <= {"low", "high", "log"}:
            raise ValueError("low and high, maybe log")
        ends = [_number(name, value[end]) for end in ("low", "high")]
        log = value.get("log", name != "dropout")  # a rate of 0 has no logarithm
        if ends[0] >= ends[1] or not isinstance(log, bool) or (log and ends[0] <= 0):
            raise ValueError("low below high; both above 0, or log: false")
        return Range(ends[0], ends[1], log)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("at least one choice")
    read_one = {"hidden": _shape, "scaling": _scaling, "epochs": _epochs, "views": _views}.get(name)
    choices = tuple(dict.fromkeys(read_one(of) if read_one else _number(name, of) for of in values))
    if name == "epochs" and len(choices) > 1:
        raise ValueError("one number")
    return choices


def _number(name: str, value: Any) -> float:
    most = {"dropout": 0.95, "learning_rate": 1.0}.get(name, 1e6)
    lowest = 0.0 if name in ("dropout", "hidden_l2") else 1e-12
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not lowest <= number <= most:
        raise ValueError(f"numbers from {lowest:g} to {most:g}")
    return number


def _shape(value: Any) -> str:
    widths = str(value).strip().split("-")
    if not all(width.isdecimal() and len(width) < 6 for width in widths) or ("0" in widths and len(widths) > 1):
        raise ValueError("widths of hidden layers such as 64 or 40-20, 0 for the linear head")
    return "-".join(str(int(width)) for width in widths)


def _scaling(value: Any) -> str:
    if value not in SCALINGS:
        raise ValueError(" or ".join(SCALINGS))
    return str(value)


def _epochs(value: Any) -> int:
    if isinstance(value, bool) or not str(value).isdecimal() or not 1 <= int(value) <= 10_000:
        raise ValueError("a whole number from 1 to 10000")
    return int(value)


def _views(value: Any) -> int:
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) > 1000:
        raise ValueError("whole numbers from 0 to 1000")
    return int(value)


def _written(value: Any) -> str:
    """Return a value as the user may have written it."""
    if isinstance(value, dict) and value.keys() == {"low", "high"}:
        return f"{value['low']}..{value['high']}"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(values: Any) -> Any:
    if isinstance(values, Range):
        return {"low": values.low, "high": values.high, "log": values.log}
    return list(values) if isinstance(values, tuple) else values
