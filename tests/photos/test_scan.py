"""A folder becomes the right table, and a folder that nothing can be learnt from is refused with all reasons."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import ExifTags, Image

from catml.errors import InputError
from catml.photos import scan as scan_module
from catml.photos.scan import COLUMNS, check, nested_labels, photos_hash, scan


@pytest.fixture
def photos(tmp_path, write_photos):
    return write_photos(tmp_path / "photos", cat=3, dog=2)


def too_few(folder, count, wanted):
    return (
        f"{folder}: holds {count} different readable photos; at least {wanted} are needed. "
        "Add photos, or take the folder away."
    )


@pytest.fixture
def look(tmp_path):
    return lambda folder: scan(folder, tmp_path / "cache", progress=False)


@pytest.fixture
def reads(monkeypatch):
    """Return the list of files read from now on."""
    read = []
    row = scan_module._row
    monkeypatch.setattr(scan_module, "_row", lambda folder, path, *rest: read.append(path) or row(folder, path, *rest))
    return read


def refusal(table, folder, min_photos=2):
    with pytest.raises(InputError) as caught:
        check(table, folder, min_photos)
    return list(caught.value.problems)


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
    table = look(photos)
    assert len(table) == 5
    check(table, photos, 2)


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
    pd.testing.assert_frame_equal(pd.read_parquet(cached), first)


def test_names_with_all_sorts_of_letters(photos, look):
    (photos / "cat/cat00.png").rename(photos / "cat/Kätzchen, «süß» 猫.png")
    assert "cat/Kätzchen, «süß» 猫.png" in look(photos)["path"].tolist()


def test_name_that_is_no_text(photos, look):
    (photos / "cat/cat00.png").rename(os.fsdecode(os.fsencode(photos / "cat") + b"/M\xfcller.png"))
    with pytest.raises(InputError) as caught:
        look(photos)
    assert caught.value.problems == (rf"{photos}: the name 'cat/M\udcfcller.png' is not valid UTF-8. Rename it.",)


def test_good_folder_passes(photos, look):
    check(look(photos), photos, 2)


def test_all_problems_at_once(photos, look):
    (photos / "cat/broken.jpg").write_text("buy milk")
    shutil.copy(photos / "cat/cat00.png", photos / "dog/zcopy.png")
    Image.new("RGB", (3, 3)).save(photos / "stray.JPG")
    (photos / "notes.txt").write_text("not taken for a photo")
    (photos / "bird").mkdir()
    assert refusal(look(photos), photos, 4) == [
        f"{photos}/cat/broken.jpg: not an image of a known format",
        "Repair these files or take them out of the folder.",
        f"{photos}/stray.JPG: lies outside the label folders. Move it into the folder of its label.",
        too_few(photos / "bird", 0, 4),
        too_few(photos / "cat", 3, 4),
        too_few(photos / "dog", 3, 4),
        f"The same photo lies under different labels: {photos}/cat/cat00.png, {photos}/dog/zcopy.png. "
        "Keep the right one.",
    ]


def test_copies_count_once(photos, look):
    for number in range(5):
        shutil.copy(photos / "dog/dog00.png", photos / f"dog/copy{number}.png")
    assert refusal(look(photos), photos, 3) == [too_few(photos / "dog", 2, 3)]


def test_many_broken_files_are_cut_short(photos, look):
    for number in range(25):
        (photos / f"cat/broken{number:02d}.jpg").touch()
    problems = refusal(look(photos), photos)
    assert len(problems) == 22
    assert problems[19:] == [
        f"{photos}/cat/broken19.jpg: empty file",
        "… and 5 more files with problems.",
        "Repair these files or take them out of the folder.",
    ]


def test_one_label(tmp_path, write_photos, look):
    photos = write_photos(tmp_path / "photos", cat=3)
    assert refusal(look(photos), photos) == [
        f"{photos}: there is only one label folder, 'cat'; a classifier needs at least two. "
        f"Put the photos of each label into a folder of their own: {photos}/LABEL/PHOTO.jpg."
    ]


def test_empty_folder(tmp_path, look):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refusal(look(empty), empty) == [
        f"{empty}: there are no label folders. "
        f"Put the photos of each label into a folder of their own: {empty}/LABEL/PHOTO.jpg."
    ]


def test_own_files_are_never_written_among_the_photos(photos, look):
    with pytest.raises(InputError) as caught:
        scan(photos, photos / "data" / "photos")
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


def test_nested_labels_are_noted():
    table = pd.DataFrame({"path": ["a/x/1.jpg", "a/y/2.jpg", "b/3.jpg", "c/z/4.jpg"], "label": ["a", "a", "b", "c"]})
    assert nested_labels(table) == ["'a' is one label, with folders in it (x, y): did you mean the folder 'a'?"]


def test_missing_folder(tmp_path, look, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        look(tmp_path / "nowhere")
    assert caught.value.problems == (f"photos: there is no folder '{tmp_path}/nowhere'.",)
    with pytest.raises(InputError) as caught:
        look((tmp_path / "nowhere").relative_to(tmp_path))
    assert caught.value.problems == (
        f"photos: there is no folder 'nowhere' (looked in {tmp_path}; an absolute path is always understood).",
    )


def test_file_instead_of_a_folder(photos, look):
    with pytest.raises(InputError) as caught:
        look(photos / "cat/cat00.png")
    assert caught.value.problems == (
        f"photos: '{photos}/cat/cat00.png' is a file. Give the folder that holds one folder per label.",
    )


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
