"""Batches of rows: their order, and the shapes that graphs are built for."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np


class Batches(NamedTuple):
    """Batches (x, y, sample_weight) of an epoch; x contains ids and CSR arrays."""

    one_epoch: Callable[[], Iterable]
    n: int


class Encoded(NamedTuple):
    """Rows as the layers of a training graph read them."""

    batch: Callable[[np.ndarray], tuple]  # what the layers read of some rows, by their numbers
    lengths: np.ndarray | None  # what batches of like length are sorted by


def row_batches(
    n_samples: int,
    lengths: np.ndarray | None,
    batch_size: int,
    rng: np.random.Generator | None,
) -> Iterator[np.ndarray]:
    """Cut rows into batches, in random order; in the given order without `rng`.

    Where lengths are given, rows are shuffled first and sorted by length only within 16 batches:
    batches of like length are trimmed with little waste, and stay random samples of each length.
    """
    if rng is None:
        order = np.arange(n_samples)
    else:
        order = rng.permutation(n_samples)
    starts = np.arange(0, n_samples, batch_size)
    if rng is not None and lengths is not None:
        for start in starts[::16]:
            part = order[start : start + 16 * batch_size]
            part[:] = part[np.argsort(lengths[part], kind="stable")]
        rng.shuffle(starts)
    for start in starts:
        yield order[start : start + batch_size]


def with_spare_rows(n_rows: int) -> int:
    """Round up in steps of at most an eighth, so that folds of one grid share a trainer."""
    step = 2 ** max(10, n_rows.bit_length() - 4)
    return -(-n_rows // step) * step


def padded(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Append zeros to the first axis until `value` has the given shape."""
    if value.shape == tuple(shape):
        return value
    padded = np.zeros(shape, dtype=value.dtype)
    padded[: len(value)] = value
    return padded
