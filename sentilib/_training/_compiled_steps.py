"""Steps with Adam in compiled loops, on a processor, for each Keras backend.

A step of a graph passes over all rows of its tables, of which a batch contains a twentieth. A step
here reads and writes the n-grams of its batch, and makes up for Adam's updates that were missed
when an n-gram returns. The state is in the Keras model and its optimizer before and after each
epoch; where a callback looks at each batch, Keras's own steps train.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.sparse

import sentilib._training._dense_kernels as _dense_kernels
from sentilib._compiled._threads import resolve_n_jobs
from sentilib._ngrams._dictionary import centred, evidence_logits, n_evidence_columns
from sentilib._tables._ngram_table import factor_of
from sentilib._training._keras import import_keras

_MAX_THREADS = 8  # that share the words of a batch


class CompiledSteps:
    """Training and validation steps of a training graph; a base class.

    Parameters
    ----------
    model : keras.Model
        Compiled and built model.
    weights : dict of str to keras.Variable
        Weights of the model by name.
    dropouts : list of SharedDropout
        Its dropout layers, of the embedding and before the output layer.
    """

    def __init__(self, model: Any, weights: dict[str, Any], dropouts: list[Any]) -> None:
        self._model, self._weights, self._dropouts = model, weights, dropouts
        self._slots = _slots(model)
        self._state: State | None = None
        self._tables: Any = None
        self._rate: float | None = None  # None: the optimizer's
        self._sums = np.zeros(4)  # of losses, rows, weights of right rows, weights
        # Metrics create their variables when they are first computed.
        row = np.zeros((1, model.output_shape[-1]), dtype=np.float32)
        model.compute_metrics(None, np.zeros(1, dtype=np.int32), row, np.ones(1, dtype=np.float32))

    def start(self) -> None:
        """Begin an epoch, or a validation."""
        self._sums[:] = 0
        self.synchronize()

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate; the optimizer gets it at the end of the epoch."""
        self._rate = rate

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a loss of NaN is reported
    def train(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, float]:
        """Take a training step."""
        state = self._state or self._new_state()
        self._state = None  # a step that fails leaves nothing to write
        if self._rate is None:
            self._rate = float(self._model.optimizer.learning_rate)
        logits = state.forward(x, self._rate)
        log_proba = _log_softmax(logits)
        gradient = np.exp(log_proba)
        gradient[np.arange(len(y)), y] -= 1
        gradient *= (weight / len(y))[:, None]
        state.backward(gradient.astype(np.float32))
        self._state = state
        return self._logs(log_proba, y, weight)

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def test(self, x: tuple, y: np.ndarray, weight: np.ndarray) -> dict[str, float]:
        """Take a validation step."""
        if self._tables is None:
            w = values_of(self._weights)
            self._tables = w, self._layers(w)
        w, layers = self._tables
        logits = layers(x[0])
        if "ngram_deviation" in w:
            sums = x[1] @ factor_of(w["ngram_deviation"])
            logits = logits + _ngram_logits(sums, logits.shape[1])
        return self._logs(_log_softmax(logits), y, weight)

    def _new_state(self) -> "State":
        raise NotImplementedError

    def _arguments(self) -> tuple:
        """Return the arguments of the state."""
        return self._model.optimizer, self._slots, self._weights, self._dropouts

    def _layers(self, w: dict[str, np.ndarray]) -> Any:
        """Return the function of the layers, from their inputs to logits, without dropout."""
        raise NotImplementedError

    def _logs(self, log_proba: np.ndarray, y: np.ndarray, weight: np.ndarray) -> dict[str, float]:
        loss = -(weight @ log_proba[np.arange(len(y)), y])
        self._sums += loss, len(y), weight @ (log_proba.argmax(axis=1) == y), weight.sum()
        losses, n_rows, right, weights = self._sums.tolist()
        return {"accuracy": right / max(weights, 1e-12), "loss": losses / n_rows}

    def synchronize(self) -> None:
        """Write the state to the Keras model, its optimizer and its metrics."""
        self._tables = None
        for variable, value in zip(self._model.metrics_variables, self._sums, strict=True):
            variable.assign(value)
        if self._state is not None:
            self._state.write()
            self._state = None
        if self._rate is not None:
            self._model.optimizer.learning_rate = self._rate
            self._rate = None


