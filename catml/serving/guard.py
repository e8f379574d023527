"""What holds for every request and every answer: whom the server answers, and what a browser may do with the answer."""

import ipaddress
from collections.abc import Iterable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    # The page consists of three files of its own; photos are shown by blob:, what the server sends of them by data:.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Adds headers to every answer, and refuses what another web site's page asks for.

    A page on the web can make its visitor's browser ask this server, too: directly, which the browser tells
    (`Sec-Fetch-Site`), or by a name of its own that leads here (DNS rebinding). So a name has to be one that nobody can
    have registered: an address, or a name without a dot, in .local, or the one the server was told to listen on.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self._app, self._names = app, {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        given = dict(scope["headers"])
        if not self.is_own(given.get(b"host", b"").decode("latin-1")):
            refused = JSONResponse({"error": "this name is not one of the server's"}, 421)
            await refused(scope, receive, guarded)
        elif scope["method"] != "GET" and given.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
            await JSONResponse({"error": "asked by the page of another site"}, 403)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def is_own(self, host: str) -> bool:
        """Tell whether a `Host` header names this server by what no web site can be called."""
        name = host.lower()
        name = name.partition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return "." not in name or name.endswith(".local") or name in self._names
        return True
