"""What is proposed depends on the seed and the trials before, on nothing else; a small space is tried whole."""

import optuna
import pytest

from catml.study.propose import ROUND, grid, propose, same_as
from catml.study.space import Space, read

BACKBONES = ("a", "b")
SMALL = "hidden=0,8; scaling=each; linear_l2=0.1,1; hidden_l2=0; dropout=0,0.5; learning_rate=1e-3"


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def scored(heads):
    """Give heads a score by their parameters alone: large L2 and small layers are good."""
    return [(head, 1 / (1 + head.get("linear_l2", 0) + 100 * head.get("hidden_l2", 0))) for head in heads]


def history(rounds, space=None, seed=42):
    done = []
    for number in range(0, rounds * ROUND, ROUND):
        done += scored(propose(space or Space(), BACKBONES, seed, number, done))
    return done


def test_grid_is_every_head_once_and_the_plain_linear_ones_first():
    space = read(SMALL)
    heads = grid(space, BACKBONES, 100)
    assert heads[:2] == [space.first("a"), space.first("b")]
    assert sorted(map(str, heads)) == sorted(map(str, space.cells(BACKBONES)))


def test_grid_has_the_linear_head_also_where_the_space_has_none():
    space = read("hidden=8; scaling=each; hidden_l2=0; dropout=0,0.5; learning_rate=1e-3")
    heads = grid(space, ["a"], 3)
    assert [head["hidden"] for head in heads] == ["0", "8", "8"]
    assert grid(space, ["a"], 2) is None


def test_no_grid_where_trials_do_not_suffice_or_there_is_a_range():
    size = len(read(SMALL).cells(BACKBONES))
    assert len(grid(read(SMALL), BACKBONES, size)) == size
    assert grid(read(SMALL), BACKBONES, size - 1) is None
    assert grid(Space(), BACKBONES, 10**9) is None


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_same_arguments_same_heads(rounds):
    """Whatever was proposed in between, and whatever random state there is."""
    done = history(rounds)
    first = propose(Space(), BACKBONES, 42, rounds * ROUND, done)
    propose(Space(), BACKBONES, 7, 0, [])
    assert propose(Space(), BACKBONES, 42, rounds * ROUND, list(done)) == first
    assert len(first) == ROUND


def test_seed_scores_and_space_matter():
    done = history(2)
    first = propose(Space(), BACKBONES, 42, 2 * ROUND, done)
    worse = [(params, -value) for params, value in done]
    assert propose(Space(), BACKBONES, 43, 2 * ROUND, done) != first
    assert propose(Space(), BACKBONES, 42, 2 * ROUND, worse) != first
    assert propose(read("dropout=0"), BACKBONES, 42, 0, [])[2:] != propose(Space(), BACKBONES, 42, 0, [])[2:]


def test_linear_head_comes_first_on_each_backbone():
    many = [f"backbone{number}" for number in range(ROUND + 3)]
    heads = propose(Space(), many, 42, 0, [])
    heads += propose(Space(), many, 42, ROUND, scored(heads))
    assert heads[: ROUND + 3] == [Space().first(name) for name in many]
    assert heads[ROUND + 3 :] != [Space().first(name) for name in many][: ROUND - 3]


def test_heads_of_a_round_differ():
    """They are drawn without knowing each other's scores, and not all from one spot."""
    heads = propose(Space(), BACKBONES, 42, 3 * ROUND, history(3))
    assert len({str(head) for head in heads}) == ROUND


def test_later_rounds_go_where_scores_are_good():
    """On a toy in which only the L2 of linear heads counts."""
    space = read("hidden=0; linear_l2=1e-4..10")
    done = history(4, space)
    first, last = (
        sorted(params["linear_l2"] for params, _ in done[number : number + ROUND]) for number in (0, 3 * ROUND)
    )
    assert last[ROUND // 2] > 10 * first[ROUND // 2]


def test_linear_heads_of_a_space_without_them_do_not_disturb():
    space = read("hidden=8")
    heads = propose(space, BACKBONES, 42, 0, [])
    assert [head["hidden"] for head in heads] == ["0", "0", *["8"] * (ROUND - 2)]
    assert {head["hidden"] for head in propose(space, BACKBONES, 42, ROUND, scored(heads))} == {"8"}


def test_same_head_is_found_by_all_its_settings():
    first, other = Space().first("a"), Space().first("b")
    assert same_as(first, {}) is None
    assert same_as(first, {0: other, 3: dict(reversed(first.items())), 2: first | {"linear_l2": 0.2}, 5: first}) == 3
