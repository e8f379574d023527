"""`mlflow models serve` as a user starts it, watched from another process."""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int]]:
    """Serve the champion registered in `folder`; yield the port and the number of the server's process group."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["mlflow", "models", "serve", "-m", "models:/catml@champion", "--env-manager", "local", "-p", str(port)]
    tracking = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    with (folder / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=os.environ | tracking, stdout=log, stderr=log, start_new_session=True
        )
    try:
        for _ in range(240):
            time.sleep(0.5)
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                connection.request("GET", "/ping")
                connection.getresponse().read()
                break
            except OSError:
                if server.poll() is not None:
                    raise RuntimeError((folder / "serve.log").read_text()) from None
        yield port, server.pid
    finally:
        os.killpg(server.pid, 9)
        server.wait()


def memory(group: int) -> float:
    """Return the resident memory of a process group, in MB."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:  # it ended meanwhile
            continue
    return total / 1e6
