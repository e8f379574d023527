"""What other runs in the tracking store have looked at, and what they found."""

from collections.abc import Mapping
from dataclasses import dataclass

import mlflow
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from catml import screen


@dataclass(frozen=True)
class Tested:
    """A run with a test: its id and name, and what it has logged."""

    run_id: str
    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def earlier_tests(run_id: str, tags: Mapping[str, str]) -> int:
    """Return how many other runs in the store have looked at the same test photos before.

    Args:
        run_id: the run that is about to look.
        tags: a run with one of these has looked at photos of the same test.
    """
    client = mlflow.MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found: set[str] = set()
    for name, value in tags.items():
        looked = f"tags.{name} = '{value}' and metrics.test_accuracy >= 0"
        found |= {run.info.run_id for run in client.search_runs(experiments, looked, max_results=1000)}
    return len(found - {run_id})


def other_photos(run_id: str, photos_hash: str) -> list[str]:
    """Return the names of other sets of photos that runs of the same experiment are about."""
    client = mlflow.MlflowClient()
    experiment = client.get_run(run_id).info.experiment_id
    others = f"tags.photos_hash != '{photos_hash}' and metrics.test_accuracy >= 0"
    runs = client.search_runs([experiment], others, max_results=1000)
    return sorted({run.data.tags["photos"] for run in runs if "photos" in run.data.tags})


def tested(run_id: str, test_hash: str) -> list[Tested]:
    """Return what other runs in the store have tested on exactly the same photos, the oldest first.

    A run whose children have tests of their own stands back for them.
    """
    client = mlflow.MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    same = f"tags.test_hash = '{test_hash}' and metrics.test_accuracy >= 0"
    found: list[Run] = []
    for run in client.search_runs(experiments, same, max_results=1000, order_by=["attributes.start_time ASC"]):
        of = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run.info.run_id}' and metrics.test_accuracy >= 0"
        children = client.search_runs([run.info.experiment_id], of, order_by=["attributes.run_name ASC"])
        found += [] if run.info.run_id == run_id else list(children) or [run]
    return [Tested(run.info.run_id, run.info.run_name, run.data.params, run.data.metrics) for run in found]


def artifact(run_id: str, name: str) -> str | None:
    """Return the text of an artifact; None where the run has none of that name, or it can't be read, which is said."""
    try:
        if name not in {file.path for file in mlflow.MlflowClient().list_artifacts(run_id)}:
            return None
        return str(mlflow.artifacts.load_text(f"runs:/{run_id}/{name}"))
    except (mlflow.MlflowException, OSError) as error:
        screen.say(f"note       {name} of run {run_id} can't be read ({' '.join(str(error).split())[:200]})")
        return None
