"""What `catml predict --log` keeps of predictions: a table that is whole up to its last row, and what is said of it."""

import csv
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from catml import prediction
from catml.errors import InputError
from catml.evaluation.familiarity import fit_familiar
from catml.photos.listing import list_photos
from catml.prediction_log import PredictionLog, said
from tests.test_classifier import LABELS, WIDTH, make, of_network, photo


@pytest.fixture
def photos(tmp_path):
    paths = [tmp_path / "inbox" / f"käse, {number}.jpg" for number in range(5)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        path.write_bytes(photo(number))
    paths[3].write_bytes(b"no photo")
    return paths


@pytest.fixture(scope="module")
def classifier():
    return make()


@pytest.fixture(scope="module")
def careful(classifier):
    """One that has learnt from photos of noise, and knows what they look like."""
    seeds = range(100, 160)
    return replace(classifier, familiar=fit_familiar(of_network(classifier, seeds), seeds, [WIDTH]))


def answers(classifier, photos):
    return prediction._rows([str(path) for path in photos], classifier.stream(photos))


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_a_photo_with_room_for_its_label(classifier, photos, tmp_path):
    with PredictionLog(tmp_path / "kept", classifier) as log:
        for row in answers(classifier, photos):
            log.add(row)
    rows = rows_of(log.path)
    alone = classifier.predict([path for path in photos if path != photos[3]])
    assert [row["path"] for row in rows] == [str(path) for path in photos]
    assert {row["label"] for row in rows} == {""}
    assert [row["answer"] for row in rows if not row["problem"]] == alone["label"].tolist()
    given = [float(row["probability"]) for row in rows if row["answer"]]
    np.testing.assert_allclose(given, alone["probability"], atol=1e-6)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in photos]
    assert [row["bytes_sha256"] for row in rows] == [*digests[:3], "", digests[4]]
    assert [row["problem"] for row in rows] == ["", "", "", "not an image of a known format", ""]
    assert log.path.read_bytes().startswith(b"\xef\xbb\xbf")  # by which spreadsheets know UTF-8
    expected = {"predicted_photos": 5, "predicted_broken": 1, "predicted_unsure": float(alone["unsure"].mean())}
    assert log.metrics().items() >= expected.items()
    assert log.metrics()["predicted_probability"] == pytest.approx(alone["probability"].mean(), abs=1e-6)


def test_labels_that_are_filled_in_are_photos_that_came_later(classifier, photos, tmp_path):
    with PredictionLog(tmp_path / "kept", classifier) as log:
        for row in answers(classifier, photos):
            log.add(row)
    table = pd.read_csv(log.path, dtype=str, keep_default_na=False)
    table.loc[[1, 4], "label"] = [LABELS[0], LABELS[1]]
    table.to_csv(log.path, index=False, sep=";")  # as a spreadsheet saves it where the decimal point is a comma
    listing = list_photos(log.path, later=True)
    assert listing.files[["path", "label"]].to_numpy().tolist() == [
        [str(photos[1]), LABELS[0]],
        [str(photos[4]), LABELS[1]],
    ]
    assert listing.sha256[str(photos[4])] == hashlib.sha256(photos[4].read_bytes()).hexdigest()
    assert listing.notes == (f"{log.path}: 3 of 5 rows have no label yet, and are left out",)


def test_what_is_known_is_there_whatever_ends_the_process(classifier, photos, tmp_path):
    log = PredictionLog(tmp_path / "kept", classifier)
    for row in answers(classifier, photos[:2]):
        log.add(row)
    assert [row["path"] for row in rows_of(log.path)] == [str(path) for path in photos[:2]]  # nothing was closed


def test_a_photo_that_is_gone_by_now_is_kept_without_its_digest(careful, photos, tmp_path):
    with PredictionLog(tmp_path / "kept", careful) as log:
        for row in list(answers(careful, photos[:2])):
            photos[1].unlink(missing_ok=True)
            log.add(row)
    assert [bool(row["bytes_sha256"]) for row in rows_of(log.path)] == [True, False]


