"""The drawn sample: pictures of two cats, made by this module, so that everything can be tried without any photo."""

import os
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from catml.errors import InputError
from catml.photos.drawn.canvas import OVERSAMPLING, Canvas
from catml.photos.drawn.cats import coat_of, draw_cat
from catml.photos.drawn.light import expose
from catml.photos.drawn.poses import POSES, Figure
from catml.photos.drawn.scenes import SCENES, Stage, foliage, thing_in_front
from catml.photos.drawn.shapes import Placement

LABELS = ("gepetto", "kuki")
PHOTOS_PER_LABEL = 200
# Raise it whenever the pictures change, so that folders drawn before are drawn again.
SAMPLE_VERSION = 1
MARKER = ".sample-version"
LONG_SIDE, SHORT_SIDE = 400, 300
JPEG_QUALITY = 90
# Each worker takes a second to start, so more of them would not be quicker.
MOST_WORKERS = 8

# How the cat is caught: the last four are the few photos, found in every real collection, without a good view of it.
VIEWS = {"whole": 0.58, "close": 0.2, "face": 0.18, "tiny": 0.01, "hidden": 0.01, "dark": 0.01, "shaken": 0.01}
# Of the largest cat that fits into the frame.
SIZES = {
    "whole": (0.62, 1.0),
    "close": (1.05, 1.35),
    "tiny": (0.12, 0.18),
    "hidden": (0.62, 1.0),
    "dark": (0.62, 1.0),
    "shaken": (0.62, 1.0),
}


def draw_photo(label: str, index: int) -> Image.Image:
    """Draw one picture; the same label and index always give the same one.

    Args:
        label: one of `LABELS`.
        index: any number from 0 on.

    Returns:
        RGB, 400 by 300 pixels or 300 by 400.

    Raises:
        ValueError: there is no such label.
    """
    if label not in LABELS:
        raise ValueError(f"label: no '{label}'; there are {', '.join(LABELS)}")
    rng = np.random.default_rng([LABELS.index(label), index])
    width, height = (LONG_SIDE, SHORT_SIDE) if rng.random() < 0.65 else (SHORT_SIDE, LONG_SIDE)
    canvas = Canvas(round(width * OVERSAMPLING), round(height * OVERSAMPLING), rng)
    view = str(rng.choice(list(VIEWS), p=list(VIEWS.values())))
    stage = SCENES[rng.integers(len(SCENES))](canvas)
    poses = list(POSES.values())
    figure = poses[rng.integers(len(poses))](rng)
    place = _place(canvas, figure, view, stage)
    draw_cat(canvas, place, coat_of(label, rng), figure)
    if stage.front is not None and view != "tiny":
        stage.front(canvas)
    if rng.random() < 0.25:
        cover = foliage if rng.random() < 0.5 else thing_in_front
        cover(canvas)
    painting = Image.fromarray((canvas.pixels.clip(0.0, 1.0) * 255).astype(np.uint8).transpose(1, 2, 0))
    painting = painting.resize((width, height), Image.Resampling.LANCZOS)
    return expose(painting, rng, dark=view == "dark", shaken=view == "shaken")


