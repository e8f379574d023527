"""Limits hold for each address, for each body, and for all together."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from catml.serving import limits
from catml.serving.limits import IN_MEMORY, Bodies, Places, Rate


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def refused(rate, address="a"):
    with pytest.raises(HTTPException) as caught:
        rate.take(address)
    assert caught.value.status_code == 429
    return int(caught.value.headers["Retry-After"])


def test_a_minutes_worth_at_once_and_then_steadily(clock):
    rate = Rate(6, clock)
    for _ in range(6):
        rate.take("a")
    assert refused(rate) == 10
    clock.now += 9.9
    assert refused(rate) == 1
    clock.now += 0.2
    rate.take("a")
    refused(rate)
    clock.now += 1e6
    for _ in range(6):
        rate.take("a")
    refused(rate)


def test_who_waits_as_long_as_told_is_let_in(clock):
    for per_minute in (1, 7, 59, 600):
        rate = Rate(per_minute, clock)
        for _ in range(per_minute):
            rate.take("a")
        clock.now += refused(rate)
        rate.take("a")


def test_each_address_has_its_own(clock):
    rate = Rate(1, clock)
    rate.take("a")
    refused(rate, "a")
    rate.take("b")


def test_any_number(clock):
    rate = Rate(0, clock)
    for _ in range(10_000):
        rate.take("a")
    assert len(rate) == 0


def test_not_all_addresses_are_remembered(clock, monkeypatch):
    monkeypatch.setattr(limits, "MOST_ADDRESSES", 50)
    rate = Rate(1, clock)
    for number in range(500):
        rate.take(str(number))
    assert len(rate) == 50
    refused(rate, "499")


def request(*chunks, **headers):
    parts = [*chunks]

    async def receive():
        if not parts:
            return {"type": "http.disconnect"}
        part = parts.pop(0)
        if callable(part):
            await part()
            part = b""
        return {"type": "http.request", "body": part, "more_body": bool(parts) or "cut" in headers}

    raw = [(name.encode(), value.encode()) for name, value in headers.items() if name != "cut"]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive), parts


async def read(bodies, one, as_text=False):
    async with bodies.of(one, as_text=as_text) as body:
        return body


def code(bodies, one, **options):
    with pytest.raises(HTTPException) as caught:
        asyncio.run(read(bodies, one, **options))
    return caught.value.status_code


def test_a_body_is_read():
    one, _ = request(b"ab", b"", b"cd")
    assert asyncio.run(read(Bodies(4), one)) == b"abcd"


def test_reading_stops_at_the_first_byte_too_many():
    one, left = request(b"ab", b"cde", b"never read", b"this neither")
    bodies = Bodies(4)
    assert code(bodies, one) == 413
    assert left == [b"never read", b"this neither"]
    assert bodies._held == 0


@pytest.mark.parametrize("length", ["5", "9" * 300])
def test_what_is_announced_as_too_large_is_not_read(length):
    one, left = request(b"ab", **{"content-length": length})
    assert code(Bodies(4), one) == 413
    assert left == [b"ab"]


def test_text_may_be_longer():
    assert len(asyncio.run(read(Bodies(3000), request(b"x" * 4000)[0], as_text=True))) == 4000
    assert code(Bodies(3000), request(b"x" * 6000)[0], as_text=True) == 413


def test_bodies_of_all_together_are_counted():
    async def together():
        bodies = Bodies(10)
        async with asyncio.TaskGroup() as group:
            done = asyncio.Event()

            async def hold():
                async with bodies.of(request(b"x" * 10)[0], as_text=False):
                    await done.wait()

            for _ in range(IN_MEMORY):
                group.create_task(hold())
            await asyncio.sleep(0.05)
            with pytest.raises(HTTPException) as caught:
                await read(bodies, request(b"x")[0])
            done.set()
        assert (caught.value.status_code, caught.value.headers) == (503, {"Retry-After": "1"})
        assert await read(bodies, request(b"x")[0]) == b"x"

    asyncio.run(together())


def test_a_body_that_does_not_come(monkeypatch):
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
    bodies = Bodies(10)
    assert code(bodies, request(b"ab", lambda: asyncio.sleep(30), b"c")[0]) == 408
    assert bodies._held == 0


def test_a_sender_that_goes_away():
    bodies = Bodies(10)
    with pytest.raises(ClientDisconnect):
        asyncio.run(read(bodies, request(b"ab", cut="")[0]))
    assert bodies._held == 0


def test_a_timeout_of_the_work_itself_is_not_taken_for_a_late_body():
    async def work():
        async with Bodies(10).of(request(b"x")[0], as_text=False):
            raise TimeoutError("of something else")

    with pytest.raises(TimeoutError, match="of something else"):
        asyncio.run(work())


def test_some_at_once_some_wait_and_the_rest_is_sent_away():
    async def together():
        places, at_once, most, refusals = Places(2, 3), 0, 0, []

        async def work():
            nonlocal at_once, most
            try:
                async with places.one():
                    at_once += 1
                    most = max(most, at_once)
                    await asyncio.sleep(0.02)
                    at_once -= 1
            except HTTPException as error:
                refusals.append((error.status_code, error.headers))

        await asyncio.gather(*(work() for _ in range(9)))
        assert (most, refusals) == (2, [(503, {"Retry-After": "1"})] * 4)
        await asyncio.gather(*(work() for _ in range(5)))
        assert len(refusals) == 4

    asyncio.run(together())
