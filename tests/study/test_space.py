"""The space of heads can be read, said in a file or a line, and what is wrong with it is said in full."""

import math
from dataclasses import fields, replace
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catml.errors import InputError
from catml.heads.spec import HeadSpec
from catml.study.space import FIRST_L2, MOST_CELLS, Range, Space, read

DISCRETE = "hidden=0,8; linear_l2=1,2,3; hidden_l2=0; dropout=0,0.5; learning_rate=1e-3"
SPACES = Path(__file__).parents[2] / "experiments" / "spaces"
THERE_ARE = "There are hidden, scaling, linear_l2, hidden_l2, dropout, learning_rate, epochs, views."


def problems_of(text):
    with pytest.raises(InputError) as caught:
        read(text)
    return list(caught.value.problems)


def test_nothing_said_is_the_default():
    assert read("") == read(" ; ") == Space()


def test_settings_in_a_line():
    space = read(" hidden = 0, 64,040-20,64 ;dropout=0;hidden_l2=1e-4..1e-2; epochs=30;scaling=each; linear_l2=.5")
    assert space == Space(
        hidden=("0", "64", "40-20"),
        scaling=("each",),
        linear_l2=(0.5,),
        hidden_l2=Range(1e-4, 1e-2),
        dropout=(0.0,),
        epochs=(30,),
    )


def test_settings_in_a_file(tmp_path):
    (tmp_path / "space.yaml").write_text(
        "hidden: [0, 64, 40-20]\n"
        "scaling: common\n"
        "linear_l2: {low: 0.01, high: 1}\n"
        "dropout: {low: 0, high: 0.5, log: false}\n"
        "learning_rate: 1.0e-3\n"
        "epochs: 12\n"
    )
    assert read(str(tmp_path / "space.yaml")) == Space(
        hidden=("0", "64", "40-20"),
        scaling=("common",),
        linear_l2=Range(0.01, 1.0),
        dropout=Range(0.0, 0.5, log=False),
        learning_rate=(0.001,),
        epochs=(12,),
    )


@pytest.mark.parametrize(
    ("order", "dropout"), [("{file}; dropout=0.1", (0.1,)), ("dropout=0.1; {file}", (0.3,)), ("{file}", (0.3,))]
)
def test_file_and_line_together_and_what_comes_later_wins(tmp_path, order, dropout):
    file = tmp_path / "space.yaml"
    file.write_text("dropout: 0.3\nepochs: 9\n")
    assert read(order.format(file=file)) == Space(dropout=dropout, epochs=(9,))


def test_what_a_space_is_described_by_is_a_file_of_it(tmp_path):
    import yaml

    space = read("hidden=64; dropout=0,0.5; hidden_l2=1e-4..1e-2")
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(space.description()))
    assert read(str(tmp_path / "again.yaml")) == space


