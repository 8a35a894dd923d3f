"""Sparse matrices of the words or n-grams of rows, in the form that training reads."""

import numpy as np
import scipy.sparse

from sentilib._compiled._threads import by_rows
from sentilib._ngrams._dictionary import Found, Terms


def bags(terms: Found | Terms, n_columns: int, divisor: np.ndarray) -> scipy.sparse.csr_array:
    """Count each row's n-grams, and divide by the row's divisor: float32 (n_rows, n_columns)."""
    return merged_rows(terms.starts, terms.features, 1 / divisor, n_columns)


def merged_rows(
    starts: np.ndarray, columns: np.ndarray, share: np.ndarray, n_columns: int, first: int = 0
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
    first : int, default=0
        Columns before this one are left out.

    Returns
    -------
    csr_array of shape (n_rows, n_columns), float32
        Counts times shares; the columns of a row are in no order.
    """
    import sentilib._ngrams._counting_kernels as _counting_kernels

    counts = np.empty(len(starts) - 1, dtype=np.int64)
    indices, data = np.empty(len(columns), dtype=np.int32), np.empty(len(columns), dtype=np.float32)

    def merge(rows: slice) -> tuple[int, int]:
        start, stop = starts[rows.start], starts[rows.stop]
        n = _counting_kernels.merge(
            starts[rows.start : rows.stop + 1],
            columns,
            share[rows],
            n_columns,
            first,
            counts[rows],
            indices[start:stop],
            data[start:stop],
        )
        return start, n

    size = 0
    for start, n in by_rows(merge, len(counts)):
        for array in (indices, data):
            array[size : size + n] = array[start : start + n]
        size += n
    indices, data = indices[:size], data[:size]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    indptr = indptr.astype(np.int32 if indptr[-1] < 2**31 else np.int64)  # and so the indices
    return scipy.sparse.csr_array((data, indices, indptr), shape=(len(counts), n_columns))


class RowsOf:
    """Rows of a float32 matrix, as its index returns them, in a tenth of the time.

    The arrays of the result are used again by the next call.
    """

    def __init__(self, matrix: scipy.sparse.csr_array) -> None:
        self._matrix = matrix
        self._columns, self._values = (np.empty(0, dtype) for dtype in (np.int32, np.float32))

    def __call__(self, rows: np.ndarray) -> scipy.sparse.csr_array:
        """Return some rows."""
        import sentilib._ngrams._counting_kernels as _counting_kernels

        matrix = self._matrix
        if matrix.indices.dtype != np.int32:
            return matrix[rows]
        starts = np.zeros(len(rows) + 1, dtype=matrix.indptr.dtype)
        np.cumsum(matrix.indptr[rows + 1] - matrix.indptr[rows], out=starts[1:])
        size = int(starts[-1])
        if len(self._columns) < size:
            room = size + size // 8
            self._columns, self._values = (
                np.empty(room, a.dtype) for a in (self._columns, self._values)
            )
        columns, values = self._columns[:size], self._values[:size]
        entries = matrix.indptr, matrix.indices, matrix.data
        _counting_kernels.take_rows(*entries, rows, starts, columns, values)
        return scipy.sparse.csr_array((values, columns, starts), (len(rows), matrix.shape[1]))
