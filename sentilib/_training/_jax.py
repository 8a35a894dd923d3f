"""JAX: steps that are compiled once per shape, and sparse matrices with padded entries."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse

from sentilib._training._keras import import_keras

HAS_INT64 = False  # unless a setting of the process is changed
_MIN_ENTRIES = 2**14  # of a padded matrix: a step with fewer takes as long
_SMALL = 2**15  # number of tokens in a batch, of which hundreds of steps take as long as to compile


def count_gpus() -> int:
    """Return the number of GPUs, whose memory JAX then allocates as needed, not at once."""
    import jax

    with _unless_set("XLA_PYTHON_CLIENT_PREALLOCATE", "false"):
        return sum(device.platform == "gpu" for device in jax.devices())


@contextlib.contextmanager
def _unless_set(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment while JAX starts, unless the user has set it."""
    if name in os.environ:
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def session() -> contextlib.AbstractContextManager[None]:
    """Return a context without effect: JAX has no state of the process that is in the way."""
    return contextlib.nullcontext()


def check_models_run() -> None:
    """Do nothing: models run in any process."""


def width(n_tokens: int, n_rows: int) -> int:
    """Round up to a power of 2, or of 4 for small batches: each width is compiled, in seconds."""
    exponent = max(6, (n_tokens - 1).bit_length())
    if n_tokens * n_rows <= _SMALL:
        exponent += exponent % 2
    return 2**exponent


def sparse_input(n_columns: int, name: str) -> Any:
    """Return a Keras input for a sparse matrix of float32."""
    return import_keras().Input((n_columns,), sparse=True, dtype="float32", name=name)


def sparse_matmul(bags: Any, table: Any) -> Any:
    """Multiply a sparse matrix, from a sparse Keras input, by a dense one."""
    import jax
    from jax.experimental.sparse import BCOO

    if not isinstance(bags, BCOO):
        return bags @ table
    rows, columns = bags.indices.T
    entries = bags.data[:, None] * table[columns]
    return jax.ops.segment_sum(entries, rows, bags.shape[0], indices_are_sorted=True)


def narrowed(bags: Any) -> tuple[Any, None]:
    """Return the matrix itself: the number of columns in use would be another shape to compile."""
    return bags, None


def fast_optimizer(optimizer: Any) -> Any:
    """Return the optimizer, whose operations XLA fuses."""
    return optimizer


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that the device has too little memory."""
    import jax

    return isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error)


def forget_kernels() -> None:
    """Do nothing: compiled functions are freed with their model."""


class JaxSteps:
    """Training and validation steps of a compiled Keras model, compiled once per shape.

    All variables remain on the device. Metrics are computed when they are read, so that the next
    batch is prepared during a step.

    Parameters
    ----------
    model : keras.Model
        Compiled and built model.
    """

    def __init__(self, model: Any) -> None:
        import jax

        self._model = model
        # Metrics create their variables when they are first computed.
        row = np.zeros((1, model.output_shape[-1]), dtype=np.float32)
        model.compute_metrics(None, np.zeros(1, dtype=np.int32), row, np.ones(1, dtype=np.float32))
        self._trained = [
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        ]
        self._tested = [self._trained[0], self._trained[1], self._trained[3]]
        self._train = jax.jit(model.train_step, donate_argnums=0)
        self._test = jax.jit(model.test_step)
        self._sizes: dict[tuple, list[tuple[int, ...]]] = {}  # of sparse inputs, by the shapes

    def start(self) -> None:
        """Begin an epoch, or a validation."""
        self._model.reset_metrics()

    def train(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        """Take a training step; return the metrics of the epoch so far."""
        return self._run(self._train, self._trained, x, y, weight)

    def test(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        """Take a validation step; return the metrics of the epoch so far."""
        return self._run(self._test, self._tested, x, y, weight)

    def synchronize(self) -> None:
        """Do nothing: each step changes the model."""

    def _run(
        self, step: Callable, variables: list, x: tuple, y: np.ndarray, weight: np.ndarray
    ) -> dict[str, Any]:
        state = tuple([v.value for v in group] for group in variables)
        sizes = iter(self._sizes_for(x))
        parts = tuple(_padded(m, next(sizes)) if scipy.sparse.issparse(m) else m for m in x)
        logs, state = step(state, (parts, y, weight))
        for group, values in zip(variables, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return logs

    def _sizes_for(self, x: tuple) -> tuple[int, ...]:
        """Return numbers of entries for the sparse inputs, which were compiled before if possible.

        Compilation takes seconds, so that up to twice the entries of a batch are accepted.
        """
        n_entries = [m.nnz for m in x if scipy.sparse.issparse(m)]
        known = self._sizes.setdefault(tuple(m.shape for m in x), [])
        for sizes in known:
            pairs = [*zip(n_entries, sizes, strict=True)]
            if all(n <= size <= max(2 * n, _MIN_ENTRIES) for n, size in pairs):
                return sizes
        known.append(tuple(_rounded(n) for n in n_entries))
        return known[-1]


def steps(model: Any) -> JaxSteps:
    """Return the training and validation steps of a compiled and built model."""
    return JaxSteps(model)


def _rounded(n: int) -> int:
    """Return a size for n entries, with room for the eighth by which most batches differ."""
    n = max(n + n // 8, _MIN_ENTRIES)
    step = 2 ** (n.bit_length() - 3)
    return -(-n // step) * step


def _padded(matrix: Any, size: int) -> Any:
    """Return a sparse matrix with zeros appended to its last row, up to a number of entries."""
    from jax.experimental.sparse import BCOO

    places = np.zeros((size, 2), dtype=np.int32)
    places[:, 0] = matrix.shape[0] - 1
    places[: len(matrix.data), 0] = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    places[: len(matrix.data), 1] = matrix.indices
    data = np.zeros(size, dtype=np.float32)
    data[: len(matrix.data)] = matrix.data
    return BCOO((data, places), shape=matrix.shape, indices_sorted=True)