class State:
    """Weights and Adam's moments in the arrays of the compiled loops, between two synchronizations.

    Widths may be padded with zeros, which remain zeros: a unit without weights is 0.

    Parameters
    ----------
    optimizer : keras.optimizers.Adam
        Optimizer of the model.
    slots : list of tuple of three keras.Variable
        Trained weights, each with Adam's moments.
    variables, dropouts : object
        Weights and dropout layers, as in `CompiledSteps`.
    """

    def __init__(
        self, optimizer: Any, slots: list[tuple], variables: dict[str, Any], dropouts: list[Any]
    ) -> None:
        self._optimizer, self._variables = optimizer, variables
        to_numpy = import_keras().ops.convert_to_numpy
        w = values_of(variables)
        m, v = ({name: w[name] * 0 for name in w} for _ in range(2))
        names = {id(variable): name for name, variable in variables.items()}
        self._slots = {names[id(slot[0])]: slot for slot in slots}
        for name, (_, of_m, of_v) in self._slots.items():
            m[name], v[name] = to_numpy(of_m), to_numpy(of_v)
        self.schedule = _dense_kernels.Schedule(
            int(to_numpy(optimizer.iterations)),
            float(optimizer.beta_1),
            float(optimizer.beta_2),
            float(optimizer.epsilon),
        )
        self._shapes = {name: value.shape for name, value in w.items()}
        self._n_classes = w["head"].shape[1]
        # Weights that are in every batch are parts of one array.
        shapes = self._shapes_in_memory()
        block = _dense_kernels.BLOCK
        size = -(-sum(map(np.prod, shapes.values())) // block) * block
        self._flat = np.zeros((4, size), dtype=np.float32)
        self._parts: dict[str, np.ndarray] = {}
        first = 0
        for name, shape in shapes.items():
            last = first + int(np.prod(shape))
            part = self._parts[name] = self._flat[:, first:last].reshape(4, *shape)
            for k, value in enumerate((w[name], m[name], v[name])):
                part[k][_corner(value.shape)] = value
            first = last
        self._rates = [float(to_numpy(layer.changeable_rate)) for layer in dropouts]
        seeds = [to_numpy(layer.seed_generator.state) for layer in dropouts]
        self._seeds = np.ravel(seeds).astype(np.int64).tolist()
        self._ngrams: Any = None
        if "ngram_deviation" in w:
            of_ngrams = (values["ngram_deviation"].ravel() for values in (w, m, v))
            self._ngrams = _dense_kernels.NgramSteps(*of_ngrams, factor_of(1.0) - factor_of(0.0))
        self._n_helpers = min(resolve_n_jobs(None), _MAX_THREADS) - 1
        self._helpers = ThreadPoolExecutor(self._n_helpers) if self._n_helpers else None
        self._prepare(w, m, v)

    def _shapes_in_memory(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes in memory of weights that are in every batch, by name."""
        raise NotImplementedError

    def _prepare(self, w: dict, m: dict, v: dict) -> None:
        """Prepare what else the layers have, from weights and moments."""

    def _latent_of(self, part: Any) -> np.ndarray:
        """Compute the inputs of the output layer, from those of the first."""
        raise NotImplementedError

    def _update_layers(self, gradient: np.ndarray, g: dict[str, np.ndarray]) -> None:
        """Write the gradients of weights to `g`, from that of the output layer's inputs."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, Any]:
        """Return further weights with their moments, by name."""
        return {}

    def forward(self, x: tuple, learning_rate: float) -> np.ndarray:
        """Compute the logits of a batch, with dropout."""
        self.schedule.begin(learning_rate)
        # Of the step alone, so that it does not matter when the state was last synchronized.
        n_steps = self.schedule.n_before + self.schedule.n_steps
        self._rng = np.random.default_rng([*self._seeds, n_steps])
        of_ngrams = None
        if self._ngrams is not None:
            starts, columns, values = entries(x[1])
            sums = np.empty(len(starts) - 1, dtype=np.float32)
            of_ngrams = self._submit(
                self._ngrams.forward, starts, columns, values, self.schedule, sums
            )
        latent = self._latent_of(x[0])
        self._kept: Any = np.float32(1)
        if self._rates[1]:
            is_kept = self._rng.random(latent.shape, dtype=np.float32) >= self._rates[1]
            self._kept = is_kept / np.float32(1 - self._rates[1])
        self._latent = latent * self._kept
        logits = self._latent @ self._parts["head"][0] + self._parts["bias"][0]
        if of_ngrams is not None:
            of_ngrams()
            logits = logits + _ngram_logits(sums, self._n_classes)
        return logits

    def backward(self, gradient: np.ndarray) -> None:
        """Update the weights, from the gradient of the logits."""
        of_ngrams = None
        if self._ngrams is not None:
            if self._n_classes == 2:
                of_sums = (gradient[:, 1] - gradient[:, 0]) * np.float32(0.5)
            else:
                of_sums = np.ascontiguousarray(centred(gradient)).ravel()
            of_ngrams = self._submit(self._ngrams.backward, of_sums, self.schedule)
        of_latent = (gradient @ self._parts["head"][0].T) * self._kept
        self._flat[3] = 0
        g = {name: part[3] for name, part in self._parts.items()}
        g["head"][:] = self._latent.T @ gradient
        if "bias" in self._slots:
            g["bias"][:] = gradient.sum(axis=0)
        self._update_layers(of_latent, g)
        _dense_kernels.update(*self._flat, self.schedule)
        if of_ngrams is not None:
            of_ngrams()
        self.schedule.end()

    def _submit(self, work: Any, *arguments: Any) -> Any:
        """Start work on another core, if there is one; return the function that waits for it."""
        if self._helpers is None:
            result = work(*arguments)
            return lambda: result
        return self._helpers.submit(work, *arguments).result

    def _share_forward(self, work: Callable[[], None]) -> None:
        """Call work on this core and on those that do not read n-grams, which takes as long."""
        self._share(work, self._n_helpers - (self._ngrams is not None))

    def _share(self, work: Callable[[], None], n_helpers: int | None = None) -> None:
        """Call work on this core, and on helpers, by default all."""
        n_helpers = self._n_helpers if n_helpers is None else n_helpers
        waiting = [self._submit(work) for _ in range(n_helpers)]
        work()
        for wait in waiting:
            wait()

    def write(self) -> None:
        """Write weights and moments to the Keras variables."""
        if self._helpers is not None:
            self._helpers.shutdown()
        arrays: dict[str, Any] = {name: part[:3] for name, part in self._parts.items()}
        arrays |= self._arrays()
        if self._ngrams is not None:
            arrays["ngram_deviation"] = [a[:, None] for a in self._ngrams.arrays(self.schedule)]
        for name, slot in self._slots.items():
            for variable, value in zip(slot, arrays[name], strict=True):
                variable.assign(value[_corner(self._shapes[name])])
        self._optimizer.iterations.assign(self.schedule.n_before + self.schedule.n_steps)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def values_of(variables: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the values of variables, by name."""
    to_numpy = import_keras().ops.convert_to_numpy
    return {name: to_numpy(variable) for name, variable in variables.items()}


def entries(matrix: scipy.sparse.csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the starts of rows, the columns and the values of a sparse matrix."""
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False), matrix.data


def _ngram_logits(sums: np.ndarray, n_classes: int) -> np.ndarray:
    sums = sums.reshape(-1, n_evidence_columns(n_classes))
    return evidence_logits(centred(sums), n_classes)


def _slots(model: Any) -> list[tuple[Any, Any, Any]]:
    """Return each trained variable with Adam's moments."""
    trained = model.trainable_variables
    of_all = [v for v in model.optimizer.variables if v.path.endswith(("_momentum", "_velocity"))]
    pairs = zip(of_all[::2], of_all[1::2], strict=True)
    return [(variable, m, v) for variable, (m, v) in zip(trained, pairs, strict=True)]


def _corner(shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(map(slice, shape))
