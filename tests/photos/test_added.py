"""Photos that came later, labelled in a table or a folder, become one set with those there were."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from catml.errors import InputError
from catml.photos.findings import examine
from catml.photos.overview import by_label


def draw(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 10, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    for number in range(3):
        for label in ("cat", "dog"):
            draw(tmp_path / "photos" / label / f"{label}{number}.png", [number, len(label), ord(label[0])])
    return tmp_path / "photos"


@pytest.fixture
def inbox(tmp_path):
    """Return three photos without labels, in a folder."""
    return [draw(tmp_path / "inbox" / f"IMG_{number}.png", 100 + number) for number in range(3)]


@pytest.fixture
def look(tmp_path, photos):
    def look(*later, source=photos, **more):
        return examine(source, tmp_path / "cache", 2, later=later, **more)

    return look


def kept(folder, rows, name="kept.csv"):
    """Write a table as `catml predict --log` does, and labels as somebody would fill them in."""
    table = pd.DataFrame(rows, columns=["path", "label"])
    table["answer"], table["probability"], table["problem"] = "cat", 0.9, ""
    table["bytes_sha256"] = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in table["path"]]
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / name, index=False, encoding="utf-8-sig")
    return folder / name


def test_labelled_rows_of_a_table_are_added_and_others_are_not(look, inbox, tmp_path):
    table = kept(tmp_path / "data", [(inbox[0], "cat"), (inbox[1], ""), (inbox[2], "dog")])
    checked = look(table)
    assert checked.stops == ()
    assert sorted(checked.listing.added.items()) == [
        ("../inbox/IMG_0.png", str(table)),
        ("../inbox/IMG_2.png", str(table)),
    ]
    assert dict(zip(checked.photos["path"], checked.photos["label"], strict=True))["../inbox/IMG_2.png"] == "dog"
    assert list(checked.notes) == [
        f"{table}: 1 of 3 rows have no label yet, and are left out",
        f"2 files came later: 2 from {table}",
    ]
    assert by_label(checked, None)[["label", "photos", "new"]].to_numpy().tolist() == [["cat", 4, 1], ["dog", 4, 1]]


def test_there_is_no_column_for_new_photos_where_there_are_none(look):
    assert "new" not in by_label(look(), None)


def test_folders_are_added_but_for_what_is_still_unsure(look, inbox, tmp_path):
    for photo, label in zip(inbox, ("cat", "cat", "_unsure"), strict=True):
        (tmp_path / "sorted" / label).mkdir(parents=True, exist_ok=True)
        photo.rename(tmp_path / "sorted" / label / photo.name)
    checked = look(tmp_path / "sorted")
    assert checked.stops == ()
    assert set(checked.listing.added) == {"../sorted/cat/IMG_0.png", "../sorted/cat/IMG_1.png"}
    assert f"{tmp_path}/sorted/_unsure: 1 photos have no label yet, and are left out" in checked.notes


def test_what_is_unsure_is_no_label_of_the_first_photos_either(look, photos):
    draw(photos / "_unsure" / "x.png", 7)
    checked = look()
    assert checked.listing.labels == ("cat", "dog")
    assert checked.notes == (f"{photos}/_unsure: 1 photos have no label yet, and are left out",)


def test_the_groups_and_order_of_the_first_photos_stay(look, inbox, tmp_path):
    before = look().photos.set_index("path")["group"]
    after = look(kept(tmp_path / "data", [(inbox[0], "cat")])).photos.set_index("path")["group"]
    assert after[before.index].tolist() == before.tolist()


def test_a_photo_that_is_there_already_is_no_new_one(look, photos, tmp_path):
    copy = draw(tmp_path / "inbox" / "copy.png", [0, 3, ord("c")])
    table = kept(tmp_path / "data", [(copy, "cat"), (photos / "cat" / "cat1.png", "cat")])
    checked = look(table)
    assert checked.stops == ()
    assert set(checked.listing.added) == {"../inbox/copy.png"}
    assert not checked.photos["path"].isin(checked.listing.added).any()
    assert len(checked.photos) == 6


def test_labels_that_contradict_each_other(look, photos, inbox, tmp_path):
    first = kept(tmp_path / "data", [(photos / "cat" / "cat1.png", "dog"), (inbox[0], "dog")])
    second = kept(tmp_path / "data", [(inbox[0], "cat")], "second.csv")
    assert list(look(first, second).stops) == [
        f"{first}: cat/cat1.png is labelled dog, but in {photos} it is cat. Keep the right one.",
        f"{second}: ../inbox/IMG_0.png is labelled cat, but in {first} it is dog. Keep the right one.",
    ]


def test_a_file_that_is_another_one_by_now(look, inbox, tmp_path):
    table = kept(tmp_path / "data", [(inbox[0], "cat"), (inbox[1], "dog")])
    draw(inbox[0], 55)
    (stop,) = look(table).stops
    assert stop.startswith(f"{table}: ../inbox/IMG_0.png is another file now than the one the row is about.")
    emptied = pd.read_csv(table, dtype=str, keep_default_na=False)
    emptied.loc[0, "bytes_sha256"] = ""
    emptied.to_csv(table, index=False)
    assert look(table).stops == ()


def test_a_file_that_is_gone_is_named_or_left_out(look, inbox, tmp_path):
    table = kept(tmp_path / "data", [(inbox[0], "cat"), (inbox[1], "dog")])
    inbox[0].unlink()
    assert "IMG_0.png: can't be read (No such file or directory)" in look(table).stops[0]
    checked = look(table, skip_broken=True)
    assert checked.stops == ()
    assert "../inbox/IMG_0.png" not in set(checked.photos["path"])


def test_a_misspelt_label_and_a_new_one(look, inbox, tmp_path):
    table = kept(tmp_path / "data", [(inbox[0], "catt"), (inbox[1], "emu"), (inbox[2], "emu")])
    checked = look(table)
    assert list(checked.stops) == [
        f"{table}: catt, ../inbox/IMG_0.png: holds 1 different readable photos; at least 2 are needed. Did you mean "
        "'cat'? Correct the label, add photos, or take the label away."
    ]
    assert checked.listing.labels == ("cat", "catt", "dog", "emu")
    assert f"{table}: the label 'emu' is a new one, with 2 photos; none had it before." in checked.notes
    assert any(note.endswith("none had it before. Did you mean 'cat'?") for note in checked.notes)


def test_a_label_that_differs_by_its_capitals_only(look, inbox, tmp_path):
    table = kept(tmp_path / "data", [(inbox[0], "Cat"), (inbox[1], "Cat")])
    assert list(look(table).stops) == [
        f"{table}: the label 'Cat' is 'cat' but for its capitals. Write it the same way."
    ]


def test_unsure_is_no_label(look, inbox, tmp_path):
    table = kept(tmp_path / "data", [(inbox[0], "cat"), (inbox[1], "_unsure")])
    assert f"{table}: 1 of 2 rows have no label yet, and are left out" in look(table).notes


def test_of_several_tables_some_may_have_no_labels_yet(look, photos, inbox, tmp_path):
    full = kept(tmp_path / "data", [(inbox[0], "cat")])
    empty = kept(tmp_path / "data", [(inbox[1], "")], "empty.csv")
    old = kept(tmp_path / "data", [(photos / "cat" / "cat1.png", "cat")], "old.csv")
    checked = look(full, empty, old)
    assert checked.stops == ()
    assert set(checked.listing.added) == {"../inbox/IMG_0.png"}
    assert f"{old}: all of its photos are among the others already" in checked.notes


def split_tables(tmp_path, photo, own, given):
    """Two tables: the first photos with a split of their own, maybe, and one more photo with one, maybe."""
    first, later = tmp_path / "photos" / "all.csv", tmp_path / "later.csv"
    sides = ("test", "train", "train") if own else ("", "", "")
    rows = [(f"{label}/{label}{n}.png", label, side) for label in ("cat", "dog") for n, side in enumerate(sides)]
    pd.DataFrame(rows, columns=["path", "label", "split"]).to_csv(first, index=False)
    pd.DataFrame([(photo, "cat", given)], columns=["path", "label", "split"]).to_csv(later, index=False)
    return first, later


@pytest.mark.parametrize(("own", "given", "split"), [(True, "test", "test"), (True, "", "learn"), (False, "", "")])
def test_the_split_of_the_first_photos_holds(look, photos, inbox, tmp_path, own, given, split):
    first, later = split_tables(tmp_path, inbox[0], own, given)
    checked = look(later, source=first)
    assert checked.stops == ()
    assert checked.photos.set_index("path")["split"]["../inbox/IMG_0.png"] == split


def test_a_split_that_the_first_photos_lack(look, photos, inbox, tmp_path):
    first, later = split_tables(tmp_path, inbox[0], False, "test")
    checked = look(later, source=first)
    assert list(checked.stops) == [
        f"{later}: says which photos are for the test, and {first} doesn't. Drop its column 'split'."
    ]
    assert not checked.photos["split"].any()  # so that whatever else is wrong can be looked for


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("path,label\nIMG_0.png,\n", "bad.csv has a label. Fill in the column 'label' of a table, or put the photos"),
        ("path,label\nK\xe4se.png,cat\n", "bad.csv: is not UTF-8 text. Save it as 'CSV UTF-8'."),
        ("file,label\nIMG_0.png,cat\n", "has no column 'path'."),
        ("path,label\n,cat\n", "row 2: no path."),
        ("path,label\nIMG_0.png,cat\nIMG_0.png,dog\n", "'IMG_0.png' has different labels. Keep the right row."),
    ],
)
def test_tables_that_say_nothing(look, inbox, text, problem):
    table = inbox[0].parent / "bad.csv"
    table.write_text(text, encoding="latin-1")
    try:
        problems = look(table).stops
    except InputError as error:
        problems = error.problems
    assert problem in " ".join(problems)


def test_a_file_that_is_named_twice_is_one(look, inbox, tmp_path):
    (tmp_path / "elsewhere").symlink_to(inbox[0].parent)
    twice = [inbox[0], tmp_path / "elsewhere" / "IMG_0.png"]
    checked = look(kept(tmp_path / "data", [(path, "cat") for path in twice]))
    assert checked.stops == ()
    assert checked.listing.files["path"].is_unique
    table = kept(tmp_path / "data", list(zip(twice, ("cat", "dog"), strict=True)), "two.csv")
    assert list(look(table).stops) == [
        f"{table}: ../inbox/IMG_0.png is labelled cat, but in {table} it is dog. Keep the right one."
    ]


def test_paths_of_the_first_table_may_be_absolute(look, photos, inbox, tmp_path):
    first = tmp_path / "all.csv"
    rows = [(str(path), path.parent.name) for path in sorted(photos.rglob("*.png"))]
    pd.DataFrame(rows, columns=["path", "label"]).to_csv(first, index=False)
    checked = look(kept(tmp_path / "data", [(photos / "cat" / "cat0.png", "cat"), (inbox[0], "cat")]), source=first)
    assert checked.stops == ()
    assert set(checked.listing.added) == {"inbox/IMG_0.png"}


def test_a_copy_has_the_group_of_the_first_one(look, photos, inbox, tmp_path):
    first = photos / "all.csv"
    rows = [(f"{label}/{label}{n}.png", label, f"{label} {n // 2}") for label in ("cat", "dog") for n in range(3)]
    pd.DataFrame(rows, columns=["path", "label", "group"]).to_csv(first, index=False)
    copy = draw(tmp_path / "inbox" / "copy.png", [0, 3, ord("c")])
    checked = look(kept(tmp_path / "data", [(copy, "cat"), (inbox[0], "cat")]), source=first)
    assert checked.stops == ()
    assert checked.photos.set_index("path")["group"]["cat/cat0.png"] == "cat 0"


def test_a_folder_without_label_folders(look, inbox, tmp_path):
    layout, nothing = look(inbox[0].parent).stops
    assert layout.startswith(f"{inbox[0].parent}: holds 3 photos, and no label folders.")
    assert nothing.startswith(f"new_photos: no photo in {inbox[0].parent} has a label.")
    kept(tmp_path / "data", [(inbox[0], "cat")])
    hint = f"{tmp_path}/data: tables in a folder are given as such: '{tmp_path}/data/*.csv'."
    assert hint in look(tmp_path / "data").stops


def test_a_folder_of_test_photos(look, inbox, tmp_path):
    (tmp_path / "later" / "test" / "cat").mkdir(parents=True)
    inbox[0].rename(tmp_path / "later" / "test" / "cat" / "a.png")
    (stop,) = look(tmp_path / "later").stops
    assert stop.endswith(f"and {tmp_path}/photos doesn't. Give the folders in it, one by one.")
    assert look(tmp_path / "later" / "test").stops == ()


def test_links_lead_to_the_photos_of_a_folder(look, photos, inbox, tmp_path):
    (tmp_path / "link").symlink_to(photos)
    (tmp_path / "elsewhere").symlink_to(inbox[0].parent)
    table = kept(
        tmp_path / "data", [(tmp_path / "elsewhere" / "IMG_0.png", "cat"), (tmp_path / "link/cat/cat0.png", "cat")]
    )
    checked = look(table, source=tmp_path / "link")
    assert checked.stops == ()
    assert set(checked.listing.added) == {"../inbox/IMG_0.png"}
