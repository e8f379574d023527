"""The application answers photos, says what is wrong with everything else, and never fails over what it is sent."""

import base64
import io
import json
import socket
import threading

import pytest
from PIL import Image

from catml import __version__
from catml.serving.app import State
from catml.serving.limits import Limits
from tests.serving.conftest import LIMITS, running
from tests.test_classifier import LABELS, photo

JSON = "application/json"


def as_json(data, **more):
    return json.dumps({"image": base64.b64encode(data).decode(), **more})


def test_a_photo_is_answered(ask, toy):
    answer = ask.predict(photo(3))
    (row,) = toy.predict([photo(3)]).to_dict("records")
    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    assert set(answer.said) == {
        "label", "probability", "unsure", "reasons", "probabilities", "similarity", "nearest",
    }  # fmt: skip
    assert (answer.said["label"], answer.said["unsure"]) == (row["label"], row["unsure"])
    wanted = {label: row[f"probability_{label}"] for label in LABELS}
    assert answer.said["probabilities"] == pytest.approx(wanted, abs=1e-6)


def test_the_same_photo_in_every_way_it_may_be_sent(ask):
    expected = ask.predict(photo(3)).said
    for kind in (
        "image/png",
        "image/jpeg",
        "IMAGE/x; a=b",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    ):
        assert ask.predict(photo(3), kind=kind).said == expected
    assert ask("POST", "/predict", photo(3)).said == expected
    assert ask("POST", "/predict", iter([photo(3)[:50], photo(3)[50:]])).said == expected  # in chunks
    assert ask.predict(as_json(photo(3), name="../x"), kind="application/json; charset=utf-8").said == expected


def test_explained(ask):
    said = ask.predict(photo(103), "/predict?explain=true").said
    assert said["heat"].startswith("data:image/jpeg;base64,")
    assert said["nearest"][0]["picture"].startswith("data:image/jpeg;base64,")


def test_version_and_health(ask):
    assert (ask("GET", "/health").status, ask("GET", "/health").said) == (200, {"status": "ready"})
    assert (ask("HEAD", "/health").status, ask("HEAD", "/health").body) == (200, b"")
    assert ask("GET", "/version").said == {
        "catml": __version__,
        "model": "models:/toy@champion",
        "labels": list(LABELS),
        "limits": {"megabytes": 1, "megapixels": 2, "rate": 0},
    }


def test_while_the_model_is_loaded(state):
    empty = State()
    with running(empty) as ask:
        for answer in (ask("GET", "/health"), ask.predict(photo(3))):
            assert (answer.status, answer.headers["retry-after"]) == (503, "2")
            assert answer.said == {"error": "the model is being loaded"}
        assert ask("GET", "/").status == ask("GET", "/version").status == 200
        empty.answering = state.answering
        assert ask.predict(photo(3)).status == ask("GET", "/health").status == 200


def test_the_page_has_all_it_needs(ask):
    page = ask("GET", "/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"http" not in page.body.replace(b"<!doctype html>", b"")  # nothing from another host
    for name, kind in (("/page.css", "text/css"), ("/page.js", "text/javascript")):
        assert name.encode() in page.body
        assert ask("GET", name).headers["content-type"] == f"{kind}; charset=utf-8"
    assert b"innerHTML" not in ask("GET", "/page.js").body


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/health/", "/page.js/", "/../etc/passwd", "/page/index.html", "/%2e%2e/x"]
)
def test_there_is_nothing_else(ask, path):
    assert (ask("GET", path).status, ask("GET", path).said) == (404, {"error": "Not Found"})


def test_the_api_is_described(ask):
    described = ask("GET", "/openapi.json").said
    assert set(described["paths"]) == {"/predict", "/health", "/version"}
    assert set(described["paths"]["/predict"]["post"]["requestBody"]["content"]) == {"image/*", JSON}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/predict"), ("PUT", "/predict"), ("POST", "/"), ("DELETE", "/health")]
)
def test_wrong_methods(ask, method, path):
    assert ask(method, path, b"x" if method != "GET" else None).status == 405


