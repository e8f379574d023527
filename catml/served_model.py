"""What MLflow runs when it loads the registered model (models from code: no pickle)."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from catml import quiet
from catml.classifier import load


class ServedClassifier(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
    """A data frame with the column `image` (bytes, path or base64 text) in, labels and probabilities out."""

    def load_context(self, context: Any) -> None:
        """Load the classifier once, when the model is loaded."""
        quiet.settle("tensorflow")
        self.classifier = load(Path(context.artifacts["classifier"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return one row a photo, as `Classifier.predict`."""
        return self.classifier.predict(model_input["image"].tolist())


mlflow.models.set_model(ServedClassifier())
