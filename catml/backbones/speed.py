"""How long a photo takes with a backbone on this machine, measured once and kept.

Kept is a small JSON file: one entry for each backbone, processor, number of cores and versions. Deleting it is all it
takes to have everything measured anew.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catml.backbones.registry import Backbone
from catml.backbones.store import digest, tensorflow_build
from catml.errors import InputError
from catml.files import write_whole

if TYPE_CHECKING:
    import keras

BATCHES = 3  # that are timed, after one that isn't: the first call also compiles
MILLISECONDS = "milliseconds_per_photo"


def circumstances(backbone: Backbone) -> dict[str, object]:
    """Return what the speed of a backbone depends on; weights are not among it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "backbone": backbone.name,
        "input_size": backbone.input_size,
        "processor": _processor(),
        "cores": cores,
        "keras": version("keras"),
        "tensorflow": tensorflow_build(),
    }


def measure(load: Callable[[], "keras.Model"], done: Callable[[], object] = lambda: None) -> float:
    """Return milliseconds a photo: the median over full batches, as extraction computes them.

    Args:
        load: gives the network from pixels to features.
        done: called after each of the `BATCHES` + 1 batches.
    """
    from catml.backbones.extract import BATCH, compiled

    network = load()
    size = network.input_shape[1]
    run = compiled(network)
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), np.uint8)
    took = []
    for _ in range(BATCHES + 1):
        start = time.perf_counter()
        run(pixels)
        took.append(1000 * (time.perf_counter() - start) / BATCH)
        done()
    return statistics.median(took[1:])


def kept(file: Path, backbone: Backbone) -> float | None:
    """Return the milliseconds that were measured earlier, under the same circumstances.

    Raises:
        InputError: the file is damaged.
    """
    entry = _read(file).get(digest(circumstances(backbone)))
    return None if entry is None else float(entry[MILLISECONDS])


def keep(file: Path, backbone: Backbone, milliseconds: float) -> None:
    """Keep what was measured."""
    of = circumstances(backbone)
    entries = _read(file) | {digest(of): of | {MILLISECONDS: round(milliseconds, 2)}}
    write_whole(file, json.dumps(entries, indent=2).encode())


def _read(file: Path) -> dict[str, dict[str, float]]:
    try:
        entries: dict[str, dict[str, float]] = json.loads(file.read_bytes())
        return {key: entry | {MILLISECONDS: float(entry[MILLISECONDS])} for key, entry in entries.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InputError(f"{file}: can't be read. Delete it; speeds are measured anew.") from None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
