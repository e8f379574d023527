"""How many photos a second `catml serve` answers, how long each waits, and whether its memory stays flat.

    python -m experiments.serving --photos FOLDER [--model models:/catml@champion] [--requests 2000]

The server is a process of its own, on loopback; this one asks it. Beside it, in turns: the network alone, on the same
photos decoded before, one by one.
"""

import argparse
import http.client
import json
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from catml import quiet, screen
from catml.photos.decode import DecodeError, decode, read_bytes
from catml.photos.named import find

WARM_UP, ALONE, ROUNDS = 100, 200, 5
HEAD = ["round", "photos/s", "median ms", "95 % ms", "99 % ms", "longest ms", "network alone", "ratio", "server MB"]


def main() -> int:
    """Print a row a round: photos per second and latencies, beside the network alone, and the server's memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, help="folder of photos")
    parser.add_argument("--model", default="models:/catml@champion")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=4, help="photos that are under way at the same time")
    parser.add_argument("--explain", action="store_true", help="ask for pictures, too")
    given = parser.parse_args()
    quiet.settle("tensorflow", "mlflow")
    from catml.registration import load_from

    photos = [data for data in map(read_bytes, find([given.photos])[0]) if is_photo(data)]
    classifier = load_from(given.model)
    pixels = [[decode(data, size)[None] for size in classifier.description.input_sizes] for data in photos]
    port = free_port()
    command = [sys.executable, "-m", "catml", "serve", "--model", given.model, "--port", str(port), "--rate", "0"]
    path = "/predict?explain=true" if given.explain else "/predict"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        while not (line := server.stdout.readline()).startswith("serving"):
            assert line, "the server has ended"
        ask(port, path, photos, WARM_UP, given.at_once)
        before, rows = megabytes(server.pid), []
        for number in range(ROUNDS):
            started = time.perf_counter()
            waited = ask(port, path, photos, given.requests // ROUNDS, given.at_once)
            rate = len(waited) / (time.perf_counter() - started)
            started = time.perf_counter()
            for place in range(ALONE):
                classifier.probabilities(pixels[place % len(pixels)])
            alone = ALONE / (time.perf_counter() - started)
            ms = [f"{1000 * np.quantile(waited, share):.0f}" for share in (0.5, 0.95, 0.99, 1)]
            memory = f"{megabytes(server.pid):.0f}"
            rows.append([str(number + 1), f"{rate:.1f}", *ms, f"{alone:.1f}", f"{rate / alone:.2f}", memory])
        server.terminate()
    screen.say(f"{given.requests} requests, {given.at_once} at once, {len(photos)} photos; all answered")
    screen.say(f"server's memory before: {before:.0f} MB")
    screen.say(screen.table(HEAD, rows, right=HEAD))
    return 0


def ask(port: int, path: str, photos: list[bytes], requests: int, at_once: int) -> list[float]:
    """Send photos, some at once, each connection kept; return the seconds each took. One lost or wrong is an error."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for number in range(requests):
        waiting.put(photos[number % len(photos)])
    took: list[float] = []
    wrong: list[object] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            try:
                photo = waiting.get_nowait()
            except queue.Empty:
                return
            started = time.perf_counter()
            connection.request("POST", path, photo, {"Content-Type": "application/octet-stream"})
            answer = connection.getresponse()
            said = json.loads(answer.read())
            took.append(time.perf_counter() - started)
            if answer.status != 200 or not said["label"]:
                wrong.append(said)

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(took), wrong) == (requests, [])
    return took


def is_photo(data: bytes) -> bool:
    """Tell whether bytes can be decoded."""
    try:
        return decode(data, 8) is not None
    except DecodeError:
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def megabytes(process: int) -> float:
    """Return what a process holds in memory."""
    (line,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
