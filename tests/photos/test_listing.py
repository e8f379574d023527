"""A folder or a table becomes a list of files with their labels, or a refusal that says what to do."""

import shutil

import pandas as pd
import pytest
from PIL import Image

from catml.errors import InputError
from catml.photos.listing import COLUMNS, list_photos


@pytest.fixture
def photos(tmp_path, write_photos):
    return write_photos(tmp_path / "photos", cat=3, dog=2)


def refusal(source):
    with pytest.raises(InputError) as caught:
        list_photos(source)
    return list(caught.value.problems)


def how(folder):
    return f"Put the photos of each label into a folder of their own: {folder}/LABEL/PHOTO.jpg."


def table_file(folder, text, name="photos.csv"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


GOOD = "path,label\ncat/cat00.png,cat\ndog/dog00.png,dog\n"


def test_folder(photos):
    listing = list_photos(photos)
    assert (listing.source, listing.folder) == (photos, photos)
    assert list(listing.files.columns) == COLUMNS
    assert listing.files["path"].tolist() == [*(f"cat/cat0{n}.png" for n in range(3)), "dog/dog00.png", "dog/dog01.png"]
    assert listing.labels == ("cat", "dog")
    assert set(listing.files["group"]) == set(listing.files["split"]) == {""}
    assert listing.problems == listing.notes == ()


def test_empty_label_folder_is_a_label(photos):
    (photos / "bird").mkdir()
    assert list_photos(photos).labels == ("bird", "cat", "dog")


def test_stray_photos_and_only_one_label(tmp_path, write_photos):
    photos = write_photos(tmp_path / "photos", cat=3)
    Image.new("RGB", (3, 3)).save(photos / "stray.JPG")
    (photos / "notes.txt").write_text("not taken for a photo")
    assert list(list_photos(photos).problems) == [
        f"{photos}/stray.JPG: lies outside the label folders. Move it into the folder of its label.",
        f"{photos}: there is only one label folder, 'cat'; a classifier needs at least two. {how(photos)}",
    ]


def test_folder_without_labels_can_be_looked_through(photos):
    flat = photos / "cat"
    (flat / "notes.txt").write_text("not taken for a photo")
    listing = list_photos(flat)
    assert listing.files["path"].tolist() == ["cat00.png", "cat01.png", "cat02.png"]
    assert set(listing.files["label"]) == {""}
    assert listing.labels == ()
    assert list(listing.problems) == [f"{flat}: holds 3 photos, and no label folders. {how(flat)}"]


def test_nested_labels_are_noted(photos):
    for name in ("summer", "winter"):
        shutil.copytree(photos / "cat", photos / "dog" / name)
    for photo in (photos / "dog").glob("*.png"):
        photo.unlink()
    listing = list_photos(photos)
    assert listing.notes == ("'dog' is one label, with folders in it (summer, winter): did you mean the folder 'dog'?",)
    assert set(listing.files["label"]) == {"cat", "dog"}


@pytest.mark.parametrize("name", ["train", "Test", "validation"])
def test_folder_named_like_a_side_of_a_split_is_suspicious(photos, name):
    shutil.copytree(photos / "cat", photos / name)
    listing = list_photos(photos)
    assert listing.notes == (f"is '{name}' a label? Folders of that name usually hold one part of a split",)
    assert listing.problems == ()


def test_sides_with_photos_straight_in_them_are_refused(tmp_path, write_photos):
    photos = write_photos(tmp_path / "photos", train=3, test=2)
    (problem,) = list_photos(photos).problems
    assert problem.startswith(f"{photos}: its folders are called test, train, which are no labels but parts of a split")


def test_sides_with_label_folders_in_them_are_a_split(tmp_path, write_photos):
    photos = tmp_path / "photos"
    for side in ("train", "val", "test"):
        write_photos(photos / side, cat=2, dog=2)
    listing = list_photos(photos)
    assert listing.labels == ("cat", "dog")
    assert listing.problems == ()
    sides = listing.files.groupby(listing.files["path"].str.split("/").str[0])["split"].unique().map(list).to_dict()
    assert sides == {"test": ["test"], "train": ["learn"], "val": ["learn"]}
    assert set(listing.files["label"]) == {"cat", "dog"}
    assert "the test photos are those in test" in listing.notes[0]


def test_sides_without_a_test_leave_the_split_to_catml(tmp_path, write_photos):
    for side in ("train", "val"):
        write_photos(tmp_path / side, cat=2, dog=2)
    listing = list_photos(tmp_path)
    assert set(listing.files["split"]) == {""}
    assert "catml keeps back test photos of its own" in listing.notes[0]


def test_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal(tmp_path / "nowhere") == [f"photos: there is no folder or table '{tmp_path}/nowhere'."]
    assert refusal((tmp_path / "nowhere").relative_to(tmp_path)) == [
        f"photos: there is no folder or table 'nowhere' (looked in {tmp_path}; an absolute path is always understood)."
    ]


def test_file_that_is_no_table(photos):
    (problem,) = refusal(photos / "cat/cat00.png")
    assert problem.startswith(f"photos: '{photos}/cat/cat00.png' is a file. Give the folder")


@pytest.mark.usefixtures("forbidding")
def test_unreadable_folder(photos):
    (photos / "cat").chmod(0)
    try:
        assert refusal(photos) == [
            f"{photos}/cat: this folder can't be read (Permission denied). Give yourself the right to."
        ]
    finally:
        (photos / "cat").chmod(0o700)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("cat/cat00.png", '"cat/cat00.png"').replace("path", " path "),
    ],
    ids=["comma", "semicolon", "tab", "BOM", "CRLF", "quoted"],
)
def test_tables_of_all_kinds(photos, text):
    listing = list_photos(table_file(photos, text))
    assert listing.files[["path", "label"]].to_numpy().tolist() == [["cat/cat00.png", "cat"], ["dog/dog00.png", "dog"]]
    assert listing.folder == photos
    assert listing.problems == listing.notes == ()


