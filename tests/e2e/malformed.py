"""Requests that a server of the registered model has to refuse, each under a name that says what is wrong with it."""

import base64
import json
import struct
import zlib
from collections.abc import Iterator

import numpy as np

JSON = "application/json"
Request = tuple[str, str, bytes]  # what is wrong, content type, body

# Instead of a photo's base64 text, in each of the shapes that MLflow understands.
NO_PHOTOS = {
    "null": None, "number": 0, "fraction": 1.5, "not a number": float("nan"), "huge number": 10**400, "truth": True,
    "list": [], "list in list": [["x"]], "object": {}, "empty": "", "blank": " ", "short": "x", "padding": "====",
    "wrong length": "aaaaa", "no base64": "%%%", "file on the server": "/etc/passwd", "relative": "../../etc/passwd",
    "file URL": "file:///etc/passwd", "address": "http://127.0.0.1/cat.jpg", "home": "~/.ssh/id_rsa",
    "empty data URL": "data:image/jpeg;base64,", "broken data URL": "data:image/jpeg;base64,%%",
    "data URL without base64": "data:,hello", "zero byte": "\x00", "letter": "é", "half a letter": "\ud800",
    "words": base64.b64encode(b"buy milk " * 9).decode(),
}  # fmt: skip
SHAPES = {
    "dataframe_split": lambda value: {"dataframe_split": {"columns": ["image"], "data": [[value]]}},
    "dataframe_records": lambda value: {"dataframe_records": [{"image": value}]},
    "inputs": lambda value: {"inputs": [{"image": value}]},
    "inputs, columns": lambda value: {"inputs": {"image": [value]}},
    "instances": lambda value: {"instances": [{"image": value}]},
}
KEYS = ("dataframe_split", "dataframe_records", "inputs", "instances")
VALUES = (
    "null", "1", "[]", "{}", '"x"', '[{"img":"x"}]', "[[]]", "[null]", '{"img":["x"]}', '[{"image":"x"},1]',
)  # fmt: skip
SPLITS = (
    '{"columns":["image"]}', '{"data":[["x"]]}', '{"columns":"image","data":[["x"]]}', '{"columns":[],"data":[]}',
    '{"columns":["image"],"data":"x"}', '{"columns":["image"],"data":[[]]}', '{"columns":["image"],"data":[]}',
    '{"columns":["image"],"data":[["a","b"]]}', '{"columns":["image","image"],"data":[["a","b"]]}',
    '{"columns":["Image"],"data":[["a"]]}', '{"columns":[null],"data":[["a"]]}',
    '{"columns":[["image"]],"data":[["a"]]}', '{"columns":["image"],"data":[["a"]],"index":[1,2]}',
    '{"columns":["image"],"data":[["a"]],"more":1}',
)  # fmt: skip
BODIES = (
    "", "{", "[]", "null", "1", '"x"', "{}", "\x00", '{"image":"x"}', '{"input":"x"}', '{"prompt":"x"}',
    '{"messages":[]}',
    '{"messages":[{"role":"user","content":"x"}]}', '{"inputs":["x"],"instances":["x"]}', '{"inputs":{"image":null}}',
    '{"inputs":{"image":[]}}', '{"inputs":{"image":{"a":1}}}', '{"inputs":["x"],"params":1}',
    *(f'{{"{key}":{value}}}' for key in KEYS for value in VALUES),
    *(f'{{"dataframe_split":{value}}}' for value in SPLITS),
)  # fmt: skip
KINDS = (
    ("text/plain", b"x"), ("image/jpeg", b"\xff\xd8"), (f"{JSON}; charset=latin-1", b"{}"), (f"{JSON}; x=1", b"{}"),
    ("multipart/form-data", b"x"), (";;;", b"x"), ("text/csv", b""), ("text/csv", b"image\n/etc/passwd\n"),
    ("text/csv", b"img\nx\n"), ("text/csv", b"\xff"), ("text/csv", b"image\n"), ("text/csv", b'image\n"'),
    ("text/csv", b"a,b\n1\n2,3,4\n"), ("application/vnd.apache.parquet", b""),
    ("application/vnd.apache.parquet", b"/etc/passwd"), (JSON, b"\xff\xfe"),
)  # fmt: skip


def requests(photo: bytes, cuts: int = 60) -> Iterator[Request]:
    """Yield malformed requests: a photo's file cut off in many places among them."""
    for what, value in NO_PHOTOS.items():
        for name, shape in SHAPES.items():
            yield f"{what} in {name}", JSON, json.dumps(shape(value)).encode()
    for body in BODIES:
        yield f"body {body[:80]}", JSON, body.encode()
    for kind, content in KINDS:
        yield f"{kind} {content!r}", kind, content
    for length in np.linspace(0, len(photo) - 1, cuts).astype(int):
        yield f"cut off after {length} bytes", JSON, _of(photo[:length])
    good = base64.b64encode(photo).decode()
    yield "bad after good", JSON, json.dumps({"inputs": [good, "x"]}).encode()
    yield "base64 cut off", JSON, json.dumps({"inputs": [good[:-1]]}).encode()
    yield "bomb", JSON, _of(bomb(50_000))
    yield "20 MB of text", JSON, json.dumps({"inputs": ["A" * 20_000_000]}).encode()
    yield "20 MB that are no base64", JSON, json.dumps({"inputs": ["%" * 20_000_000]}).encode()
    yield "5,000 of them", JSON, json.dumps({"inputs": ["x"] * 5000}).encode()


def bomb(side: int) -> bytes:
    """Return a black PNG of side by side pixels: 0.3 MB that would fill 7 GB."""
    packer, rows = zlib.compressobj(9), 1000
    black = b"".join(packer.compress(bytes(side // 8 + 1) * rows) for _ in range(side // rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", black) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _of(photo: bytes) -> bytes:
    return json.dumps({"inputs": [base64.b64encode(photo).decode()]}).encode()
