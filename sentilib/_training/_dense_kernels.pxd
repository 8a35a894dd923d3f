"""Adam's steps: the time, and checks of batches."""

from libc.stdint cimport int32_t, int64_t


cdef extern from "_adam.h" nogil:
    enum:
        ADAM_BLOCK
    ctypedef struct Clock:
        int32_t step
        float rate, beta_1, beta_2, epsilon
        const float* moved
        const float* powers_1
        const float* powers_2


cdef class Schedule:
    cdef Clock clock
    cdef int64_t first
    cdef double beta_1, beta_2, rate
    cdef double[:, ::1] shares  # of a rate in the coefficients of earlier steps, until negligible
    cdef float[::1] moved, powers_1, powers_2


cdef int fail(str what) except -1
cdef int check_entries(
    const int64_t[::1] starts, const int32_t[::1] columns, const float[::1] values, int64_t n_columns
) except -1
cdef int check_step(Schedule schedule, int32_t last, bint is_open) except -1
