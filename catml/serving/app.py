"""The web application: a page, and what it asks for."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from catml import __version__
from catml.photos.decode import DecodeError, TooManyPixelsError
from catml.serving.answering import Answering
from catml.serving.guard import Guard
from catml.serving.limits import AT_ONCE, Bodies, Limits, Places, Rate

PAGE = Path(__file__).with_name("page")
FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
JSON = "application/json"
# A body sent by `curl --data-binary` without more words is called a form.
AS_IS = ("application/octet-stream", "application/x-www-form-urlencoded", "")
SEND = 'send the photo\'s bytes as the body (curl --data-binary @photo.jpg), or JSON {"image": "BASE64"}'
EXPLAIN = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            JSON: {"schema": {"type": "object", "required": ["image"], "properties": {"image": {"type": "string"}}}},
        },
    }
}


@dataclass
class State:
    """What there is to answer with; nothing while the model is being loaded."""

    answering: Answering | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


def create(
    state: State, limits: Limits, names: tuple[str, ...] = (), started: Callable[[], None] | None = None
) -> FastAPI:
    """Return the application.

    Args:
        state: filled by whoever loads the model.
        limits: what is refused.
        names: under which the server may be asked, beside its addresses.
        started: called once the server listens.
    """
    # FastAPI's pages of documentation load scripts from another host.
    app = FastAPI(
        title="catml", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False,
        lifespan=_lifespan(started),
    )  # fmt: skip
    app.add_middleware(Guard, names=names)
    bodies, places, rate = Bodies(limits.megabytes * 1_000_000), Places(), Rate(limits.rate)
    threads = ThreadPoolExecutor(AT_ONCE, "answering")

    @app.post("/predict", summary="Say what is on a photo", openapi_extra=EXPLAIN)
    async def predict(request: Request, explain: bool = False) -> JSONResponse:
        rate.take(request.client.host if request.client else "")
        if state.answering is None:
            raise _loading()
        as_text = _is_json(request)
        async with bodies.of(request, as_text=as_text) as body, places.one():
            photo = _from_json(body) if as_text else body
            if not photo:
                raise HTTPException(400, f"empty; {SEND}")
            answering = state.answering
            said = await asyncio.get_running_loop().run_in_executor(
                threads, lambda: answering.answer(photo, explain=explain)
            )
        return JSONResponse(said)

    @app.head("/health", include_in_schema=False)
    @app.get("/health", summary="Whether photos are answered")
    async def health() -> JSONResponse:
        if state.answering is None:
            raise _loading()
        return JSONResponse({"status": "ready"})

    @app.get("/version", summary="Which model answers, and how good it is")
    async def version() -> JSONResponse:
        return JSONResponse({"catml": __version__, **state.about, "limits": vars(limits)})

    for path, (name, kind) in FILES.items():
        app.add_api_route(path, _file(PAGE / name, kind), methods=["GET", "HEAD"], include_in_schema=False)

    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(DecodeError, _no_photo)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(ClientDisconnect, _gone)
    return app


def _lifespan(started: Callable[[], None] | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if started is not None:
            started()
        yield

    return lifespan


def _file(path: Path, kind: str) -> Callable[[], Any]:
    content = path.read_bytes()

    async def send() -> Response:
        return Response(content, media_type=kind)

    return send


def _is_json(request: Request) -> bool:
    """Tell how the photo is sent.

    Raises:
        HTTPException: 415, in a way that is not understood.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise HTTPException(415, "compressed; send the photo as it is")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == JSON:
        return True
    if not kind.startswith("image/") and kind not in AS_IS:
        raise HTTPException(415, f"{kind[:100]} is not understood; {SEND}")
    return False


def _from_json(body: bytes) -> bytes:
    """Return the photo in a JSON body; its text is base64, and nothing else, such as a path, is looked for in it."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "no JSON") from None
    text = given.get("image") if isinstance(given, dict) else None
    if not isinstance(text, str):
        raise HTTPException(422, 'expected {"image": "BASE64"}')
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise HTTPException(422, "image: no base64") from None


def _loading() -> HTTPException:
    return HTTPException(503, "the model is being loaded", {"Retry-After": "2"})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101, what it is registered for
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


async def _no_photo(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 413 if isinstance(error, TooManyPixelsError) else 422)


async def _not_understood(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101, what it is registered for
    wrong = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
    return JSONResponse({"error": wrong}, 422)


async def _gone(_: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it
