"""How to repeat a run: its command and the versions of everything its numbers depend on."""

import platform
import shlex
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from catml import __version__, config
from catml.backbones.store import tensorflow_build
from catml.photos.scan import photos_hash
from catml.photos.split import split_hash
from catml.preparation import Prepared


def command(values: Mapping[str, Any]) -> str:
    """Return the command, with all parameters that are not what they are by default."""
    words = ["catml", "train"]
    for parameter in config.COMMANDS["train"][1]:
        value = values[parameter.name]
        if value != parameter.read(parameter.default):
            words += [f"--{parameter.name.replace('_', '-')}", config.as_text(value)]
    return shlex.join(words)


def versions(prepared: Prepared) -> dict[str, str]:
    """Return what else the numbers depend on, by name."""
    build, number = tensorflow_build().split("==")
    packages = ("keras", "numpy", "optuna", "scikit-learn", "scipy", "pillow")
    found = {"catml": __version__, "Python": platform.python_version(), build: number}
    found |= {name: version(name) for name in packages}
    found |= {"photos": photos_hash(prepared.found.table), "split": split_hash(prepared.splits)}
    found |= {f"weights of {s.backbone.name}": s.weights.sha256[:16] for s in prepared.found.sources}
    return found | {"seed": str(prepared.seed)}
