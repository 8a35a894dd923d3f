"""Compiled loops over the words of rows."""

from libc.stdint cimport int32_t, int64_t, uint64_t


cdef inline int64_t _sum(
    const int32_t* ids, int64_t n_tokens, const double* table, int64_t n_ids, int64_t n_columns,
    bint masks_padding, const int width, double* total
) noexcept nogil:
    """Sum `width` columns over a row's words; return their number, or -1 - k for a bad id at k."""
    cdef double sums[8]
    cdef int64_t k, n = 0
    cdef int c
    cdef const double* values
    for c in range(width):
        sums[c] = 0
    for k in range(n_tokens):
        if ids[k] != 0 or not masks_padding:
            if <uint64_t><int64_t>ids[k] >= <uint64_t>n_ids:
                return -1 - k
            n += 1
            values = table + ids[k] * n_columns
            for c in range(width):
                sums[c] += values[c]
    for c in range(width):
        total[c] = sums[c]
    return n


def means(
    const int32_t[:, ::1] ids, const double[:, ::1] table, bint masks_padding, double[:, ::1] out
):
    """Average the table's rows over the words of each row, with or without padding."""
    cdef int64_t n_columns = table.shape[1], n_ids = table.shape[0], n_tokens = ids.shape[1]
    cdef int64_t row, k, column, n = 0
    cdef const int32_t* row_ids
    cdef const double* first
    cdef double* sums
    if out.shape[0] != ids.shape[0] or out.shape[1] != n_columns:
        raise ValueError(f"Means must be {ids.shape[0]} x {n_columns}.")
    with nogil:
        for row in range(ids.shape[0]):
            row_ids, sums, column = &ids[row, 0], &out[row, 0], 0
            while column < n_columns and n >= 0:
                first = &table[0, 0] + column
                k = n_columns - column
                if k >= 8:
                    n = _sum(row_ids, n_tokens, first, n_ids, n_columns, masks_padding, 8,
                             sums + column)
                    column += 8
                elif k >= 4:
                    n = _sum(row_ids, n_tokens, first, n_ids, n_columns, masks_padding, 4,
                             sums + column)
                    column += 4
                elif k >= 2:
                    n = _sum(row_ids, n_tokens, first, n_ids, n_columns, masks_padding, 2,
                             sums + column)
                    column += 2
                else:
                    n = _sum(row_ids, n_tokens, first, n_ids, n_columns, masks_padding, 1,
                             sums + column)
                    column += 1
            if n < 0:
                break
            for column in range(n_columns):
                sums[column] /= <double>max(n, 1)
    if n < 0:
        raise ValueError(f"The id {ids[row, -1 - n]} is outside the table of {n_ids} rows.")