def test_parquet_with_numbers_and_gaps(photos):
    rows = {"path": ["b.png", "a.png", "c.png"], "label": [1, 2, 1], "group": [5, None, 6], "split": [0, 1, 0]}
    pd.DataFrame(rows).to_parquet(photos / "p.parquet")
    assert list_photos(photos / "p.parquet").files.to_numpy().tolist() == [
        ["a.png", "2", "", "1"],
        ["b.png", "1", "5", "0"],
        ["c.png", "1", "6", "0"],
    ]


def test_damaged_table(photos):
    (problem,) = refusal(table_file(photos, b"not Parquet", "p.parquet"))
    assert problem.startswith(f"{photos}/p.parquet: can't be read as a table (")
    (problem,) = refusal(table_file(photos, b""))
    assert problem.startswith(f"{photos}/photos.csv: can't be read as a table (")


def test_missing_columns(photos):
    table = table_file(photos, "paths,class\na.jpg,cat\n")
    assert refusal(table) == [
        f"{table}: has no column 'path'. Did you mean 'paths'? It has paths, class.",
        f"{table}: has no column 'label'. It has paths, class.",
    ]


def test_other_columns_are_noted(photos):
    table = table_file(photos, "path,label,colour\na.jpg,cat,red\nb.jpg,dog,blue\n")
    assert list_photos(table).notes == (f"{table}: the columns colour are not used",)


def test_rows_are_named_as_a_spreadsheet_counts(photos):
    table = table_file(
        photos,
        "path,label,split\na.jpg,,test\n,cat,train\nb.jpg,cat,\nc.jpg,cat,train\nc.jpg,dog,train\nd.jpg,cat,tset\n",
    )
    assert refusal(table) == [
        f"{table}, row 3: no path. Fill it in, or take the row out.",
        f"{table}, row 2: no label. Fill it in, or take the row out.",
        f"{table}, rows 5, 6: 'c.jpg' has different labels. Keep the right row.",
        f"{table}, row 7: split is tset; expected test, testing, holdout, train, training, learn, val, valid, "
        "validation, dev, or the number of a fold (0, 1, …).",
        f"{table}, row 4: no split, where others have one. Fill it in for all photos or for none.",
    ]


def test_many_rows_are_cut_short(photos):
    table = table_file(photos, "path,label\n" + "x.jpg,\n" * 15)
    assert refusal(table) == [
        f"{table}, rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 5 more: no label. Fill it in, or take the row out."
    ]


def test_repeated_rows_count_once(photos):
    listing = list_photos(table_file(photos, GOOD + "cat/cat00.png,cat\n"))
    assert len(listing.files) == 2
    assert listing.notes == (f"{photos}/photos.csv: 1 rows repeat others",)


def test_names_of_sides_and_folds(photos):
    rows = ["Test", "train", "VAL", "holdout"]
    lines = [f"{number}.jpg,{number % 2},{side}" for number, side in enumerate(rows)]
    table = table_file(photos, "\n".join(["path,label,split", *lines]))
    assert list_photos(table).files["split"].tolist() == ["test", "learn", "learn", "test"]
    table = table_file(photos, "path,label,split\na.jpg,cat,02\nb.jpg,dog,1\n")
    assert list_photos(table).files["split"].tolist() == ["2", "1"]


def test_one_label_in_a_table(photos):
    table = table_file(photos, "path,label\na.jpg,cat\n")
    assert list_photos(table).problems == (f"{table}: has 1 photos and 1 labels; a classifier needs at least two.",)