def jpeg():
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photo(3))).resize((64, 64)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("body", "kind", "status", "error"),
    [
        (b"", "image/png", 400, "empty; send the photo's bytes"),
        (as_json(b""), JSON, 400, "empty"),
        (b"buy milk", "image/png", 422, "not an image of a known format"),
        (b"/etc/passwd", "image/png", 422, "not an image of a known format"),
        (b"/etc/passwd", "", 422, "not an image of a known format"),
        (jpeg()[:-300], "image/jpeg", 422, "can't be decoded"),
        (b"{", JSON, 400, "no JSON"),
        (b"\xff\xfe", JSON, 400, "no JSON"),
        (b"[" * 100_000, JSON, 400, "no JSON"),
        (b"9" * 100_000, JSON, 400, "no JSON"),
        (b"[]", JSON, 422, 'expected {"image": "BASE64"}'),
        (b"null", JSON, 422, "expected"),
        (b"{}", JSON, 422, "expected"),
        (b'{"image": 7}', JSON, 422, "expected"),
        (b'{"image": ["x"]}', JSON, 422, "expected"),
        (b'{"image": "/etc/passwd"}', JSON, 422, "image: no base64"),
        (b'{"image": "etcpasswd123"}', JSON, 422, "not an image of a known format"),
        (b'{"image": "\\u00e4"}', JSON, 422, "image: no base64"),
        (b"x", "text/plain", 415, "text/plain is not understood; send the photo's bytes"),
        (b"x", "multipart/form-data; boundary=x", 415, "multipart/form-data is not understood"),
        (b"x", "video/mp4", 415, "video/mp4 is not understood"),
        (b"x" * 1_000_001, "image/png", 413, "larger than 1 MB"),
        (as_json(b"x" * 1_100_000), JSON, 413, "larger than 1 MB"),
        (iter([b"x" * 100_000] * 11), "image/png", 413, "larger than 1 MB"),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_what_is_wrong_is_said(ask, body, kind, status, error):
    answer = ask.predict(body, kind=kind)
    assert answer.status == status
    assert answer.said["error"].startswith(error)


def test_a_readable_path_is_no_photo(ask, tmp_path):
    """Whatever a request says, no file is opened by it."""
    (tmp_path / "photo.png").write_bytes(photo(3))
    path = str(tmp_path / "photo.png")
    answers = [
        ask.predict(path.encode()),
        ask.predict(json.dumps({"image": path}), kind=JSON),
        ask.predict(json.dumps({"image": f"file://{path}"}), kind=JSON),
        ask.predict(json.dumps({"path": path}), kind=JSON),
        ask.predict(as_json(path.encode()), kind=JSON),
    ]
    assert [answer.status for answer in answers] == [422] * 5


def test_a_bomb(ask):
    """3,600 megapixels in a file of less than a megabyte, and 4 in a few kilobytes."""
    white = io.BytesIO()
    Image.new("1", (60_000, 60_000), 1).save(white, "PNG")
    assert len(white.getvalue()) < 1_000_000
    answer = ask.predict(white.getvalue())
    assert (answer.status, answer.said["error"]) == (413, "more pixels than are safe to decode")
    small = io.BytesIO()
    Image.new("L", (2000, 2000)).save(small, "PNG")
    answer = ask.predict(small.getvalue())
    assert (answer.status, answer.said["error"]) == (413, "2000 × 2000 pixels, more than 2 megapixels")


def test_compressed_bodies_are_refused(ask):
    assert ask("POST", "/predict", b"x", Content_Encoding="gzip").status == 415


def test_a_query_that_makes_no_sense(ask):
    answer = ask.predict(photo(3), "/predict?explain=maybe")
    assert answer.status == 422
    assert answer.said["error"].startswith("explain: ")


def test_too_many_from_one_address(state):
    with running(state, Limits(1, 2, rate=3)) as ask:
        assert [ask.predict(photo(3)).status for _ in range(4)] == [200, 200, 200, 429]
        answer = ask("POST", "/predict", photo(3), X_Forwarded_For="1.2.3.4")
        assert (answer.status, answer.headers["retry-after"]) == (429, "20")
        assert answer.said == {"error": "more than 3 photos a minute"}
        assert ask("GET", "/health").status == 200  # only photos are counted


def test_every_answer_is_guarded(ask):
    for answer in (ask("GET", "/"), ask("GET", "/nothing"), ask.predict(photo(3)), ask.predict(b"")):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "localhost", "[::1]:8000", "192.168.1.7", "my-laptop.local", "box", "cats.example.org"]
)
def test_names_of_its_own(state, host):
    with running(state, LIMITS, names=("Cats.example.org",)) as ask:
        assert ask("GET", "/health", Host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "[evil.example]"]
)
def test_names_that_anyone_may_have_registered(ask, host):
    """A web site whose name leads here, so that a browser takes it for the same site."""
    answer = ask("GET", "/version", Host=host)
    assert (answer.status, answer.said) == (421, {"error": "this name is not one of the server's"})


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_asked_by_the_page_of_another_site(ask, site, status):
    assert ask("POST", "/predict", photo(3), Sec_Fetch_Site=site).status == status


def test_health_answers_while_photos_are_answered(state):
    """The network is kept busy from outside; photos wait for it, and the rest doesn't."""
    with running(state) as ask:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ask.predict(photo(3)))) for _ in range(6)]
        with state.answering._one_at_a_time:
            for thread in threads:
                thread.start()
            for _ in range(20):
                assert ask("GET", "/health").status == 200
            assert answers == []
        for thread in threads:
            thread.join()
        assert [answer.status for answer in answers] == [200] * 6


def test_a_sender_that_hangs_up(ask):
    for part in (b"", b"half of"):
        with socket.create_connection(("127.0.0.1", ask.port)) as plain:
            plain.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n" + part)
    assert ask.predict(photo(3)).status == 200
