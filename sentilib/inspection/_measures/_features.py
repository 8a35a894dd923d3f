"""Features of reviews: those computed from the reviews, and the user's columns."""

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from sentilib._pipelines import Reviews, as_column
from sentilib._text._documents import column_names

LABELS = {
    "length": "Length (tokens)",
    "oov_count": "Unknown words (count)",
    "oov_rate": "Unknown words (share)",
    "truncated": "Truncated",
    "cluster": "Cluster of the latent space",
}
BUILT_IN = ("length", "oov_count", "oov_rate", "truncated")


def resolve_features(
    features: str | Iterable[str],
    data: Any,
    n_samples: int,
    reviews: Reviews | None = None,
    **computed: Callable[[], np.ndarray],
) -> dict[str, np.ndarray]:
    """Look features up by name: in the user's columns, then among the computed ones.

    Parameters
    ----------
    features : str or iterable of str
        Names of the features.
    data : DataFrame, mapping of str to array-like, or None
        The user's columns.
    n_samples : int
        Number of reviews.
    reviews : Reviews or None, default=None
        Source of the features in `BUILT_IN`, and of further columns.
    **computed : callable
        Functions without arguments that compute further features.

    Returns
    -------
    dict of str to ndarray of shape (n_samples,)
        Values by name.

    Raises
    ------
    ValueError
        If a name is unknown, or a column has not one value per review.
    """
    names = [features] if isinstance(features, str) else list(features)
    if not names:
        raise ValueError("features is empty: name at least one.")
    columns = _columns(data, n_samples)
    if reviews is not None:
        columns = reviews.columns | columns
        computed = {name: partial(getattr, reviews, name) for name in BUILT_IN} | computed
    unknown = [name for name in names if name not in columns and name not in computed]
    if unknown:
        raise ValueError(
            f"There are no features {unknown}. Known are {[*columns, *computed]}; pass others as "
            "columns of the parameter data, such as data=table[['product']]."
        )
    return {name: columns[name] if name in columns else computed[name]() for name in names}


def without_missing(name: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the finite values of a feature and which reviews have one; warn of missing ones."""
    try:
        if values.dtype.kind in "mM":  # which NumPy would convert
            raise TypeError
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"The feature {name!r} must be numeric, got type {values.dtype}."
        ) from None
    present = np.isfinite(numbers)
    n_missing = len(numbers) - int(present.sum())
    if n_missing:
        warnings.warn(
            f"Feature {name!r}: {n_missing} of {len(numbers)} values are missing (NaN or "
            "infinite); those reviews are left out.",
            stacklevel=3,
        )
    if not present.any():
        raise ValueError(f"The feature {name!r} has no value that is a finite number.")
    return numbers[present], present


def quantile_bins(values: np.ndarray, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut numbers into bins of similar size; few distinct values have one bin each.

    Returns
    -------
    codes : ndarray of shape (n_samples,), int
        Bin of each value.
    limits : ndarray of shape (n_bins, 2)
        Smallest and largest value in each bin.
    """
    distinct, codes = np.unique(values, return_inverse=True)
    if len(distinct) > n_bins:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)))
        codes = np.searchsorted(edges[1:-1], values, side="right")
        codes = np.unique(codes, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    low = np.minimum.reduceat(values[order], starts)
    high = np.maximum.reduceat(values[order], starts)
    return codes, np.column_stack([low, high])


def names_of(data: Any) -> list[Any]:
    """Return the names of the columns of a table or mapping."""
    names = column_names(data)
    return list(data if names is None else names)


def _columns(data: Any, n_samples: int) -> dict[str, np.ndarray]:
    if data is None:
        return {}
    columns = {str(name): as_column(data[name]) for name in names_of(data)}
    for name, values in columns.items():
        if values.shape != (n_samples,):
            raise ValueError(
                f"The column {name!r} of data must contain one value for each of {n_samples} "
                f"reviews, got shape {values.shape}."
            )
    return columns
