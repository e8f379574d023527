"""What a parameter is, and those that several commands have."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catml import readers

SAMPLE, MODEL_NAME, CHAMPION = "sample", "catml", "champion"


@dataclass(frozen=True)
class Parameter:
    """One parameter: `read` turns its text into a value or raises ValueError saying what was expected."""

    name: str
    default: str
    help: str
    read: Callable[[str], Any]

    @property
    def is_flag(self) -> bool:
        """Whether its bare name means yes."""
        return self.read is readers.yes_or_no


PHOTOS = Parameter(
    "photos",
    SAMPLE,
    "folder with one folder of photos per label, or a table (CSV, Parquet: path, label, maybe group and split); "
    "'sample' is the drawn sample",
    readers.filled("a folder, a table, or 'sample'"),
)
NEW_PHOTOS = Parameter(
    "new_photos",
    "",
    "photos that came later, to be learnt from as well: folders, tables or patterns, separated by commas; such as the "
    "tables of 'catml predict --log', labels filled in",
    readers.text,
)
SKIP_BROKEN = Parameter(
    "skip_broken", "false", "go on without files that are no photos, and record them", readers.yes_or_no
)
COSINE = Parameter(
    "cosine",
    "",
    "photos of one label whose features have at least this cosine stay together (.8 is a careful one); empty: off",
    readers.cosine,
)
TEST_FRACTION = Parameter(
    "test_fraction", "0.2", "share of the photos kept back for the one test", readers.share(0.05, 0.5)
)
BACKBONES = Parameter(
    "backbones",
    readers.AUTO,
    "names separated by commas; 'auto' takes all whose weights are on this machine; 'a+b' uses both together",
    readers.names,
)
MIRRORED = Parameter(
    "mirrored",
    "false",
    "look at each photo and its mirror image, and take the mean of their features",
    readers.yes_or_no,
)
VIEWS = Parameter(
    "views",
    "0",
    "how many augmented views of each photo to learn from: turned, moved, sheared, zoomed, mirrored; heads with and "
    "without them are tried",
    readers.whole(0, 1000),
)
AUGMENTATION = Parameter(
    "augmentation",
    "",
    "from what views are drawn, such as 'rotation=10; flip=false'; the rest stays 'rotation=20; shift=0.2; shear=0.2; "
    "zoom=0.2; flip=true'",
    readers.text,
)
WEIGHTS = Parameter("weights", "", "weights files of your own: NAME=PATH, several separated by commas", readers.text)
SIZE = Parameter(
    "size", "299", "side, in pixels, of the squares that networks from scratch see", readers.whole(8, 1024)
)
MODEL = Parameter(
    "model", f"models:/{MODEL_NAME}@{CHAMPION}", "MLflow address of the model", readers.filled("an MLflow address")
)
SEED = Parameter("seed", "42", "everything random follows from it", readers.whole(0))
