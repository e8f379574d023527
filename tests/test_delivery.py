"""Calls to a server that may be away are made in order, each until it is through, and none is lost in silence."""

import threading
import time

import pytest

from catml import delivery as delivery_module
from catml.delivery import Away, Delivery


class Gone(Exception):
    """What the server of these tests says when it is away."""


class Server:
    """Answers calls, or is away."""

    def __init__(self):
        self.away = False
        self.got, self.tries, self.told = [], 0, []

    def call(self, what):
        def made():
            self.tries += 1
            if self.away:
                raise Gone(f"nobody there for {what}")
            self.got.append(what)

        return made

    def until(self, condition):
        deadline = time.monotonic() + 10
        while not condition(self):
            assert time.monotonic() < deadline
            time.sleep(0.002)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(delivery_module, "RETRY_SECONDS", 0.01)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def queue(server):
    made = Delivery(lambda error: isinstance(error, Gone), server.told.append)
    yield made
    made.close()


def test_calls_are_made_in_order(server, queue):
    for number in range(100):
        queue.put(server.call(number))
    queue.wait(1)
    assert server.got == list(range(100))
    assert server.told == []


def test_nobody_waits_for_a_call(server, queue):
    answer = threading.Event()
    queue.put(answer.wait)
    queue.put(server.call(1))  # comes here although the one before is not through
    assert server.got == []
    answer.set()
    queue.wait(1)
    assert server.got == [1]


def test_made_again_until_it_succeeds_and_then_the_following(server, queue):
    server.away = True
    queue.put(server.call("first"))
    queue.put(server.call("second"))
    server.until(lambda s: s.tries > 3)
    assert queue.away
    server.away = False
    queue.wait(1)
    assert server.got == ["first", "second"]
    assert not queue.away


def test_told_once_each_time_it_goes_away(server, queue):
    for _ in range(2):
        before = server.tries
        server.away = True
        queue.put(server.call("x"))
        server.until(lambda s, before=before: s.tries > before + 3)
        server.away = False
        queue.wait(1)
    assert [str(error) for error in server.told] == ["nobody there for x"] * 2


def test_a_wrong_call_is_raised_by_the_next(server, queue):
    queue.put(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        queue.wait(1)
    with pytest.raises(ZeroDivisionError):
        queue.put(server.call("late"))
    assert server.got == []


def test_a_wrong_call_is_raised_where_one_waits_for_it_already(server, queue):
    go_on = threading.Event()

    def wrong():
        go_on.wait()
        raise ValueError("no such run")

    queue.put(wrong)
    threading.Timer(0.05, go_on.set).start()
    with pytest.raises(ValueError, match="no such run"):
        queue.wait(0.5)


def test_patience_ends(server, queue):
    server.away = True
    for number in range(3):
        queue.put(server.call(number))
    begin = time.monotonic()
    with pytest.raises(Away, match=r"^3 calls could not be delivered$"):
        queue.wait(1.0)
    assert 0.9 < time.monotonic() - begin < 5
    server.away = False
    queue.wait(1)  # what could not be delivered is not given up
    assert server.got == [0, 1, 2]


def test_a_server_that_works_is_waited_for_beyond_all_patience(server, queue):
    answer = threading.Event()
    queue.put(answer.wait)
    threading.Timer(1.2, answer.set).start()
    queue.wait(0.5)
    assert answer.is_set()


def test_close_ends_the_thread_and_gives_up_the_rest(server, queue):
    server.away = True
    queue.put(server.call(1))
    server.until(lambda s: s.tries > 0)
    queue.close()
    queue._thread.join(5)
    assert not queue._thread.is_alive()
    server.away = False
    assert server.got == []


def test_close_does_not_cut_off_a_call(server, queue):
    inside, answer = threading.Event(), threading.Event()

    def slow():
        inside.set()
        answer.wait()
        server.got.append("slow")

    queue.put(slow)
    queue.put(server.call("never"))
    assert inside.wait(5)
    queue.close()
    answer.set()
    queue._thread.join(5)
    assert server.got == ["slow"]