def test_a_name_that_is_no_text_is_kept_as_far_as_it_can_be(careful, tmp_path):
    with PredictionLog(tmp_path / "kept", careful) as log:
        for name in ("\udce4.jpg", "b.jpg"):
            log.add({"photo": name, "problem": "gone"})
    assert [row["path"] for row in rows_of(log.path)] == [str(Path.cwd() / r"\udce4.jpg"), str(Path.cwd() / "b.jpg")]


def test_what_was_answered_before_an_interruption_is_named(careful, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CATML_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(prediction, "registered", lambda model: None)
    rows = prediction._logged(answers(careful, photos), careful, ["inbox"], "models:/none/1", aloud=False)
    next(rows), next(rows)
    with pytest.raises(KeyboardInterrupt):
        rows.throw(KeyboardInterrupt())
    (table,) = (tmp_path / "data" / "predictions").glob("*.csv")
    assert len(rows_of(table)) == 2
    assert capsys.readouterr().err.splitlines() == [f"catml: {table} has the 2 photos that were answered."]


def test_no_table_is_overwritten(classifier, tmp_path):
    logs = [PredictionLog(tmp_path / "kept", classifier) for _ in range(3)]
    assert len({log.path for log in logs}) == 3
    for log in logs:
        with log:
            pass


@pytest.mark.parametrize(("strange", "photos"), [(0, 50), (6, 50), (50, 50)])
def test_what_is_said(careful, tmp_path, strange, photos):
    with PredictionLog(tmp_path / "kept", careful) as log:
        log.counts.update({"photos": photos + 1, "broken": 1, "strange": strange, f"said {LABELS[0]}": photos})
    lines = dict(said(log))
    start = f"{strange} of {photos} are unlike all photos learnt from ({2 * strange}.0 %, 95 % interval"
    assert lines["unlike"].startswith(start)
    assert lines["unlike"].endswith("; of photos like those, about 2 % would be")
    assert lines["next"].endswith(f"--new-photos {log.path}")


def test_strange_photos_are_counted(careful, photos, tmp_path):
    Image.new("RGB", (9, 12), "white").save(photos[4], "PNG")
    with PredictionLog(tmp_path / "kept", careful) as log:
        for row in answers(careful, photos):
            log.add(row)
    rows = [row for row in rows_of(log.path) if not row["problem"]]
    strange = [float(row["similarity"]) < careful.familiar.least for row in rows]
    assert strange[-1]
    assert rows[-1]["unsure"] == "True"
    assert log.metrics()["predicted_strange"] == sum(strange) / 4


def test_a_classifier_of_an_older_catml_calls_nothing_strange(classifier, photos, tmp_path):
    with PredictionLog(tmp_path / "kept", classifier) as log:
        for row in answers(classifier, photos):
            log.add(row)
    assert [heading for heading, _ in said(log)] == ["answers", "kept", "next"]
    assert "predicted_strange" not in log.metrics()


def test_nothing_is_said_of_no_photos(classifier, tmp_path):
    with PredictionLog(tmp_path / "kept", classifier) as log:
        log.add({"photo": "gone.jpg", "problem": "no such file"})
    assert [heading for heading, _ in said(log)] == ["kept", "next"]
    assert log.metrics() == {"predicted_photos": 1, "predicted_broken": 1}


def test_a_photo_without_a_name_can_be_neither_kept_nor_copied(monkeypatch):
    monkeypatch.setattr(prediction, "_named", lambda photos: ([("-", b"")], []))
    with pytest.raises(InputError) as caught:
        prediction.show(["-"], "models:/none@champion", "csv", "sorted", log=True)
    assert list(caught.value.problems) == [
        "copy_to: the photo on standard input has no name to be copied under. Give its file.",
        "log: the photo on standard input has no name to be kept under. Give its file.",
    ]
