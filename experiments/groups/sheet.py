"""Contact sheets: pairs of photos side by side, the most alike first."""

from pathlib import Path

import pandas as pd
from PIL import Image, ImageDraw, ImageOps

from catml.photos.decode import open_upright, read_bytes
from catml.photos.similar import Pairs

SIDE, COLUMNS, ROWS = 84, 4, 9
LINE = 14


def draw(folder: Path, table: pd.DataFrame, pairs: Pairs, file: Path) -> None:
    """Draw up to 36 pairs, evenly picked from all in the order of their distance, each with its distance and labels."""
    order = pairs.distance.argsort(kind="stable")
    step = max(1, -(-len(order) // (COLUMNS * ROWS)))
    sheet = Image.new("RGB", (COLUMNS * (2 * SIDE + 12), ROWS * (SIDE + LINE + 4)), "white")
    pen = ImageDraw.Draw(sheet)
    paths, labels = table["path"].tolist(), table["label"].tolist()
    for place, pair in enumerate(order[::step]):
        first, second = int(pairs.first[pair]), int(pairs.second[pair])
        x, y = place % COLUMNS * (2 * SIDE + 12), place // COLUMNS * (SIDE + LINE + 4)
        for number, row in enumerate((first, second)):
            sheet.paste(_thumbnail(folder / paths[row]), (x + number * SIDE, y))
        across = "" if labels[first] == labels[second] else f" / {labels[second]}"
        pen.text((x, y + SIDE), f"{pairs.distance[pair]}  {labels[first]}{across}", "black")
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(128).save(file, optimize=True)


def _thumbnail(path: Path) -> Image.Image:
    return ImageOps.pad(open_upright(read_bytes(path)), (SIDE, SIDE), color="white")
