"""The instruction set that the kernels with vectors use."""

cdef int chosen
