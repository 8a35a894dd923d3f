"""Keras, imported on first use, and its devices and precision."""

import contextlib
import os
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

_import_lock = threading.Lock()


def import_keras() -> Any:
    """Import Keras and its backend on first use, with GPU memory growth enabled."""
    with _import_lock:
        if "keras" in sys.modules and hasattr(sys.modules["keras"], "Model"):
            return sys.modules["keras"]
        with _quiet_tensorflow(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                import keras
            except (ImportError, ValueError) as error:
                raise _without_backend(error) from error

            if keras.backend.backend() == "tensorflow":
                _grow_gpu_memory()
        return keras


def _without_backend(error: Exception) -> ImportError:
    name = os.environ.get("KERAS_BACKEND", "tensorflow")
    return ImportError(
        f"Keras could not be imported ({error}). It loads the backend that the environment "
        f"variable KERAS_BACKEND (now {name!r}) or ~/.keras/keras.json names: install that "
        "package, or set KERAS_BACKEND=tensorflow and start Python again."
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


def _grow_gpu_memory() -> None:
    """Let TensorFlow allocate GPU memory as needed, instead of all at once."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        # Too late, and an error, if the process has already used its GPU.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)


def list_devices() -> list[str]:
    """Return the names of the Keras backend's devices: `"cpu:0"`, `"gpu:0"`, ..."""
    backend = import_keras().backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        n_gpus = len(tf.config.list_physical_devices("GPU"))
    elif backend == "jax":
        import jax

        n_gpus = sum(device.platform == "gpu" for device in jax.devices())
    else:
        import torch

        n_gpus = torch.cuda.device_count()
    return ["cpu:0", *(f"gpu:{i}" for i in range(n_gpus))]


def resolve_device(device: str) -> str:
    """Return the name of an available device for `"auto"`, `"cpu"`, `"gpu"` or `"gpu:1"`."""
    available = list_devices()
    if device == "auto":
        return available[1] if len(available) > 1 else "cpu:0"
    name = device.lower() if ":" in device else f"{device.lower()}:0"
    if name not in available:
        raise ValueError(
            f"device={device!r} is not available: this machine has {', '.join(available)}. "
            "Use device='auto' for a GPU if there is one, else the CPU."
        )
    return name


def resolve_precision(precision: str, device: str) -> str:
    """Return a Keras dtype policy: "auto" is float32 on a CPU, mixed_bfloat16 on a GPU."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if device.startswith("gpu") else "float32"
