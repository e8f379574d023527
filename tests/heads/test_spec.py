"""A head specification holds nothing that has no effect."""

import pytest

from catml.heads.spec import HeadSpec


@pytest.mark.parametrize("extra", [{"dropout": 0.5}, {"learning_rate": 1e-3}, {"epochs": 5}])
def test_options_without_effect_are_refused(extra):
    with pytest.raises(ValueError, match=r"^dropout, learning_rate and epochs have no effect on a linear head$"):
        HeadSpec((), "common", 0.1, **extra)


@pytest.mark.parametrize("given", [{}, {"learning_rate": 1e-3}, {"epochs": 5}])
def test_hidden_layers_need_a_rate_and_epochs(given):
    with pytest.raises(ValueError, match=r"^a head with hidden layers needs learning_rate and epochs$"):
        HeadSpec((16,), "common", 0.1, **given)


def test_unknown_scaling():
    with pytest.raises(ValueError, match=r"^scaling is one of common, each, not 'standard'$"):
        HeadSpec((), "standard", 0.1)


def test_params_are_those_with_an_effect():
    assert HeadSpec((), "each", 0.1).params() == {"hidden": "0", "scaling": "each", "l2": 0.1, "views": 0}
    assert HeadSpec((40, 20), "common", 0.1, 0.0, 1e-3, 7).params() == {
        "hidden": "40-20",
        "scaling": "common",
        "l2": 0.1,
        "dropout": 0.0,
        "learning_rate": 1e-3,
        "epochs": 7,
        "views": 0,
    }
    assert HeadSpec((), "each", 0.1, views=4).params()["views"] == 4


def test_with_epochs():
    spec = HeadSpec((16,), "common", 0.1, 0.5, 1e-3, 7)
    assert spec.with_epochs(3) == HeadSpec((16,), "common", 0.1, 0.5, 1e-3, 3)
    assert spec.epochs == 7
