"""Sparse matrices of the words or n-grams of rows, in the form that training reads."""

import numpy as np
import scipy.sparse

from sentilib._compiled._threads import by_rows
from sentilib._ngrams._dictionary import Found, Terms


def bags(terms: Found | Terms, n_columns: int, divisor: np.ndarray) -> scipy.sparse.csr_array:
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
    import sentilib._ngrams._counting_kernels as _counting_kernels

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
    for first, n in by_rows(merge, len(counts)):
        for array in (indices, data):
            array[size : size + n] = array[first : first + n]
        size += n
    indices, data = indices[:size], data[:size]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    indptr = indptr.astype(np.int32 if indptr[-1] < 2**31 else np.int64)  # and so the indices
    return scipy.sparse.csr_array((data, indices, indptr), shape=(len(counts), n_columns))
