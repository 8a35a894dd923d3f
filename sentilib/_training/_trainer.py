"""Compiled Keras models, lent for one fit after the other.

An estimator holds plain NumPy weights, so a second fit of the same architecture (a grid search)
pays no graph tracing, and nothing of Keras is pickled.
"""

import contextlib
import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np

from sentilib._training._architecture import Architecture, Weights
from sentilib._training._batches import padded
from sentilib._training._keras import import_keras
from sentilib._training._loop import KerasSteps, Steps, run_epochs

# TensorFlow never frees the graph of a training step (3 MB; its all-reduce of gradients registers a
# custom gradient for good), so the architectures of a grid had better stay.
_MAX_IDLE_TRAINERS = 8
_idle_trainers: "OrderedDict[Hashable, list[Trainer]]" = OrderedDict()
_lock = threading.Lock()


class OptimizerState(NamedTuple):
    """What an optimizer knows of the steps so far."""

    kind: str  # name of its class
    variables: dict[str, np.ndarray]  # what `save_own_variables` writes

    def going_on_from(self, before: "OptimizerState | None") -> "OptimizerState":
        """Return this fresh state with the rows of an earlier one of the same optimizer.

        Either can have more spare rows; another optimizer's variables mean something else.
        """
        if before is None or before.kind != self.kind or before._widths() != self._widths():
            return self
        rows = {
            name: np.concatenate([value[: len(fresh)], fresh[len(value) :]])
            if fresh.ndim
            else value
            for (name, fresh), value in zip(
                self.variables.items(), before.variables.values(), strict=True
            )
        }
        return self._replace(variables=rows)

    def _widths(self) -> list[tuple]:
        return [(name, value.ndim, value.shape[1:]) for name, value in self.variables.items()]


class Trainer:
    """A compiled Keras model whose weights, optimizer and seeds are set anew for each fit.

    Parameters
    ----------
    model : keras.Model
        Compiled, built.
    weights : dict of str to keras.Variable
        Its weights by name.
    seeds : list of keras.random.SeedGenerator
        What its dropout layers draw from.
    steps : Steps
        Its training and validation steps.
    """

    def __init__(self, model: Any, weights: dict[str, Any], seeds: list[Any], steps: Steps) -> None:
        self.model, self.steps = model, steps
        self._variables, self._seeds = weights, seeds
        self._fresh_state = self.optimizer_state()

    def reset(
        self,
        weights: Weights,
        learning_rate: float | None,
        seed: int,
        optimizer_state: OptimizerState | None,
    ) -> None:
        """Forget the last fit: set weights (padded with zero rows), learning rate and seeds."""
        self.set_weights(weights)
        optimizer = self.model.optimizer
        state = self._fresh_state.going_on_from(optimizer_state)
        optimizer.load_own_variables(state.variables)
        if learning_rate is not None:
            optimizer.learning_rate = learning_rate
        for i, generator in enumerate(self._seeds):
            start = np.array([(seed + i) % 2**31, 0])
            generator.state.assign(start.astype(generator.state.dtype))

    def set_weights(self, weights: Weights) -> None:
        """Set the weights, padded with zero rows."""
        for name, variable in self._variables.items():
            variable.assign(padded(weights[name], variable.shape))

    def weights(self, like: Weights) -> Weights:
        """Return the trained weights, cut to the shapes of `like`."""
        to_numpy = import_keras().ops.convert_to_numpy
        return {
            name: np.array(to_numpy(self._variables[name])[: len(value)], dtype=np.float32)
            for name, value in like.items()
        }

    def optimizer_state(self) -> OptimizerState:
        """Return the optimizer's variables, to go on from in a later fit."""
        optimizer, variables = self.model.optimizer, dict[str, np.ndarray]()
        optimizer.save_own_variables(variables)
        copies = {name: np.array(value) for name, value in variables.items()}
        return OptimizerState(type(optimizer).__name__, copies)

    def fit(self, batches: Any, *, callbacks: list[Any], **options: Any) -> dict[str, list[float]]:
        """Train as `run_epochs` does; then no callback refers to the model, which others borrow."""
        try:
            return run_epochs(self.model, self.steps, batches, callbacks=callbacks, **options)
        finally:
            for callback in callbacks:
                import_keras().callbacks.Callback.set_model(callback, None)


