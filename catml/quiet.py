"""Libraries that talk while they are imported, imported without their talk."""

import contextlib
import gc
import importlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator


def settle(*names: str) -> None:
    """Import TensorFlow, MLflow and Optuna, or those named, without their notices; one that fails shows what it said.

    Levels the user has set in the environment stay as they are. Nothing that is imported is ever garbage: looking for
    some in it, meanwhile and at the end of the process, would take almost as long again.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # seven would take minutes; catml tries again itself
    with _no_collection(), stderr_kept_back(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names or ("tensorflow", "mlflow", "optuna"):
            importlib.import_module(name)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("optuna").setLevel(logging.WARNING)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Don't look for garbage; afterwards, never in what there is by then."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


@contextlib.contextmanager
def stderr_kept_back() -> Iterator[None]:
    """Hold back what is written to standard error, also by C++ code, and show it only if an exception comes.

    TensorFlow 2.21 writes two notices on its build before its own log level takes effect, so no setting silences them.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept, contextlib.ExitStack() as stack:
        original = os.dup(2)
        stack.callback(os.close, original)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(original, kept.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
