"""The state of a fitted classifier, as arrays and plain containers."""

from dataclasses import asdict
from typing import Any

import numpy as np

from sentilib._compiled._states import (
    SavedState,
    integers,
    is_array,
    narrowed,
    packed,
    require,
    restoring,
    unpacked,
)
from sentilib._ngrams._dictionary import NgramDictionary
from sentilib._ngrams._evidence import Stream
from sentilib._ngrams._keys import key_of, split
from sentilib._tables._base import Tables
from sentilib._training._conv import ConvArchitecture
from sentilib._training._dense import DenseArchitecture
from sentilib._training._fit import Model
from sentilib._training._trainer import OptimizerState

_KINDS = {"dense": DenseArchitecture, "conv": ConvArchitecture}


class SavedModel(SavedState):
    """Mixin of classifiers: what a fit has learnt is saved, and tables are derived from it."""

    classes_: np.ndarray
    tables_: Tables
    _trained: Model

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the tables, which are derived, and used callbacks, which are of Keras."""
        left_out = "tables_", "callbacks_"
        state = {k: value for k, value in super().__getstate__().items() if k not in left_out}
        if "_trained" in state:
            state["_trained"] = state_of(state["_trained"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_trained" in state:
            what = f"saved {type(self).__name__}"
            with restoring(what):
                self._trained = from_state(state["_trained"])
                self.tables_ = self._trained.tables()
                require(is_labels(self.classes_, self.tables_.n_classes), what)


def is_labels(value: Any, n: int) -> bool:
    """Return whether a value is an array of n labels."""
    return isinstance(value, np.ndarray) and value.shape == (n,)


def state_of(model: Model) -> dict[str, Any]:
    """Return plain values from which `from_state` restores a model to the bit."""
    [kind] = [kind for kind, cls in _KINDS.items() if isinstance(model.architecture, cls)]
    state: dict[str, Any] = {
        "kind": kind,
        "layers": asdict(model.architecture),  # type: ignore[call-overload]
        "weights": _packed(model.weights),
        "seen": model.seen,
        "class_weight": model.class_weight,
    }
    if model.ngrams is not None:
        if not model.weights["ngram_deviation"].any():  # as `compress` leaves them
            del state["weights"]["ngram_deviation"]
        before, last = split(model.ngrams.keys)
        state["ngrams"] = {
            "ngram_range": [model.ngrams.min_n, model.ngrams.max_n],
            "min_df": int(model.ngrams.min_df),
            "max_features": int(model.ngrams.max_features),
            "prefixes": narrowed(before),
            "last_ids": narrowed(last),
        }
    if model.optimizer_state is not None:
        kind, variables = model.optimizer_state
        state["optimizer"] = {"kind": kind, "variables": _packed(variables)}
    if model.stream is not None:
        counts, n_fixed = model.stream
        state["stream"] = {"counts": packed(counts), "n_fixed": int(n_fixed)}
    return state


def from_state(state: dict[str, Any]) -> Model:
    """Restore a model; a damaged one raises an error that `restoring` describes."""
    architecture = _KINDS[state["kind"]](**state["layers"])
    weights = _unpacked(state["weights"])
    seen, class_weight = state["seen"], state["class_weight"]
    n_ids, n_classes = len(weights["embedding"]), len(weights["bias"])
    require(is_array(seen, np.bool_, n_ids), "saved model")
    require(class_weight is None or is_array(class_weight, np.float64, n_classes), "saved model")
    ngrams = optimizer_state = stream = None
    if "ngrams" in state:
        saved = state["ngrams"]
        before = integers(saved["prefixes"], np.int64, None)
        last = integers(saved["last_ids"], np.int64, len(before))
        min_n, max_n = saved["ngram_range"]
        keys = key_of(before, last)
        ngrams = NgramDictionary.restored(
            (min_n, max_n), saved["min_df"], saved["max_features"], keys
        )
        weights.setdefault("ngram_deviation", np.zeros((len(keys), 1), dtype=np.float32))
    if "optimizer" in state:
        saved = state["optimizer"]
        optimizer_state = OptimizerState(saved["kind"], _unpacked(saved["variables"]))
    if "stream" in state:
        counts, n_fixed = unpacked(state["stream"]["counts"]), state["stream"]["n_fixed"]
        n_ngrams = 0 if ngrams is None else len(ngrams)
        require(is_array(counts, np.float64, n_ngrams, n_classes), "saved model")
        require(isinstance(n_fixed, int) and 0 <= n_fixed <= len(counts), "saved model")
        stream = Stream(counts, n_fixed)
    return Model(architecture, weights, ngrams, seen, optimizer_state, stream, class_weight)


def _packed(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: packed(array) for name, array in arrays.items()}


def _unpacked(arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: unpacked(array) for name, array in arrays.items()}
