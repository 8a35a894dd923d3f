"""The interface of Keras's backends to training, and devices and precision on top of it.

Each backend has one module with the functions that `Backend` lists: `_tensorflow`, `_jax` and
`_torch`. No other module of the package imports a backend.
"""

import gc
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from sentilib._training import _jax, _tensorflow, _torch
from sentilib._training._keras import import_keras

_MODULES = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
_T = TypeVar("_T")


class Steps(Protocol):
    """Training and validation steps of a model; they return metrics of the epoch so far."""

    def start(self) -> None:
        """Begin an epoch, or a validation."""

    def train(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        """Take a training step."""

    def test(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        """Take a validation step."""

    def synchronize(self) -> None:
        """Bring the model and its optimizer up to date with the steps so far."""


class Backend(Protocol):
    """The content of a backend's module."""

    HAS_INT64: bool  # whether Keras's variables can be integers of 64 bits

    def count_gpus(self) -> int:
        """Return the number of GPUs, whose memory is then allocated as needed."""

    def session(self) -> AbstractContextManager[None]:
        """Build and run graphs whatever other code of the process has set, or raise an error."""

    def check_models_run(self) -> None:
        """Raise RuntimeError if a Keras model could not be called in this process."""

    def width(self, n_tokens: int, n_rows: int) -> int:
        """Return the number of tokens per row to which masked padding extends a batch."""

    def sparse_input(self, n_columns: int, name: str) -> Any:
        """Return a Keras input for a sparse matrix, which the steps convert from a CSR array."""

    def sparse_matmul(self, bags: Any, table: Any) -> Any:
        """Multiply a sparse matrix, from a sparse input, by a dense one."""

    def narrowed(self, bags: Any) -> tuple[Any, Any]:
        """Factor a sparse matrix into one of fewer columns and a selector of these, or None."""

    def fast_optimizer(self, optimizer: Any) -> Any:
        """Return an optimizer that computes the same in less time, or the optimizer itself."""

    def steps(self, model: Any) -> Steps:
        """Return the training and validation steps of a compiled and built model."""

    def is_out_of_memory(self, error: Exception) -> bool:
        """Return whether an error says that the device has too little memory."""

    def forget_kernels(self) -> None:
        """Free what the backend keeps of graphs which are gone."""


def backend() -> Backend:
    """Return the module of Keras's backend, which is imported on first use.

    Raises
    ------
    RuntimeError
        If the backend cannot train.
    """
    name = import_keras().backend.backend()
    if name not in _MODULES:
        raise RuntimeError(
            f"Keras's backend {name!r} cannot train: set the environment variable "
            "KERAS_BACKEND=tensorflow, jax or torch, and start Python again."
        )
    return cast(Backend, _MODULES[name])


def with_smaller_batches(train: Callable[[int], _T], batch_size: int, device: str) -> _T:
    """Call `train` with a batch size, which is halved and tried again where memory runs out."""
    while True:
        try:
            return train(batch_size)
        except Exception as error:
            if batch_size < 2 or not backend().is_out_of_memory(error):
                raise
        gc.collect()  # the graph, and what the traceback referred to
        batch_size //= 2
        warnings.warn(
            f"The memory of {device} was too small for a step of training, which starts again "
            f"with {batch_size} rows per step: pass batch_size={batch_size}.",
            RuntimeWarning,
            stacklevel=2,
        )


def list_devices() -> list[str]:
    """Return the names of the Keras backend's devices: `"cpu:0"`, `"gpu:0"`, ..."""
    return ["cpu:0", *(f"gpu:{i}" for i in range(backend().count_gpus()))]


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
