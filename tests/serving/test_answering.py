"""What is said of a photo is what the classifier says, with the reasons for it."""

import base64
import contextlib
import io
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from catml.heat import added, gradient
from catml.photos.decode import DecodeError, TooManyPixelsError, decode
from catml.photos.kept import labels_only
from catml.serving.answering import Answering
from tests.serving.conftest import KNOWN
from tests.test_classifier import LABELS, SIZE, of_network, photo


@pytest.fixture(scope="module")
def answering(toy):
    return Answering(toy, 2)


def png(size, colour="white", **options):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG", **options)
    return buffer.getvalue()


def test_it_says_what_the_classifier_says(answering, toy):
    photos = [*(photo(seed) for seed in range(20)), png((9, 12))]
    expected = toy.predict(photos)
    for one, row in zip(photos, expected.to_dict("records"), strict=True):
        for explain in (False, True):
            said = answering.answer(one, explain=explain)
            assert (said["label"], said["unsure"]) == (row["label"], row["unsure"])
            assert said["probability"] == pytest.approx(row["probability"], abs=1e-6)
            assert list(said["probabilities"]) == list(LABELS)
            wanted = [row[f"probability_{label}"] for label in LABELS]
            assert list(said["probabilities"].values()) == pytest.approx(wanted, abs=1e-6)
    assert expected["unsure"].any()
    assert not expected["unsure"].all()


def test_why_it_is_unsure(answering, toy):
    assert answering.answer(png((9, 12)))["reasons"][-1] == "unlike all photos learnt from"
    strict = Answering(replace(toy, description=replace(toy.description, threshold=0.9999)), 2)
    assert strict.answer(photo(103))["reasons"] == ["less probable than 100.0%"]


def test_nearest_photos_learnt_from(answering, toy):
    similar = toy.familiar.similarities(of_network(toy, [7]))[0]
    expected = np.argsort(-similar, kind="stable")[:3]
    found = answering.answer(photo(7))["nearest"]
    assert [one["name"] for one in found] == [f"{KNOWN[place]}.png" for place in expected]
    assert [one["label"] for one in found] == [LABELS[KNOWN[place] % 3] for place in expected]
    np.testing.assert_allclose([one["similarity"] for one in found], similar[expected], atol=1e-3)
    assert all(set(one) == {"name", "label", "similarity"} for one in found)


