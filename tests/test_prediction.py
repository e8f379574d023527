"""What `catml predict` makes of names and of answers."""

import csv
import io
import json
import sys

import pandas as pd
import pytest

from catml import prediction
from catml.prediction import copy

LABELS = ("cat", 'dog, "big"')
ANSWERS = pd.DataFrame(
    {
        "label": ["cat", LABELS[1], ""],
        "probability": [0.75, 0.995, float("nan")],
        "unsure": [True, False, None],
        "probability_cat": [0.75, 0.005, float("nan")],
        f"probability_{LABELS[1]}": [0.25, 0.995, float("nan")],
        "problem": ["", "", "empty file"],
    }
)
NAMES = ["a.jpg", "käse, b.jpg", "c.jpg"]


def printed(layout, capsys):
    rows = prediction._rows(NAMES, iter([ANSWERS[:1], ANSWERS[1:]]))
    assert [row["photo"] for row in layout(rows, NAMES, LABELS)] == NAMES
    return capsys.readouterr().out


def test_table(capsys):
    assert printed(prediction._table, capsys).splitlines() == [
        "  photo        label                       probability",
        "  a.jpg        unsure, perhaps cat              75.0 %",
        '  käse, b.jpg  dog, "big"                       99.5 %',
        "  c.jpg        no photo: empty file",
    ]


def test_csv_can_be_read_again(capsys):
    rows = list(csv.DictReader(io.StringIO(printed(prediction._csv, capsys))))
    assert list(rows[0]) == ["photo", "label", "probability", "unsure", *ANSWERS.columns[3:5], "problem"]
    assert [row["label"] for row in rows] == ["cat", LABELS[1], ""]
    assert [row["unsure"] for row in rows] == ["True", "False", ""]
    assert [row["probability"] for row in rows] == ["0.75", "0.995", ""]
    assert [row["problem"] for row in rows] == ["", "", "empty file"]


def test_json_lines(capsys):
    lines = [json.loads(line) for line in printed(prediction._jsonl, capsys).splitlines()]
    assert lines == [
        {"photo": "a.jpg", "label": "cat", "probability": 0.75, "unsure": True,
         "probabilities": {"cat": 0.75, LABELS[1]: 0.25}},
        {"photo": NAMES[1], "label": LABELS[1], "probability": 0.995, "unsure": False,
         "probabilities": {"cat": 0.005, LABELS[1]: 0.995}},
        {"photo": "c.jpg", "problem": "empty file"},
    ]  # fmt: skip


class Pipe:
    def __init__(self, given):
        self.buffer = io.BytesIO(given)


@pytest.mark.parametrize("between", ["\n", "\r\n", "\0"])
def test_names_from_standard_input(tmp_path, monkeypatch, between):
    files = [tmp_path / "a.jpg", tmp_path / "with, comma.jpg"]
    for file in files:
        file.touch()
    text = between.join([str(files[0]), "", str(files[1]), "gone.jpg", ""])
    monkeypatch.setattr(sys, "stdin", Pipe(text.encode()))
    named, problems = prediction._named(["-"])
    assert named == [(str(file), file) for file in files]
    assert problems == ["gone.jpg: no such file or folder."]


def test_a_photo_from_standard_input(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").touch()
    monkeypatch.setattr(sys, "stdin", Pipe(b"\xff\xd8\xff\xe0 of a JPEG"))
    named, problems = prediction._named([str(tmp_path / "a.jpg"), "-"])
    assert named == [(str(tmp_path / "a.jpg"), tmp_path / "a.jpg"), ("-", b"\xff\xd8\xff\xe0 of a JPEG")]
    assert problems == []


def test_copies_overwrite_nothing(tmp_path):
    for folder, content in (("one", b"1"), ("two", b"2"), ("three", b"1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.b.jpg").write_bytes(content)
        copy(tmp_path / folder / "a.b.jpg", tmp_path / "to" / "cat")
    copy(tmp_path / "two" / "a.b.jpg", tmp_path / "to" / "cat")  # once more
    there = {file.name: file.read_bytes() for file in (tmp_path / "to" / "cat").iterdir()}
    assert there == {"a.b.jpg": b"1", "a.b-2.jpg": b"2"}
