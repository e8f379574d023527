"""The page shows what was found, whatever the files are called, and needs nothing but itself."""

import re

import numpy as np
import pytest
from PIL import ExifTags, Image

from catml.photos.findings import examine, group_notes
from catml.photos.overview import by_label, facts, full_table
from catml.photos.page import render
from catml.photos.scan import COLUMNS
from catml.photos.split import split
from tests.pages import Page


def smooth(seed, size=(64, 48)):
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def photos(tmp_path):
    """Photos of a label with a nasty name and of an ordinary one; a pair of look-alikes, copies, broken files."""
    folder = tmp_path / "photos"
    for number, label in enumerate(("<script>alert(1)", "dog")):
        (folder / label).mkdir(parents=True)
        for photo in range(8):
            smooth(100 * number + photo).save(folder / label / f"{photo}.png")
    smooth(0).resize((80, 60)).save(folder / "<script>alert(1)" / 'a "quoted" & <b>.png')
    (folder / "dog" / "copy.png").write_bytes((folder / "dog" / "3.png").read_bytes())
    (folder / "dog" / "broken <i>.jpg").write_bytes(b"no photo")
    turned = Image.new("RGB", (40, 80), "white")
    turned.paste("red", (0, 0, 20, 40))  # lies on its side: upright, the red corner is at the top right
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned.save(folder / "dog" / "turned.jpg", exif=exif, quality=95)
    return folder


@pytest.fixture
def checked(photos, tmp_path):
    return examine(photos, tmp_path / "cache", 2, skip_broken=True)


@pytest.fixture
def splits(checked):
    return split(checked.photos, 0.2, 3, 42)


def page_of(checked, splits, stops=()):
    notes = [*checked.notes, *group_notes(checked.photos, checked.links)]
    return Page(render(checked, splits, list(facts(checked)), notes, stops))


def test_everything_is_there(checked, splits):
    page = page_of(checked, splits)
    assert "Training may start." in page.text
    assert "Files that are no photos (1)" in page.text
    assert "dog/broken <i>.jpg not an image of a known format" in page.text
    assert "Photos that stay together (1 groups)" in page.text
    assert "dog/3.png = dog/copy.png" in page.text or "dog/copy.png = dog/3.png" in page.text
    assert '<script>alert(1)/a "quoted" & <b>.png' in page.text
    assert "1 of EXIF orientation 6" in page.text
    assert not any(tag == "script" for tag, _ in page.tags)


def test_photos_are_shown_upright(checked, splits):
    page = page_of(checked, splits)
    shown = page.images()["dog/turned.jpg"]
    assert shown.shape == (40, 80, 3)
    assert np.abs(shown[10, 60] - (255, 0, 0)).max() < 30
    assert np.abs(shown[30, 10] - 255).max() < 30
    assert "turned upright" in page.text


def test_nothing_is_fetched(checked, splits):
    text = render(checked, splits, [], [], [])
    assert not re.search(r"https?://|url\(|@import|<link|<script", text)
    assert all(attributes["src"].startswith("data:") for tag, attributes in Page(text).tags if tag == "img")
    text.encode()


def test_reasons_to_stop(checked):
    page = page_of(checked, None, ["first reason", "second reason"])
    assert "Training can't start: 2 lines to read below." in page.text
    assert "first reason second reason" in page.text
    assert "kept for the test" not in page.text.split("Photos that stay together")[0]


def test_photo_that_is_gone_is_named(checked, splits, photos):
    (photos / "dog" / "turned.jpg").unlink()
    page = page_of(checked, splits)
    assert "dog/turned.jpg" in page.text
    assert "dog/turned.jpg" not in page.images()


def test_no_photos(tmp_path):
    (tmp_path / "photos").mkdir()
    page = page_of(examine(tmp_path / "photos", tmp_path / "cache", 2), None, ["nothing there"])
    assert "0 different photos in 0 files" in page.text


def test_counts_by_label(checked, splits):
    counts = by_label(checked, splits).set_index("label")
    assert list(counts.columns) == ["files", "broken", "photos", "moments", "learn", "test"]
    assert counts.loc["dog", ["files", "broken", "photos", "moments"]].tolist() == [11, 1, 9, 9]
    assert counts.loc["<script>alert(1)", ["files", "photos", "moments"]].tolist() == [9, 9, 8]
    assert (counts["learn"] + counts["test"] == counts["photos"]).all()


def test_table_of_all_files(checked, splits):
    table = full_table(checked, splits).set_index("path")
    assert list(full_table(checked, splits).columns) == COLUMNS
    assert table.loc["dog/broken <i>.jpg", ["group", "split"]].tolist() == ["", ""]
    assert table.loc["dog/copy.png", "split"] == table.loc["dog/3.png", "split"] != ""
    alike = table.loc[['<script>alert(1)/a "quoted" & <b>.png', "<script>alert(1)/0.png"], "group"]
    assert alike.nunique() == 1
