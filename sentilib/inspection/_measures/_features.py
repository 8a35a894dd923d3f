"""Features of reviews that losses are held against: built-in ones and the user's columns."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from sentilib.inspection._measures._evaluation import Reviews

LABELS = {
    "length": "Length (tokens)",
    "oov_count": "Unknown words (count)",
    "oov_rate": "Unknown words (share)",
    "truncated": "Truncated",
    "cluster": "Cluster of the latent space",
}
BUILT_IN = ("length", "oov_count", "oov_rate", "truncated")


def resolve_features(
    features: str | Iterable[str], data: Any, n_samples: int, reviews: Reviews | None = None
) -> dict[str, np.ndarray]:
    """Look features up by name: in the user's columns, then among the built-in ones.

    Parameters
    ----------
    features : str or iterable of str
        Names.
    data : DataFrame, mapping of str to array-like, or None
        The user's columns.
    n_samples : int
        Number of reviews.
    reviews : Reviews or None
        Where built-in features come from.

    Returns
    -------
    dict of str to ndarray of shape (n_samples,)
        Values by name.

    Raises
    ------
    ValueError
        If a name is unknown, or a column is not one value a review.
    """
    names = [features] if isinstance(features, str) else list(features)
    if not names:
        raise ValueError("features is empty: name at least one.")
    columns = _columns(data, n_samples)
    if reviews is not None:
        columns = {**reviews.columns, **columns}
    resolved = {}
    for name in names:
        if name in columns:
            resolved[name] = columns[name]
        elif reviews is not None and name in BUILT_IN:
            resolved[name] = getattr(reviews, name)
        else:
            known = [*columns, *(BUILT_IN if reviews is not None else ())]
            raise ValueError(
                f"There is no feature {name!r}. Known are {known}; give others as columns of data."
            )
    return resolved


def without_missing(name: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the numbers of a feature and which reviews have one, and warn of those that lack it."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"The feature {name!r} must be numeric, got type {np.asarray(values).dtype}."
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
    """Cut numbers into bins of like size; few distinct values get a bin each.

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


def _columns(data: Any, n_samples: int) -> dict[str, np.ndarray]:
    if data is None:
        return {}
    names = data.columns if hasattr(data, "columns") else data
    columns = {str(name): np.asarray(data[name]) for name in names}
    for name, values in columns.items():
        if values.shape != (n_samples,):
            raise ValueError(
                f"The column {name!r} of data must hold one value for each of {n_samples} "
                f"reviews, got shape {values.shape}."
            )
    return columns
