"""`catml serve`: listens, loads the model, answers until it is interrupted."""

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from catml import quiet, screen
from catml.errors import InputError
from catml.serving.limits import Limits

if TYPE_CHECKING:
    from catml.serving.app import State

LOOPBACK = ("127.0.0.1", "::1", "localhost")
MOST_CONNECTIONS = 256
LAST_SECONDS = 10  # that photos in work are given when the server is to end


def serve(values: Mapping[str, Any]) -> None:
    """Serve a registered classifier until Ctrl-C, or the signal to end.

    Args:
        values: the command's parameters.

    Raises:
        InputError: the address can't be listened on, or there is no such model.
    """
    _on_signal(lambda *_: os._exit(0))  # nothing is open yet; an exception may come out of an import as another one
    try:
        _serve(values)
    except KeyboardInterrupt:  # uvicorn passes the signal on when it has shut down
        return


def _on_signal(act: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, act)


def _serve(values: Mapping[str, Any]) -> None:
    host, port = values["host"], values["port"]
    limits = Limits(values["max_megabytes"], values["max_megapixels"], values["rate"])
    with listening(host, port) as place:  # before anything heavy: a port in use is said at once
        quiet.settle("tensorflow", "mlflow")
        from catml.serving.app import State, create

        _on_signal(signal.default_int_handler)
        state, problems = State(), list[BaseException]()

        def load() -> None:
            try:
                fill(state, values["model"], limits)
            except BaseException as error:  # raised again where the command ends
                problems.append(error)
                server.should_exit = True
                return
            screen.say(f"serving    {_address(host, port)} (Ctrl-C ends it)")
            if host not in LOOPBACK:
                screen.say("note       whoever reaches this machine may send photos, and is not asked who it is")

        # A thread that may be left behind: Ctrl-C need not wait until a model is loaded.
        app = create(state, limits, (host, socket.gethostname()), threading.Thread(target=load, daemon=True).start)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                loop="asyncio",
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,  # what a header says of the sender's address may be made up
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=LAST_SECONDS,
            )
        )
        server.run(sockets=[place])
    if problems:
        raise problems[0]


def fill(state: "State", model: str, limits: Limits) -> None:
    """Load the model, let it answer once, and find out what there is to say of it."""
    from catml.registration import load_from, registered
    from catml.serving.answering import Answering

    classifier = load_from(model)
    described, entry = classifier.description, registered(model)
    metrics = described.metrics
    test = {name: metrics[f"test_accuracy{end}"] for name, end in _TEST.items() if f"test_accuracy{end}" in metrics}
    state.about = {
        "model": model,
        "name": entry.name if entry else None,
        "version": entry.version if entry else None,
        "aliases": list(entry.aliases) if entry else [],
        "labels": list(described.labels),
        "learnt_from": described.photos,
        "photos": len(classifier.familiar.rows) if classifier.familiar else None,
        "backbones": list(described.backbones),
        "threshold": described.threshold,
        "test": test or None,
    }
    state.answering = Answering(classifier, limits.megapixels)
    said = ", ".join(described.labels)
    if test:
        between = screen.between((test["low"], test["high"]))
        said += f"; test {screen.percent(test['accuracy'])}, 95 % interval {between}"
    screen.say(f"model      {f'{entry.name} version {entry.version}' if entry else model}: {said}")


_TEST = {"accuracy": "", "low": "_low", "high": "_high"}


def listening(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address of this machine.

    Raises:
        InputError: there is no such address, or it is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        place = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(f"host: '{host}' is no address to listen on ({error.strerror}).") from None
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(address)
        place.listen()
    except OSError as error:
        place.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port: {port} on {host} is in use. --port takes another one.") from None
        what = "port" if error.errno == errno.EACCES else "host"
        raise InputError(f"{what}: can't listen on {host}, port {port} ({error.strerror}).") from None
    return place


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
