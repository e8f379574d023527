"""A folder becomes the right table, and a folder that nothing can be learnt from is refused with all reasons."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import ExifTags, Image

from catml.errors import InputError
from catml.photos import scan as scan_module
from catml.photos.listing import list_photos
from catml.photos.scan import COLUMNS, photos_hash, scan


@pytest.fixture
def photos(tmp_path, write_photos):
    return write_photos(tmp_path / "photos", cat=3, dog=2)


@pytest.fixture
def look(tmp_path):
    return lambda folder: scan(list_photos(folder), tmp_path / "cache", progress=False)


@pytest.fixture
def reads(monkeypatch):
    """Return the list of files read from now on."""
    read = []
    row = scan_module._row
    monkeypatch.setattr(scan_module, "_row", lambda folder, path, *rest: read.append(path) or row(folder, path, *rest))
    return read


def test_table(photos, look):
    table = look(photos)
    assert list(table.columns) == COLUMNS
    assert table["path"].tolist() == [
        "cat/cat00.png",
        "cat/cat01.png",
        "cat/cat02.png",
        "dog/dog00.png",
        "dog/dog01.png",
    ]
    assert table["label"].tolist() == ["cat"] * 3 + ["dog"] * 2
    assert set(table["width"]) == {10}
    assert set(table["height"]) == {8}
    assert set(table["orientation"]) == {1}
    assert set(table["problem"]) == {""}
    assert table["pixels_sha256"].nunique() == table["bytes_sha256"].nunique() == 5
    assert table["size"].tolist() == [(photos / path).stat().st_size for path in table["path"]]


def test_equal_pixels_are_known_whatever_the_file(photos, look):
    with Image.open(photos / "cat/cat00.png") as image:
        image.save(photos / "cat/copy.bmp")
        turned = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned.save(photos / "cat/turned.png", exif=exif)
    table = look(photos).set_index("path")
    same = table.loc[["cat/cat00.png", "cat/copy.bmp", "cat/turned.png"]]
    assert same["pixels_sha256"].nunique() == same["phash"].nunique() == 1
    assert same["bytes_sha256"].nunique() == 3
    assert same["orientation"].tolist() == [1, 1, 6]
    assert same["width"].tolist() == [10, 10, 10]
    assert table["pixels_sha256"].nunique() == 5


def test_same_bytes_in_another_shape_are_another_photo(tmp_path, look):
    (tmp_path / "photos" / "grey").mkdir(parents=True)
    Image.new("RGB", (4, 6)).save(tmp_path / "photos/grey/high.png")
    Image.new("RGB", (6, 4)).save(tmp_path / "photos/grey/wide.png")
    assert look(tmp_path / "photos")["pixels_sha256"].nunique() == 2


def test_nested_folders_belong_to_their_label(photos, look):
    (photos / "cat/summer/july").mkdir(parents=True)
    shutil.move(photos / "cat/cat00.png", photos / "cat/summer/july/cat00.png")
    table = look(photos)
    assert table.loc[table["path"] == "cat/summer/july/cat00.png", "label"].tolist() == ["cat"]
    assert len(table) == 5


def test_hidden_files_and_litter_are_passed_over(photos, look):
    for name in ("cat/.DS_Store", "cat/._cat00.png", "cat/Thumbs.db", "dog/desktop.ini"):
        (photos / name).write_bytes(b"litter")
    for name in (".git", "cat/.thumbnails"):
        (photos / name).mkdir()
        (photos / name / "photo.png").write_bytes(b"hidden")
    assert len(look(photos)) == 5


def test_content_counts_not_the_suffix(photos, look):
    (photos / "cat/cat00.png").rename(photos / "cat/photo.without.sense")
    (photos / "cat/notes.jpg").write_text("buy milk")
    table = look(photos).set_index("path")
    assert table.loc["cat/photo.without.sense", "problem"] == ""
    assert table.loc["cat/notes.jpg", "problem"] == "not an image of a known format"


def test_what_is_not_readable_has_a_reason(photos, look):
    (photos / "cat/empty.jpg").touch()
    (photos / "cat/gone.jpg").symlink_to(photos / "nowhere.jpg")
    problems = look(photos).set_index("path")["problem"]
    assert problems["cat/empty.jpg"] == "empty file"
    assert problems["cat/gone.jpg"] == "can't be read (No such file or directory)"


def test_second_scan_reads_nothing(photos, look, reads):
    first = look(photos)
    assert len(reads) == 5
    reads.clear()
    pd.testing.assert_frame_equal(look(photos), first)
    assert reads == []


def test_changed_file_is_read_again(photos, look, reads):
    before = look(photos).set_index("path")
    reads.clear()
    Image.new("RGB", (10, 8), "red").save(photos / "cat/cat01.png")
    os.utime(photos / "cat/cat01.png", ns=(0, 12345))
    after = look(photos).set_index("path")
    assert reads == ["cat/cat01.png"]
    assert after.index[after["pixels_sha256"] != before["pixels_sha256"]].tolist() == ["cat/cat01.png"]


def test_added_and_removed_files(photos, look, reads):
    look(photos)
    reads.clear()
    (photos / "dog/dog00.png").unlink()
    Image.new("RGB", (3, 3)).save(photos / "dog/new.png")
    assert look(photos)["path"].tolist()[3:] == ["dog/dog01.png", "dog/new.png"]
    assert reads == ["dog/new.png"]


def test_file_with_a_problem_is_always_read_again(photos, look, reads):
    (photos / "cat/broken.jpg").touch()
    look(photos)
    reads.clear()
    assert look(photos).set_index("path").loc["cat/broken.jpg", "problem"] == "empty file"
    assert reads == ["cat/broken.jpg"]


def test_damaged_cache_is_made_anew(photos, look, tmp_path):
    first = look(photos)
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(b"not Parquet")
    pd.testing.assert_frame_equal(look(photos), first)
    assert pd.read_parquet(cached)["pixels_sha256"].tolist() == first["pixels_sha256"].tolist()


def test_what_was_read_before_an_interruption_is_kept(photos, look, reads, monkeypatch):
    row = scan_module._row

    def interrupted(folder, path, stat):
        if path == "dog/dog01.png":
            raise KeyboardInterrupt
        return row(folder, path, stat)

    with monkeypatch.context() as patch:
        patch.setattr(scan_module, "_row", interrupted)
        with pytest.raises(KeyboardInterrupt):
            look(photos)
    reads.clear()
    assert len(look(photos)) == 5
    assert reads == ["dog/dog01.png"]


def test_what_was_read_is_written_in_between(photos, look, monkeypatch):
    kept = []
    keep = scan_module._keep
    monkeypatch.setattr(scan_module, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(scan_module, "_keep", lambda rows, path: kept.append(len(rows)) or keep(rows, path))
    look(photos)
    assert kept == [1, 2, 3, 4, 5, 5]


def test_label_group_and_split_are_those_of_the_listing(photos, look, reads):
    look(photos)
    reads.clear()
    table = photos.parent / "photos.csv"
    table.write_text("path,label,group,split\nphotos/dog/dog00.png,cat,7,test\nphotos/cat/cat00.png,dog,,train\n")
    found = look(table)
    assert found[["path", "label", "group", "split"]].to_numpy().tolist() == [
        ["photos/cat/cat00.png", "dog", "", "learn"],
        ["photos/dog/dog00.png", "cat", "7", "test"],
    ]
    table.write_text(table.read_text().replace("cat,7", "wolf,8"))
    reads.clear()
    assert look(table)["label"].tolist() == ["dog", "wolf"]
    assert reads == []


def test_names_with_all_sorts_of_letters(photos, look):
    (photos / "cat/cat00.png").rename(photos / "cat/Kätzchen, «süß» 猫.png")
    assert "cat/Kätzchen, «süß» 猫.png" in look(photos)["path"].tolist()


def test_name_that_is_no_text(photos, look):
    (photos / "cat/cat00.png").rename(os.fsdecode(os.fsencode(photos / "cat") + b"/M\xfcller.png"))
    with pytest.raises(InputError) as caught:
        look(photos)
    assert caught.value.problems == (rf"{photos}: the name 'cat/M\udcfcller.png' is not valid UTF-8. Rename it.",)


def test_own_files_are_never_written_among_the_photos(photos, look):
    with pytest.raises(InputError) as caught:
        scan(list_photos(photos), photos / "data" / "photos")
    assert "catml would write its own files into the photo folder" in str(caught.value)
    assert not (photos / "data").exists()


def test_linked_folders_are_followed_once(photos, tmp_path, look):
    """Also where a link leads back to a folder it lies in."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (photos / "cat/cat00.png").rename(elsewhere / "moved.png")
    (photos / "cat/linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(photos / "cat")
    paths = look(photos)["path"].tolist()
    assert paths.count("cat/linked/moved.png") == 1
    assert len(paths) == len(set(paths))


def test_photos_hash(photos, look, tmp_path):
    table = look(photos)
    assert len(photos_hash(table)) == 16
    assert photos_hash(table.sample(frac=1, random_state=0)) == photos_hash(table)
    (photos / "cat/cat00.png").rename(photos / "cat/zzz.png")
    assert photos_hash(look(photos)) == photos_hash(table)
    shutil.copytree(photos, tmp_path / "elsewhere")
    assert photos_hash(look(tmp_path / "elsewhere")) == photos_hash(table)
    (photos / "cat/zzz.png").rename(photos / "dog/zzz.png")
    assert photos_hash(look(photos)) != photos_hash(table)
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(photos / "cat/cat00.png")
    (photos / "dog/zzz.png").unlink()
    assert photos_hash(look(photos)) != photos_hash(table)
