"""A small study for tests, also as a process of its own: `python -m tests.study.toy WHAT WHERE ADDRESS TRIALS`.

WHAT is `run`, which completes the study and prints the number of each trial it scored itself (a number behind TRIALS
says how many processes to wait for); or `hold`, which claims the trials whose numbers stand in the place of TRIALS (and
the lead, where `lead` stands among them), says so, and sleeps until it is killed.
"""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from catml.study.space import read
from catml.study.store import open_study
from catml.study.sweep import Material, Sweep

ROOT = Path(__file__).resolve().parents[2]
PHOTOS, CLASSES = 48, 2
LINEAR = read("hidden=0; linear_l2=1e-4..10")
KEY = "toy"


def features(width, seed, apart):
    generator = np.random.default_rng(seed)
    middles = apart * generator.normal(size=(CLASSES, width))
    return (middles[np.arange(PHOTOS) % CLASSES] + generator.normal(size=(PHOTOS, width))).astype(np.float32)


ROWS = np.arange(PHOTOS)
FOLDS = [(np.delete(ROWS, ROWS[fold::3]), ROWS[fold::3]) for fold in range(3)]
MATERIAL = Material({"good": features(16, 0, 0.6), "bad": features(9, 1, 0.0)}, ROWS % CLASSES, FOLDS, {})


def sweep(folder, space=LINEAR, seed=42, memory=10**9, address="", material=MATERIAL):
    return Sweep(material, space, seed, open_study(KEY, Path(folder), address), memory)


def quietly(_):
    pass


def without_seconds(trials):
    return [replace(trial, seconds=0) for trial in trials]


def start(what, folder, address, *words):
    """Start this file as a process; its standard output can be read."""
    command = [sys.executable, "-m", "tests.study.toy", what, str(folder), address, *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def main(what, folder, address, *words):
    if what == "hold":
        store = open_study(KEY, Path(folder), address)
        held = [store.lead() if word == "lead" else store.claim(int(word)) for word in words]
        print(f"holding {held.count(True)} of {len(words)}", flush=True)
        time.sleep(600)
    toy = sweep(folder, address=address)
    add = toy.store.add
    # No process may be through before the others have begun.
    Path(folder, f"ready-{os.getpid()}").touch()
    while len(list(Path(folder).glob("ready-*"))) < int((*words, 1)[1]):
        time.sleep(0.01)

    def told(number, *rest):
        os.write(1, f"{number}\n".encode())  # whole, whichever thread it is
        time.sleep(0.01)  # so that one process leaves something to the others
        add(number, *rest)

    toy.store.add = told
    toy.run(int(words[0]), quietly)


if __name__ == "__main__":
    main(*sys.argv[1:])
