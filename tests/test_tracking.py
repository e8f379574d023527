"""A run ends as what it was, also where something it was to be told could not be delivered."""

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from catml import tracking

pytestmark = pytest.mark.usefixtures("tracking_store")


def status_of(run):
    return mlflow.MlflowClient().get_run(run._id).info.status


def test_run_that_went_well():
    with tracking.parent_run("well") as run:
        run.log(params={"hidden": "64"}, metrics={"val_log_loss": 0.1})
        run.log(params={"hidden": "16"})
    assert status_of(run) == "FINISHED"
    assert mlflow.MlflowClient().get_run(run.id).data.params == {"hidden": "64"}


def test_what_is_refused_is_an_error_and_the_run_has_failed():
    with pytest.raises(MlflowException), tracking.parent_run("refused") as run:
        run.log(params={"a" * 300: "is too long a name"})
    assert status_of(run) == "FAILED"


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, "KILLED"), (ValueError, "FAILED")])
def test_run_that_was_stopped(error, status):
    runs = []

    def work():
        with tracking.parent_run("stopped") as run:
            run.deliver()
            runs.append(run)
            raise error

    with pytest.raises(error):
        work()
    assert status_of(runs[0]) == status
