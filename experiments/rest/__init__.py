"""What `mlflow models serve` costs beside the network itself, and what logging a model costs beside its weights."""
