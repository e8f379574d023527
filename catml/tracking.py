"""Runs, metrics and artifacts in MLflow."""

import contextlib
import os
import re
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import mlflow
import pandas as pd
import requests
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
)

from catml import __version__, config, screen
from catml.config import EXPERIMENT
from catml.delivery import Away, Delivery

# How long, in seconds, a server that is away is waited for when nothing is left to do but to deliver.
PATIENCE = config.tracking_patience()
AT_ONCE = 1000  # metrics that MLflow takes in one call
# What MLflow says of a server that can't be reached, or of a proxy in front of one.
AWAY = re.compile(r"failed with exception|too many 50[234] error responses|failed with error code 50[234]")
# A study is on disk.
AGAIN = "Nothing is lost: when it is back, the same command delivers what is done and goes on from there."


class Run:
    """The parent run of a command, and the deliveries to it.

    What is logged goes through a thread, so that nobody waits for the store; where a server is away, it waits there
    until the server is back.

    Args:
        name: of the run.
        later: what to do where it stays away, as a sentence to be read.
    """

    def __init__(self, name: str, later: str = AGAIN) -> None:
        self._later = later
        self._client = mlflow.MlflowClient()
        self._delivery = Delivery(_is_away, _tell_away)
        self._id = self._experiment = ""
        self._known: set[str] = set()
        self._delivery.put(lambda: self._start(name))

    def _start(self, name: str) -> None:
        run = mlflow.active_run()  # of this thread: there is one where an earlier try came no further
        if run is None and "MLFLOW_RUN_ID" in os.environ:
            run = mlflow.start_run()
        elif run is None:
            run = mlflow.start_run(experiment_id=_experiment(self._client), run_name=name)
        self._client.set_tag(run.info.run_id, MLFLOW_RUN_NAME, name)
        run = _with_reachable_artifacts(run)
        self._known = set(run.data.params)
        self._id, self._experiment = run.info.run_id, run.info.experiment_id

    @property
    def id(self) -> str:
        """The run's id, once all is delivered."""
        self.deliver()
        return self._id

    def deliver(self) -> None:
        """Wait until everything is where it belongs.

        Raises:
            Away: the server stayed away.
        """
        try:
            self._delivery.wait(PATIENCE)
        except Away as error:
            raise Away(
                f"the tracking server {store()} has been away for {PATIENCE:.0f} seconds ({error}). {self._later}"
            ) from None

    def log(
        self,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        """Log in one batch. A param the run has already (`mlflow run` logs its own) is left as it is."""

        def call() -> None:
            new = {name: str(value) for name, value in (params or {}).items() if name not in self._known}
            _log_batch(self._client, self._id, new, metrics or {}, tags or {})
            self._known |= set(new)

        self._delivery.put(call)

    def log_child(
        self,
        name: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        seconds: float,
        curves: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        """Log a child run that has just ended: one call to make it, one with everything, one to end it.

        Args:
            name: of the child; no other child of the run has it.
            params: all of them.
            metrics: all that are one number.
            tags: all of them.
            seconds: how long it took.
            curves: metrics with a value after each step, the first one being 1.
        """
        end = int(time.time() * 1000)
        tried: list[bool] = []

        def call() -> None:
            child = self._child(name) if tried else None
            tried.append(True)
            if child is None:
                own = {MLFLOW_RUN_NAME: name, MLFLOW_PARENT_RUN_ID: self._id, **tags}
                child = self._client.create_run(self._experiment, end - int(seconds * 1000), own).info.run_id
            _log_batch(self._client, child, params, metrics, {}, curves)
            self._client.set_terminated(child, end_time=end)

        self._delivery.put(call)

    def _child(self, name: str) -> str | None:
        """Return the child that a call whose answer was lost may have made."""
        of = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self._id}' and tags.`{MLFLOW_RUN_NAME}` = '{name}'"
        found = self._client.search_runs([self._experiment], of)
        return found[0].info.run_id if found else None

    def describe(self, text: str) -> None:
        """Give the run its description, in Markdown."""
        self.log(tags={MLFLOW_RUN_NOTE: text})

    def log_text(self, text: str, name: str) -> None:
        """Keep a text as an artifact of the run."""
        self._delivery.put(lambda: self._client.log_text(self._id, text, name))

    def log_bytes(self, data: bytes, name: str) -> None:
        """Keep a file as an artifact of the run."""

        def call() -> None:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, Path(name).name)
                file.write_bytes(data)
                inside = Path(name).parent.as_posix()
                self._client.log_artifact(self._id, str(file), None if inside == "." else inside)

        self._delivery.put(call)

    def log_photos(self, splits: pd.DataFrame, name: str, source: Path) -> None:
        """Name the photos as the input of the run, with their digest, and keep which of them is where."""
        self.log_text(splits.to_csv(index=False), "split.csv")
        with warnings.catch_warnings():
            # MLflow knows two kinds of local sources by one name and takes either: nothing a user could act on.
            warnings.filterwarnings(
                "ignore", message="The specified dataset source can be interpreted in multiple ways"
            )
            photos = from_pandas(splits, source=str(source.resolve()), targets="label", name=name)
        inputs = [DatasetInput(Dataset(**photos.to_dict()), [InputTag(MLFLOW_DATASET_CONTEXT, "training")])]
        self._delivery.put(lambda: self._client.log_inputs(self._id, inputs))

    def end_killed(self, run_id: str) -> None:
        """End a run that the killed process of an earlier try could not end itself."""

        def call() -> None:
            try:
                if self._client.get_run(run_id).info.status == "RUNNING" and run_id != self._id:
                    self._client.set_tag(run_id, "resumed_by", self._id)
                    self._client.set_terminated(run_id, "KILLED")
            except mlflow.MlflowException as error:  # deleted since, or in another store
                if _is_away(error):
                    raise

        self._delivery.put(call)

    def note(self, keep: Callable[[str], None]) -> None:
        """Have the run's id kept as soon as there is one."""
        self._delivery.put(lambda: keep(self._id))

    def end(self, status: str) -> None:
        """End the run, if the server is there."""
        with contextlib.suppress(Exception):
            self._delivery.wait(0.0 if self._delivery.away else PATIENCE)
        self._delivery.close()
        if self._id and not self._delivery.away:
            with contextlib.suppress(Exception):  # where something failed already, that is what is told
                self._client.set_terminated(self._id, status)


