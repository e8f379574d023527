"""Photos that are named one by one or by folder, and what is said of names that lead nowhere."""

from pathlib import Path

import pytest

from catml.photos.named import find


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_and_folders_in_their_order(tmp_path):
    touch(tmp_path / "b.jpg", tmp_path / "in" / "d.JPG", tmp_path / "in" / "deep" / "c.png")
    paths, problems = find([str(tmp_path / "b.jpg"), str(tmp_path / "in")])
    assert paths == [tmp_path / "b.jpg", tmp_path / "in" / "d.JPG", tmp_path / "in" / "deep" / "c.png"]
    assert problems == []


def test_of_a_folder_only_photos_are_meant(tmp_path):
    touch(*(tmp_path / name for name in ("a.jpg", "notes.txt", "._a.jpg", ".hidden.png", "photos.csv")))
    (tmp_path / "folder.jpg").mkdir()
    assert find([str(tmp_path)]) == ([tmp_path / "a.jpg"], [])


def test_a_file_that_is_named_is_meant_whatever_it_is(tmp_path):
    touch(tmp_path / "notes.txt", tmp_path / ".hidden.jpg")
    files = [tmp_path / "notes.txt", tmp_path / ".hidden.jpg"]
    assert find([str(file) for file in files]) == (files, [])


def test_one_text_may_name_several(tmp_path):
    touch(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert find([f"{tmp_path}/a.jpg, {tmp_path}/b.jpg,"]) == ([tmp_path / "a.jpg", tmp_path / "b.jpg"], [])


def test_a_name_with_a_comma(tmp_path):
    touch(tmp_path / "one, two.jpg", tmp_path / "a,b" / "c.jpg")
    assert find([str(tmp_path / "one, two.jpg")]) == ([tmp_path / "one, two.jpg"], [])
    assert find([str(tmp_path / "a,b")]) == ([tmp_path / "a,b" / "c.jpg"], [])


def test_all_that_leads_nowhere_is_named_and_the_rest_found(tmp_path):
    touch(tmp_path / "a.jpg", tmp_path / "empty" / "notes.txt")
    paths, problems = find([str(tmp_path / "gone.jpg"), str(tmp_path / "empty"), str(tmp_path / "a.jpg")])
    assert paths == [tmp_path / "a.jpg"]
    assert problems == [
        f"{tmp_path}/gone.jpg: no such file or folder.",
        f"{tmp_path}/empty: no photos in this folder.",
    ]


@pytest.mark.parametrize("given", [[], [" , "]])
def test_nothing(given):
    assert find(given) == ([], [])


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    touch(tmp_path / "photos" / "a.jpg")
    assert find(["~/photos/a.jpg", "~/photos"]) == ([Path(tmp_path, "photos", "a.jpg")] * 2, [])


def test_patterns_that_no_shell_has_read(tmp_path):
    touch(tmp_path / "b.jpg", tmp_path / "a.jpg", tmp_path / "in" / "deep" / "c.jpg", tmp_path / "[1].jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert find([f"{tmp_path}/?.jpg"]) == ([tmp_path / "a.jpg", tmp_path / "b.jpg"], [])
    assert find([f"{tmp_path}/**/c.*"]) == ([tmp_path / "in" / "deep" / "c.jpg"], [])
    assert find([str(tmp_path / "[1].jpg")]) == ([tmp_path / "[1].jpg"], [])  # a name, since there is such a file
    assert find([f"{tmp_path}/*.gif"]) == ([], [f"{tmp_path}/*.gif: no file matches."])
