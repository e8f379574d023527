"""Requests of one photo to the served model, in turn with the bare network and the pyfunc on the same photos."""

import base64
import http.client
import json
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from catml import quiet
from experiments.rest.logged import compare
from experiments.rest.server import memory, serving

ROUNDS, REQUESTS = 10, 100  # in each round, of each number of clients
CLIENTS = (1, 4)


def main() -> None:
    """Register a classifier of the drawn sample in a scratch folder, serve it, ask it, and print tables."""
    quiet.settle("tensorflow", "mlflow")
    import mlflow
    import pandas as pd

    from catml.classifier import load
    from catml.photos.decode import decode

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        options = ["--backbones", "efficientnet-lite0", "--trials", "1", "--repeats", "1"]
        environment = os.environ | {"CATML_DATA": str(folder / "data")}
        subprocess.run(["catml", "train", *options], cwd=folder, env=environment, check=True, capture_output=True)
        (logged,) = folder.glob("mlruns/*/models/*/artifacts")
        photos = [path.read_bytes() for path in sorted((folder / "data" / "sample").rglob("*.jpg"))[::4]]
        bodies = [json.dumps({"inputs": [base64.b64encode(photo).decode()]}).encode() for photo in photos]
        classifier, pyfunc = load(logged / "artifacts" / "classifier"), mlflow.pyfunc.load_model(str(logged))
        (size,) = classifier.description.input_sizes
        pixels = [decode(photo, size)[np.newaxis] for photo in photos]
        with serving(folder) as (port, group):
            taken: dict[str, list[float]] = defaultdict(list)
            rates: dict[str, list[float]] = defaultdict(list)
            wrong, memories = 0, [memory(group)]
            expected = [classifier.predict([photo]).filter(like="probability_").to_numpy()[0] for photo in photos]

            def ask(number: int) -> bool:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("POST", "/invocations", bodies[number], {"Content-Type": "application/json"})
                answer = connection.getresponse()
                said = json.loads(answer.read())
                connection.close()
                given = [v for k, v in said["predictions"][0].items() if k.startswith("probability_")]
                return answer.status == 200 and bool(np.abs(np.subtract(given, expected[number])).max() < 1e-5)

            def network(number: int) -> bool:
                return len(classifier.network.predict_on_batch(pixels[number])) == 1

            def local(number: int) -> bool:
                return len(pyfunc.predict(pd.DataFrame({"image": [photos[number]]}))) == 1

            ways: dict[str, tuple[Callable[[int], bool], int]] = {"network alone": (network, 1), "pyfunc": (local, 1)}
            ways |= {f"REST, {clients} at a time": (ask, clients) for clients in CLIENTS}
            for way, _ in ways.values():  # the first answer of each is slower
                way(0)
            for _ in range(ROUNDS):
                for name, (way, clients) in ways.items():
                    seconds, rate, bad = timed(way, clients)
                    taken[name] += seconds
                    rates[name].append(rate)
                    wrong += bad
                memories.append(memory(group))
        say(taken, rates)
        total = ROUNDS * REQUESTS * len(CLIENTS)
        print(f"\n{total} requests, {wrong} lost or answered otherwise than by the classifier itself")
        print("memory of the server, MB:", " ".join(f"{of:.0f}" for of in memories))
        print()
        compare(folder, classifier)


def timed(way: Callable[[int], bool], clients: int) -> tuple[list[float], float, int]:
    """Return the seconds of each call, calls a second, and how many went wrong."""

    def one(number: int) -> tuple[float, bool]:
        start = time.perf_counter()
        try:
            good = way(number)
        except (OSError, http.client.HTTPException, KeyError):
            good = False
        return time.perf_counter() - start, good

    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(one, range(REQUESTS)))
    took = time.perf_counter() - start
    return [seconds for seconds, _ in done], REQUESTS / took, sum(not good for _, good in done)


def say(taken: dict[str, list[float]], rates: dict[str, Sequence[float]]) -> None:
    """Print a table, Markdown."""
    base = float(np.median(rates["network alone"]))
    print(
        "| way | photos a second | of the network alone | latency: median | 95 % | longest |\n|---|---|---|---|---|---|"
    )
    for name, seconds in taken.items():
        ms = 1000 * np.quantile(seconds, [0.5, 0.95, 1])
        rate = float(np.median(rates[name]))
        print(f"| {name} | {rate:.0f} | {rate / base:.2f} | {ms[0]:.0f} ms | {ms[1]:.0f} ms | {ms[2]:.0f} ms |")


if __name__ == "__main__":
    main()
