"""Small pictures of photos learnt from, which a classifier carries, so that the nearest can be shown anywhere."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catml.photos.decode import DecodeError
from catml.photos.thumbnails import shrunk

SIDE, QUALITY = 96, 70  # of a picture; it takes about 3 kB
QUIET_SECONDS = 3.0  # what takes no longer needs no bar


@dataclass(frozen=True)
class KeptPhotos:
    """Photos learnt from: names, labels, and a small JPEG of each, empty where the photo was gone.

    Where none were to be kept, names and pictures are empty, and only the labels are there.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    pictures: tuple[bytes, ...]

    def save(self, path: Path) -> None:
        """Write them as plain arrays: no pickle, and one file however many there are."""
        with path.open("wb") as file:
            np.savez(
                file,
                names=np.array(self.names, np.str_),
                labels=np.array(self.labels, np.str_),
                sizes=np.array([len(picture) for picture in self.pictures], np.int64),
                pictures=np.frombuffer(b"".join(self.pictures), np.uint8),
            )


def keep(folder: Path, names: Sequence[str], labels: Sequence[str]) -> KeptPhotos:
    """Return small pictures, upright and at most 96 pixels high, of photos.

    Args:
        folder: what names are relative to.
        names: paths of the photos.
        labels: of each.
    """
    from tqdm import tqdm  # not where a registered classifier is only loaded

    with ThreadPoolExecutor() as pool:
        drawn = pool.map(lambda name: _picture(folder / name), names)
        pictures = tqdm(drawn, total=len(names), desc="small pictures", unit="photo", delay=QUIET_SECONDS)
        return KeptPhotos(tuple(names), tuple(labels), tuple(pictures))


def labels_only(labels: Sequence[str]) -> KeptPhotos:
    """Return photos of which nothing but the labels is kept."""
    return KeptPhotos(("",) * len(labels), tuple(labels), (b"",) * len(labels))


def load_kept(path: Path) -> KeptPhotos:
    """Load what `KeptPhotos.save` wrote."""
    with np.load(path) as kept:
        ends, whole = np.cumsum(kept["sizes"]).tolist(), kept["pictures"].tobytes()
        pictures = tuple(whole[start:end] for start, end in zip([0, *ends], ends, strict=False))
        return KeptPhotos(tuple(kept["names"].tolist()), tuple(kept["labels"].tolist()), pictures)


def _picture(path: Path) -> bytes:
    try:
        image = shrunk(path, SIDE)
    except DecodeError:  # gone since it was learnt from
        return b""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
