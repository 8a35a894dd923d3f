"""PyTorch: eager steps, sparse products by gather and scatter, an Adam with one pass over memory.

`Adam._get_variable_index`, `_momentums` and `_velocities` are private names of Keras: in releases
without them, Keras's own Adam is used instead, which computes the same in a dozen passes.
"""

import contextlib
import functools
import warnings
from typing import Any

import numpy as np
import scipy.sparse

from sentilib._training._keras import import_keras

HAS_INT64 = True


def count_gpus() -> int:
    """Return the number of GPUs; PyTorch allocates their memory as needed."""
    import torch

    with warnings.catch_warnings():  # of drivers that are too old
        warnings.simplefilter("ignore")
        return torch.cuda.device_count()


@contextlib.contextmanager
def session() -> Any:
    """Record gradients, whatever the caller has switched off."""
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        yield


def check_models_run() -> None:
    """Do nothing: models run in any process."""


def width(n_tokens: int, n_rows: int) -> int:
    """Return the number of tokens per row to train with: nothing is compiled for it."""
    return n_tokens


def sparse_input(n_columns: int, name: str) -> Any:
    """Return a Keras input for a sparse matrix of float32, which Keras does not call sparse."""
    return import_keras().Input((n_columns,), dtype="float32", name=name)


def sparse_matmul(bags: Any, table: Any) -> Any:
    """Multiply a sparse matrix, from a sparse Keras input, by a dense one."""
    table = import_keras().ops.convert_to_tensor(table)
    if not bags.is_sparse:
        return bags @ table
    rows, columns = bags.indices()
    return _weighted_sum().apply(table, rows, columns, bags.values(), bags.shape[0])


@functools.cache
def _weighted_sum() -> Any:
    import torch

    class WeightedSum(torch.autograd.Function):
        """Sum of rows of a table, whose gradient PyTorch's own indexing computes slowly."""

        @staticmethod
        def forward(ctx: Any, table: Any, rows: Any, columns: Any, data: Any, n_rows: int) -> Any:
            ctx.save_for_backward(rows, columns, data)
            ctx.n_columns = len(table)
            return _scattered(table.index_select(0, columns) * data[:, None], rows, n_rows)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            rows, columns, data = ctx.saved_tensors
            entries = gradient.index_select(0, rows) * data[:, None]
            return _scattered(entries, columns, ctx.n_columns), None, None, None, None

    return WeightedSum


def _scattered(entries: Any, places: Any, n_places: int) -> Any:
    """Add up rows by their places."""
    sums = entries.new_zeros((n_places, entries.shape[1]))
    if entries.shape[1] == 1:  # one after the other, which is faster than by sorted places
        return sums.ravel().index_add_(0, places, entries.ravel())[:, None]
    return sums.scatter_add_(0, places[:, None].expand(entries.shape), entries)


def narrowed(bags: Any) -> tuple[Any, Any]:
    """Factor a sparse matrix into one of fewer columns and a selector of these, or None.

    A function of each row of a table is then applied only to rows that occur in a bag.
    """
    import torch

    if not bags.is_sparse:
        return bags, None
    rows, columns = bags.indices()
    kept, places = torch.unique(columns, return_inverse=True)
    narrow = _sparse(torch.stack([rows, places]), bags.values(), (bags.shape[0], len(kept)))
    numbers = torch.arange(len(kept), device=kept.device)
    ones = torch.ones_like(kept, dtype=bags.dtype)
    return narrow, _sparse(torch.stack([numbers, kept]), ones, (len(kept), bags.shape[1]))


def _sparse(places: Any, data: Any, shape: tuple[int, ...]) -> Any:
    import torch

    return torch.sparse_coo_tensor(places, data, shape, check_invariants=False, is_coalesced=True)


def fast_optimizer(optimizer: Any) -> Any:
    """Return Adam with one pass over memory for Keras's Adam, and any other optimizer itself."""
    if type(optimizer) is type(import_keras().optimizers.Adam()):
        return _one_pass_adam().from_config(optimizer.get_config())
    return optimizer


@functools.cache
def _one_pass_adam() -> Any:
    """Return a subclass of Keras's Adam with PyTorch's fused kernel."""
    from torch.optim.adam import adam

    keras_adam = import_keras().optimizers.Adam

    class Adam(keras_adam):  # type: ignore[misc, valid-type]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            try:
                index = self._get_variable_index(variable)
                m, v = self._momentums[index].value, self._velocities[index].value
            except AttributeError:
                m = v = None
            if m is None or self.amsgrad:
                super().update_step(gradient, variable, learning_rate)
                return
            iterations: Any = self.iterations  # a tensor where gradients are accumulated
            step = getattr(iterations, "value", iterations).float()
            # PyTorch adds epsilon after it has divided by this root, Keras before.
            root = float(np.sqrt(1 - self.beta_2 ** (int(step) + 1)))
            adam(
                [variable.value],
                [gradient.to(m.dtype)],
                [m],
                [v],
                [],
                [step],  # one is added to it
                fused=True,
                amsgrad=False,
                beta1=self.beta_1,
                beta2=self.beta_2,
                lr=float(learning_rate),
                weight_decay=0.0,
                eps=self.epsilon / root,
                maximize=False,
            )

    return Adam


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that the device has too little memory."""
    import torch

    return isinstance(error, torch.cuda.OutOfMemoryError)


def forget_kernels() -> None:
    """Do nothing: nothing is kept of graphs."""


class TorchSteps:
    """Training and validation steps of a compiled Keras model.

    Parameters
    ----------
    model : keras.Model
        Compiled and built model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def start(self) -> None:
        """Begin an epoch, or a validation."""
        self._model.reset_metrics()

    def train(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        """Take a training step; return the metrics of the epoch so far."""
        return self._model.train_step(_tensors(x, y, weight))

    def test(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        """Take a validation step; return the metrics of the epoch so far."""
        import torch

        with torch.no_grad():
            return self._model.test_step(_tensors(x, y, weight))

    def synchronize(self) -> None:
        """Do nothing: each step changes the model."""


def steps(model: Any) -> TorchSteps:
    """Return the training and validation steps of a compiled and built model."""
    return TorchSteps(model)


def _tensors(x: tuple, y: np.ndarray, weight: np.ndarray) -> tuple:
    tensor = import_keras().ops.convert_to_tensor
    parts = []
    for matrix in x:
        if scipy.sparse.issparse(matrix):
            places = np.empty((2, len(matrix.data)), dtype=np.int64)
            places[0] = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
            places[1] = matrix.indices
            parts.append(_sparse(tensor(places), tensor(matrix.data), matrix.shape))
        else:
            parts.append(tensor(matrix))
    return tuple(parts), tensor(y), tensor(weight)
