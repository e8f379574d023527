"""The command line: what is understood, what is refused and how, and that help is quick."""

import subprocess
import sys

import pytest

from catml import __version__, config
from catml.cli import main, parse
from catml.errors import InputError

TRAIN = (
    "photos, new_photos, skip_broken, cosine, backbones, weights, mirrored, views, augmentation, trials, repeats, "
    "space, average, memory, storage, seed, test_fraction, nested, precision, other, min_accuracy, register_as, "
    "small_pictures"
)
HEAVY = ("tensorflow", "keras", "mlflow", "optuna", "sklearn", "pandas", "PIL", "numpy")


def catml(*arguments, cwd=None, **options):
    return subprocess.run(
        [sys.executable, *options.get("python", []), "-m", "catml", *arguments],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Work in an empty folder, with the data folder in it; return it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CATML_DATA", str(tmp_path / "data"))
    return tmp_path


@pytest.mark.parametrize("arguments", [[], ["--help"], ["train", "--help"]])
def test_help_is_quick(arguments, tmp_path):
    done = catml(*arguments, cwd=tmp_path, python=["-X", "importtime"])
    assert done.returncode == 0
    assert done.stdout.startswith("usage: catml")
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "catml.cli" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_help_names_every_parameter_and_default(tmp_path):
    text = " ".join(catml("train", "--help", cwd=tmp_path).stdout.split())
    for parameter in config.COMMANDS["train"][1]:
        assert f"--{parameter.name.replace('_', '-')}" in text
        assert not parameter.default or f"(default: {parameter.default})" in text


def test_version(tmp_path):
    assert catml("--version", cwd=tmp_path).stdout == f"catml {__version__}\n"


def test_unknown_command(tmp_path):
    done = catml("trian", "--photos", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "catml: no command 'trian'. Did you mean 'train'? "
        "There are check, extract, train, benchmark, predict, serve, export, talk, backbones.\n"
    )


@pytest.mark.parametrize("spelling", ["--test-fraction", "--test_fraction"])
def test_both_spellings(spelling):
    command, values, problems = parse(["train", spelling, "0.3", "--trials=5"])
    assert (command, problems) == ("train", [])
    assert (values["test_fraction"], values["trials"], values["seed"]) == (0.3, 5, 42)


def test_empty_texts_as_mlproject_passes_them():
    _, values, problems = parse(["train", "--weights", "", "--register-as", ""])
    assert problems == []
    assert (values["weights"], values["register_as"]) == ("", "")


@pytest.mark.parametrize(
    ("arguments", "photos"),
    [
        (["a.jpg"], ["a.jpg"]),
        (["a,b.jpg", "b c.jpg"], ["a,b.jpg", "b c.jpg"]),
        (["--photos", "a.jpg,b.jpg"], ["a.jpg,b.jpg"]),
        (["a.jpg", "--model", "runs:/1/m", "--photos", "b.jpg"], ["a.jpg", "b.jpg"]),
        (["--log", "a.jpg", "b.jpg"], ["a.jpg", "b.jpg"]),
        (["--log", "-"], ["-"]),
        (["a.jpg", "--log", "b.jpg", "--format", "csv", "c.jpg"], ["a.jpg", "b.jpg", "c.jpg"]),
        (["--log", "yes", "a.jpg"], ["a.jpg"]),
    ],
)
def test_photos_to_predict(arguments, photos):
    _, values, problems = parse(["predict", *arguments])
    assert problems == []
    assert values["photos"] == photos


@pytest.mark.parametrize(
    ("arguments", "log"),
    [
        (["a.jpg", "--log"], True),
        (["--log", "a.jpg"], True),
        (["--log", "--format", "csv", "a.jpg"], True),
        (["--log", "FALSE", "a.jpg"], False),
        (["--log=0", "a.jpg"], False),
        (["a.jpg"], False),
    ],
)
def test_a_bare_name_before_photos_says_yes(arguments, log):
    _, values, problems = parse(["predict", *arguments])
    assert (values["log"], values["photos"], problems) == (log, ["a.jpg"], [])


def test_photos_to_check():
    assert (
        parse(["check", "--skip-broken", "my-photos"])[1].items()
        >= {"skip_broken": True, "photos": "my-photos"}.items()
    )
    assert parse(["check", "my-photos"])[1]["photos"] == "my-photos"
    assert parse(["check", "--photos", "my-photos"])[1]["photos"] == "my-photos"
    assert parse(["check"])[1]["photos"] == "sample"
    assert parse(["check", "a", "--photos", "b"])[2] == ["photos: given twice, 'a' and 'b'."]
    assert parse(["check", "a", "b"])[2] == ["check: 'b' is not understood. Parameters are given as --name value."]


def test_a_photo_after_an_unknown_name_may_be_its_value():
    _, values, problems = parse(["predict", "a.jpg", "--modle", "m", "b.jpg"])
    assert values["photos"] == ["a.jpg", "b.jpg"]
    assert [problem.split(".")[0] for problem in problems] == ["predict has no parameter 'modle'"]


def test_predict_without_photos():
    assert parse(["predict"])[2] == ["photos: expected photos or folders of photos, got none."]


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (
            ["train", "--trails", "5"],
            [f"train has no parameter 'trails'. Did you mean 'trials'? It has {TRAIN}."],
        ),
        (
            ["extract", "--trials=5"],
            [
                "extract has no parameter 'trials'. "
                "It has photos, new_photos, skip_broken, backbones, weights, mirrored, views, augmentation, seed."
            ],
        ),
        (["train", "my-photos"], ["train: 'my-photos' is not understood. Parameters are given as --name value."]),
        (
            ["extract", "--phots", "x", "stray", "--backbones", ","],
            [
                "extract has no parameter 'phots'. Did you mean 'photos'? "
                "It has photos, new_photos, skip_broken, backbones, weights, mirrored, views, augmentation, seed.",
                "extract: 'stray' is not understood. Parameters are given as --name value.",
                "backbones: expected 'auto' alone, or names of backbones separated by commas; 'a+b' uses the features "
                "of both, got ','.",
            ],
        ),
    ],
)
def test_what_is_not_understood(arguments, problems):
    assert parse(arguments)[2] == problems


