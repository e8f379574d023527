"""The table of backbones: who is in it, what is refused, and that measuring is done once."""

import json
import subprocess
import sys

import pytest

from catml import choice, config
from catml.backbones import registry, speed
from catml.cli import main
from catml.errors import InputError

LITE = "efficientnet-lite0"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CATML_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path


def table(capsys, *arguments):
    """Return the rows of the table by name, and everything that was printed."""
    assert main(["backbones", *arguments]) == 0
    text = capsys.readouterr().out
    lines = text.split("\n\n")[0].splitlines()
    return {line.split()[0]: line for line in lines[1:]}, text


def test_the_usual_ones(capsys):
    rows, text = table(capsys, "--measure", "false")
    assert tuple(rows) == registry.usual()
    assert rows["xception"].split()[1:8] == ["299", "2048", "20.9", "M", "81", "84", "79.0"]
    assert rows["xception"].endswith("downloads 84 MB when named")
    assert rows[LITE].endswith("installed: package")
    assert "37 more: catml backbones --all" in text
    assert "ms/photo" not in text


def test_all_of_them_fit_the_screen(capsys):
    rows, text = table(capsys, "--all", "--measure", "false")
    assert tuple(rows) == registry.names()
    assert "more:" not in text
    assert max(map(len, text.splitlines())) <= 130


def test_named_ones_and_files_of_ones_own(capsys, elsewhere):
    (elsewhere / "mine.h5").write_bytes(b"weights")
    given = ("--weights", f"resnet50={elsewhere / 'mine.h5'}", "--measure", "false")
    rows, _ = table(capsys, "--backbones", "vgg16+resnet50", *given)
    assert list(rows) == ["resnet50", "vgg16"]
    assert rows["resnet50"].endswith("installed: file")
    assert list(table(capsys, *given)[0]) == [*registry.usual(), "resnet50"]


def test_a_download_cut_off_is_said(capsys, elsewhere):
    path = elsewhere / "keras/models" / registry.get("vgg16").source.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    rows, _ = table(capsys, "--backbones", "vgg16", "--measure", "false")
    assert rows["vgg16"].endswith("downloads 59 MB when named (the file there is damaged)")


def test_everything_wrong_at_once(capsys):
    arguments = ["--backbones", "resnet,xception", "--weights", "vgg16=random,lite=x", "--measure", "maybe"]
    assert main(["backbones", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    measure, lite, resnet, stray = said.err.splitlines()
    assert measure == "catml: measure: expected true or false, got 'maybe'."
    assert lite.startswith("catml: weights: no backbone 'lite'.")
    assert resnet.startswith("catml: backbones: no 'resnet'. Did you mean 'resnet50', ")
    assert stray == "catml: weights: given for 'vgg16', which is not among backbones=resnet,xception."


def test_measured_once_then_kept(capsys, elsewhere, monkeypatch):
    rows, text = table(capsys, "--backbones", "mobilenetv3small")
    file = elsewhere / "data/speed.json"
    (entry,) = json.loads(file.read_text()).values()
    assert entry["backbone"] == "mobilenetv3small"
    assert 0 < entry[speed.MILLISECONDS] < 10_000
    assert str(file) in text
    monkeypatch.setattr(speed, "measure", lambda *_: pytest.fail("measured again"))
    assert table(capsys, "--backbones", "mobilenetv3small")[0] == rows
    monkeypatch.setattr(speed, "_processor", lambda: "another")
    assert speed.kept(file, registry.get("mobilenetv3small")) is None


def test_damaged_speeds(elsewhere):
    file = config.data_folder() / "speed.json"
    file.parent.mkdir()
    for text in ("{", "[]", '{"x": {}}', '{"x": 1}'):
        file.write_text(text)
        with pytest.raises(InputError, match=r"speed\.json: can't be read\. Delete it"):
            speed.kept(file, registry.get(LITE))


def test_tensorflow_is_not_loaded_to_look():
    code = (
        "import sys\nfrom catml.cli import main\nmain(['backbones', '--all', '--measure', 'false'])\n"
        "sys.exit(bool({'keras', 'tensorflow', 'mlflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_rows_are_in_the_order_of_the_registry():
    values = config.read_parameters("backbones", {"backbones": "vgg16,xception,nasnetlarge"})[0]
    assert [backbone.name for backbone in choice.find(values)] == ["nasnetlarge", "xception", "vgg16"]
