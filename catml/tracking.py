"""The only calls of MLflow: runs, metrics, artifacts, the registry."""

import contextlib
import io
import os
import sqlite3
import time
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mlflow
import pandas as pd
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Metric, Param, RunTag
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from catml import __version__
from catml.backbones.store import tensorflow_build
from catml.config import EXPERIMENT
from catml.errors import InputError
from catml.study.sweep import Trial

# What the registered model needs where it is loaded, at the versions it was made with.
REQUIRED = ("keras", "mlflow", "numpy", "pandas", "pillow")


class Run:
    """The parent run of a study."""

    def __init__(self, run: mlflow.ActiveRun) -> None:
        self._client = mlflow.MlflowClient()
        self.id: str = run.info.run_id
        self._experiment: str = run.info.experiment_id
        self._known = set(run.data.params)

    def log(
        self,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        """Log in one batch. A param the run has already (`mlflow run` logs its own) is left as it is."""
        new = {name: str(value) for name, value in (params or {}).items() if name not in self._known}
        self._known |= set(new)
        _log_batch(self._client, self.id, new, metrics or {}, tags or {})

    def log_trial(self, trial: Trial, params: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Log one trial as a child run: one call to make it, one with everything, one to end it."""
        name = f"{trial.number:03d} {trial.backbone} {trial.spec.shape if trial.spec.hidden else 'linear'}"
        start = int(time.time() * 1000)
        tags = {MLFLOW_PARENT_RUN_ID: self.id, MLFLOW_RUN_NAME: name}
        child = self._client.create_run(self._experiment, start - int(trial.seconds * 1000), tags).info.run_id
        _log_batch(self._client, child, params, metrics, {"trial": trial.number})
        self._client.set_terminated(child, end_time=start)

    def log_text(self, text: str, name: str) -> None:
        """Keep a text as an artifact of the run."""
        self._client.log_text(self.id, text, name)

    def log_photos(self, splits: pd.DataFrame, name: str, source: Path) -> None:
        """Name the photos as the input of the run, with their digest, and keep which of them is where."""
        self.log_text(splits.to_csv(index=False), "split.csv")
        with warnings.catch_warnings():
            # MLflow knows two kinds of local sources by one name and takes either: nothing a user could act on.
            warnings.filterwarnings(
                "ignore", message="The specified dataset source can be interpreted in multiple ways"
            )
            photos = from_pandas(splits, source=str(source.resolve()), targets="label", name=name)
            mlflow.log_input(photos, context="training")

    def end_killed(self, run_id: str) -> None:
        """End a run that the killed process of an earlier try could not end itself."""
        with contextlib.suppress(mlflow.MlflowException):  # deleted since, or in another store
            if self._client.get_run(run_id).info.status == "RUNNING" and run_id != self.id:
                self._client.set_tag(run_id, "resumed_by", self.id)
                self._client.set_terminated(run_id, "KILLED")


@contextlib.contextmanager
def parent_run(name: str) -> Iterator[Run]:
    """Open the parent run: the one `mlflow run` has made, or a new one, in experiment `catml` unless told otherwise."""
    if "MLFLOW_RUN_ID" not in os.environ and not (
        os.environ.get("MLFLOW_EXPERIMENT_NAME") or os.environ.get("MLFLOW_EXPERIMENT_ID")
    ):
        mlflow.set_experiment(EXPERIMENT)
        # Without it the page asks whether this is about language models.
        mlflow.set_experiment_tag("mlflow.experimentKind", "custom_model_development")
        started = mlflow.start_run(run_name=name)
    else:
        started = mlflow.start_run()
        mlflow.set_tag(MLFLOW_RUN_NAME, name)
    with started as run:
        yield Run(_with_reachable_artifacts(run))


def register(run: Run, folder: Path, labels: list[str], name: str, alias: str, tags: Mapping[str, object]) -> int:
    """Log the classifier saved in `folder` as a model of the run, register it, and give it the alias.

    Returns:
        The version in the registry.
    """
    outputs: list[ColSpec | TensorSpec] = [ColSpec("string", "label"), ColSpec("double", "probability")]
    outputs += [ColSpec("double", f"probability_{label}") for label in labels]
    with warnings.catch_warnings():
        # An example would make MLflow load the model and predict once more; the signature says what an example would.
        warnings.filterwarnings("ignore", message=".*An input example was not provided.*")
        logged = mlflow.pyfunc.log_model(
            name="classifier",
            python_model=str(Path(__file__).with_name("served_model.py")),
            artifacts={"classifier": str(folder)},
            code_paths=[str(Path(__file__).parent)],
            signature=ModelSignature(Schema([ColSpec("string", "image")]), Schema(outputs)),
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIRED] + [tensorflow_build()],
        )
    with contextlib.redirect_stderr(io.StringIO()):  # "Successfully registered …": the command says it in its own words
        registered = mlflow.register_model(logged.model_uri, name, tags={k: str(v) for k, v in tags.items()})
    mlflow.MlflowClient().set_registered_model_alias(name, alias, registered.version)
    return int(registered.version)


def load_model(uri: str) -> Any:
    """Load a logged or registered model; `predict` takes a data frame with the column `image`.

    Raises:
        InputError: there is none under that address.
    """
    try:
        return mlflow.pyfunc.load_model(uri)
    except (mlflow.MlflowException, OSError) as error:
        raise InputError(
            f"model: nothing can be loaded from '{uri}' in {mlflow.get_tracking_uri()} "
            f"({str(error).splitlines()[0]}). 'catml train' registers one."
        ) from None


def store() -> str:
    """Return the address of the tracking store in use."""
    return str(mlflow.get_tracking_uri())


def earlier_tests(split_hash: str) -> int:
    """Return how many finished or running parent runs in the store have looked at this split's test photos before."""
    client = mlflow.MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments, f"tags.split_hash = '{split_hash}' and metrics.test_accuracy >= 0")
    return len(found)


def _log_batch(
    client: mlflow.MlflowClient,
    run_id: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    tags: Mapping[str, object],
) -> None:
    now = int(time.time() * 1000)
    client.log_batch(
        run_id,
        [Metric(name, value, now, 0) for name, value in metrics.items()],
        [Param(name, str(value)) for name, value in params.items()],
        [RunTag(name, str(value)) for name, value in ({"catml_version": __version__} | dict(tags)).items()],
    )


def _with_reachable_artifacts(run: mlflow.ActiveRun) -> mlflow.ActiveRun:
    """Return the run with artifacts that can be written.

    `mlflow ui` without flags, started before there is a database, makes one in which artifacts are to go through the
    server. Whoever writes to the same database without the server can't log a single file. MLflow has no call to
    mend that, so the experiment and this run are given the folder that MLflow would have chosen by itself.
    """
    default = Path("mlflow.db").resolve()
    own = mlflow.get_tracking_uri() in (
        "sqlite:///mlflow.db",
        f"sqlite:///{quote(str(default))}",
        f"sqlite:///{default}",
    )
    if not own or not run.info.artifact_uri.startswith("mlflow-artifacts:"):
        return run
    experiment = Path("mlruns", run.info.experiment_id).resolve()
    artifacts = experiment / run.info.run_id / "artifacts"
    with contextlib.closing(sqlite3.connect(default, timeout=20)) as database, database:
        database.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
            (str(experiment), int(run.info.experiment_id)),
        )
        database.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (str(artifacts), run.info.run_id))
    run.info._artifact_uri = str(artifacts)
    return run