@contextlib.contextmanager
def parent_run(name: str, later: str = AGAIN) -> Iterator[Run]:
    """Open the parent run: the one `mlflow run` has made, or a new one, in experiment `catml` unless told otherwise."""
    run = Run(name, later)
    try:
        yield run
        run.deliver()
    except KeyboardInterrupt:
        run.end("KILLED")
        raise
    except BaseException:
        run.end("FAILED")
        raise
    run.end("FINISHED")


def _experiment(client: mlflow.MlflowClient) -> str:
    """Return the experiment to write to: what the environment says, or `catml`, made where it is missing."""
    given = os.environ.get("MLFLOW_EXPERIMENT_ID")
    if given:
        return given
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # Without it the page asks whether this is about language models.
    tags = {"mlflow.experimentKind": "custom_model_development"} if name == EXPERIMENT else {}
    return str(client.create_experiment(name, tags=tags))


def _is_away(error: Exception) -> bool:
    """Tell whether an error means that the tracking server, or its database, doesn't answer."""
    if isinstance(error, mlflow.MlflowException):
        return error.error_code == "TEMPORARILY_UNAVAILABLE" or AWAY.search(str(error)) is not None
    return isinstance(error, requests.ConnectionError | requests.Timeout)


def _tell_away(error: Exception) -> None:
    screen.say(f"note       the tracking server {store()} doesn't answer; results are kept and delivered when it does")


def store() -> str:
    """Return the address of the tracking store in use."""
    return str(mlflow.get_tracking_uri())


def _log_batch(
    client: mlflow.MlflowClient,
    run_id: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    tags: Mapping[str, object],
    curves: Mapping[str, Sequence[float]] | None = None,
) -> None:
    now = int(time.time() * 1000)
    points = [
        Metric(name, value, now, step)
        for name, values in (curves or {}).items()
        for step, value in enumerate(values, start=1)
    ]
    for start in range(0, len(points), AT_ONCE):
        client.log_batch(run_id, points[start : start + AT_ONCE])
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