def test_every_setting_is_in_the_description():
    """The key of a study: what is missing there would mix two studies."""
    assert set(Space(views=(0, 2)).description()) == {of.name for of in fields(Space)}
    changed = [
        replace(Space(), hidden=("0",)), replace(Space(), dropout=(0.1,)),
        replace(Space(), linear_l2=Range(1e-4, 10.0, log=False)), replace(Space(), linear_l2=Range(1e-4, 9.0)),
    ]  # fmt: skip
    descriptions = [str(space.description()) for space in [Space(), *changed]]
    assert len(set(descriptions)) == len(descriptions)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hiden=64", f"space: no setting 'hiden'. Did you mean 'hidden'? {THERE_ARE}"),
        ("colour=blue", f"space: no setting 'colour'. {THERE_ARE}"),
        (
            "hidden=64-0",
            "space: hidden: expected widths of hidden layers such as 64 or 40-20, 0 for the linear head, "
            "got '64-0'.",
        ),
        (
            "hidden=wide",
            "space: hidden: expected widths of hidden layers such as 64 or 40-20, 0 for the linear head, "
            "got 'wide'.",
        ),
        ("hidden=", "space: hidden: expected at least one choice, got ''."),
        ("hidden=8..64", "space: hidden: expected choices, no range, got '8..64'."),
        ("scaling=all", "space: scaling: expected common or each, got 'all'."),
        ("epochs=10,20", "space: epochs: expected one number, got '10,20'."),
        ("epochs=0", "space: epochs: expected a whole number from 1 to 10000, got '0'."),
        ("epochs=2.5", "space: epochs: expected a whole number from 1 to 10000, got '2.5'."),
        ("dropout=1", "space: dropout: expected numbers from 0 to 0.95, got '1'."),
        ("dropout=nan", "space: dropout: expected numbers from 0 to 0.95, got 'nan'."),
        ("dropout=0.5..0", "space: dropout: expected low below high; both above 0, or log: false, "
                           "got '0.5..0'."),
        ("hidden=0; epochs=9", "space: epochs: has no effect on the linear head, the only one in 'hidden'. Drop it, or "
                               "add a shape."),
        ("learning_rate=2", "space: learning_rate: expected numbers from 1e-12 to 1, got '2'."),
        ("linear_l2=0", "space: linear_l2: expected numbers from 1e-12 to 1e+06, got '0'."),
        ("hidden_l2=1..0.1", "space: hidden_l2: expected low below high; both above 0, or log: false, "
                             "got '1..0.1'."),
        ("nowhere.yaml", "space: 'nowhere.yaml' can't be read (No such file or directory); "
                         "a setting is written NAME=VALUES."),
    ],
)  # fmt: skip
def test_refused(tmp_path, monkeypatch, text, problem):
    monkeypatch.chdir(tmp_path)
    assert problems_of(text) == [problem]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"dropout: {low: 0.1}\n", "space: dropout: expected low and high, maybe log, got '{'low': 0.1}'."),
        (b"dropout: {low: 0.1, high: 0.2, step: 1}\n", "space: dropout: expected low and high, maybe log, "
                                                      "got '{'low': 0.1, 'high': 0.2, 'step': 1}'."),
        (b"linear_l2: {low: 1, high: 2, log: maybe}\n", "space: linear_l2: expected low below high; both above 0, "
                                                       "or log: false, got '{'low': 1, 'high': 2, 'log': 'maybe'}'."),
        (b"dropout: true\n", "space: dropout: expected numbers from 0 to 0.95, got 'True'."),
        (b"dropout: [[0.1]]\n", "space: dropout: expected numbers from 0 to 0.95, got '[0.1]'."),
        (b"epochs: true\n", "space: epochs: expected a whole number from 1 to 10000, got 'True'."),
        (b"scaling: [[each]]\n", "space: scaling: expected common or each, got '['each']'."),
        (b"dropout:\n", "space: dropout: expected numbers from 0 to 0.95, got 'None'."),
        (b"- dropout\n", "space: FILE: expected a setting per line, such as 'dropout: [0, 0.5]'."),
        (b"", "space: FILE: expected a setting per line, such as 'dropout: [0, 0.5]'."),
        (b"3: 4\n", f"space: no setting '3'. {THERE_ARE}"),
    ],
)  # fmt: skip
def test_refused_in_a_file(tmp_path, content, problem):
    file = tmp_path / "space.yaml"
    file.write_bytes(content)
    assert problems_of(str(file)) == [problem.replace("FILE", str(file))]


@pytest.mark.parametrize(
    "content", [b"dropout: [0, ", b"\xff\xfe\x00", b"a: b: c", b"!!python/object/apply:os.getcwd []"]
)
def test_no_yaml(tmp_path, content):
    file = tmp_path / "space.yaml"
    file.write_bytes(content)
    (problem,) = problems_of(str(file))
    assert problem.startswith(f"space: {file}: is no YAML (")
    assert "\n" not in problem


def test_all_problems_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = problems_of("gone.yaml; epochs=x; drop_out=0; scaling=each; hidden=-1")
    assert [problem.split(":")[1].split("'")[0].strip() for problem in said] == ["", "epochs", "no setting", "hidden"]


def test_cells_are_every_head_once():
    space = read(DISCRETE)
    cells = space.cells(["a", "b"])
    assert len(cells) == 2 * 2 * (3 + 2)
    assert len({(cell["backbone"], space.spec(cell)) for cell in cells}) == len(cells)
    assert cells == read(DISCRETE).cells(["a", "b"])
    linear = {"backbone": "a", "hidden": "0", "scaling": "common", "linear_l2": 1.0}
    hidden = {"hidden": "8", "hidden_l2": 0.0, "dropout": 0.5, "learning_rate": 0.001}
    assert linear in cells
    assert {"backbone": "b", "scaling": "each", **hidden} in cells
    assert not [cell for cell in cells if cell["hidden"] == "0" and "dropout" in cell]


def test_a_range_that_counts_is_no_grid_and_one_that_does_not_count_is():
    assert read("hidden=0").cells(["a"]) is None  # linear_l2 is a range
    assert read("hidden=8; linear_l2=1; dropout=0; hidden_l2=0").cells(["a"]) is None  # learning_rate is one
    assert len(read("hidden=0; linear_l2=1").cells(["a"])) == 2  # those of other heads don't count


