"""The gate lets nothing through that is as good as chance, and the champion goes only for what is no worse."""

import numpy as np
import pytest

from catml.evaluation.intervals import Interval, accuracy_interval, wilson
from catml.evaluation.paired import Paired
from catml.gate import Rival, Verdict, gate, succession

TESTED = 60


def first(right, photos=TESTED):
    """So many of the photos right, the others wrong."""
    return np.arange(photos) < right


def judged(right, *, majority=30, colours=30, min_accuracy=0.0, photos=TESTED):
    interval = wilson(right, photos)
    return gate(first(right, photos), interval, first(majority, photos), first(colours, photos), min_accuracy)


def test_what_is_clearly_better_passes():
    verdict = judged(57)
    assert verdict == Verdict(
        True,
        "the 95 % interval of its accuracy, 86.3 % to 98.3 %, lies above 50.0 %, what always saying the most frequent "
        "label gives",
    )


@pytest.mark.parametrize(("right", "passed"), [(37, False), (38, False), (39, True), (40, True)])
def test_the_lower_end_must_beat_the_most_frequent_label(right, passed):
    """38 of 60 have an interval from 50.7 %, 37 of 60 one from 49.0 %; against 31 of 60, 51.7 %."""
    assert judged(right, majority=31).passed == passed
    if not passed:
        assert "does not lie above 51.7 %" in judged(right, majority=31).reason


def test_a_frequent_label_makes_a_high_accuracy_worthless():
    assert judged(56, majority=54).passed is False
    assert judged(56).passed is True


def test_an_end_at_the_bar_is_not_above_it():
    right, majority = first(57), first(30)
    assert not gate(right, Interval(0.5, 0.9), majority, first(0), 0).passed
    assert gate(right, Interval(0.51, 0.9), majority, first(0), 0).passed


@pytest.mark.parametrize("labels", [2, 4])
def test_what_learnt_nothing_is_refused(labels):
    """Answers drawn at random, against random labels: 100 times."""
    refused = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        truth, said, colours = generator.integers(0, labels, (3, TESTED))
        right, usual = said == truth, np.bincount(truth).argmax() == truth
        refused += not gate(right, accuracy_interval(right, range(TESTED)), usual, colours == truth, 0).passed
    assert refused >= 95


@pytest.mark.parametrize(("validated", "passed"), [(0.9, True), (0.51, True), (0.5, False), (0.4, False)])
def test_cross_validation_must_say_the_same(validated, passed):
    """A lucky test alone is not enough; the most frequent label is right about half of the photos."""
    verdict = gate(first(57), wilson(57, TESTED), first(30), first(30), 0, validated)
    assert verdict.passed == passed
    if not passed:
        assert verdict.reason == (
            f"cross-validation shows no more than {100 * validated:.1f} % with certainty, and always saying the most "
            "frequent label gives 50.0 %"
        )


def test_colours_that_are_right_more_often_refuse_it():
    verdict = judged(50, colours=51)
    assert verdict == Verdict(False, "it gets 50 of 60 test photos right, and their colours alone 51")


def test_colours_that_are_right_as_often_do_not():
    assert judged(50, colours=50).passed


@pytest.mark.parametrize(("bar", "passed"), [(0.86, True), (0.8625, True), (0.8635, False), (0.9, False)])
def test_min_accuracy_is_for_the_lower_end(bar, passed):
    assert wilson(57, 60).low == pytest.approx(0.863, abs=4e-4)
    verdict = judged(57, min_accuracy=bar)
    assert verdict.passed == passed
    said = f", and above min_accuracy={bar:g}" if passed else f"does not lie above min_accuracy={bar:g}"
    assert said in verdict.reason


def told(verdict):
    """How many test photos it would take, by what is said."""
    return int(verdict.reason.split("about ")[1].split()[0])


@pytest.mark.parametrize(("right", "bar"), [(57, 0.9), (54, 0.85), (48, 0.75)])
def test_how_many_photos_it_would_take_is_told(right, bar):
    """Wilson's lower end is where (share - bar)^2 = 1.96^2 bar (1 - bar) / photos."""
    verdict = judged(right, min_accuracy=bar)
    assert verdict.reason.endswith(" test photos to show that")
    photos = 1.96**2 * bar * (1 - bar) / (right / TESTED - bar) ** 2
    assert photos > 130
    assert told(verdict) == pytest.approx(photos, rel=0.1)


