"""How long a model takes to be logged and registered: as catml does it, and as `mlflow.pyfunc.log_model` would."""

import logging
import shutil
import time
import warnings
from collections import defaultdict
from pathlib import Path

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from catml import registration
from catml.classifier import Classifier

ROUNDS = 5


def compare(folder: Path, classifier: Classifier) -> None:
    """Log a classifier in three ways in turn, and print the seconds; its files are written once before."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    saved, client = folder / "timed" / "classifier", mlflow.MlflowClient()
    classifier.save(saved)
    experiment = mlflow.create_experiment("timed", artifact_location=str(folder / "logged"))
    labels, taken = list(classifier.description.labels), defaultdict(list)
    for turn in range(ROUNDS + 1):
        for way in ("files copied twice, nothing else", "registered by catml", "log_model", "log_model with example"):
            run = client.create_run(experiment).info.run_id
            start = time.perf_counter()
            if way == "registered by catml":
                registration.register(run, saved, labels, registration.Entry("timed", {}, ""))
            elif way.startswith("log_model"):
                plain(run, saved, example=way.endswith("example"))
            else:  # as MLflow does: into its own folder, and from there to the artifacts
                shutil.copytree(saved, folder / "copies" / run)
                shutil.copytree(saved, folder / "copies" / f"{run}-again")
            if turn:  # the first time more is imported
                taken[way].append(time.perf_counter() - start)
            client.set_terminated(run)
    print("| logged | median | longest |\n|---|---|---|")
    for way, seconds in taken.items():
        print(f"| {way} | {np.median(seconds):.2f} s | {max(seconds):.2f} s |")


def plain(run: str, saved: Path, *, example: bool) -> None:
    """Log as MLflow's own function does, which answers the example where there is one."""
    with mlflow.start_run(run_id=run):
        mlflow.pyfunc.log_model(
            name="classifier",
            python_model=str(Path(registration.__file__).with_name("served_model.py")),
            artifacts={"classifier": str(saved)},
            code_paths=[str(Path(registration.__file__).parent)],
            signature=ModelSignature(Schema([ColSpec("string", "image")])),
            input_example=registration.example() if example else None,
            pip_requirements=registration.requirements(),
        )
