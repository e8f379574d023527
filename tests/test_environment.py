"""The link that lets the bare `mlflow run .` use this environment lies where MLflow looks."""

from pathlib import Path

import mlflow
import pytest
from mlflow.projects.backend import local
from mlflow.utils import virtualenv
from mlflow.utils.environment import _PythonEnv

from catml.environment import link, place_of

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENV_ROOT", str(tmp_path / "envs"))
    return tmp_path / "envs"


@pytest.fixture
def environment(tmp_path):
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    return tmp_path / "venv"


def test_place_is_where_mlflow_run_looks(root, tmp_path, monkeypatch):
    """The real `mlflow run`, up to the point where it would make the environment."""

    class LookedFor(Exception):
        pass

    def stop(**given):
        raise LookedFor(given["env_dir"])

    monkeypatch.setattr(local, "_create_virtualenv", stop)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        with pytest.raises(LookedFor) as looked_for:
            mlflow.projects.run(str(ROOT), "train", experiment_name="catml")
    finally:
        mlflow.set_tracking_uri(before)
    assert looked_for.value.args == (place_of(ROOT),)
    assert place_of(ROOT).parent == root


def test_mlflow_takes_what_is_there(root, environment):
    link(ROOT, environment)
    python_env = _PythonEnv.from_yaml(str(ROOT / "python_env.yaml"))
    command = virtualenv._create_virtualenv(ROOT, python_env, place_of(ROOT))
    assert command == f"source {place_of(ROOT)}/bin/activate"
    assert list(root.iterdir()) == [place_of(ROOT)]
    assert [path.name for path in environment.iterdir()] == ["bin"]


def test_link(root, environment):
    place = link(ROOT, environment)
    assert place == place_of(ROOT)
    assert place.is_symlink()
    assert place.resolve() == environment
    assert link(ROOT, environment) == place


def test_dangling_link_is_mended(root, environment, tmp_path):
    place = place_of(ROOT)
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "gone")
    link(ROOT, environment)
    assert place.resolve() == environment


def test_environment_made_by_mlflow_is_left_alone(root, environment):
    place = place_of(ROOT)
    place.mkdir(parents=True)
    (place / "made by mlflow").touch()
    link(ROOT, environment)
    assert not place.is_symlink()
    assert (place / "made by mlflow").exists()


def test_another_lock_is_another_place(root, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    for name in ("python_env.yaml", "requirements.lock"):
        (project / name).write_bytes((ROOT / name).read_bytes())
    assert place_of(project).name == place_of(ROOT).name
    (project / "requirements.lock").write_text("numpy==2.0.0\n")
    assert place_of(project).name != place_of(ROOT).name
