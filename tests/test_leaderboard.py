"""What was tested on the same photos, from the runs in a store, ranked and compared."""

import mlflow
import pandas as pd
import pytest

from catml import earlier, tracking
from catml.evaluation.paired import Paired
from catml.leaderboard import Entry, as_text, compared, earlier_entries, leaderboard, ranked
from catml.photos import split

LABELS = ["a", "a", "b", "b"]
CNN = {"backbone": "none (from scratch)", "filters": "16-32", "hidden": "0"}
HEAD = {"backbone": "xception", "hidden": "0"}


# The last two photos of four are kept back.
SPLITS = pd.DataFrame(
    {"pixels_sha256": ["p0", "p1", "p2", "p3"], "label": LABELS, "group": range(4), "split": ["0", "1", "test", "test"]}
)


def answers(*given, labels=LABELS):
    return pd.DataFrame({"pixels_sha256": [f"p{n}" for n in range(len(labels))], "label": labels, "answer": given})


def entry(run, params, log_loss, share, said=None):
    metrics = {"val_log_loss": log_loss, "val_accuracy": share, "test_accuracy": share}
    return Entry(run, params, metrics | {"test_accuracy_low": share - 0.1, "test_accuracy_high": share + 0.1}, said)


GOOD = entry("40 trials", HEAD, 0.1, 1.0, answers(*LABELS))
POOR = entry("CNN 1", CNN, 0.6, 0.5, answers("a", "b", "b", "a"))


def test_what_decides_is_the_validation_log_loss():
    table = leaderboard([POOR, GOOD, entry("older", HEAD, 0.3, 0.75)], POOR, 4)
    assert table["run"].tolist() == ["40 trials", "older", "CNN 1"]
    assert table["test_right"].tolist() == [4, 3, 2]
    assert table["test_photos"].tolist() == [4, 4, 4]
    assert table["filters"].tolist() == ["", "", "16-32"]
    assert table["only_this"].tolist() == [2, pd.NA, pd.NA]
    assert table["only_best"].tolist() == [0, pd.NA, pd.NA]
    assert table["mcnemar_p"].fillna(-1).tolist() == [0.5, -1, -1]
    shown = as_text(table).splitlines()
    assert [len(shown), "4 of 4, 100.0 %" in shown[1], "40.0 % to 60.0 %" in shown[3]] == [4, True, True]


def test_a_run_without_validation_comes_last():
    bare = Entry("old", HEAD, {"test_accuracy": 1.0})
    assert ranked([bare, POOR]) == [POOR, bare]


def test_only_photos_with_the_same_label_are_compared():
    relabelled = entry("x", HEAD, 0.1, 1.0, answers("b", "a", "b", "b", labels=["b", "a", "b", "b"]))
    assert relabelled.beside(POOR) == Paired(3, 2, 0)
    assert GOOD.beside(entry("x", HEAD, 0.1, 1.0)) is None


def test_it_is_said_as_a_sentence():
    assert compared(GOOD, POOR) == (
        "xception, linear head gets 2 of the 4 test photos right that CNN 1 (16-32) gets wrong, "
        "and 0 the other way round: McNemar p = 0.5"
    )
    assert compared(entry("x", HEAD, 0.1, 1.0), POOR) is None


@pytest.mark.usefixtures("tracking_store")
def test_earlier_runs_on_the_same_photos_are_found():
    judged = answers(*LABELS).assign(judged=["learn", "learn", "test", "test"])
    these = split.test_hash(SPLITS)
    metrics = {"test_accuracy": 0.5, "val_log_loss": 0.6}
    with tracking.parent_run("40 trials") as run:
        run.log(HEAD, metrics, {"test_hash": these})
        run.log_text(judged.to_csv(index=False), "predictions.csv")
        run.log_child("000 xception linear", HEAD, {"val_log_loss": 0.6}, {}, 1.0)
    with tracking.parent_run("benchmark") as run:
        run.log(CNN, metrics, {"test_hash": these})
        for name in ("CNN 1", "CNN 2"):
            run.log_child(name, CNN, metrics, {}, 1.0, {"epoch_val_log_loss": [0.7, 0.6]})
    with tracking.parent_run("other photos") as run:
        run.log(HEAD, metrics, {"test_hash": "others"})
    with tracking.parent_run("not tested yet") as run:
        run.log(HEAD, {"val_log_loss": 0.6}, {"test_hash": these})
    with tracking.parent_run("this one") as run:
        run.log(CNN, metrics, {"test_hash": these})
        found = earlier_entries(run.id, SPLITS)
        assert earlier.earlier_tests(run.id, {"test_hash": these}) == 2
    assert [one.run for one in found] == ["40 trials", "CNN 1", "CNN 2"]
    assert found[0].answers is not None
    assert found[0].answers["pixels_sha256"].tolist() == ["p2", "p3"]
    assert [one.is_head for one in found] == [True, False, False]
    assert found[1].answers is None
    assert earlier.artifact(run.id, "predictions.csv") is None


@pytest.mark.usefixtures("tracking_store")
@pytest.mark.parametrize("complete", [True, False])
def test_of_a_nested_test_it_is_the_part_on_these_photos(complete):
    judged = answers("b", "b", "b", "a").assign(judged="test")[: 4 if complete else 3]
    with tracking.parent_run("40 trials") as run:
        everything = split.test_hash(SPLITS.assign(split="0"))
        run.log(HEAD, {"test_accuracy": 0.25, "val_log_loss": 0.6}, {"test_hash": everything})
        run.log_text(judged.to_csv(index=False), "predictions.csv")
    found = earlier_entries("this one", SPLITS)
    assert [(one.run, one.metrics["test_accuracy"]) for one in found] == [("40 trials (nested)", 0.5)] * complete
    if complete:
        assert found[0].metrics["test_accuracy_low"] < 0.5 < found[0].metrics["test_accuracy_high"]
        assert found[0].beside(entry("CNN 1", CNN, 0.6, 0.0, answers("a", "a", "a", "a"))) == Paired(2, 1, 0)


@pytest.mark.usefixtures("tracking_store")
def test_more_points_than_mlflow_takes_at_once():
    values = [1 / step for step in range(1, 1502)]
    with tracking.parent_run("long") as run:
        run.log_child("CNN 1", CNN, {"val_log_loss": 0.5}, {}, 1.0, {"epoch_val_log_loss": values})
        run.deliver()
        client = mlflow.MlflowClient()
        (child,) = client.search_runs([client.get_run(run.id).info.experiment_id], "attributes.run_name = 'CNN 1'")
    history = client.get_metric_history(child.info.run_id, "epoch_val_log_loss")
    assert [(point.step, point.value) for point in history] == list(enumerate(values, 1))
    assert child.data.metrics["val_log_loss"] == 0.5
