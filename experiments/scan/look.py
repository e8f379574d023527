"""One look through a folder of photos, timed step by step; to be taken in a process of its own, whose memory counts."""

import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catml import config
from catml.photos import findings, scan
from experiments.scan.drawn import COPY

STEPS = ("list_photos", "scan", "find_links", "group")
HEAD = ["photos", "read", *STEPS, "all, s", "peak MB", "copies grouped", "links by chance"]


def look(photos: Path, cache: Path) -> list[str]:
    """Look through the photos as `check` and `train` do, and return what `HEAD` says."""
    seconds: Counter[str] = Counter()
    read: list[Path] = []
    for step in STEPS:
        setattr(findings, step, clocked(getattr(findings, step), step, seconds))
    read_bytes = scan.read_bytes
    scan.read_bytes = lambda path: read.append(path) or read_bytes(path)
    checked = clocked(findings.examine, "all", seconds)(photos, cache, config.MIN_PHOTOS_PER_LABEL)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    names = checked.photos["path"].str.removesuffix(".jpg")
    groups = dict(zip(names, checked.photos["group"], strict=True))
    grouped = sum(groups[name] == groups[name.removesuffix(COPY)] for name in groups if name.endswith(COPY))
    origins = names.str.removesuffix(COPY).to_numpy()
    chance = int((origins[checked.links.first] != origins[checked.links.second]).sum())
    times = [f"{seconds[step]:.1f}" for step in (*STEPS, "all")]
    return [*map(str, (len(checked.table), len(read))), *times, f"{peak:.0f}", str(grouped), str(chance)]


def clocked(work: Callable[..., Any], name: str, seconds: Counter[str]) -> Callable[..., Any]:
    """Return the function, made to add the seconds it takes under its name."""

    def timed(*given: Any) -> Any:
        started = time.perf_counter()
        done = work(*given)
        seconds[name] += time.perf_counter() - started
        return done

    return timed
