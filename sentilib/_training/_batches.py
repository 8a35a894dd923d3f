"""Batches of rows: their order, and padding to the shapes of graphs."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np


class Batches(NamedTuple):
    """Batches (x, y, sample_weight) of an epoch; x contains ids and CSR arrays."""

    one_epoch: Callable[[], Iterable]
    n: int  # number of batches per epoch


class Encoded(NamedTuple):
    """Rows as the layers of a training graph read them."""

    batch: Callable[[np.ndarray], tuple]  # inputs of the layers for rows, by their numbers
    lengths: np.ndarray | None  # tokens per row, to group rows of similar length


def row_batches(
    n_samples: int,
    lengths: np.ndarray | None,
    batch_size: int,
    rng: np.random.Generator | None,
) -> Iterator[np.ndarray]:
    """Yield the rows of each batch, in random order; in the given order without `rng`.

    With lengths, rows are shuffled first and sorted by length only within 16 batches: batches of
    similar length are trimmed with little waste, and remain random samples of each length.
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
    """Round up to multiples of 1024, or of up to an eighth, so that folds share a trainer."""
    step = 2 ** max(10, n_rows.bit_length() - 4)
    return -(-n_rows // step) * step


def padded(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Append zeros to the first axis until `value` has the given shape."""
    if value.shape == tuple(shape):
        return value
    padded = np.zeros(shape, dtype=value.dtype)
    padded[: len(value)] = value
    return padded