def test_abbreviations_are_not_guessed():
    assert parse(["train", "--trial", "3"])[2] == [
        f"train has no parameter 'trial'. Did you mean 'trials'? It has {TRAIN}."
    ]


@pytest.mark.parametrize(
    ("words", "value"),
    [(["--mirrored"], True), (["--mirrored", "false"], False), (["--mirrored=no"], False), ([], False)],
)
def test_yes_needs_no_value(words, value):
    _, values, problems = parse(["train", *words, "--trials", "5"])
    assert problems == []
    assert (values["mirrored"], values["trials"]) == (value, 5)
    assert parse(["extract", "--mirrored", "left"])[2] == ["mirrored: expected true or false, got 'left'."]


def test_talk_says_everything_wrong_at_once(elsewhere, capsys):
    (elsewhere / "file").touch()
    assert main(["talk", "--bottlenecks", "nowhere", "--seeds", "1", "--output", "file"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "catml: seeds: expected a whole number from 2, got '1'.",
        f"catml: bottlenecks: there is no folder 'nowhere' (looked in {elsewhere}).",
        "catml: output: 'file' is a file; expected a folder, made where there is none.",
    ]
    assert not (elsewhere / "mlflow.db").exists()


def test_talk_outside_a_clone(elsewhere, monkeypatch, capsys):
    monkeypatch.setattr("catml.cli.__file__", str(elsewhere / "catml" / "cli.py"))
    assert main(["talk"]) == 2
    assert "run it in a clone" in capsys.readouterr().err


def test_option_without_its_value():
    with pytest.raises(InputError) as caught:
        parse(["train", "--trials"])
    assert str(caught.value) == "argument --trials: expected one argument. 'catml --help' shows what there is."


def test_everything_wrong_is_said_at_once(elsewhere, capsys):
    code = main(["train", "--photos", "nowhere", "--backbones", "xeption", "--trials", "0", "--weights", "lite=x"])
    assert code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "catml: trials: expected a whole number from 1, got '0'.",
        "catml: weights: no backbone 'lite'.",
        "catml: backbones: no 'xeption'. Did you mean 'xception'? There are nasnetlarge, inceptionresnetv2, xception, "
        "efficientnet-lite2, efficientnet-lite0, and 37 more: 'catml backbones --all' shows them.",
        f"catml: photos: there is no folder or table 'nowhere' (looked in {elsewhere}; an absolute path is always "
        "understood).",
    ]
    assert list(elsewhere.iterdir()) == []


def test_sample_is_not_drawn_for_a_command_that_cannot_go_on(elsewhere, capsys):
    assert main(["train", "--trials", "0"]) == 2
    assert capsys.readouterr().err == "catml: trials: expected a whole number from 1, got '0'.\n"
    assert list(elsewhere.iterdir()) == []


def test_photos_are_checked_before_anything_heavy(elsewhere, write_photos, capsys):
    write_photos(elsewhere / "photos", cat=10, dog=9)
    assert main(["extract", "--photos", "photos", "--backbones", "xception", "--weights", "xception=gone.h5"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if line.startswith("catml: ")] == [
        "catml: weights: xception=gone.h5: there is no such file.",
        "catml: photos/dog: holds 9 different readable photos; at least 10 are needed. "
        "Add photos, or take the label away.",
    ]
    assert not (elsewhere / "mlflow.db").exists()
    assert not (elsewhere / "data/features").exists()


def test_interrupted(elsewhere, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("catml.cli._train", interrupted)
    assert main(["train"]) == 130
    assert capsys.readouterr().err == (
        "catml: interrupted; what was finished is kept, and the same command goes on from there.\n"
    )
