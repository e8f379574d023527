"""The classifier as a model of MLflow: logged, registered, loaded."""

import contextlib
import io
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from catml.backbones.store import tensorflow_build
from catml.errors import InputError

# What the registered model needs where it is loaded, at the versions it was made with.
REQUIRED = ("keras", "mlflow", "numpy", "pandas", "pillow")


def register(run_id: str, folder: Path, labels: list[str], name: str, alias: str, tags: Mapping[str, object]) -> int:
    """Log the classifier saved in `folder` as a model of the run, register it, and give it the alias.

    Returns:
        The version in the registry.
    """
    outputs: list[ColSpec | TensorSpec] = [ColSpec("string", "label"), ColSpec("double", "probability")]
    outputs += [ColSpec("double", f"probability_{label}") for label in labels]
    with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
        # An example would make MLflow load the model and predict once more; the signature says what an example would.
        warnings.filterwarnings("ignore", message=".*An input example was not provided.*")
        logged = mlflow.pyfunc.log_model(
            name="classifier",
            python_model=str(Path(__file__).with_name("served_model.py")),
            artifacts={"classifier": str(folder)},
            code_paths=[str(Path(__file__).parent)],
            signature=ModelSignature(Schema([ColSpec("string", "image")]), Schema(outputs)),
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIRED] + [tensorflow_build()],
        )
    with contextlib.redirect_stderr(io.StringIO()):  # "Successfully registered …": the command says it in its own words
        registered = mlflow.register_model(logged.model_uri, name, tags={k: str(v) for k, v in tags.items()})
    mlflow.MlflowClient().set_registered_model_alias(name, alias, registered.version)
    return int(registered.version)


def load_model(uri: str) -> Any:
    """Load a logged or registered model; `predict` takes a data frame with the column `image`.

    Raises:
        InputError: there is none under that address.
    """
    try:
        return mlflow.pyfunc.load_model(uri)
    except (mlflow.MlflowException, OSError) as error:
        raise InputError(
            f"model: nothing can be loaded from '{uri}' in {mlflow.get_tracking_uri()} "
            f"({str(error).splitlines()[0]}). 'catml train' registers one."
        ) from None
