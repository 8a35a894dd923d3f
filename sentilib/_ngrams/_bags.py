"""Sparse matrices of the words or n-grams of rows, in the form that training reads."""

from functools import partial

import numpy as np
import scipy.sparse

from sentilib._compiled._threads import in_threads, row_slices
from sentilib._ngrams._dictionary import Terms


def bags(terms: Terms, n_columns: int, divisor: np.ndarray) -> scipy.sparse.csr_array:
    """Count each row's n-grams, and divide by the row's divisor: float32 (n_rows, n_columns)."""
    return merged_rows(terms.starts, terms.features, 1 / divisor, n_columns)


def merged_rows(
    starts: np.ndarray, columns: np.ndarray, share: np.ndarray, n_columns: int
) -> scipy.sparse.csr_array:
    """Count the occurrences of each column in each row, and multiply by the row's share.

    Parameters
    ----------
    starts : ndarray of shape (n_rows + 1,), int64
        Start of each row in `columns`.
    columns : ndarray of shape (starts[-1],), int32
        Columns of the first row, then those of the second, ...
    share : ndarray of shape (n_rows,), float64
        Factor of each row.
    n_columns : int
        Width of the matrix.

    Returns
    -------
    csr_array of shape (n_rows, n_columns), float32
        Counts times shares; the columns of a row are in no order.
    """
    from sentilib._ngrams import _counting_kernels

    counts = np.empty(len(starts) - 1, dtype=np.int64)
    indices, data = np.empty(len(columns), dtype=np.int32), np.empty(len(columns), dtype=np.float32)

    def merge(rows: slice) -> tuple[int, int]:
        first, last = starts[rows.start], starts[rows.stop]
        n = _counting_kernels.merge(
            starts[rows.start : rows.stop + 1],
            columns,
            share[rows],
            n_columns,
            counts[rows],
            indices[first:last],
            data[first:last],
        )
        return first, n

    size = 0
    for first, n in in_threads(merge, row_slices(len(counts))):
        for array in (indices, data):
            array[size : size + n] = array[first : first + n]
        size += n
    indices, data = indices[:size], data[:size]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    indptr = indptr.astype(np.int32 if indptr[-1] < 2**31 else np.int64)  # and so the indices
    return scipy.sparse.csr_array((data, indices, indptr), shape=(len(counts), n_columns))


def weighted(
    bag: scipy.sparse.csr_array, folds: np.ndarray, ratios: np.ndarray
) -> list[scipy.sparse.csr_array]:
    """Multiply each entry of a bag by the ratio of its n-gram in its row's fold.

    Parameters
    ----------
    bag : csr_array of shape (n_rows, n_ngrams), float32
        Counts of n-grams.
    folds : ndarray of shape (n_rows,), int
        Fold of each row.
    ratios : ndarray of shape (n_columns, n_folds, n_ngrams), float64
        Ratio of each n-gram in each fold.

    Returns
    -------
    list of n_columns csr_array of shape (n_rows, n_ngrams), float32
        Matrices that share their indices.
    """
    from sentilib._ngrams import _counting_kernels

    starts, features = bag.indptr.astype(np.int64), bag.indices.astype(np.int32, copy=False)

    def weigh(ratios: np.ndarray, data: np.ndarray, rows: slice) -> None:
        of_rows = starts[rows.start : rows.stop + 1]
        _counting_kernels.weigh(of_rows, features, bag.data, folds[rows], ratios, data)

    matrices = []
    for of_column in np.ascontiguousarray(ratios):
        data = np.empty_like(bag.data)
        in_threads(partial(weigh, of_column, data), row_slices(len(folds)))
        matrices.append(scipy.sparse.csr_array((data, bag.indices, bag.indptr), shape=bag.shape))
    return matrices
