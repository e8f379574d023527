"""A PostgreSQL server of the tests' own."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest


def server_programs():
    """Return the folder of the newest PostgreSQL server on this machine; Debian keeps it off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@pytest.fixture(scope="session")
def postgres_server():
    """A server on a free port of this machine, with a cluster in a folder of its own; the address without database."""
    programs = server_programs()
    if programs is None:
        pytest.skip("needs PostgreSQL's server: apt-get install postgresql")
    # It refuses to be run by root.
    account = {"user": "postgres" if _known("postgres") else "nobody"} if os.geteuid() == 0 else {}
    with contextlib.ExitStack() as stack:
        # Not in pytest's own folders, which nobody else may enter; a short name, as a socket's has to be.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pg")))
        if account:
            shutil.chown(folder, account["user"])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]

        def call(program, *words):
            done = subprocess.run(
                [programs / program, *map(str, words)],
                cwd=folder, capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
                **account,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr

        call("initdb", "-D", folder / "data", "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        # Its log goes into a file: else the server would keep our pipe open and the call would never end.
        call("pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-o", settings, "start")
        stack.callback(call, "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
        yield f"postgresql://tester@127.0.0.1:{port}"


@pytest.fixture
def postgres(postgres_server, request):
    """The address of an empty database."""
    import psycopg

    name = re.sub("[^a-z0-9]+", "_", request.node.name.lower())[:60]
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    return f"{postgres_server}/{name}"


def _known(user):
    import pwd

    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(user))
    return False
