"""The only place that knows devices, precision, seeds and which Keras backend runs.

Everything else builds models from public Keras layers and hands them to `borrow_trainer`, which
keeps a few compiled models per process: an estimator holds plain NumPy weights, so a second fit
of the same architecture (a grid search) pays no graph tracing, and nothing of Keras is pickled.
"""

import contextlib
import ctypes
import functools
import gc
import os
import sys
import tempfile
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

# TensorFlow never frees the graph of a training step (3 MB; its all-reduce of gradients registers a
# custom gradient for good), so the architectures of a grid had better stay.
_MAX_IDLE_TRAINERS = 8
_idle_trainers: "OrderedDict[Hashable, list[Any]]" = OrderedDict()
_lock = threading.Lock()
_import_lock = threading.Lock()


@contextlib.contextmanager
def _without_gpu_chatter() -> Iterator[None]:
    """Hold back what TensorFlow's C++ side prints on import where no GPU is installed.

    It logs before its own log level is read, so only the file descriptor helps. Everything else
    that was written meanwhile is passed on.
    """
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError, ValueError):
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            noise = (
                b"absl::InitializeLog",
                b"oneDNN custom operations",
                b"cpu_feature_guard",
                b"cudart_stub",
                b"cuda_platform",
            )
            kept = [line for line in held if not any(word in line for word in noise)]
            if kept:
                os.write(2, b"".join(kept))


