"""What other runs in the tracking store have looked at, and what they found."""

from collections.abc import Mapping

import mlflow


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
