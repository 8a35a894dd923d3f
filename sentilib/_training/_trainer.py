"""Compiled Keras models, which successive fits reuse.

An estimator contains plain NumPy weights, so a second fit of the same architecture (a grid search)
needs no graph tracing, and no Keras object is pickled.
"""

import contextlib
import functools
import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from sentilib._compiled._progress import announce
from sentilib._training._architecture import Architecture, Weights
from sentilib._training._backend import Steps, backend
from sentilib._training._batches import padded
from sentilib._training._keras import import_keras, python_random_kept
from sentilib._training._loop import run_epochs
from sentilib._training._optimizers import fresh_optimizer, is_plain_adam, optimizer_key

# A graph takes a second to build, and TensorFlow keeps about 1 MB of one that is gone.
_MAX_IDLE_TRAINERS = 8
_idle_trainers: "OrderedDict[Hashable, list[Trainer]]" = OrderedDict()
_lock = threading.Lock()


class OptimizerState(NamedTuple):
    """State of an optimizer after the steps so far."""

    kind: str  # name of its class
    variables: dict[str, np.ndarray]  # written by `save_own_variables`

    def going_on_from(self, before: "OptimizerState | None") -> "OptimizerState":
        """Return this fresh state with the rows of an earlier one of the same optimizer.

        Either can have more spare rows. The variables of another optimizer are ignored.
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
    """A compiled Keras model whose weights, optimizer and dropout are reset for each fit.

    Parameters
    ----------
    model : keras.Model
        Compiled and built model.
    weights : dict of str to keras.Variable
        Weights of the model by name.
    dropouts : list of SharedDropout
        Its dropout layers.
    graph_steps : Steps
        Training and validation steps of the model, by the backend.
    compiled_steps : Steps, default=None
        Faster ones, during which the model is not up to date.
    """

    def __init__(
        self,
        model: Any,
        weights: dict[str, Any],
        dropouts: list[Any],
        graph_steps: Steps,
        compiled_steps: Steps | None = None,
    ) -> None:
        self.model, self.graph_steps, self.compiled_steps = model, graph_steps, compiled_steps
        self.is_free = True  # no callback of the last fit has kept the model
        self._variables, self._dropouts = weights, dropouts
        self._fresh_state = _state_of(model.optimizer)
        to_numpy = import_keras().ops.convert_to_numpy
        self._starts_from_weights = any(  # as the averages of ScheduleFreeAdamW
            value.any() and np.array_equal(value, to_numpy(weight))
            for value in self._fresh_state.variables.values()
            for weight in model.trainable_variables
            if value.shape == weight.shape
        )

    def reset(
        self,
        weights: Weights,
        learning_rate: float | None,
        dropout: float,
        seed: int,
        optimizer_state: OptimizerState | None,
    ) -> None:
        """Reset weights (padded with zero rows), optimizer, learning rate, dropout and seeds."""
        self.set_weights(weights)
        optimizer = self.model.optimizer
        fresh = self._fresh_state
        if self._starts_from_weights:
            other = fresh_optimizer(optimizer, sets_learning_rate=False)
            other.build(self.model.trainable_variables)
            fresh = _state_of(other)
        state = fresh.going_on_from(optimizer_state)
        optimizer.load_own_variables(state.variables)
        if learning_rate is not None:
            optimizer.learning_rate = learning_rate
        for i, layer in enumerate(self._dropouts):
            layer.reset(dropout, (seed + i) % 2**31)

    def set_weights(self, weights: Weights) -> None:
        """Set the weights, padded with zero rows."""
        for name, variable in self._variables.items():
            variable.assign(padded(weights[name], variable.shape))

    def weights(self, like: Weights) -> Weights:
        """Return the graph's weights, cut to the shapes of `like`."""
        to_numpy = import_keras().ops.convert_to_numpy
        return {
            name: np.array(to_numpy(self._variables[name])[: len(value)], dtype=np.float32)
            for name, value in like.items()
            if name in self._variables
        }

    def optimizer_state(self) -> OptimizerState:
        """Return the optimizer's state, from which a later fit can continue."""
        return _state_of(self.model.optimizer)

    def fit(
        self,
        batches: Any,
        *,
        callbacks: list[Any],
        textbook: Callable[[], tuple],
        fitted: Callable[[dict], Any],
        **options: Any,
    ) -> dict[str, list[float]]:
        """Train by `run_epochs`, then remove the callbacks' references to the model."""
        from sentilib._training._callbacks import looks_at_batches, released

        model = self.model
        model.textbook, model.set_variables, model.fitted = textbook, self.set_weights, fitted
        steps = self.compiled_steps
        if steps is None or looks_at_batches(callbacks):
            steps = self.graph_steps
        of_optimizer = functools.partial(setattr, model.optimizer, "learning_rate")
        model.set_learning_rate = getattr(steps, "set_learning_rate", of_optimizer)
        try:
            return run_epochs(model, steps, batches, callbacks=callbacks, **options)
        finally:
            steps.synchronize()  # after an error, too: a callback may have kept the model
            self.is_free = released(callbacks)
            if self.is_free:
                model.textbook = model.set_variables = model.fitted = model.history = None
                model.set_learning_rate = None


