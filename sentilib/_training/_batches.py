"""Batches of rows: their order, and padding to the shapes of graphs."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import scipy.sparse

from sentilib._ids import OOV, PAD, last_token
from sentilib._ngrams._dictionary import NgramDictionary

_MIN_WEIGHT_OF_UNKNOWN = 0.01  # of a row of unknown words, as a share of its batch


class Batches(NamedTuple):
    """Batches (x, y, sample_weight) of an epoch; x contains ids and CSR arrays."""

    one_epoch: Callable[[], Iterable]
    n: int  # number of batches per epoch


class Encoded(NamedTuple):
    """Rows as the layers of a training graph read them."""

    batch: Callable[[np.ndarray], tuple]  # inputs of the layers for rows, by their numbers
    lengths: np.ndarray | None  # tokens per row, to group rows of similar length
    teaches_unknown: bool = False  # whether batches of ids get a row of unknown words


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


def with_unknown_row(
    x: tuple, labels: np.ndarray, weight: np.ndarray, rng: np.random.Generator
) -> tuple[tuple, np.ndarray, np.ndarray]:
    """Append a row of unknown words, of random length, with the label of another row.

    A model learns from them that such a text tells nothing about its class.
    """
    ids, *evidence = x
    longest = max(int(last_token(ids).max()), 1)  # a backend may have added padding
    n_tokens = int((longest + 1) ** rng.random())  # log-uniform
    row = np.where(np.arange(ids.shape[1]) < n_tokens, OOV, PAD)
    ids = np.vstack([ids, row.astype(ids.dtype)])
    for k, bag in enumerate(evidence):
        n_rows = bag.shape[0] // len(labels)  # per row of ids
        ends = np.append(bag.indptr, [bag.indptr[-1]] * n_rows).astype(bag.indptr.dtype)
        shape = len(ends) - 1, bag.shape[1]
        evidence[k] = scipy.sparse.csr_array((bag.data, bag.indices, ends), shape)
    other = rng.integers(len(labels))
    return (
        (ids, *evidence),
        np.append(labels, labels[other]),
        np.append(weight, weight.sum() * max(1 / len(weight), _MIN_WEIGHT_OF_UNKNOWN)),
    )


def with_spare_rows(n_rows: int) -> int:
    """Round up to multiples of 1024, or of up to an eighth, so that folds share a trainer."""
    step = 2 ** max(10, n_rows.bit_length() - 4)
    return -(-n_rows // step) * step


def n_graph_rows(dictionary: NgramDictionary, *, in_stream: bool) -> int:
    """Return the number of rows for n-grams in a training graph."""
    rows = with_spare_rows(len(dictionary))
    if in_stream:  # the dictionary grows, and each size needs a graph
        limit = with_spare_rows(dictionary.max_features)
        rows = min(2 ** rows.bit_length(), max(rows, limit))
    return rows


def padded(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Append zeros to the first axis until `value` has the given shape."""
    if value.shape == tuple(shape):
        return value
    padded = np.zeros(shape, dtype=value.dtype)
    padded[: len(value)] = value
    return padded
