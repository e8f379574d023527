"""A checked set of photos in figures: by label, by size, by how the camera was held."""

from collections.abc import Iterator

import pandas as pd

from catml.photos.findings import Checked
from catml.photos.scan import COLUMNS
from catml.photos.split import TEST

Fact = tuple[str, str]  # a heading of one word, and what there is to say


def by_label(checked: Checked, splits: pd.DataFrame | None) -> pd.DataFrame:
    """Return one row a label: `label`, `files`, `broken`, `photos` (different), `moments` (groups), `learn`, `test`.

    Where photos came later, `new` says how many of `photos` did.

    Args:
        checked: the photos.
        splits: what `split` returns, or None where there is no split; then `learn` and `test` are missing.
    """
    table, photos = checked.table, checked.photos
    counts = pd.DataFrame(
        {
            "files": table.groupby("label").size(),
            "broken": (table["problem"] != "").groupby(table["label"]).sum(),
            "photos": photos.groupby("label").size(),
            "moments": photos.groupby("label")["group"].nunique(),
        },
        index=sorted({*checked.listing.labels, *table["label"]}),
    )
    if checked.listing.added:
        counts["new"] = photos["path"].isin(checked.listing.added).groupby(photos["label"]).sum()
    if splits is not None:
        test = splits["split"] == TEST
        counts["learn"] = (~test).groupby(splits["label"]).sum()
        counts["test"] = test.groupby(splits["label"]).sum()
    return counts.fillna(0).astype(int).rename_axis("label").reset_index()


def facts(checked: Checked) -> Iterator[Fact]:
    """Yield how large the photos are, how the cameras were held, and when and with what they were taken."""
    photos = checked.photos
    if photos.empty:
        return
    megapixels = photos["width"] * photos["height"] / 1e6
    shortest = photos[["width", "height"]].min(axis=1)
    small = photos.iloc[int(shortest.argmin())]
    yield (
        "size",
        f"{_number(megapixels.min())} to {_number(megapixels.max())} megapixels, median "
        f"{_number(megapixels.median())}; the smallest is {small['width']}x{small['height']}: {small['path']}",
    )
    wide, high = photos["width"] > photos["height"], photos["width"] < photos["height"]
    yield "shape", f"{wide.sum()} wide, {high.sum()} high, {(~wide & ~high).sum()} square"
    turned = photos["orientation"] != 1
    if turned.any():
        kinds = photos.loc[turned, "orientation"].value_counts().sort_index()
        how = ", ".join(f"{count} of EXIF orientation {kind}" for kind, count in kinds.items())
        yield "upright", f"{turned.sum()} photos lie on their side or head in the file and are turned upright: {how}"
    dated = photos["taken"] != ""
    if dated.any():
        first, last = photos.loc[dated, "taken"].min()[:10], photos.loc[dated, "taken"].max()[:10]
        cameras = photos.loc[photos["camera"] != "", "camera"].nunique()
        when = f"on {first}" if first == last else f"from {first} to {last}"
        yield "taken", f"{dated.sum()} of {len(photos)} say when: {when}; {cameras} cameras are named"
    else:
        yield "taken", "no photo says when it was taken, so bursts are only found where the shots look alike"


def full_table(checked: Checked, splits: pd.DataFrame | None) -> pd.DataFrame:
    """Return the photo table, one row a file, with the group and the split of each photo that has one."""
    groups = checked.photos.set_index("pixels_sha256")["group"]
    table = checked.table.assign(group=checked.table["pixels_sha256"].map(groups).fillna(""))
    if splits is not None:
        table["split"] = table["pixels_sha256"].map(splits.set_index("pixels_sha256")["split"]).fillna("")
    return table[COLUMNS]


def _number(value: float) -> str:
    return f"{value:.1f}" if value >= 0.1 else f"{value:.2g}"
