"""The whole `catml train` on features of three backbones that are at hand, MLflow and all."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from catml import config, pipeline, quiet, screen

NAMES = ("nasnetlarge", "inceptionresnetv2", "xception")
TRIALS, REPEATS = 100, 2


def main() -> None:
    """Fill the feature stores with made-up features of the drawn sample, and time the command.

    The networks have random weights: what is timed doesn't depend on them, and the model is not registered.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ) | {"CATML_DATA": str(Path(folder) / "data"), "PYTHONPATH": str(Path.cwd())}
        os.environ["CATML_DATA"] = environment["CATML_DATA"]
        weights = ",".join(f"{name}=random" for name in NAMES)
        found = pipeline.find({"photos": config.SAMPLE, "backbones": NAMES, "weights": weights})
        quiet.settle()
        keys = found.table["pixels_sha256"].tolist()
        labels = found.table["label"].astype("category").cat.codes.to_numpy()
        generator = np.random.default_rng(0)
        for source in found.sources:
            width = source.backbone.width
            middles = generator.normal(size=(2, width)) * 3 / np.sqrt(width)
            features = np.maximum(generator.normal(size=(len(keys), width)) + middles[labels], 0)
            source.store.append(keys, features.astype(np.float32))
        command = [sys.executable, "-m", "catml", "train", "--backbones", ",".join(NAMES), "--weights", weights]
        start = time.perf_counter()
        subprocess.run(
            [*command, "--trials", str(TRIALS), "--repeats", str(REPEATS)], cwd=folder, env=environment, check=True
        )
        screen.say(f"the whole command: {time.perf_counter() - start:.1f} s")


def logging() -> None:
    """Log made-up trials into a new database as a study does, and print milliseconds a trial."""
    from catml import tracking
    from catml.heads.spec import HeadSpec
    from catml.study.sweep import Trial
    from catml.train import logged

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        spec = HeadSpec((64,), "each", 1e-3, 0.5, 1e-3, 20)
        with tracking.parent_run("logging") as run:
            run.deliver()
            start = time.perf_counter()
            for number in range(TRIALS):
                trial = Trial(number, "xception", spec, (0.1, 0.2), (0.9, 0.8), 0.1)
                params, metrics = logged(trial, 1 / 4, 42)
                tags = {"trial": str(trial.number)}
                run.log_child(trial.name, params, metrics | {"seconds": 0.1}, tags, trial.seconds)
            put = time.perf_counter() - start
            run.deliver()
            done = time.perf_counter() - start
    screen.say(
        f"{TRIALS} trials: the study waits {1000 * put / TRIALS:.2f} ms a trial, "
        f"delivery takes {1000 * done / TRIALS:.1f} ms"
    )