def _place(canvas: Canvas, figure: Figure, view: str, stage: Stage) -> Placement:
    """Choose size, side and place in the frame."""
    rng, width, height = canvas.rng, canvas.width, canvas.height
    flipped, tilt = bool(rng.random() < 0.5), rng.normal(0.0, 0.03)
    side = -1 if flipped else 1
    if view == "face":
        # Whatever stands in front comes up to about the chin.
        low, high, down = (0.2, 0.31, 0.5) if stage.front is None else (0.18, 0.24, 0.42)
        unit = min(width, height) * rng.uniform(low, high)
        x, y = width * rng.uniform(0.38, 0.62), height * (down + rng.uniform(-0.07, 0.07))
        # A head that lies low would else be in the air.
        feet = max(y - figure.head.y * unit, stage.ground)
        return Placement(x - side * figure.head.x * unit, feet, unit, flipped, tilt)
    reach = figure.right - figure.left
    low, high = SIZES[view]
    unit = min(0.92 * stage.ground / figure.height, 0.94 * width / reach) * rng.uniform(low, high)
    spare = max(width - reach * unit, 0.1 * width)
    x = width / 2 + spare * rng.uniform(-0.5, 0.5) - side * (figure.left + figure.right) / 2 * unit
    # Close up, feet may lie below the frame, never the ears above it.
    feet = max(stage.ground, 0.98 * figure.height * unit)
    if view == "hidden":
        # A box or blanket hides its part as well, and something of the cat shall be seen.
        feet += (0.62 if stage.front is None else 0.4) * figure.height * unit
    return Placement(x, feet, unit, flipped, tilt)


def draw_sample(folder: Path, *, progress: bool = True) -> Path:
    """Draw all pictures into `folder`, one folder a label; a folder that holds them already is left as it is.

    They are drawn beside it and moved in when all are there, so `folder` never holds half of them.

    Args:
        folder: where the label folders shall be; an older or incomplete sample there is replaced.
        progress: whether to show a bar.

    Returns:
        `folder`.

    Raises:
        InputError: `folder` holds files that are not of a drawn sample, which would be lost.
    """
    if _is_complete(folder):
        return folder
    strange = _first_strange_file(folder)
    if strange is not None:
        raise InputError(f"sample: {folder} holds {strange}, which is not of the drawn sample; name another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.absolute().with_name(f".{folder.absolute().name}-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    try:
        _draw_into(work, progress=progress)
        (work / MARKER).write_text(_marker())
        _replace(folder.absolute(), work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _pictures() -> list[tuple[str, int, str]]:
    """Return label, index and path within the folder of every picture."""
    return [(label, k, f"{label}/{label}-{k:03d}.jpg") for label in LABELS for k in range(PHOTOS_PER_LABEL)]


def _marker() -> str:
    return f"{SAMPLE_VERSION} {PHOTOS_PER_LABEL}\n"


def _is_complete(folder: Path) -> bool:
    marker = folder / MARKER
    same_version = marker.is_file() and marker.read_text() == _marker()
    return same_version and all((folder / path).is_file() for _, _, path in _pictures())


def _first_strange_file(folder: Path) -> Path | None:
    """Return a file that `draw_sample` never wrote, if there is one: somebody else's files are not to be replaced."""
    if folder.exists() and not folder.is_dir():
        return folder
    ours = re.compile(rf"({'|'.join(LABELS)})/\1-\d+\.jpg|{re.escape(MARKER)}")
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if not path.is_dir())
    return next((path for path in files if not ours.fullmatch(path.as_posix())), None)


def _draw_into(folder: Path, *, progress: bool) -> None:
    for label in LABELS:
        (folder / label).mkdir(parents=True)
    pictures = _pictures()
    # Started afresh, not forked: the caller may run TensorFlow's threads, which don't survive a fork.
    with ProcessPoolExecutor(min(_cores(), MOST_WORKERS), mp_context=get_context("spawn")) as pool:
        done = pool.map(partial(_save, folder), pictures, chunksize=8)
        for _ in tqdm(done, desc="drawing the sample", total=len(pictures), disable=not progress):
            pass


def _cores() -> int:
    """Return how many cores this process may use, which can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _save(folder: Path, picture: tuple[str, int, str]) -> None:
    label, index, path = picture
    draw_photo(label, index).save(folder / path, quality=JPEG_QUALITY)


def _replace(folder: Path, drawn: Path) -> None:
    """Put the drawn folder in the place of the old one, which is deleted only when the new one is there."""
    if not folder.exists():
        drawn.rename(folder)
        return
    old = drawn.with_name(f"{drawn.name}-old")
    folder.rename(old)
    drawn.rename(folder)
    shutil.rmtree(old)