@pytest.mark.parametrize(("right", "bar"), [(57, 0.8635), (58, 0.888), (55, 0.82)])
def test_it_takes_more_photos_than_were_not_enough(right, bar):
    assert told(judged(right, min_accuracy=bar)) > TESTED


def test_photos_in_groups_take_more_photos_still():
    """Single photos would show 80 %; these are twelve groups, and one of them failed as a whole."""
    right = first(55)
    interval = accuracy_interval(right, np.arange(TESTED) // 5)
    assert interval.low < 0.8 < wilson(55, TESTED).low
    verdict = gate(right, interval, first(30), first(30), 0.8)
    assert not verdict.passed
    assert "about" not in verdict.reason or told(verdict) > TESTED


def test_what_no_number_of_photos_would_show_is_not_promised():
    for right, bar in ((57, 0.95), (54, 0.95), (57, 0.9499)):
        reason = judged(right, min_accuracy=bar).reason
        assert reason.endswith(f"does not lie above min_accuracy={bar:g}")


def test_where_all_came_out_right_it_still_takes_photos():
    """60 of 60 show 94 %; 98 % take about 190."""
    reason = judged(60, min_accuracy=0.98).reason
    assert reason.endswith("about 190 test photos to show that")
    assert wilson(190, 190).low >= 0.98 > wilson(180, 180).low


def test_all_reasons_are_told():
    reason = judged(31, majority=30, colours=45, min_accuracy=0.9).reason
    assert len(reason.split("; ")) == 3
    assert "most frequent label" in reason
    assert "colours alone 45" in reason
    assert "min_accuracy=0.9" in reason


BOTH = ("cat", "dog")


def rival(ahead=0, behind=0, **other):
    return Rival(3, **{"labels": BOTH, "sample": False, "compared": Paired(60, ahead, behind), **other})


def test_the_first_one_is_the_champion():
    assert succession(BOTH, None, False) == Verdict(True, "there was no champion")
    assert succession(BOTH, None, True).passed


@pytest.mark.parametrize(
    ("ahead", "behind", "passed", "said"),
    [
        (8, 2, True, "6 more right of 60 photos (McNemar p = 0.11)"),
        (2, 2, True, "equally many right of 60 photos (McNemar p = 1)"),
        (0, 0, True, "the same 60 photos right and wrong"),
        (0, 1, False, "1 fewer right of 60 photos (McNemar p = 1)"),
        (2, 8, False, "6 fewer right of 60 photos (McNemar p = 0.11)"),
    ],
)
def test_who_is_no_worse_takes_the_place(ahead, behind, passed, said):
    verdict = succession(BOTH, rival(ahead, behind), False)
    assert verdict == Verdict(passed, f"against the champion, version 3: {said}")


def test_labels_that_would_be_lost_are_named():
    verdict = succession(("cat", "owl"), rival(9, 0, labels=("cat", "elk", "dog")), False)
    assert not verdict.passed
    assert verdict.reason.startswith("the champion, version 3, knows dog, elk, which this one does not.")


def test_more_labels_are_no_loss():
    assert succession(("cat", "dog", "owl"), rival(1, 0), False).passed


def test_what_can_not_be_compared_does_not_take_the_place():
    verdict = succession(BOTH, rival(compared=None), False)
    assert not verdict.passed
    assert "has learnt from too many of these test photos to be compared with" in verdict.reason


def test_the_sample_gives_way_to_real_photos():
    """Whatever it knows, and however good it is."""
    for sample in (rival(0, 50, sample=True), rival(sample=True, labels=("circle", "star"), compared=None)):
        assert succession(BOTH, sample, False) == Verdict(
            True, "the champion, version 3, was made from the drawn sample"
        )


def test_the_sample_does_not_take_the_place_of_real_photos():
    assert not succession(("circle", "star"), rival(compared=None), True).passed


def test_one_sample_is_compared_with_another():
    assert not succession(BOTH, rival(0, 1, sample=True), True).passed
    assert succession(BOTH, rival(1, 0, sample=True), True).passed
