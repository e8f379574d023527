"""Commands one after the other, in turn, and one prediction taken apart."""

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

ROUNDS = 7
UNCOLLECTED = "import gc; gc.disable(); import tensorflow; gc.freeze()"
PARTS = """
import sys, time
start = time.perf_counter()
def lap(name):
    global start
    print(f"{name}\\t{time.perf_counter() - start}")
    start = time.perf_counter()
from catml import quiet
quiet.settle("tensorflow"); lap("import tensorflow")
quiet.settle("mlflow"); lap("import mlflow")
from catml import prediction; lap("import catml.prediction")
import mlflow
from pathlib import Path
folder = mlflow.artifacts.download_artifacts("models:/catml@champion/artifacts/classifier")
lap("find the champion's files")
from catml.classifier import load
classifier = load(Path(folder)); lap("load the network")
classifier.predict([Path(sys.argv[1])]); lap("first photo")
classifier.predict([Path(sys.argv[1])]); lap("second photo")
"""


def main() -> None:
    """Register a classifier of the drawn sample in a scratch folder, and time commands there; print tables."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = os.environ | {"CATML_DATA": str(folder / "data"), "TF_CPP_MIN_LOG_LEVEL": "2"}
        python = [sys.executable, "-m", "catml"]

        def run(*command: str) -> tuple[float, str]:
            start = time.perf_counter()
            done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
            return time.perf_counter() - start, done.stdout

        run(*python, "train", "--backbones", "efficientnet-lite0", "--trials", "1", "--repeats", "1")
        photo = str(next((folder / "data" / "sample").rglob("*.jpg")))
        commands = {
            "`python -c pass`": [sys.executable, "-c", "pass"],
            "`catml --help`": [*python, "--help"],
            "`python -c 'import mlflow'`": [sys.executable, "-c", "import mlflow"],
            "`python -c 'import tensorflow'`": [sys.executable, "-c", "import tensorflow"],
            "the same without collecting garbage": [sys.executable, "-c", UNCOLLECTED],
            "`catml predict PHOTO`": [*python, "predict", photo],
        }
        taken: dict[str, list[float]] = defaultdict(list)
        parts: dict[str, list[float]] = defaultdict(list)
        for _ in range(ROUNDS):
            for name, command in commands.items():
                taken[name].append(run(*command)[0])
            for line in run(sys.executable, "-c", PARTS, photo)[1].splitlines():
                name, seconds = line.split("\t")
                parts[name].append(float(seconds))
    say("command", taken)
    print()
    say("part of a prediction", parts)


def say(what: str, taken: dict[str, list[float]]) -> None:
    """Print a table, Markdown: medians, and shortest and longest."""
    base = np.median(next(seconds for name, seconds in taken.items() if "import tensorflow" in name))
    print(f"| {what} | median | shortest to longest | of `import tensorflow` |\n|---|---|---|---|")
    for name, seconds in taken.items():
        median = np.median(seconds)
        print(f"| {name} | {median:.2f} s | {min(seconds):.2f} to {max(seconds):.2f} | {median / base:.2f} |")


if __name__ == "__main__":
    main()