@contextlib.contextmanager
def borrowed_trainer(
    architecture: Architecture,
    *,
    n_ids: int,
    n_ngrams: int,
    n_classes: int,
    policy: str,
    optimizer: Any,
    sets_learning_rate: bool,
    device: str,
) -> Iterator[Trainer]:
    """Lend a compiled model for one fit; the same arguments get the same model again.

    A trainer belongs to one thread while it is lent, and is thrown away when the fit fails or is
    interrupted, so no later fit meets what an exception left behind.
    """
    sizes = n_ids, n_ngrams, n_classes
    key = architecture, sizes, policy, _optimizer_key(optimizer), sets_learning_rate, device
    with _lock:
        idle = _idle_trainers.pop(key, [])
        trainer = idle.pop() if idle else None
        if idle:
            _idle_trainers[key] = idle  # no list is ever empty
    with import_keras().device(device):
        if trainer is None:
            trainer = _build(
                lambda: _training_graph(architecture, *sizes, policy),
                _fresh_optimizer(optimizer, sets_learning_rate),
            )
        yield trainer
    _return(key, trainer)


def _return(key: Hashable, trainer: Trainer) -> None:
    evicted = False
    with _lock:
        _idle_trainers.setdefault(key, []).append(trainer)
        _idle_trainers.move_to_end(key)
        while sum(map(len, _idle_trainers.values())) > _MAX_IDLE_TRAINERS:
            oldest = next(iter(_idle_trainers))
            _idle_trainers[oldest].pop()
            if not _idle_trainers[oldest]:
                del _idle_trainers[oldest]
            evicted = True
    if evicted:
        gc.collect()  # a Keras model is full of reference cycles, its graphs hold much memory


def _optimizer_key(optimizer: Any) -> str:
    if isinstance(optimizer, str):
        return optimizer
    return repr(import_keras().optimizers.serialize(optimizer))


def _training_graph(
    architecture: Architecture, n_ids: int, n_ngrams: int, n_classes: int, policy: str
) -> tuple[Any, dict[str, Any], list[Any]]:
    """Build the training layers with the evidence of n-grams; 0 n-grams leave that out."""
    from sentilib._training._layers import BaggedNgrams, keras, n_evidence_columns

    layers = architecture.training(n_ids, n_classes, policy)
    inputs, logits, weights = layers.inputs, layers.logits, layers.weights
    if n_ngrams:
        bags = [
            keras.Input((n_ngrams,), sparse=True, dtype="float32", name=f"ngram_evidence_{k}")
            for k in range(n_evidence_columns(n_classes))
        ]
        ngrams = BaggedNgrams(n_ngrams, n_classes)
        inputs, logits = [*inputs, *bags], ngrams(bags) + logits
        weights = {**weights, "ngram_deviation": ngrams.deviation, "ngram_ratio": ngrams.ratio}
    return keras.Model(inputs, logits), weights, layers.seeds


def _fresh_optimizer(optimizer: Any, sets_learning_rate: bool) -> Any:
    """Return a copy of the optimizer; a learning rate that is to be set replaces a schedule."""
    optimizers = import_keras().optimizers
    optimizer = optimizers.get(optimizer)
    config = optimizers.serialize(optimizer)
    if sets_learning_rate and "learning_rate" in config["config"]:
        config["config"]["learning_rate"] = 1.0
    optimizer = optimizers.deserialize(config)
    if type(optimizer) is optimizers.Adam and import_keras().backend.backend() == "tensorflow":
        from sentilib._training._tensorflow import one_pass_adam

        return one_pass_adam().from_config(optimizer.get_config())
    return optimizer


def _build(graph: Callable[[], tuple], optimizer: Any) -> Trainer:
    keras = import_keras()
    model, weights, seeds = graph()
    backend = keras.backend.backend()
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        # XLA under TensorFlow runs the embedding's gradient on one thread (8 to 15 times
        # slower on a CPU) and compiles anew for each width; JAX knows no other way.
        jit_compile=backend == "jax",
    )
    model.optimizer.build(model.trainable_variables)
    if backend == "tensorflow":
        from sentilib._training._tensorflow import TensorFlowSteps

        return Trainer(model, weights, seeds, TensorFlowSteps(model))
    return Trainer(model, weights, seeds, KerasSteps(model))
