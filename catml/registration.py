"""The classifier as a model of MLflow: logged, registered, loaded; and the one that is in use at present."""

import base64
import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from catml.backbones.store import tensorflow_build
from catml.classifier import Classifier, load
from catml.errors import InputError
from catml.photos import sample

# What the registered model needs where it is loaded, at the versions it was made with.
REQUIRED = ("keras", "mlflow", "numpy", "pandas", "pillow")
# Without it HEIC photos are refused. Where it is installed, such may be among those learnt from.
FOR_HEIC = "pillow-heif"


@dataclass(frozen=True)
class Entry:
    """What the registry is told of a new version.

    Attributes:
        name: of the registered model.
        tags: of the version.
        description: of the version, Markdown.
    """

    name: str
    tags: Mapping[str, object]
    description: str


class _Pyfunc:
    """MLflow's pyfunc flavour, which here takes the argument that keeps `Model.log` from running the example."""

    @staticmethod
    def save_model(*, validate_serving_input: bool, **given: Any) -> None:
        mlflow.pyfunc.save_model(**given)


def register(run_id: str, folder: Path, labels: list[str], entry: Entry) -> int:
    """Log the classifier saved in `folder` as a model of the run, and register it.

    Returns:
        The version in the registry.
    """
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec("string", "label"),
        ColSpec("double", "probability"),
        ColSpec("boolean", "unsure"),
    ]
    outputs += [ColSpec("double", f"probability_{label}") for label in labels]
    client = mlflow.MlflowClient()
    with mlflow.start_run(run_id=run_id):
        # `mlflow.pyfunc.log_model` would load the model and answer the example, for seconds: this model has just
        # answered the test.
        logged = Model.log(
            artifact_path=None,
            name="classifier",
            flavor=_Pyfunc,
            flavor_name="pyfunc",
            python_model=str(Path(__file__).with_name("served_model.py")),
            artifacts={"classifier": str(folder)},
            code_paths=[str(Path(__file__).parent)],
            signature=ModelSignature(Schema([ColSpec("string", "image")]), Schema(outputs)),
            input_example=example(),
            validate_serving_input=False,
            pip_requirements=requirements(),
        )
    with contextlib.redirect_stderr(io.StringIO()):  # "Successfully registered …": the command says it in its own words
        registered = mlflow.register_model(
            logged.model_uri, entry.name, tags={name: str(value) for name, value in entry.tags.items()}
        )
    client.update_model_version(entry.name, registered.version, entry.description)
    return int(registered.version)


def example() -> pd.DataFrame:
    """Return what the model takes: a drawn cat, since a photo of the user's would go wherever the model goes."""
    picture = sample.draw_photo(sample.LABELS[0], 0)
    picture.thumbnail((160, 160))
    photo = io.BytesIO()
    picture.save(photo, "JPEG", quality=80)
    return pd.DataFrame({"image": [base64.b64encode(photo.getvalue()).decode()]})


def requirements() -> list[str]:
    """Return what has to be installed where the model is loaded, as lines of a requirements file."""
    pinned = [f"{package}=={version(package)}" for package in REQUIRED]
    with contextlib.suppress(PackageNotFoundError):
        pinned.append(f"{FOR_HEIC}=={version(FOR_HEIC)}")
    return [*pinned, tensorflow_build()]


def set_alias(name: str, alias: str, number: int) -> None:
    """Give the alias to a version; it is taken from the one that has it."""
    mlflow.MlflowClient().set_registered_model_alias(name, alias, str(number))


def holder(name: str, alias: str) -> int | None:
    """Return the version that has the alias; None where there is none."""
    try:
        return int(mlflow.MlflowClient().get_model_version_by_alias(name, alias).version)
    except mlflow.MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


# What comes of files that are gone, or are not those of a classifier.
UNLOADABLE = (mlflow.MlflowException, OSError, ValueError, KeyError, TypeError)


def load_classifier(name: str, number: int) -> Classifier:
    """Load a registered version as the classifier itself.

    Raises:
        InputError: its files are gone.
    """
    try:
        return _load(f"models:/{name}/{number}")
    except UNLOADABLE as error:
        raise InputError(
            f"{name} version {number} can't be loaded ({_first_line(error)}). Where it is lost, delete the "
            "version, or its alias, in the MLflow UI."
        ) from None


def load_from(uri: str) -> Classifier:
    """Load the classifier that was logged or registered under an address of MLflow.

    Raises:
        InputError: there is none under that address.
    """
    try:
        return _load(uri.rstrip("/"))
    except UNLOADABLE as error:
        raise InputError(
            f"model: nothing can be loaded from '{uri}' in {mlflow.get_tracking_uri()} "
            f"({_first_line(error)}). 'catml train' registers one."
        ) from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _load(uri: str) -> Classifier:
    return load(Path(mlflow.artifacts.download_artifacts(f"{uri}/artifacts/classifier")))


@dataclass(frozen=True)
class Registered:
    """A version in the registry, and the aliases it has."""

    name: str
    version: int
    aliases: tuple[str, ...]


def registered(uri: str) -> Registered | None:
    """Return what is registered under an address such as models:/catml@champion; None where it is no such address."""
    scheme, _, rest = uri.rstrip("/").partition(":/")
    name, by_alias, alias = rest.partition("@")
    number: str | int | None = holder(name, alias) if by_alias else None
    if not by_alias:
        name, _, number = rest.partition("/")
    if scheme != "models" or not str(number).isdecimal():
        return None
    found = mlflow.MlflowClient().get_model_version(name, str(number))
    return Registered(name, int(found.version), tuple(found.aliases))
