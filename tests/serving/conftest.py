"""A toy classifier behind the real server, on loopback."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import uvicorn

from catml.classifier import Classifier
from catml.evaluation.familiarity import fit_familiar
from catml.photos.kept import KeptPhotos
from catml.serving.answering import Answering
from catml.serving.app import State, create
from catml.serving.limits import Limits
from tests.test_classifier import LABELS, WIDTH, make, of_network, photo

KNOWN = range(100, 160)  # photos that the toy has learnt from
LIMITS = Limits(megabytes=1, megapixels=2, rate=0)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks a server, a connection each time."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())
        finally:
            connection.close()

    def predict(self, body: Any, path: str = "/predict", kind: str = "image/png") -> Answer:
        return self("POST", path, body, Content_Type=kind)


@pytest.fixture(scope="session")
def toy() -> Classifier:
    plain = make()
    return replace(
        plain,
        description=replace(plain.description, threshold=0.4, photos="fruit"),
        familiar=fit_familiar(of_network(plain, KNOWN), KNOWN, [WIDTH]),
        kept=KeptPhotos(
            tuple(f"{seed}.png" for seed in KNOWN),
            tuple(LABELS[seed % 3] for seed in KNOWN),
            tuple(b"" if seed == 101 else photo(seed, kind="JPEG") for seed in KNOWN),
        ),
    )


@contextmanager
def running(state: State, limits: Limits = LIMITS, **options: Any) -> Iterator[Client]:
    """Run the application until the context ends."""
    from catml.serving.server import listening

    with listening("127.0.0.1", 0) as place:
        config = uvicorn.Config(
            create(state, limits, **options), http="h11", ws="none", log_level="critical", proxy_headers=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield Client(place.getsockname()[1])
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def state(toy: Classifier) -> State:
    return State(Answering(toy, LIMITS.megapixels), {"model": "models:/toy@champion", "labels": list(LABELS)})


@pytest.fixture(scope="session")
def ask(state: State) -> Iterator[Client]:
    with running(state) as client:
        yield client
