"""Compiled loops over the words of rows."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

import numpy as np


def means(
    const int32_t[:, ::1] ids, const double[:, ::1] table, bint masks_padding, double[:, ::1] out
):
    """Average the table's rows over the words of each row, with or without padding."""
    cdef int64_t n_columns = table.shape[1], n_ids = table.shape[0], row, k, column, n
    cdef int64_t word = 0
    cdef double[::1] sums = np.empty(n_columns + 1)
    cdef double* total = &sums[0]
    cdef double one
    cdef const double* values
    cdef bint is_outside = False
    if out.shape[0] != ids.shape[0] or out.shape[1] != n_columns:
        raise ValueError(f"Means must be {ids.shape[0]} x {n_columns}.")
    with nogil:
        for row in range(ids.shape[0]):
            n = 0
            if n_columns == 1:
                one = 0.0
                for k in range(ids.shape[1]):
                    word = ids[row, k]
                    if word != 0 or not masks_padding:
                        if <uint64_t>word >= <uint64_t>n_ids:
                            is_outside = True
                            break
                        n += 1
                        one += table[word, 0]
                total[0] = one
            else:
                memset(total, 0, 8 * n_columns)
                for k in range(ids.shape[1]):
                    word = ids[row, k]
                    if word != 0 or not masks_padding:
                        if <uint64_t>word >= <uint64_t>n_ids:
                            is_outside = True
                            break
                        n += 1
                        values = &table[word, 0]
                        for column in range(n_columns):
                            total[column] += values[column]
            if is_outside:
                break
            for column in range(n_columns):
                out[row, column] = total[column] / <double>max(n, 1)
    if is_outside:
        raise ValueError(f"The id {word} is outside the table, which has {n_ids} rows.")
