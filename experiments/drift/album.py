"""Folders of photos: features of each photo as it is and changed, and which photos belong together."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from catml import config, pipeline, quiet
from catml.backbones.extract import compiled, decoded, prefetch

BACKBONE, BATCH = "efficientnet-lite0", 16
SCENE = 0.7  # cosine from which on photos are of one scene, as a careful person might group them


def crushed(quality: int) -> Callable[[Image.Image], Image.Image]:
    """Return what a JPEG of this quality leaves of a photo."""

    def crush(photo: Image.Image) -> Image.Image:
        file = io.BytesIO()
        photo.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return crush


# On what the network sees, 224 by 224 pixels: how a bad camera or a bad day changes photos, mildly and badly.
CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda photo: photo,
    "dark, × .4": lambda photo: photo.point(lambda value: 0.4 * value),
    "dark, × .15": lambda photo: photo.point(lambda value: 0.15 * value),
    "blurred, 1.5 pixels": lambda photo: photo.filter(ImageFilter.GaussianBlur(1.5)),
    "blurred, 4 pixels": lambda photo: photo.filter(ImageFilter.GaussianBlur(4)),
    "turned by a quarter": lambda photo: photo.transpose(Image.Transpose.ROTATE_90),
    "JPEG, quality 10": crushed(10),
    "JPEG, quality 3": crushed(3),
}
AS_IS, *CHANGED = CHANGES


@dataclass(frozen=True)
class Album:
    """All photos of a folder.

    Attributes:
        features: of all photos, by change, each (n, 1280).
        labels: class numbers.
        groups: as `catml train` finds them.
        scenes: larger groups, also of photos of one scene.
        names: of the files.
    """

    features: dict[str, NDArray[np.float32]]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]
    scenes: NDArray[np.str_]
    names: NDArray[np.str_]

    def starting(self, prefix: str) -> NDArray[np.bool_]:
        """Tell which photos' names start so: an author's own split."""
        return np.array([name.startswith(prefix) for name in self.names])


def load(folder: str) -> Album:
    """Return a folder's photos; features that are missing are computed and kept in the data folder."""
    found = pipeline.find({"photos": folder, "backbones": (BACKBONE,), "weights": ""})
    quiet.settle()
    table = found.table
    kept = config.data_folder() / "drift" / f"{pipeline.name_of(found.checked)}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **_extract([found.folder / path for path in table["path"]], found.sources[0]))
    scenes = pipeline.group_by_features(found.checked, SCENE).photos
    with np.load(kept) as features:
        return Album(
            dict(features),
            np.unique(table["label"], return_inverse=True)[1],
            table["group"].to_numpy(str),
            scenes["group"].to_numpy(str),
            table["path"].str.rsplit("/", n=1).str[-1].to_numpy(str),
        )


def _extract(paths, source) -> dict[str, NDArray[np.float32]]:
    network = compiled(source.load())
    photos = [
        Image.fromarray(pixels) for pixels in prefetch(lambda path: decoded(path, source.backbone.input_size), paths)
    ]
    features = {}
    for name, change in CHANGES.items():
        shown = np.stack([np.asarray(change(photo)) for photo in photos])
        features[name] = np.concatenate([network(shown[at : at + BATCH]) for at in range(0, len(shown), BATCH)])
    return features
