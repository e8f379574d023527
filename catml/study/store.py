"""Where a study is kept: Optuna's journal in a file, or a PostgreSQL database that several machines reach.

Several processes may work on one study. Which trial is whose is settled by locks that the system, or the database,
lifts when a process ends, however it ends: so nothing has to be tidied up after one that was killed.
"""

import contextlib
import fcntl
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from catml.errors import InputError

POSTGRES, DRIVER = "postgresql://", "postgresql+psycopg://"  # as the user writes it, and as SQLAlchemy wants it
LEADER = 0  # the lock of the process that logs and finishes the study; trial n has lock n + 1


class Locks(Protocol):
    """Numbered locks that end with the process that holds them."""

    def take(self, number: int) -> bool:
        """Take a lock; False where another process has it."""

    def give(self, number: int) -> None:
        """Give it back."""


class FileLocks:
    """Locks on single bytes of a file (POSIX record locks)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Stays open as long as the process: to close any descriptor of this file would lift all its locks.
        self._file = path.open("a+b")

    def take(self, number: int) -> bool:
        """Take a lock; False where another process has it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            return False
        return True

    def give(self, number: int) -> None:
        """Give it back."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)


class JournalLock(JournalFileOpenLock):
    """What Optuna locks its journal by while it writes.

    Its own locks are files, which a killed process leaves behind and the next one waits for half a minute.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        file = self._path.open("ab")
        fcntl.flock(file, fcntl.LOCK_EX)
        self._file = file
        return True

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None


class PostgresLocks:
    """Advisory locks of a database session; they end with its connection."""

    def __init__(self, address: str, key: str) -> None:
        import psycopg

        self._connection = psycopg.connect(address, autocommit=True, keepalives_idle=10, keepalives_interval=5)
        self._key = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], signed=True)

    def take(self, number: int) -> bool:
        """Take a lock; False where another process has it."""
        found = self._connection.execute(
            "SELECT pg_try_advisory_lock(%s::int, %s::int)", (self._key, number)
        ).fetchone()
        return bool(found and found[0])

    def give(self, number: int) -> None:
        """Give it back; where the connection is lost, the lock went with it."""
        import psycopg

        with contextlib.suppress(psycopg.Error):
            self._connection.execute("SELECT pg_advisory_unlock(%s::int, %s::int)", (self._key, number))


class StudyStore:
    """The trials of one study that are complete, by their number, and who works on which of the others."""

    def __init__(self, name: str, storage: optuna.storages.BaseStorage, locks: Locks, place: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(study_name=name, storage=storage, load_if_exists=True)
        self._locks = locks
        self.place = place

    def completed(self) -> dict[int, FrozenTrial]:
        """Return the trials that are complete, by number, in order."""
        found = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return dict(sorted((int(trial.user_attrs["number"]), trial) for trial in found))

    def claim(self, number: int) -> bool:
        """Take a trial for this process; False where another one works on it or has completed it."""
        if not self._locks.take(number + 1):
            return False
        # Looked at only now: whoever had it may have completed it a moment ago.
        if number in self.completed():
            self._locks.give(number + 1)
            return False
        return True

    def add(
        self,
        number: int,
        params: Mapping[str, Any],
        distributions: Mapping[str, Any],
        value: float,
        attributes: Mapping[str, Any],
    ) -> None:
        """Add a complete trial that was claimed, in one write, and give its claim back."""
        self._study.add_trial(
            optuna.trial.create_trial(
                params=dict(params),
                distributions=dict(distributions),
                value=value,
                user_attrs={"number": number, **attributes},
            )
        )
        self._locks.give(number + 1)

    def lead(self) -> bool:
        """Become the one process that finishes the study; False where another one is."""
        return self._locks.take(LEADER)

    def follow(self) -> None:
        """Leave the study to whoever leads it next."""
        self._locks.give(LEADER)

    @property
    def run(self) -> str:
        """Id of the run of the process that led the study last; empty before the first."""
        return str(self._study.user_attrs.get("run", ""))

    def note_run(self, run_id: str) -> None:
        """Note whose run it is now."""
        self._study.set_user_attr("run", run_id)

    @property
    def finished(self) -> int:
        """How many times the study has been finished: tested, and maybe registered."""
        return int(self._study.user_attrs.get("finished", 0))

    @property
    def asked(self) -> dict[str, Any]:
        """What it was finished for last."""
        return dict(self._study.user_attrs.get("asked", {}))

    def finish(self, asked: Mapping[str, Any]) -> None:
        """Note that it has been finished, and for what."""
        self._study.set_user_attr("asked", dict(asked))
        self._study.set_user_attr("finished", self.finished + 1)


def open_study(key: str, folder: Path, address: str = "") -> StudyStore:
    """Open a study, or begin it.

    Args:
        key: digest of everything its results depend on.
        folder: for journals; used where there is no address.
        address: of a PostgreSQL database, postgresql://USER@HOST/DATABASE.

    Raises:
        InputError: the database can't be reached, or what it needs isn't installed.
    """
    if not address:
        journal = (folder / f"{key}.journal").resolve()
        storage = optuna.storages.JournalStorage(_backend(journal))
        return StudyStore("catml", storage, FileLocks(journal.with_suffix(".locks")), str(folder / journal.name))
    problems = unreachable(address)
    if problems:
        raise InputError(problems)
    rdb = _patiently(address.replace(POSTGRES, DRIVER, 1))
    return StudyStore(f"catml-{key}", rdb, PostgresLocks(address, key), f"study catml-{key} in {address}")


def unreachable(address: str) -> list[str]:
    """Return why a PostgreSQL database can't be used; nothing where it can, or where none is named."""
    if not address:
        return []
    try:
        import psycopg
    except ImportError:
        return ["storage: PostgreSQL needs psycopg: pip install 'psycopg[binary]'."]
    try:
        psycopg.connect(address, connect_timeout=10).close()
    except psycopg.Error as error:
        return [f"storage: {address} can't be used ({' '.join(str(error).split())[:200]})."]
    return []


def _patiently(address: str) -> optuna.storages.RDBStorage:
    """Open the database; two processes that make its tables at one moment get into each other's way."""
    import sqlalchemy

    for _ in range(5):
        try:
            return optuna.storages.RDBStorage(address, engine_kwargs={"pool_pre_ping": True})
        except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError):  # made just now, or just before
            time.sleep(0.5)
    return optuna.storages.RDBStorage(address, engine_kwargs={"pool_pre_ping": True})


def _backend(journal: Path) -> JournalFileBackend:
    """Return the journal, without the half line that a process killed while writing leaves at its end.

    Optuna would write on behind that half line, and then could not read the file any more.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    lock = JournalLock(journal.with_suffix(".lock"))
    lock.acquire()
    try:
        with journal.open("a+b") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
    finally:
        lock.release()
    return JournalFileBackend(str(journal), lock)
