"""States of fitted objects: snapshots for threads, and what is saved and checked.

A saved state consists of parameters, arrays and plain containers, so that formats which run no code
can write it. Kernels index arrays without checks, so those of a damaged file are checked when they
are loaded. Whoever changes what a state contains raises `STATE_VERSION`, converts older states in
`SavedState.__setstate__`, and adds files of the new version to `tests/saved`, where the old ones
remain.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

STATE_VERSION = 3
_VERSION = "_state_version"  # key of a state
_NEW_PARAMETERS: dict[int, dict[str, Any]] = {  # that states before a version lack
    2: {"vectors": None},
    3: {"negation_scope": 0, "negations": "english"},
}

Object = TypeVar("Object")


def snapshot(estimator: Object) -> Object:
    """Return an object with the present attributes, while another thread may fit the estimator."""
    other = object.__new__(type(estimator))
    other.__dict__.update(estimator.__dict__)
    return other


def is_array(value: Any, dtype: Any, *shape: int | None) -> bool:
    """Return whether a value is an array as kernels read it; None in the shape is any length."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype == dtype
        and value.flags.c_contiguous
        and value.flags.aligned
        and value.ndim == len(shape)
        and all(n is None or n == size for n, size in zip(shape, value.shape, strict=True))
    )


def require(holds: Any, what: str) -> None:
    """Raise ValueError unless the parts of a state fit together."""
    if not holds:
        raise ValueError(
            f"The {what} is damaged: its arrays do not fit together. Load another copy of the "
            "file, or fit again."
        )


@contextmanager
def restoring(what: str) -> Iterator[None]:
    """Turn what computations with a damaged state raise into a ValueError."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if "is damaged" in str(error):
            raise
        raise ValueError(
            f"The {what} is damaged ({type(error).__name__}: {error}). Load another copy of the "
            "file, or fit again."
        ) from error


class SavedState:
    """Mixin of estimators: a state has a version, and is checked when it is restored."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, and the version of the state."""
        return {**super().__getstate__(), _VERSION: STATE_VERSION}  # type: ignore[dict-item]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the attributes; raise ValueError if another version saved others."""
        name = type(self).__name__
        require(isinstance(state, dict), f"saved {name}")
        version = state.get(_VERSION)
        advice = "Load it with the version of sentilib that saved it, or fit again."
        if version is None:
            raise ValueError(
                f"The saved {name} has no version of its state: it was saved before states had "
                f"one. {advice}"
            )
        if version not in range(1, STATE_VERSION + 1):
            raise ValueError(
                f"The saved {name} has a state of version {version!r}, but this version of "
                f"sentilib reads versions 1 to {STATE_VERSION}. {advice}"
            )
        parameters = inspect.signature(type(self).__init__).parameters.values()
        named = [p.name for p in parameters if p.name != "self" and p.kind != p.VAR_KEYWORD]
        for later, values in _NEW_PARAMETERS.items():
            if version < later:
                state = {**{k: value for k, value in values.items() if k in named}, **state}
        if absent := [parameter for parameter in named if parameter not in state]:
            raise ValueError(
                f"The saved {name} lacks the parameters {', '.join(absent)}: another version of "
                f"sentilib saved it, or it is damaged. {advice}"
            )
        restored = {key: value for key, value in state.items() if key != _VERSION}
        super().__setstate__(restored)  # type: ignore[misc]


def narrowed(array: np.ndarray) -> np.ndarray:
    """Return an array of integers in the narrowest type that contains them."""
    if not array.size:
        return array.astype(np.uint8)
    low, high = (np.min_scalar_type(limit) for limit in (array.min(), array.max()))
    return array.astype(np.result_type(low, high))


def integers(value: Any, dtype: Any, *shape: int | None, what: str = "saved model") -> np.ndarray:
    """Return a copy of an array that `narrowed` returned; raise ValueError if it does not fit."""
    require(isinstance(value, np.ndarray) and value.dtype.kind in "iu", what)
    limits = np.iinfo(dtype)
    require(value.min(initial=0) >= limits.min and value.max(initial=0) <= limits.max, what)
    copy = np.array(value, dtype=dtype, order="C")
    require(is_array(copy, dtype, *shape), what)
    return copy


_N_CODES = 2**16  # max number of distinct values that are worth a table
_SAMPLE = 2**14


def packed(array: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
    """Return an array, or its distinct values and their numbers if that is smaller.

    Log-count ratios, and weights that were rounded, have few distinct values.
    """
    if array.dtype.kind != "f" or array.size < _SAMPLE or not array.flags.c_contiguous:
        return array
    bits = array.view(f"u{array.itemsize}")  # -0.0 is not 0.0
    sample = bits.ravel()[:: array.size // _SAMPLE]
    if len(np.unique(sample)) > 0.9 * len(sample):
        return array
    values, codes = np.unique(bits, return_inverse=True)
    if len(values) > min(_N_CODES, array.size // 4):
        return array
    codes = codes.reshape(array.shape)
    return {"values": values.view(array.dtype), "codes": narrowed(codes)}


def unpacked(value: Any) -> np.ndarray:
    """Return the array that `packed` has packed; raise ValueError if it is damaged."""
    if not isinstance(value, dict):
        require(isinstance(value, np.ndarray) and value.dtype.kind in "fiub", "saved model")
        return np.array(value, order="C")
    values, codes = value["values"], value["codes"]
    require(isinstance(values, np.ndarray) and values.dtype.kind == "f", "saved model")
    require(isinstance(codes, np.ndarray) and codes.dtype in (np.uint8, np.uint16), "saved model")
    require(values.ndim == 1 and codes.max(initial=0) < max(len(values), 1), "saved model")
    return np.take(values, codes)
