"""Compiled loops over rows of token ids, for the whole package."""

from libc.stdint cimport int32_t, int64_t


def count(const int32_t[:, ::1] ids, int64_t[::1] n_tokens):
    """Count the tokens of each row: all ids except padding."""
    cdef int64_t row, k
    cdef int32_t n
    cdef const int32_t* row_ids
    if n_tokens.shape[0] != ids.shape[0]:
        raise ValueError(f"{ids.shape[0]} rows, but room for {n_tokens.shape[0]} numbers.")
    with nogil:
        for row in range(ids.shape[0]):
            n = 0
            row_ids = &ids[row, 0]
            for k in range(ids.shape[1]):
                n += row_ids[k] != 0
            n_tokens[row] = n