def test_too_many_to_be_listed():
    rates = ",".join(f"{number}e-5" for number in range(1, 401))
    space = read(f"hidden=8; hidden_l2={rates}; learning_rate={rates}; dropout=0; scaling=each")
    assert MOST_CELLS < 400 * 400
    assert space.cells(["a"]) is None


@pytest.mark.parametrize(
    ("setting", "l2"),
    [("1e-4..10", FIRST_L2), ("1..10", 1.0), ("1e-4..1e-2", 0.01), ("0.001,0.09,20", 0.09), ("5,0.0001", 5.0)],
)
def test_first_head_is_the_plain_linear_one_as_near_as_the_space_has_it(setting, l2):
    first = read(f"hidden=64; scaling=each,common; linear_l2={setting}").first("a")
    assert first == {"backbone": "a", "hidden": "0", "scaling": "each", "linear_l2": l2}


def test_with_linear():
    assert read("hidden=8,16").with_linear().shapes == ("8", "16", "0")
    assert Space().with_linear() == Space()
    first = read("hidden=8").first("a")
    trial = optuna.trial.create_trial(
        params=first, distributions=read("hidden=8").with_linear().distributions(first, ["a"]), value=0.0
    )
    assert trial.params == first


def test_spec_of_each_kind():
    params = {"hidden": "40-20", "scaling": "each", "hidden_l2": 1e-3, "dropout": 0.5, "learning_rate": 1e-2}
    assert read("epochs=7").spec(params) == HeadSpec((40, 20), "each", 1e-3, 0.5, 1e-2, 7)
    assert Space().spec({"hidden": "0", "scaling": "common", "linear_l2": 2.0}) == HeadSpec((), "common", 2.0)


numbers = st.floats(1e-6, 0.9, allow_nan=False)


@given(low=numbers, high=numbers, seed=st.integers(0, 99), log=st.booleans())
def test_what_is_drawn_lies_in_the_space(low, high, seed, log):
    if not low < high or math.isclose(low, high):
        return
    space = replace(read("hidden=0,8"), dropout=Range(low, high, log), linear_l2=Range(low, high, log))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    params = space.suggest(study.ask(), ["a", "b"])
    drawn = params.get("dropout", params.get("linear_l2"))
    assert low <= drawn <= high
    assert params["backbone"] in "ab"
    distributions = space.distributions(params, ["a", "b"])
    assert optuna.trial.create_trial(params=params, distributions=distributions, value=0.0).params == params


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.yaml")), ids=lambda path: path.name)
def test_spaces_of_the_experiments(path):
    space = read(str(path))
    assert space != Space()
    if path.name == "grid.yaml":
        assert len(space.cells(["a"])) == 40


def test_dropout_is_drawn_evenly():
    assert read("dropout=0..0.5").dropout == Range(0.0, 0.5, log=False)


def test_views_are_a_choice_where_there_are_some():
    assert read("").views == (0,)
    assert read("", 4).views == (0, 4)
    assert read("views=4", 4).views == (4,)
    assert read("views=0,2,4", 4).views == (0, 2, 4)
    assert {one["views"] for one in read("hidden=0; linear_l2=1", 4).cells(["a"])} == {0, 4}
    first = read("views=1,3", 3).firsts(["a", "b"])
    assert [(one["backbone"], one["hidden"], one["views"]) for one in first] == [
        ("a", "0", 1), ("a", "0", 3), ("b", "0", 1), ("b", "0", 3),
    ]  # fmt: skip
    assert [read("", 3).spec(one).views for one in read("views=1,3", 3).firsts(["a"])] == [1, 3]


def test_without_views_a_study_is_the_one_it_always_was():
    assert "views" not in read("").description()
    assert "views" not in read("views=0", 4).description()
    assert read("", 4).description()["views"] == [0, 4]
    assert read("").firsts(["a"]) == [read("").first("a")]


@pytest.mark.parametrize(
    ("text", "views", "problem"),
    [
        ("views=4", 2, "space: views: 4 wanted, but views=2 gives no more. Give views=4."),
        ("views=1", 0, "space: views: 1 wanted, but views=0 gives no more. Give views=1."),
        ("views=-1", 2, "space: views: expected whole numbers from 0 to 1000, got '-1'."),
        ("views=1..3", 3, "space: views: expected choices, no range, got '1..3'."),
    ],
)
def test_views_that_there_are_not(text, views, problem):
    with pytest.raises(InputError) as caught:
        read(text, views)
    assert list(caught.value.problems) == [problem]
