"""Let the bare `mlflow run .` use the environment this is run in: `python -m catml.environment`.

For a project with a `python_env.yaml`, MLflow looks for `$MLFLOW_ENV_ROOT/mlflow-<digest>`, the digest being that of
the file and of the lock it names, and only makes an environment (with pyenv, which few have) where there is none. So a
link under that name to this project's own environment is all that is needed. The two functions that know name and place
are not part of MLflow's public interface; tests/test_environment.py tells when they change.
"""

import os
import sys
from pathlib import Path

from catml import quiet, screen


def link(project: Path, environment: Path) -> Path:
    """Make `environment` the one that `mlflow run` uses for `project`; return where MLflow looks for it.

    An environment that MLflow has made there itself is left as it is: it was made from the same lock.
    """
    place = place_of(project)
    if place.is_symlink() or not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_name(f".{place.name}.{os.getpid()}")
        new.symlink_to(environment.resolve(), target_is_directory=True)
        new.replace(place)
    return place


def place_of(project: Path) -> Path:
    """Return the folder in which MLflow looks for the environment of `project`."""
    from mlflow.utils.environment import _PythonEnv
    from mlflow.utils.virtualenv import _get_mlflow_virtualenv_root, _get_virtualenv_name

    python_env = _PythonEnv.from_yaml(str(project / "python_env.yaml"))
    return Path(_get_mlflow_virtualenv_root()) / str(_get_virtualenv_name(python_env, str(project)))


def main() -> int:
    """Link this environment, and make the database, so that `mlflow ui` may be started first as well."""
    quiet.settle()
    project = Path.cwd()
    try:
        link(project, Path(sys.prefix))
    except (ImportError, AttributeError, OSError) as error:
        screen.complain([f"'mlflow run .' can't be given this environment ({error}); add '--env-manager local' to it."])
        return 1
    import mlflow

    mlflow.search_experiments()
    screen.say("ready: make train, make ui, or '. .venv/bin/activate' and then 'mlflow run . -e train'")
    return 0


if __name__ == "__main__":
    sys.exit(main())
