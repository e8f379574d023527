"""What one client, and all of them together, may ask for: how fast, how large, and how much at once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

AT_ONCE = 2  # photos decoded at the same time; the network takes them one by one
MOST_WAITING = 64  # photos that wait for their turn, all clients together
IN_MEMORY = 8  # times the largest allowed body: what all bodies together may take
BODY_SECONDS = 60.0  # within which a body has to be here
MOST_ADDRESSES = 10_000  # remembered; of more, those seen longest ago are forgotten


@dataclass(frozen=True)
class Limits:
    """What is refused.

    Attributes:
        megabytes: of a photo file.
        megapixels: of a photo.
        rate: photos a minute from one address; 0: any number.
    """

    megabytes: int
    megapixels: int
    rate: int


class Rate:
    """A token bucket for each address: a minute's worth at once, and then as many as come in steadily.

    Args:
        per_minute: how many; 0: any number.
        clock: seconds that never go back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when there were so many

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, address: str) -> None:
        """Take a token.

        Raises:
            HTTPException: 429, there is none; `Retry-After` says when there will be.
        """
        if not self._per_minute:
            return
        now, per_second = self._clock(), self._per_minute / 60
        tokens, before = self._buckets.pop(address, (float(self._per_minute), now))
        tokens = min(self._per_minute, tokens + (now - before) * per_second)
        self._buckets[address] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        if tokens < 1:
            wait = max(1, round((1 - tokens) / per_second + 0.5))
            raise HTTPException(429, f"more than {self._per_minute} photos a minute", {"Retry-After": str(wait)})


class Bodies:
    """Reads the bodies of requests, and counts what they take together.

    Args:
        most: bytes of a photo.
    """

    def __init__(self, most: int) -> None:
        self._most, self._held, self._room = most, 0, IN_MEMORY * most

    @asynccontextmanager
    async def of(self, request: Request, *, as_text: bool) -> AsyncIterator[bytes]:
        """Read the body of a request; until the context ends it counts as held in memory.

        Args:
            request: whose.
            as_text: it is base64, which is a third longer than what it stands for.

        Raises:
            HTTPException: 413, it is too large, which is known once it is announced or a byte too many is read; 503,
                there are too many at once; 408, it takes too long.
        """
        most = self._most * 4 // 3 + 1024 if as_text else self._most
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > most:
            raise self._too_large()
        body = bytearray()
        try:
            await self._read(request, body, most)
            yield bytes(body)
        finally:
            self._held -= len(body)

    async def _read(self, request: Request, body: bytearray, most: int) -> None:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > most:
                        raise self._too_large()
                    if self._held + len(chunk) > self._room:
                        raise busy()
                    body += chunk
                    self._held += len(chunk)
        except TimeoutError:
            raise HTTPException(408, f"the photo did not arrive within {BODY_SECONDS:.0f} seconds") from None

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"larger than {self._most // 1_000_000} MB")


class Places:
    """Lets some work at once and some wait for it; whoever comes then is sent away."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = MOST_WAITING) -> None:
        self._turn, self._most, self._inside = asyncio.Semaphore(at_once), at_once + waiting, 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place.

        Raises:
            HTTPException: 503, too many wait already.
        """
        if self._inside >= self._most:
            raise busy()
        self._inside += 1
        try:
            async with self._turn:
                yield
        finally:
            self._inside -= 1


def busy() -> HTTPException:
    """Return what is said where there is no room at present."""
    return HTTPException(503, "too many photos at once", {"Retry-After": "1"})