def import_keras() -> Any:
    """Import Keras (and its backend) on first use, quietly, with GPU memory growth switched on."""
    with _import_lock:
        if "keras" in sys.modules and hasattr(sys.modules["keras"], "Model"):
            return sys.modules["keras"]
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with _without_gpu_chatter(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import keras

            if keras.backend.backend() == "tensorflow":
                _grow_gpu_memory()
        return keras


def _grow_gpu_memory() -> None:
    """Let TensorFlow take GPU memory as it needs it, instead of all at once."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        # A process that has already used its GPU chose for itself.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)


def list_devices() -> list[str]:
    """Names of the devices that the Keras backend can use, as `"cpu:0"`, `"gpu:0"`, ..."""
    keras = import_keras()
    backend = keras.backend.backend()
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
    """Turn `"auto"`, `"cpu"`, `"gpu"` or `"gpu:1"` into the name of a device that is there."""
    available = list_devices()
    if device == "auto":
        return available[1] if len(available) > 1 else "cpu:0"
    name = device.lower() if ":" in device else f"{device.lower()}:0"
    if name not in available:
        raise ValueError(
            f"device={device!r} is not available: this machine offers {', '.join(available)}. "
            "Use device='auto' to take a GPU where there is one and the CPU elsewhere."
        )
    return name


def resolve_precision(precision: str, device: str) -> str:
    """Keras dtype policy: float32 on a CPU, bfloat16 arithmetic on a GPU unless told otherwise."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if device.startswith("gpu") else "float32"


class Batches(NamedTuple):
    """Batches (x, y, sample_weight) of one epoch after the other; x holds ids and CSR arrays."""

    one_epoch: Callable[[], Iterable]
    n: int

    def endless(self) -> Iterator:
        """Give the batches of epoch after epoch."""
        while True:
            yield from self.one_epoch()


class _TensorFlowStep:
    """A training or validation step of a Keras model, compiled, that takes NumPy arrays.

    `keras.Model.fit` would read its batches through `tf.data`, which never forgets a generator
    that it was given, and takes some milliseconds for a batch from Python and tens for an epoch.

    Parameters
    ----------
    model : keras.Model
    step : callable
        `model.train_step` or `model.test_step`.
    """

    def __init__(self, model: Any, step: Callable) -> None:
        import tensorflow as tf

        integers, floats = (tf.TensorSpec((None,), kind) for kind in (tf.int32, tf.float32))
        # The width of ids is left open: batches are trimmed to their longest review.
        ids = tf.TensorSpec((None, None), tf.int32)
        entries = tf.TensorSpec((None, 2), tf.int64), floats
        shapes = [tf.constant(i.shape[1:], tf.int64) if i.sparse else None for i in model.inputs]

        @tf.function(
            input_signature=(
                tuple(ids if shape is None else entries for shape in shapes),
                integers,
                floats,
            ),
            autograph=False,
        )
        def run(parts: Any, y: Any, weight: Any) -> Any:
            n_rows = tf.shape(y, tf.int64)
            x = tuple(
                part if shape is None else tf.SparseTensor(*part, tf.concat([n_rows, shape], 0))
                for part, shape in zip(parts, shapes, strict=True)
            )
            return step((x, y, weight))

        self._run = run.get_concrete_function()

    def on(self, batches: Iterator) -> Callable:
        """Give what `keras.Model.fit` calls for each step, with an iterator that is not needed."""
        import tensorflow as tf

        def take_step(iterator: Any) -> Any:
            x, y, weight = next(batches)
            parts = tuple(
                tuple(map(tf.constant, _entries(m))) if scipy.sparse.issparse(m) else tf.constant(m)
                for m in x
            )
            return self._run(parts, tf.constant(y), tf.constant(weight))

        return take_step


def _entries(matrix: Any) -> tuple[np.ndarray, np.ndarray]:
    """Places (row, column) and values of the entries of a CSR array."""
    places = np.empty((len(matrix.data), 2), dtype=np.int64)
    places[:, 0] = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    places[:, 1] = matrix.indices
    return places, matrix.data


def _keras_dataset(batches: Batches) -> Any:
    """Batches in the form that every Keras backend reads, CSR arrays as dense ones."""

    class Dataset(import_keras().utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._batches = batches.endless()

        def __len__(self) -> int:
            return batches.n

        def __getitem__(self, index: int) -> Any:
            x, y, weight = next(self._batches)
            x = tuple(m.toarray() if scipy.sparse.issparse(m) else m for m in x)
            return x, y, weight

    return Dataset()


@contextlib.contextmanager
def _freed_memory_kept() -> Iterator[None]:
    """Keep memory that is freed at hand, under Linux with glibc, and give it back at the end.

    A training step takes and frees tens of megabytes. By default glibc returns them to the system
    each time, and the page faults of taking them again cost up to two thirds of a step.
    """
    libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt"):
        yield
        return
    trim_threshold, mmap_threshold = -1, -3
    libc.mallopt(mmap_threshold, 2**25)  # the greatest that glibc allows, and goes to by itself
    libc.mallopt(trim_threshold, 2**30)
    try:
        yield
    finally:
        libc.mallopt(trim_threshold, 2**26)  # what glibc goes to by itself
        libc.mallopt(mmap_threshold, 2**20)  # else freed tables leave gaps that nothing fits
        libc.malloc_trim(0)


class Trainer:
    """A compiled Keras model whose weights, optimizer and seeds are set anew for each fit.

    Parameters
    ----------
    model : keras.Model
        Compiled, built.
    device : str
        Where it runs, as `resolve_device` names it.
    """

    def __init__(self, model: Any, device: str) -> None:
        self.model = model
        self.device = device
        self._steps: dict[str, _TensorFlowStep] = {}
        # All optimizer slots start as constants (zeros; 0.1 for Adagrad's accumulators).
        self._fresh_state = [float(np.ravel(v)[0]) for v in self._optimizer_state()]

    def _optimizer_state(self) -> list[np.ndarray]:
        return [np.asarray(import_keras().ops.convert_to_numpy(v)) for v in self.optimizer_slots]

    @property
    def optimizer_slots(self) -> list[Any]:
        """Variables of the optimizer, the learning rate apart."""
        rate = self.model.optimizer._learning_rate
        return [v for v in self.model.optimizer.variables if v is not rate]

    def reset(
        self,
        weights: list[np.ndarray],
        learning_rate: float | None,
        seed: int,
        optimizer_state: list[np.ndarray] | None = None,
    ) -> None:
        """Forget the last fit: new weights (first axis padded with zeros), rate and seeds."""
        with import_keras().device(self.device):
            for variable, value in zip(self.model.weights, weights, strict=True):
                variable.assign(_pad_rows(value, variable.shape))
            for i, variable in enumerate(self.optimizer_slots):
                fresh = np.full(variable.shape, self._fresh_state[i])
                if optimizer_state is None:
                    variable.assign(fresh)
                else:
                    variable.assign(_pad_rows(optimizer_state[i], variable.shape))
            if learning_rate is not None:
                self.model.optimizer.learning_rate = learning_rate
            generators = [v for v in self.model.variables if v.path.endswith("generator_state")]
            for i, variable in enumerate(generators):
                variable.assign(np.array([(seed + i) % 2**31, 0], dtype=variable.dtype))
            self.model.stop_training = False

    def weights(self, like: list[np.ndarray]) -> list[np.ndarray]:
        """Trained weights, cut to the shapes of `like`."""
        values = self.model.get_weights()
        return [
            np.array(v[: len(w)] if w.ndim else v, dtype=np.float32)
            for v, w in zip(values, like, strict=True)
        ]

    def optimizer_state(self) -> list[np.ndarray]:
        """Values of the optimizer's slots, to go on from in a later fit."""
        return self._optimizer_state()

    def fit(
        self,
        batches: Batches,
        *,
        epochs: int,
        validation: Batches | None,
        callbacks: list[Any],
        verbose: int,
    ) -> dict[str, list[float]]:
        """Run Keras's own training loop over batches (x, y, sample_weight); return its history."""
        with import_keras().device(self.device), _freed_memory_kept():
            history = self.model.fit(
                self._dataset(batches, "train"),
                epochs=epochs,
                shuffle=False,
                validation_data=validation and self._dataset(validation, "test"),
                callbacks=callbacks,
                verbose=verbose,
            )
        self.model.train_function = self.model.test_function = None  # they hold the data
        return {name: [float(v) for v in values] for name, values in history.history.items()}

    def _dataset(self, batches: Batches, step: str) -> Any:
        """Give what Keras is to read; under TensorFlow its steps find the batches themselves."""
        if import_keras().backend.backend() != "tensorflow":
            return _keras_dataset(batches)
        import tensorflow as tf

        if step not in self._steps:
            self._steps[step] = _TensorFlowStep(self.model, getattr(self.model, f"{step}_step"))
        take_step = self._steps[step].on(batches.endless())
        setattr(self.model, f"{step}_function", take_step)
        return tf.data.Dataset.range(batches.n)


def _pad_rows(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Append zero rows until `value` has the given shape (the vocabulary's spare rows)."""
    if value.shape == tuple(shape):
        return value
    padded = np.zeros(shape, dtype=value.dtype)
    padded[: len(value)] = value
    return padded


@contextlib.contextmanager
def borrow_trainer(
    key: Hashable, build: Callable[[], Any], *, optimizer: Any, device: str
) -> Iterator[Trainer]:
    """Lend a compiled model for one fit; the same key gets the same model again.

    A trainer belongs to one thread while it is lent, and is thrown away when the fit fails or is
    interrupted, so no later fit meets what an exception left behind.
    """
    key = (key, _optimizer_key(optimizer), device)
    with _lock:
        idle = _idle_trainers.get(key)
        trainer = idle.pop() if idle else None
    if trainer is None:
        trainer = _build_trainer(build, optimizer, device)
    yield trainer
    with _lock:
        _idle_trainers.setdefault(key, []).append(trainer)
        _idle_trainers.move_to_end(key)
        evicted = False
        while sum(map(len, _idle_trainers.values())) > _MAX_IDLE_TRAINERS:
            oldest = next(iter(_idle_trainers))
            _idle_trainers[oldest].pop()
            if not _idle_trainers[oldest]:
                del _idle_trainers[oldest]
            evicted = True
    if evicted:
        del trainer
        gc.collect()  # a Keras model is full of reference cycles, its graphs hold much memory


def _optimizer_key(optimizer: Any) -> str:
    if isinstance(optimizer, str):
        return optimizer
    return repr(import_keras().optimizers.serialize(optimizer))


def _build_trainer(build: Callable[[], Any], optimizer: Any, device: str) -> Trainer:
    keras = import_keras()
    with keras.device(device):
        model = build()
        config = keras.optimizers.serialize(keras.optimizers.get(optimizer))
        optimizer = keras.optimizers.deserialize(config)
        if type(optimizer) is keras.optimizers.Adam and keras.backend.backend() == "tensorflow":
            optimizer = _one_pass_adam().from_config(optimizer.get_config())
        model.compile(
            optimizer=optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            # XLA under TensorFlow runs the embedding's gradient on one thread (8 to 15 times
            # slower on a CPU) and compiles anew for each width; JAX knows no other way.
            jit_compile=keras.backend.backend() == "jax",
        )
        model.optimizer.build(model.trainable_variables)
    return Trainer(model, device)


@functools.cache
def _one_pass_adam() -> Any:
    """Keras's Adam with TensorFlow's kernel, which reads and writes each variable once.

    Keras's own update is a dozen operations, and large tables wait for memory in each.
    """
    import tensorflow as tf

    class Adam(import_keras().optimizers.Adam):  # type: ignore[misc]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            # Keras squares an embedding's gradient at each position, before it adds them up.
            if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
                super().update_step(gradient, variable, learning_rate)
                return
            kind = variable.dtype
            index = self._get_variable_index(variable)
            step = tf.cast(self.iterations.value + 1, kind)
            beta_1, beta_2 = tf.cast(self.beta_1, kind), tf.cast(self.beta_2, kind)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                beta1_power=beta_1**step,
                beta2_power=beta_2**step,
                lr=tf.cast(learning_rate, kind),
                beta1=beta_1,
                beta2=beta_2,
                epsilon=tf.cast(self.epsilon, kind),
                grad=tf.cast(gradient, kind),
            )

    return Adam


def sparse_matmul(bags: Any, table: Any) -> Any:
    """Product of a sparse matrix, as a sparse Keras input gives it, and a dense one."""
    keras = import_keras()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if isinstance(bags, tf.SparseTensor):
            # keras.ops.matmul gathers a row of the table for each entry: twice the time, or more.
            return tf.sparse.sparse_dense_matmul(bags, table)
    return keras.ops.matmul(bags, table)


def without_empty_columns(bags: Any) -> tuple[Any, Any]:
    """Factor a sparse matrix into one of fewer columns and one that selects them, or None.

    A function of each row of a table needs then not be applied to rows that no bag holds.
    """
    if import_keras().backend.backend() == "tensorflow":
        import tensorflow as tf

        if isinstance(bags, tf.SparseTensor):
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
    return bags, None
