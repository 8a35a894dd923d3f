"""Keras, imported on first use."""

import contextlib
import importlib.util
import os
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")
_WITHOUT_KERAS = (
    "Training, to_keras and keras_layers need Keras and one of its backends, and Keras is not "
    "installed: pip install keras tensorflow (or jax or torch in place of tensorflow). Fitted "
    "estimators predict and explain without it."
)
_import_lock = threading.Lock()


def import_keras() -> Any:
    """Import Keras and its backend on first use."""
    with _import_lock:
        if "keras" in sys.modules and hasattr(sys.modules["keras"], "Model"):
            return sys.modules["keras"]
        with _quiet_tensorflow(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                import keras
            except (ImportError, ValueError) as error:
                if isinstance(error, ImportError) and error.name == "keras":
                    raise ImportError(_WITHOUT_KERAS) from None
                raise _without_backend(error) from error
        return keras


def _without_backend(error: Exception) -> ImportError:
    name = os.environ.get("KERAS_BACKEND", "tensorflow")
    installed = [other for other in BACKENDS if importlib.util.find_spec(other)]
    advice = "No backend is installed. Install tensorflow, or jax or torch, and"
    if installed:
        advice = "Install that package, or"
    names = " or ".join(installed or BACKENDS)
    return ImportError(
        f"Keras could not be imported ({error}). It loads the backend that the environment "
        f"variable KERAS_BACKEND (now {name!r}) or ~/.keras/keras.json names. {advice} set "
        f"KERAS_BACKEND={names} and start Python again."
    )


@contextlib.contextmanager
def _quiet_tensorflow() -> Any:
    """Let TensorFlow's C++ code log only errors while it is loaded, unless a level is set."""
    name = "TF_CPP_MIN_LOG_LEVEL"
    if name in os.environ:
        yield
        return
    os.environ[name] = "2"
    try:
        yield
    finally:
        del os.environ[name]


@contextlib.contextmanager
def python_random_kept() -> Iterator[None]:
    """Restore the state of Python's `random`, from which Keras draws a seed for each layer."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
