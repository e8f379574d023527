"""What MLflow runs when it loads the registered model (models from code: no pickle)."""

import os
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from catml import quiet
from catml.classifier import load
from catml.errors import InputError
from catml.readers import yes_or_no

# True where MLflow's own server answers, and where MLflow plays one (`mlflow models predict`).
SERVING = "_MLFLOW_IS_IN_SERVING_ENVIRONMENT"
# A process that has loaded one of these may be asked by anyone. Neither `import mlflow` nor loading a model loads them.
SERVERS = (
    "mlflow.pyfunc.scoring_server", "uvicorn", "gunicorn", "hypercorn", "waitress", "werkzeug.serving", "granian",
    "ray.serve", "mlserver", "bentoml",
)  # fmt: skip


class ServedClassifier(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
    """A data frame with the column `image` (bytes, path or base64 text) in, labels and probabilities out."""

    def load_context(self, context: Any) -> None:
        """Load the classifier once, when the model is loaded."""
        quiet.settle("tensorflow")
        self.classifier = load(Path(context.artifacts["classifier"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return one row a photo, as `Classifier.predict`.

        Raises:
            MlflowException: photos that can't be decoded, with reasons; of the kind that a server answers with 400.
        """
        photos = model_input["image"].tolist()
        # Spark asks for no photos where a partition is empty; a request without any is a mistake.
        if not photos and is_served():
            raise mlflow.MlflowException("no photos: column 'image' is empty", INVALID_PARAMETER_VALUE)
        try:
            return self.classifier.predict(photos, paths=reads_paths())
        except InputError as error:
            raise mlflow.MlflowException("; ".join(error.problems), INVALID_PARAMETER_VALUE) from None


def reads_paths() -> bool:
    """Whether a text may be the path of a photo: CATML_PATHS says it, else it may where no server is about.

    A server would read any file that whoever asks can name.
    """
    try:
        return yes_or_no(os.environ.get("CATML_PATHS", ""))
    except ValueError:
        return not is_served()


def is_served() -> bool:
    """Whether requests come from outside the process, as far as can be told."""
    return bool(os.environ.get(SERVING)) or any(name in sys.modules for name in SERVERS)


mlflow.models.set_model(ServedClassifier())
