"""Processes that share a study, in a file or PostgreSQL, lose no trial and do none twice, also where one is killed."""

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from catml.errors import InputError
from catml.study.store import open_study, unreachable
from tests.study.toy import KEY, LINEAR, quietly, start, sweep, without_seconds

TRIALS = 50  # three rounds, two of them proposed by TPE from what the processes found together


@pytest.fixture(params=["journal", "postgres"])
def address(request):
    """Where the study is kept; empty: a journal in the folder."""
    return "" if request.param == "journal" else request.getfixturevalue("postgres")


@pytest.fixture
def holder(tmp_path, address):
    """Return a function that starts a process which claims trials, or `lead`, and goes on holding them."""
    started = []

    def hold(*words):
        process = start("hold", tmp_path, address, *words)
        started.append(process)
        assert process.stdout.readline() == f"holding {len(words)} of {len(words)}\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process comes to."""
    return without_seconds(sweep(tmp_path_factory.mktemp("alone")).run(TRIALS, quietly))


def ended(process):
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return [int(line) for line in out.splitlines()]


def test_processes_share_a_study(tmp_path, address, alone):
    processes = [start("run", tmp_path, address, TRIALS, 2) for _ in range(2)]
    one, other = map(ended, processes)
    assert one
    assert other
    assert sorted(one + other) == list(range(TRIALS))
    shared = sweep(tmp_path, address=address)
    assert without_seconds(shared.done()) == alone
    # In the storage itself, too, each is there once.
    assert Counter(trial.user_attrs["number"] for trial in shared.store._study.trials) == Counter(range(TRIALS))


def test_several_begin_a_database_at_one_moment(tmp_path, postgres):
    together = threading.Barrier(16)

    def open_one(_):
        together.wait()
        return open_study(KEY, tmp_path, postgres)

    with ThreadPoolExecutor(16) as pool:
        stores = list(pool.map(open_one, range(16)))
    stores[0].note_run("r1")
    assert [store.run for store in stores] == ["r1"] * 16


def test_a_claim_is_one_process_s(tmp_path, address, holder):
    process = holder(0, "lead")
    store = open_study(KEY, tmp_path, address)
    assert not store.claim(0)
    assert not store.lead()
    assert store.claim(1)
    assert open_study("another study", tmp_path, address).claim(0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert within(5, lambda: store.claim(0))
    assert within(5, store.lead)


def test_lead_and_claim_given_back(tmp_path, address):
    store = open_study(KEY, tmp_path, address)
    params = {"backbone": "good", "hidden": "0", "scaling": "common", "linear_l2": 0.1}
    assert store.lead()
    assert store.claim(0)
    store.add(0, params, LINEAR.distributions(params, ["good", "bad"]), 0.5, {})
    store.follow()
    process = start("hold", tmp_path, address, 0, 1, "lead")
    assert process.stdout.readline() == "holding 2 of 3\n"  # a complete trial is nobody's to take
    process.kill()
    process.communicate()


def test_what_a_killed_process_had_claimed_is_completed_at_once(tmp_path, address, holder, alone):
    process = holder(3, 7)
    told, came = [], []
    worker = threading.Thread(target=lambda: came.extend(sweep(tmp_path, address=address).run(TRIALS, told.append)))
    worker.start()
    assert within(60, lambda: len(told) == 18)
    assert not within(1, lambda: len(told) > 18)  # the round waits for those of the other process
    os.kill(process.pid, signal.SIGKILL)
    begin = time.monotonic()
    assert within(10, lambda: {3, 7} <= {trial.number for trial in told})
    assert time.monotonic() - begin < 5
    worker.join(120)
    assert without_seconds(came) == alone
    assert Counter(trial.number for trial in told) == Counter(range(TRIALS))


def test_a_process_killed_while_it_writes_leaves_no_lock(tmp_path):
    """Optuna's own locks are files, which the next process waits half a minute for."""
    sweep(tmp_path).run(2, quietly)
    (tmp_path / f"{KEY}.lock").touch()
    begin = time.monotonic()
    assert len(sweep(tmp_path).run(4, quietly)) == 4
    assert time.monotonic() - begin < 10


def test_whose_run_it_is_and_how_often_it_was_finished(tmp_path, address):
    store = open_study(KEY, tmp_path, address)
    assert (store.run, store.finished) == ("", 0)
    store.note_run("r1")
    assert store.asked == {}
    store.finish({"trials": 40})
    store.finish({"trials": 60})
    again = open_study(KEY, tmp_path, address)
    assert (again.run, again.finished, again.asked) == ("r1", 2, {"trials": 60})


def test_place_names_the_study(tmp_path, postgres, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_study(KEY, Path("data/studies")).place == "data/studies/toy.journal"
    assert open_study(KEY, tmp_path, postgres).place == f"study catml-toy in {postgres}"


def test_database_that_is_not_there(tmp_path):
    with pytest.raises(InputError) as caught:
        open_study(KEY, tmp_path, "postgresql://me@127.0.0.1:1/study")
    (problem,) = caught.value.problems
    assert problem.startswith("storage: postgresql://me@127.0.0.1:1/study can't be used (")
    assert unreachable("postgresql://me@127.0.0.1:1/study") == [problem]
    assert unreachable("") == []
    assert unreachable("postgresql://me@127.0.0.1:port/study")[0].endswith(").")


def within(seconds, condition):
    """Return whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False
