"""The talk's cells, corrected and as published, on its author's own arrays."""

import numpy as np
import pytest

from experiments.talk import arrays, author, corrected, published
from experiments.talk.mistakes import KINDS, Mistakes
from experiments.talk.published import BACKBONES, HEADS

INCEPTION, XCEPTION = BACKBONES[1:]


@pytest.fixture(scope="module")
def stored(shared):
    return author.read(str(shared / "talk"))


@pytest.mark.parametrize("backbone", [INCEPTION, XCEPTION], ids=lambda backbone: backbone.name)
def test_corrected_cells_are_good(backbone, stored):
    of = arrays.talk()
    features = arrays.without_softmax(backbone, stored.features[backbone.name])
    found = corrected.heads(features, of.labels, of.learn, of.parts, [42])
    assert [head.accuracy.mean() >= 0.95 for head in found.values()] == [True] * 3
    assert found[1].right(features[of.test], of.labels[of.test]).sum() >= 57


def test_a_cell_as_published(stored):
    """Xception's head 1 always says cat 0, whatever the seed: the published five, to the last digit."""
    spread = arrays.repeat(stored.features["xception"], arrays.talk(), HEADS[0], Mistakes(), 2, 42)
    assert spread.accuracy.tolist() == [list(published.five("xception", 1))] * 2
    assert spread.dead == 1
    assert np.isnan(spread.living)


def test_the_relu_alone_costs_more_than_ten_points(stored):
    of, features = arrays.talk(), stored.features["inceptionresnetv2"]
    published_, sigmoid = (
        arrays.repeat(features, of, HEADS[0], mistakes, 4, 42)
        for mistakes in (Mistakes(), Mistakes().without("relu_output"))
    )
    assert published_.dead > 0.1
    assert sigmoid.dead == 0
    assert sigmoid.means.mean() - published_.means.mean() > 0.1
    assert sigmoid.means.mean() > 0.95


def test_splits_are_the_talks():
    learn, test, parts = published.splits()
    labels = published.labels()
    assert len(learn) == 340
    assert labels[test].sum() == 30
    assert [(len(one), len(other)) for one, other in parts] == [(289, 51)] * 5
    assert all(set(one) | set(other) == set(learn) for one, other in parts)
    # What a head gets that always says cat 0: the dead fits that the talk has published.
    assert tuple((labels[validation] == 0).mean() for _, validation in parts) == published.five("xception", 1)


def test_mistakes_are_switches():
    assert [kind.name for kind in KINDS] == list(Mistakes.__dataclass_fields__)
    assert Mistakes().off == ()
    assert Mistakes().without("relu_output", "last_epoch").off == ("relu_output", "last_epoch")
    with pytest.raises(ValueError, match="only photos allow to do without mixed_labels"):
        arrays.features(XCEPTION, np.ones((1, 1), np.float32), Mistakes().without("mixed_labels"))


def test_every_variant_switches_off_what_arrays_allow():
    for backbone, count in ((INCEPTION, 4), (XCEPTION, 5)):
        quick, full = (arrays.variants(backbone, together=together) for together in (False, True))
        assert quick[0] == full[0] == Mistakes()
        assert [len(mistakes.off) for mistakes in quick] == [0, *[1] * count, count]
        assert set(quick) < set(full)
