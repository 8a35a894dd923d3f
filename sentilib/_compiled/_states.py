"""States of fitted objects: snapshots for threads, and checks of what was saved.

Kernels index arrays without checks, so those of a damaged pickle are checked when they are loaded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

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
