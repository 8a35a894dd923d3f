"""Checks that other compiled loops share."""

from libc.stdint cimport int64_t, uint64_t


cdef inline bint is_outside(int64_t index, int64_t size) noexcept nogil:
    return <uint64_t>index >= <uint64_t>size


cdef int fail(str what) except -1
cdef int check_starts(const int64_t[::1] starts, int64_t n_rows, int64_t size) except -1
