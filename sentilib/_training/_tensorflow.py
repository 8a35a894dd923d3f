"""TensorFlow's fast path: compiled steps, an Adam with one pass over memory, sparse products.

This is the only file that uses private names of Keras and TensorFlow. They are listed here, each
with the fallback for releases that no longer have it:

* `Adam._get_variable_index`, `_momentums`, `_velocities`, in `one_pass_adam`: Keras's own Adam is
  used instead, which computes the same in a dozen passes over memory.
* `tensorflow.python.eager`, in `session` and `has_started`: within another graph, or with
  eager mode switched off, training raises an error; a fork is noticed only after a fit of ours.
* `tensorflow.python.eager.context`, in `forget_kernels`: kernels of discarded graphs stay.
"""

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse

from sentilib._training._keras import import_keras

HAS_INT64 = True


def has_started(by_us: bool) -> bool:
    """Return whether this process has run TensorFlow, which then has threads."""
    context = sys.modules.get("tensorflow.python.eager.context")
    try:
        context = context and context.context_safe()
        return by_us or bool(context and context._initialized)
    except AttributeError:
        return by_us


def count_gpus() -> int:
    """Return the number of GPUs, whose memory TensorFlow then allocates as needed, not at once."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        # Too late, and an error, if the process has already used its GPU.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
    return len(gpus)


@contextlib.contextmanager
def session() -> Iterator[None]:
    """Leave graphs, strategies and switches that other code has set: run eagerly, in our own graph.

    Raises
    ------
    RuntimeError
        If eager mode remains off.
    """
    import tensorflow as tf

    with contextlib.ExitStack() as stack:
        stack.enter_context(tf.Graph().as_default())
        with contextlib.suppress(ImportError, AttributeError):
            from tensorflow.python.eager import backprop, context, execute

            stack.enter_context(context.eager_mode())
            if execute.record_gradient.__module__.startswith("shap"):
                # shap.DeepExplainer replaces it, and leaves it replaced when it fails.
                execute.record_gradient = backprop.record_gradient
        if not tf.executing_eagerly():
            raise RuntimeError(
                "TensorFlow's eager mode is off in this process, and Keras needs it: remove "
                "tf.compat.v1.disable_eager_execution(), disable_v2_behavior() or the graph's "
                "as_default() before this call, or call it in a process of its own."
            )
        yield


def check_models_run() -> None:
    """Raise RuntimeError if a Keras model could not be called in this process."""
    import tensorflow as tf

    context = sys.modules.get("tensorflow.python.eager.context", tf)
    if getattr(context, "default_execution_mode", None) == getattr(context, "GRAPH_MODE", 0):
        raise RuntimeError(
            "TensorFlow's eager mode is off in this process (disable_eager_execution or "
            "disable_v2_behavior), so that no Keras model can be called in it: call to_keras in "
            "another process. The estimator itself fits and predicts here."
        )


class TensorFlowSteps:
    """Training and validation steps of a compiled Keras model, traced once, on NumPy arrays.

    `keras.Model.fit` reads its batches through `tf.data`, which never frees a generator, and costs
    some milliseconds per batch from Python and tens of milliseconds per epoch.

    Parameters
    ----------
    model : keras.Model
        Compiled and built model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._traced: dict[str, Any] = {}

    def start(self) -> None:
        """Begin an epoch, or a validation."""
        self._model.reset_metrics()

    def train(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        """Take a training step; return the metrics of the epoch so far."""
        return self._run("train_step", x, y, weight)

    def test(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        """Take a validation step; return the metrics of the epoch so far."""
        return self._run("test_step", x, y, weight)

    def synchronize(self) -> None:
        """Do nothing: each step changes the model."""

    def _run(self, name: str, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        import tensorflow as tf

        if name not in self._traced:
            self._traced[name] = _traced(self._model, getattr(self._model, name))
        parts = tuple(
            tuple(map(tf.constant, _entries(m))) if scipy.sparse.issparse(m) else tf.constant(m)
            for m in x
        )
        return self._traced[name](parts, tf.constant(y), tf.constant(weight))


def _traced(model: Any, step: Any) -> Any:
    import tensorflow as tf

    integers, floats = (tf.TensorSpec((None,), kind) for kind in (tf.int32, tf.float32))
    # The width of ids is variable: batches are trimmed to their longest review.
    ids = tf.TensorSpec((None, None), tf.int32)
    n_rows = tf.TensorSpec((1,), tf.int64)
    entries = tf.TensorSpec((None, 2), tf.int64), floats, n_rows
    widths = [tf.constant(i.shape[1:], tf.int64) if i.sparse else None for i in model.inputs]

    needs_replica = isinstance(model.optimizer, import_keras().optimizers.LossScaleOptimizer)

    @tf.function(
        input_signature=(
            tuple(ids if width is None else entries for width in widths),
            integers,
            floats,
        ),
        autograph=False,
    )
    def run(parts: Any, y: Any, weight: Any) -> Any:
        x = tuple(
            part if width is None else tf.SparseTensor(*part[:2], tf.concat([part[2], width], 0))
            for part, width in zip(parts, widths, strict=True)
        )
        if needs_replica:
            return step((x, y, weight))
        # Outside a replica nothing is summed over replicas: the gradient function that TensorFlow
        # would register for the sum is never freed, nor the graph that it belongs to.
        replica = tf.distribute.get_replica_context()
        return replica.merge_call(lambda _, batch: step(batch), args=((x, y, weight),))

    return run.get_concrete_function()


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that the device has too little memory."""
    import tensorflow as tf

    return isinstance(error, tf.errors.ResourceExhaustedError)


def forget_kernels() -> None:
    """Free kernels that TensorFlow keeps of graphs which are gone; others are made again."""
    with contextlib.suppress(ImportError, AttributeError):
        from tensorflow.python.eager import context

        context.context().clear_kernel_cache()


def _entries(matrix: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the indices (row, column) and values of a CSR array's entries, and its n_rows."""
    places = np.empty((len(matrix.data), 2), dtype=np.int64)
    places[:, 0] = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    places[:, 1] = matrix.indices
    return places, matrix.data, np.array(matrix.shape[:1], dtype=np.int64)


@functools.cache
def one_pass_adam() -> Any:
    """Return a subclass of Keras's Adam with TensorFlow's kernel, which passes over memory once.

    Keras's own update consists of a dozen operations, each of which waits for memory with large
    tables. It is still used for AMSGrad, and for sparse gradients: Keras squares an embedding's
    gradient at each position before summing.
    """
    import tensorflow as tf

    keras_adam = import_keras().optimizers.Adam

    class Adam(keras_adam):  # type: ignore[misc, valid-type]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            try:
                index = self._get_variable_index(variable)
                m, v = self._momentums[index], self._velocities[index]
            except AttributeError:
                m = v = None
            if m is None or self.amsgrad or isinstance(gradient, tf.IndexedSlices):
                super().update_step(gradient, variable, learning_rate)
                return
            kind = variable.dtype
            step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, kind)
            beta_1, beta_2 = tf.cast(self.beta_1, kind), tf.cast(self.beta_2, kind)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=m.value.handle,
                v=v.value.handle,
                beta1_power=beta_1**step,
                beta2_power=beta_2**step,
                lr=tf.cast(learning_rate, kind),
                beta1=beta_1,
                beta2=beta_2,
                epsilon=tf.cast(self.epsilon, kind),
                grad=tf.cast(gradient, kind),
            )

    return Adam


def width(n_tokens: int, n_rows: int) -> int:
    """Return the number of tokens per row to train with: graphs have any width."""
    return n_tokens


def sparse_input(n_columns: int, name: str) -> Any:
    """Return a Keras input for a sparse matrix of float32."""
    return import_keras().Input((n_columns,), sparse=True, dtype="float32", name=name)


def fast_optimizer(optimizer: Any) -> Any:
    """Return Adam with one pass over memory for Keras's Adam, and any other optimizer itself."""
    if type(optimizer) is import_keras().optimizers.Adam:
        return one_pass_adam().from_config(optimizer.get_config())
    return optimizer


def steps(model: Any) -> "TensorFlowSteps":
    """Return the training and validation steps of a compiled and built model."""
    return TensorFlowSteps(model)


def sparse_matmul(bags: Any, table: Any) -> Any:
    """Multiply a sparse matrix, from a sparse Keras input, by a dense one."""
    import tensorflow as tf

    if isinstance(bags, tf.SparseTensor):
        # keras.ops.matmul gathers a row of the table for each entry, in twice the time or more.
        return tf.sparse.sparse_dense_matmul(bags, table)
    return tf.matmul(bags, table)


def narrowed(bags: Any) -> tuple[Any, Any]:
    """Factor a sparse matrix into one of fewer columns and a selector of these, or None.

    A function of each row of a table is then applied only to rows that occur in a bag.
    """
    import tensorflow as tf

    if not isinstance(bags, tf.SparseTensor):
        return bags, None
    rows, columns = tf.unstack(bags.indices, axis=1)
    kept, places = tf.unique(columns, tf.int64)
    n_kept = tf.size(kept, tf.int64)
    n_rows, n_columns = tf.unstack(bags.dense_shape)
    narrow = tf.SparseTensor(
        tf.stack([rows, places], axis=1), bags.values, tf.stack([n_rows, n_kept])
    )
    selector = tf.SparseTensor(
        tf.stack([tf.range(n_kept), kept], axis=1),
        tf.ones_like(kept, bags.values.dtype),
        tf.stack([n_kept, n_columns]),
    )
    return narrow, selector
