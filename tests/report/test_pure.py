"""Reliability, suspicious labels, kinds of heads and the words of the report, from plain data."""

import numpy as np
import pytest

from catml import config
from catml.champion import Champion
from catml.evaluation.intervals import Interval, wilson
from catml.evaluation.paired import Paired
from catml.heads.spec import HeadSpec
from catml.report.figures import draw_heads
from catml.report.kinds import kinds
from catml.report.mistakes import suspicious
from catml.report.reliability import reliability
from catml.report.repeat import command
from catml.report.words import difference, expected
from catml.study.sweep import Trial


def certain(labels, share=0.95):
    found = np.full((len(labels), 3), (1 - share) / 2)
    found[np.arange(len(labels)), labels] = share
    return found


def test_a_flipped_label_is_found():
    true = np.arange(60) % 3
    given = true.copy()
    given[[7, 20]] = (true[[7, 20]] + 1) % 3
    held_out = certain(true)
    held_out[20] = certain(true[20:21], 0.6)[0]
    found = suspicious(np.arange(60), held_out, given)
    assert [one.row for one in found] == [7, 20]
    assert [(one.label, one.answer) for one in found] == [(given[7], true[7]), (given[20], true[20])]
    assert found[0].own < found[1].own
    assert suspicious(np.arange(60), certain(true), true) == []


def test_rows_of_suspicious_labels_are_those_of_the_split():
    labels = np.array([0, 0, 1, 1, 2])
    assert suspicious(np.array([1, 3]), certain([0, 2]), labels)[0].row == 3


def test_bins_are_equally_full_and_hold_every_photo():
    generator = np.random.default_rng(0)
    high = generator.uniform(0.5, 1, 400)
    labels = (generator.uniform(size=400) > high).astype(int)  # right as often as was said
    bins = reliability(np.column_stack([high, 1 - high]), labels)
    assert [one.photos for one in bins] == [50] * 8
    assert sum(one.right for one in bins) == (labels == 0).sum()
    assert all(one.interval.low <= one.probability <= one.interval.high for one in bins)
    assert np.all(np.diff([one.probability for one in bins]) > 0)
    assert bins[0].interval == wilson(bins[0].right, 50)


def test_few_photos_are_one_bin():
    (only,) = reliability(certain([0, 1, 2]), np.array([0, 1, 1]))
    assert (only.photos, only.right) == (3, 2)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.933, 0.998, "between 93 and 99 of 100"),
        (0.95, 1.0, "between 95 and all 100 of 100"),
        (0.0, 0.124, "between 0 and 13 of 100"),
        (0.981, 0.994, "between 981 and 994 of 1,000"),
        (0.9999, 0.99995, "about 999 of 1,000"),
    ],
)
def test_what_to_expect_is_rounded_outwards_but_never_to_all(low, high, words):
    assert expected(Interval(low, high)) == words


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (Paired(80, 4, 0), "no detectable difference: 4 more right (p = 0.12)"),
        (Paired(80, 20, 0), "better: 20 more right (p < 0.001)"),
        (Paired(80, 0, 8), "worse: 8 fewer right (p = 0.0078)"),
        (Paired(80, 0, 0), "no difference: the same photos right"),
        (Paired(80, 2, 2), "no detectable difference: as many right (p = 1)"),
    ],
)
def test_no_difference_is_claimed_where_chance_would_do(pair, words):
    assert difference(pair) == words


def trial(number, backbone, hidden, *losses):
    spec = HeadSpec(hidden, "each", 0.1, learning_rate=1e-3, epochs=9) if hidden else HeadSpec((), "each", 0.1)
    return Trial(number, backbone, spec, losses, tuple(1 - loss for loss in losses), 1.0)


TRIALS = [
    trial(0, "one", (), 0.30, 0.32, 0.31, 0.29),
    trial(1, "one", (), 0.10, 0.12, 0.11, 0.13),
    trial(2, "one", (16,), 0.09, 0.13, 0.11, 0.12),
    trial(3, "two", (), 0.50, 0.51, 0.52, 0.50),
]


def test_heads_in_kinds():
    champion = Champion((TRIALS[1],), TRIALS[1].log_losses, TRIALS[1].accuracies)
    ranked = kinds(TRIALS, champion, 0.25)
    assert [(kind.backbone, kind.shape) for kind in ranked] == [
        ("one", "hidden 16"),
        ("one", "linear head"),
        ("two", "linear head"),
    ]
    assert [head.name for head in ranked[1].heads] == ["trial 1", "trial 0"]
    assert [head.chosen for kind in ranked for head in kind.heads] == [False, True, False, False]
    assert [kind.best.as_good for kind in ranked] == [True, True, False]
    assert ranked[1].best.log_loss_se > 0


def test_an_average_of_heads_is_a_kind_of_its_own():
    champion = Champion((TRIALS[1], TRIALS[2]), (0.08, 0.1, 0.1, 0.1), (0.9,) * 4)
    ranked = kinds(TRIALS, champion, 0.25)
    assert (ranked[0].backbone, ranked[0].shape, ranked[0].best.name) == ("several heads", "mean of 2", "trials 1 + 2")
    assert ranked[0].best.as_good


def test_figure_follows_the_page_and_holds_no_address():
    champion = Champion((TRIALS[1],), TRIALS[1].log_losses, TRIALS[1].accuracies)
    first, again = (draw_heads(kinds(TRIALS, champion, 0.25)) for _ in range(2))
    assert first == again
    assert first.svg.startswith("<svg ")
    assert "http" not in first.svg
    assert "var(--mark)" in first.svg
    assert "hidden 16" in first.svg
    assert first.png.startswith(b"\x89PNG")


def test_command_has_what_is_not_default_and_can_be_pasted():
    values, problems = config.read_parameters(
        "train", {"photos": "my photos/it's", "trials": "7", "nested": "false", "backbones": "a,b+c", "seed": "42"}
    )
    assert problems == []
    assert command(values) == (
        "catml train --photos 'my photos/it'\"'\"'s' --backbones a,b+c --trials 7 --nested false"
    )
    assert command(config.read_parameters("train", {})[0]) == "catml train"
