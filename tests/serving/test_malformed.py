"""Hundreds of requests that make no sense: each is refused as the client's mistake, and the next photo is answered."""

import io
import json
import random
import socket

import numpy as np
import pytest
from PIL import Image

from tests.test_classifier import photo

RANDOM = random.Random(0)


def saved(kind, **options):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def cut():
    for kind, options in (("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("TIFF", {})):
        whole = saved(kind, **options)
        for place in sorted({RANDOM.randrange(len(whole) // 2) for _ in range(30)}):
            yield whole[:place]


def noise():
    for number in range(60):
        yield RANDOM.randbytes(RANDOM.choice([1, 7, 64, 1000, 20_000]))
        yield (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0")[number % 5] + RANDOM.randbytes(
            300
        )


VALUES = [None, True, 0, -1.5, 1e308, "", "x", "/etc/passwd", "data:,", "AAAA", [], {}, ["AAAA"], {"image": "AAAA"}]
KINDS = [
    "text/html",
    "x",
    "/",
    "image",
    "application/xml",
    "application/json+x",
    "multipart/form-data",
    "a" * 5000,
    "\x7f",
]


def test_bodies(ask):
    asked = [*cut(), *noise()]
    statuses = [ask.predict(body).status for body in asked]
    assert len(asked) > 200
    assert {status for status, body in zip(statuses, asked, strict=True) if body} == {
        413,
        422,
    }  # 413: sizes made up by chance
    assert ask.predict(photo(3)).status == 200


def test_json(ask):
    texts = [json.dumps(value) for value in VALUES] + [json.dumps({"image": value}) for value in VALUES]
    texts += [json.dumps({"image": "A" * 4 * number}) for number in range(1, 20)]
    texts += ['{"image": "AAAA"', '{"image": NaN}', "{'image': 'AAAA'}", '{"image": "\ud83d"}', '{"a":' * 5000, "\0"]
    for text in texts:
        body = text.encode("utf-8", "surrogatepass")
        assert ask.predict(body, kind="application/json").status in (400, 422), text[:80]
    assert ask.predict(photo(3)).status == 200


@pytest.mark.parametrize("kind", KINDS, ids=range(len(KINDS)))
def test_kinds(ask, kind):
    assert ask.predict(photo(3), kind=kind).status in (415, 400)


RAW = [
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a browser that tries TLS
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe.x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
]


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_what_is_hardly_http(ask, raw):
    with socket.create_connection(("127.0.0.1", ask.port), timeout=20) as plain:
        answer = b""
        try:
            plain.sendall(raw)
            plain.shutdown(socket.SHUT_WR)
            while part := plain.recv(65536):
                answer += part
        except ConnectionError:  # it has answered, and hung up before all was sent
            pass
    # Some of it h11 lets pass, such as many headers that come at once.
    assert not answer or answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4")), answer[:200]
    assert ask("GET", "/health").status == 200