def _state_of(optimizer: Any) -> OptimizerState:
    variables = dict[str, np.ndarray]()
    optimizer.save_own_variables(variables)
    copies = {name: np.array(value) for name, value in variables.items()}
    return OptimizerState(type(optimizer).__name__, copies)


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
    verbose: int = 0,
) -> Iterator[Trainer]:
    """Lend a compiled model for one fit; equal arguments reuse a model, whatever the dropout.

    Only one thread uses a trainer at a time. It is discarded if the fit fails or is interrupted, so
    that no later fit starts from the state that an exception left, and if a callback has kept the
    model, which later fits would change.
    """
    architecture = replace(  # type: ignore[type-var]
        architecture, dropout=0.5 if architecture.dropout else 0.0
    )
    sizes = n_ids, n_ngrams, n_classes
    optimizer_is = optimizer_key(optimizer, sets_learning_rate)
    key = architecture, sizes, policy, optimizer_is, sets_learning_rate, device
    with _lock:
        idle = _idle_trainers.pop(key, [])
        trainer = idle.pop() if idle else None
        if idle:
            _idle_trainers[key] = idle  # no list is ever empty
    scope = device.replace("cpu:0", "cpu")  # PyTorch would copy variables from one to the other
    with import_keras().device(scope):
        if trainer is None:
            announce(verbose, "Building the training graph ...")
            trainer = _build(
                lambda: _training_graph(architecture, *sizes, policy, device),
                fresh_optimizer(optimizer, sets_learning_rate),
            )
        yield trainer
    if trainer.is_free:
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
        gc.collect()  # a Keras model has many reference cycles, and its graphs use much memory
        backend().forget_kernels()


def _training_graph(
    architecture: Architecture, n_ids: int, n_ngrams: int, n_classes: int, policy: str, device: str
) -> tuple[Any, dict[str, Any], list[Any], Any]:
    """Build the training layers, with the evidence of n-grams unless `n_ngrams` is 0."""
    from sentilib._training._layers import BaggedNgrams, TrainingModel

    layers = architecture.training(n_ids, n_classes, policy)
    inputs, logits, weights = layers.inputs, layers.logits, layers.weights
    weights["bias"].trainable = not architecture.mask_padding
    if n_ngrams:
        bags = backend().sparse_input(n_ngrams, "ngram_evidence")
        ngrams = BaggedNgrams(n_ngrams, n_classes)
        inputs, logits = [*inputs, bags], ngrams(bags) + logits
        weights = {**weights, "ngram_deviation": ngrams.deviation}
    steps = layers.steps if device.startswith("cpu") else None
    return TrainingModel(inputs, logits), weights, layers.dropouts, steps


@python_random_kept()
def _build(graph: Callable[[], tuple], optimizer: Any) -> Trainer:
    keras = import_keras()
    model, weights, dropouts, compiled_steps = graph()
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        # XLA under TensorFlow runs the embedding's gradient on one thread (8 to 15 times
        # slower on a CPU) and recompiles for each width; JAX has no other mode.
        jit_compile=keras.backend.backend() == "jax",
    )
    model.optimizer.build(model.trainable_variables)
    compiled = None
    if compiled_steps and is_plain_adam(model.optimizer):
        compiled = compiled_steps(model, weights, dropouts)
    return Trainer(model, weights, dropouts, backend().steps(model), compiled)
