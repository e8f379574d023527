"""Calls to a server that may be away: made by a thread, one after the other, and made again until somebody answers."""

import threading
from collections import deque
from collections.abc import Callable

from catml.errors import CatmlError

RETRY_SECONDS = 2.0
Call = Callable[[], None]


class Away(CatmlError):
    """Raised where the server has not answered for as long as one was willing to wait."""


class Delivery:
    """A queue of calls and the thread that makes them, in order.

    Args:
        is_away: tells an error that means "nobody there, try again" from one that means "wrong".
        on_away: called once each time the server goes away, with the error.
    """

    def __init__(self, is_away: Callable[[Exception], bool], on_away: Callable[[Exception], None]) -> None:
        self._is_away, self._on_away = is_away, on_away
        self._calls: deque[Call] = deque()
        self._changed = threading.Condition()
        self._failed: Exception | None = None
        self._closed = False
        self.away = False
        self._thread = threading.Thread(target=self._work, name="delivery", daemon=True)
        self._thread.start()

    def put(self, call: Call) -> None:
        """Have a call made after those put before it; raise what an earlier one failed with."""
        with self._changed:
            if self._failed is not None:
                raise self._failed
            self._calls.append(call)
            self._changed.notify_all()

    def wait(self, patience: float) -> None:
        """Return when all calls have been made.

        Args:
            patience: seconds to wait for a server that is away; one that answers is waited for as long as it takes.

        Raises:
            Away: it stayed away.
            Exception: what a call failed with.
        """
        waited = 0.0
        with self._changed:
            while self._calls and self._failed is None and waited < patience:
                if not self._changed.wait(0.5) and self.away:
                    waited += 0.5
            if self._failed is not None:
                raise self._failed
            if self._calls:
                raise Away(f"{len(self._calls)} calls could not be delivered")

    def close(self) -> None:
        """Give up what has not been delivered, and end the thread after the call it is in."""
        with self._changed:
            self._closed = True
            self._calls.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._calls and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                call = self._calls[0]
            try:
                call()
            except Exception as error:
                if self._is_away(error):
                    self._pause(error)
                    continue
                with self._changed:
                    self._failed = error
                    self._changed.notify_all()
                return
            with self._changed:
                self.away = False
                if self._calls and self._calls[0] is call:
                    self._calls.popleft()
                self._changed.notify_all()

    def _pause(self, error: Exception) -> None:
        if not self.away:
            self.away = True
            self._on_away(error)
        with self._changed:
            if not self._closed:
                self._changed.wait_for(lambda: self._closed, RETRY_SECONDS)
