"""What is wrong with photos is said all at once, and what is merely odd is said as well."""

import shutil

import numpy as np
import pytest
from PIL import Image

from catml.photos.findings import examine, group_notes


@pytest.fixture
def photos(tmp_path, write_photos):
    return write_photos(tmp_path / "photos", cat=3, dog=2)


@pytest.fixture
def look(tmp_path):
    return lambda source, min_photos=2, **more: examine(source, tmp_path / "cache", min_photos, **more)


def too_few(folder, count, wanted):
    return (
        f"{folder}: holds {count} different readable photos; at least {wanted} are needed. "
        "Add photos, or take the label away."
    )


REPAIR = "Repair these files or take them out; or go on without them with skip_broken=true."


def test_good_folder(photos, look):
    checked = look(photos)
    assert checked.stops == checked.notes == ()
    assert checked.broken.empty
    assert checked.photos["group"].tolist() == checked.photos["pixels_sha256"].tolist()


def test_all_problems_at_once(photos, look):
    (photos / "cat/broken.jpg").write_text("buy milk")
    shutil.copy(photos / "cat/cat00.png", photos / "dog/zcopy.png")
    Image.new("RGB", (3, 3)).save(photos / "stray.JPG")
    (photos / "bird").mkdir()
    assert list(look(photos, 4).stops) == [
        f"{photos}/cat/broken.jpg: not an image of a known format",
        REPAIR,
        f"{photos}/stray.JPG: lies outside the label folders. Move it into the folder of its label.",
        too_few(photos / "bird", 0, 4),
        too_few(photos / "cat", 3, 4),
        too_few(photos / "dog", 3, 4),
        f"The same photo lies under different labels: {photos}/cat/cat00.png, {photos}/dog/zcopy.png. "
        "Keep the right one.",
    ]


def test_every_broken_file_is_named(photos, look):
    for number in range(45):
        (photos / f"cat/broken{number:02d}.jpg").touch()
    assert list(look(photos).stops) == [*(f"{photos}/cat/broken{n:02d}.jpg: empty file" for n in range(45)), REPAIR]


def test_broken_files_can_be_left_out(photos, look):
    for number in range(7):
        (photos / f"cat/broken{number}.jpg").touch()
    checked = look(photos, skip_broken=True)
    assert checked.stops == ()
    assert checked.notes == (
        *(f"left out: cat/broken{number}.jpg: empty file" for number in range(5)),
        "left out: 2 more files that are no photos ('catml check' lists them)",
    )
    assert len(checked.photos) == 5
    assert checked.broken["path"].tolist() == [f"cat/broken{number}.jpg" for number in range(7)]


def test_too_few_is_too_few_also_where_broken_files_are_left_out(photos, look):
    (photos / "dog/dog00.png").write_bytes(b"")
    assert list(look(photos, skip_broken=True).stops) == [too_few(photos / "dog", 1, 2)]


def test_table_of_files_that_are_elsewhere(tmp_path, look):
    table = tmp_path / "photos.csv"
    table.write_text("path,label\na.jpg,cat\nb.jpg,dog\n")
    assert look(table).stops[0] == (
        f"{table}: none of its 2 files is there, a.jpg for example. Paths are taken relative to {tmp_path}."
    )


def test_copies_count_once(photos, look):
    for number in range(5):
        shutil.copy(photos / "dog/dog00.png", photos / f"dog/copy{number}.png")
    checked = look(photos, 3)
    assert list(checked.stops) == [too_few(photos / "dog", 2, 3)]
    assert checked.notes == ("5 files are exact copies of others; each photo counts once",)


@pytest.mark.parametrize(
    ("column", "values", "what"),
    [("split", ("test", "train"), "on both sides of the split"), ("group", ("1", "2"), "in different groups")],
)
def test_copies_that_contradict_each_other(photos, look, column, values, what):
    shutil.copy(photos / "cat/cat00.png", photos / "cat/copy.png")
    rows = ["cat/cat00.png,cat,{0}", "cat/copy.png,cat,{1}", "dog/dog00.png,dog,{0}", "cat/cat01.png,cat,{1}"]
    table = photos / "photos.csv"
    table.write_text("\n".join([f"path,label,{column}", *rows]).format(*values))
    assert list(look(table, 1).stops) == [
        f"The same photo lies {what}: {photos}/cat/cat00.png, {photos}/cat/copy.png. Keep the right one."
    ]


def smooth(seed, size=(64, 48)):
    """Return a picture whose perceptual hash means something."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def test_look_alikes_of_different_labels_are_noted(photos, look):
    smooth(1).save(photos / "cat/one.png")
    smooth(1).resize((80, 60)).save(photos / "dog/two.png")
    checked = look(photos)
    notes = list(group_notes(checked.photos, checked.links))
    assert notes == [
        "2 photos look alike, are of one moment or were given one group, in 1 group of at most 2: each group stays on "
        "one side of every split",
        "cat/one.png and dog/two.png look alike or are of one moment, but have different labels: is one mislabelled?",
    ]


def sized(folder, count, sizes):
    for number in range(count):
        for place, (label, size) in enumerate(sizes.items()):
            (folder / label).mkdir(parents=True, exist_ok=True)
            smooth(10 * number + place, size).save(folder / label / f"{number}.png")
    return folder


def test_labels_that_the_size_gives_away_are_noted(tmp_path, look):
    photos = sized(tmp_path / "photos", 12, {"cat": (64, 48), "dog": (48, 64)})
    (note,) = look(photos).notes
    assert note.startswith("100 % of the labels could be guessed from the size of the photo alone")


def test_labels_of_one_size_are_not(tmp_path, look):
    assert look(sized(tmp_path / "photos", 12, {"cat": (64, 48), "dog": (64, 48)})).notes == ()


def test_sizes_that_occur_once_give_nothing_away(tmp_path, look):
    photos = tmp_path / "photos"
    for number in range(12):
        for place, label in enumerate(("cat", "dog")):
            (photos / label).mkdir(parents=True, exist_ok=True)
            smooth(10 * number + place, (50 + 2 * number + place, 40)).save(photos / label / f"{number}.png")
    assert look(photos).notes == ()