def test_a_photo_learnt_from_finds_itself(answering):
    said = answering.answer(photo(103), explain=True)
    first = said["nearest"][0]
    assert first["name"] == "103.png"
    assert said["similarity"] == first["similarity"] == pytest.approx(1, abs=1e-3)
    kind, _, data = first["picture"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(data) == photo(103, kind="JPEG")
    assert answering.answer(photo(101), explain=True)["nearest"][0]["picture"] is None  # it was gone


def test_heat_has_the_shape_of_the_upright_photo(answering):
    turned = Image.Exif()
    turned[0x0112] = 6
    data = io.BytesIO()
    Image.open(io.BytesIO(photo(3))).resize((90, 30)).save(data, "JPEG", exif=turned)
    heat = answering.answer(data.getvalue(), explain=True)["heat"]
    picture = Image.open(io.BytesIO(base64.b64decode(heat.partition(",")[2])))
    assert picture.size == (107, 320)


def test_what_places_add_is_what_tells_the_answer_from_the_others(toy):
    """On average, against the average photo, along the slope of a head with hidden layers."""
    answering = Answering(toy, 2)
    layers, outputs, middle = answering._heads[0]
    given, _, _ = answering._answer([decode(photo(103), SIZE)[None]])
    maps, best = given[outputs[0]][0], int(given["probabilities"][0].argmax())
    np.testing.assert_allclose(maps.mean(axis=(0, 1)), of_network(toy, [103])[0], atol=1e-5)
    np.testing.assert_allclose(middle, of_network(toy, KNOWN).mean(axis=0), rtol=1e-5)
    (part,) = added(layers, [maps], best, middle)
    slope = gradient(layers, maps.mean(axis=(0, 1)), best)
    assert part.mean() == pytest.approx(float((maps.mean(axis=(0, 1)) - middle) @ slope), abs=1e-5)


@pytest.mark.parametrize(
    "lacking",
    [{"kept": None}, {"familiar": None}, {"kept": None, "familiar": None}],
    ids=lambda lacking: "+".join(lacking),
)
def test_what_an_older_classifier_lacks_is_left_out(toy, lacking):
    said = Answering(replace(toy, **lacking), 2).answer(photo(3), explain=True)
    assert said["label"] in LABELS
    assert said["nearest"] == []
    if "familiar" in lacking:
        assert (said["similarity"], said["heat"]) == (None, None)


def test_an_older_classifier_without_the_middle_shows_no_heat(toy):
    old = replace(toy, familiar=replace(toy.familiar, middle=None))
    said = Answering(old, 2).answer(photo(3), explain=True)
    assert said["heat"] is None
    assert len(said["nearest"]) == 3


def test_without_small_pictures_the_labels_are_told(toy):
    private = Answering(replace(toy, kept=labels_only(toy.kept.labels)), 2)
    for one in private.answer(photo(103), explain=True)["nearest"]:
        assert (one["name"], one["picture"]) == ("", None)
        assert one["label"] in LABELS


def test_too_many_pixels_are_not_decoded(answering):
    bomb = png((1500, 1400))
    assert len(bomb) < 10_000
    with pytest.raises(TooManyPixelsError, match="1500 × 1400 pixels, more than 2 megapixels"):
        answering.answer(bomb)
    assert answering.answer(png((1400, 1400)))["label"] in LABELS


@pytest.mark.parametrize("data", [b"/etc/passwd", b"", b"\x89PNG\r\n\x1a\n", photo(1)[:100]], ids=repr)
def test_no_photo(answering, data):
    with pytest.raises(DecodeError):
        answering.answer(data)


def test_from_many_threads_as_from_one(answering):
    photos = [photo(seed) for seed in range(8)]
    alone, found = [answering.answer(one) for one in photos], [[] for _ in photos]

    def work(number):
        found[number] = [answering.answer(photos[number]) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(photos))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for expected, given in zip(alone, found, strict=True):
        assert given == [expected] * 5


@pytest.mark.parametrize(("large", "most"), [(1_000_000, 2), (0, 1)])
def test_large_photos_are_decoded_one_at_a_time(answering, monkeypatch, large, most):
    under_way, seen, both = 0, [], threading.Barrier(2)

    def slow(data, size):
        nonlocal under_way
        under_way += 1
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(2)  # for the other one, which comes only where both may
        seen.append(under_way)
        under_way -= 1
        return decode(data, size)

    monkeypatch.setattr("catml.serving.answering.decode", slow)
    monkeypatch.setattr("catml.serving.answering.LARGE", large)
    threads = [threading.Thread(target=answering.answer, args=(photo(seed),)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(seen), max(seen)) == (2, most)


def test_answering_needs_neither_scikit_learn_nor_scipy(toy, tmp_path):
    """What is served needs no more than the registered model asks for, and the web framework."""
    toy.save(tmp_path / "toy")
    (tmp_path / "photo.png").write_bytes(photo(3))
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('sklearn', 'scipy', 'matplotlib', 'optuna', 'pyarrow.dataset'))\n"
        "from pathlib import Path\n"
        "from catml.classifier import load\n"
        "from catml.serving.answering import Answering\n"
        "said = Answering(load(Path(sys.argv[1])), 1).answer(Path(sys.argv[2]).read_bytes(), explain=True)\n"
        "assert said['heat'] and said['nearest'][0]['picture']\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "toy"), str(tmp_path / "photo.png")], check=True)
