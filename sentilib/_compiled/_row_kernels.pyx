"""Compiled loops over rows of token ids, for the whole package."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from sentilib._compiled cimport _instructions


cdef extern from "_rows.h" nogil:
    ctypedef void (*count_function)(
        const int32_t* ids, int64_t n_rows, int64_t width, int64_t* n_tokens
    ) noexcept
    const count_function* count_tokens


def count(const int32_t[:, ::1] ids, int64_t[::1] n_tokens):
    """Count the tokens of each row: all ids except padding."""
    cdef int64_t n_rows = ids.shape[0]
    cdef count_function function = count_tokens[_instructions.chosen]
    if n_tokens.shape[0] != n_rows:
        raise ValueError(f"{n_rows} rows, but room for {n_tokens.shape[0]} numbers.")
    if n_rows:
        with nogil:
            function(&ids[0, 0], n_rows, ids.shape[1], &n_tokens[0])


def extents(const int32_t[:, ::1] ids, int64_t[::1] starts, int64_t[::1] stops):
    """Find the column of each row's first token, and that after its last one; 0 without tokens."""
    cdef int64_t row, start, stop
    cdef const int32_t* row_ids
    if not ids.shape[0] == starts.shape[0] == stops.shape[0]:
        raise ValueError(f"{ids.shape[0]} rows, but room for {starts.shape[0]} extents.")
    with nogil:
        for row in range(ids.shape[0]):
            row_ids, start, stop = &ids[row, 0], 0, ids.shape[1]
            while stop > 0 and row_ids[stop - 1] == 0:
                stop -= 1
            while start < stop and row_ids[start] == 0:
                start += 1
            starts[row], stops[row] = start, stop


def mark(const int32_t[:, ::1] ids, uint8_t[::1] occurs):
    """Write 1 to the place of each id that occurs."""
    cdef int64_t row, k
    cdef bint fails = False
    cdef const int32_t* row_ids
    with nogil:
        for row in range(ids.shape[0]):
            row_ids = &ids[row, 0]
            for k in range(ids.shape[1]):
                if <uint32_t>row_ids[k] >= occurs.shape[0]:
                    fails = True
                    break
                occurs[row_ids[k]] = 1
            if fails:
                break
    if fails:
        raise ValueError(f"An id is none of {occurs.shape[0]}.")


def are_below(const int32_t[:, ::1] ids, int64_t n_ids):
    """Return whether all ids are from 0 to n_ids - 1."""
    cdef int64_t row, k
    cdef uint32_t largest = 0
    cdef const int32_t* row_ids
    with nogil:
        for row in range(ids.shape[0]):
            row_ids = &ids[row, 0]
            for k in range(ids.shape[1]):
                largest = max(largest, <uint32_t>row_ids[k])
    return largest < n_ids
