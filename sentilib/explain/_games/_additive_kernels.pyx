"""Kernels that compute and sum the values of additive games."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t, uint64_t

import numpy as np


def share_out(
    const int32_t[:, ::1] ids, const double[:, ::1] worth, const double[::1] own,
    const double[::1] common, double[:, ::1] values,
):
    """Give each word its share of its worth, and all tokens of the row the common share."""
    cdef int64_t n_columns = worth.shape[1], row, k, word, column, token, first, last = 0
    cdef double[::1] everyone = np.empty(n_columns)
    cdef bint is_outside = False
    if min(own.shape[0], common.shape[0]) < ids.shape[0] or values.shape[1] != n_columns:
        raise ValueError(f"Shares must be of {ids.shape[0]} rows, values of {n_columns} columns.")
    with nogil:
        for row in range(ids.shape[0]):
            first = last
            everyone[:] = 0
            for k in range(ids.shape[1]):
                word = ids[row, k]
                if word != 0:
                    if <uint64_t>word >= <uint64_t>worth.shape[0] or last == values.shape[0]:
                        is_outside = True
                        break
                    for column in range(n_columns):
                        values[last, column] = own[row] * worth[word, column]
                        everyone[column] += common[row] * worth[word, column]
                    last += 1
            if is_outside:
                break
            if common[row] != 0:
                for token in range(first, last):
                    for column in range(n_columns):
                        values[token, column] += everyone[column]
    if is_outside:
        raise ValueError(
            f"An id is outside the {worth.shape[0]} rows of worths, or there are more tokens than "
            f"{values.shape[0]}."
        )


def row_sums(
    const double[:, ::1] values, const int64_t[::1] n_tokens, double[:, ::1] sums,
    double[:, ::1] sizes,
):
    """Sum the values of each row's tokens, and their absolute values."""
    cdef int64_t n_rows = n_tokens.shape[0], n_columns = values.shape[1]
    cdef int64_t row, token, column, last = 0
    if (
        sums.shape[0] != n_rows
        or sizes.shape[0] != n_rows
        or sums.shape[1] != n_columns
        or sizes.shape[1] != n_columns
    ):
        raise ValueError(f"Sums must be {n_rows} x {n_columns}.")
    for row in range(n_rows):
        if not 0 <= n_tokens[row] <= values.shape[0] - last:
            raise ValueError(f"Rows have more tokens than {values.shape[0]}, or less than none.")
        last += n_tokens[row]
    last = 0
    with nogil:
        sums[:] = 0
        sizes[:] = 0
        for row in range(n_rows):
            for token in range(last, last + n_tokens[row]):
                for column in range(n_columns):
                    sums[row, column] += values[token, column]
                    sizes[row, column] += fabs(values[token, column])
            last += n_tokens[row]
