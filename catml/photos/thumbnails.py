"""Photos as small pictures inside a page."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from catml.photos.decode import DecodeError, open_upright, read_bytes

SIDE = 160  # of a thumbnail, in pixels
QUALITY = 72
Figure = dict[str, str]  # `path`, `said` (what there is to say of it), `data` (address of the picture, maybe empty)


def shrunk(path: Path, side: int = SIDE) -> Image.Image:
    """Return a photo, upright, at most `side` pixels high and twice as wide.

    Raises:
        DecodeError: it is gone, or broken.
    """
    image = open_upright(read_bytes(path), enough=2 * side)
    image.thumbnail((2 * side, side))
    return image


def as_data(image: Image.Image) -> str:
    """Return a picture as an address that holds it, a JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def thumbnail(path: Path, side: int = SIDE) -> str:
    """Return a photo as an address that holds a small picture of it; empty where it is gone since it was checked."""
    try:
        return as_data(shrunk(path, side))
    except DecodeError:
        return ""


class Album:
    """The thumbnails of a page: asked for one by one, drawn at once.

    Args:
        folder: what the paths of photos are relative to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: dict[tuple[str, str, int], Figure] = {}

    def of(self, path: str, said: str = "", side: int = SIDE) -> Figure:
        """Return the figure of a photo; its thumbnail is there after `draw`, empty where the photo is gone."""
        return self._asked.setdefault((path, said, side), {"path": path, "said": said, "data": ""})

    def draw(self) -> None:
        """Decode all that were asked for, each once."""
        wanted = dict.fromkeys((path, side) for path, _, side in self._asked)
        with ThreadPoolExecutor() as pool:
            found = pool.map(lambda one: thumbnail(self._folder / one[0], one[1]), wanted)
            drawn = dict(zip(wanted, found, strict=True))
        for (path, _, side), figure in self._asked.items():
            figure["data"] = drawn[path, side]
