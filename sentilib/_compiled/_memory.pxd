"""What processors do and Cython does not name."""

from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef extern from "_memory.h" nogil:
    void prefetch "sentilib_prefetch"(const void* address) noexcept
    int64_t next_of "sentilib_next"(int64_t* counter) noexcept
    uint64_t load_eight "sentilib_load_eight"(const uint8_t* address) noexcept
    uint64_t folded_product "sentilib_folded_product"(uint64_t a, uint64_t b) noexcept
    bint is_text "sentilib_is_text"(const uint8_t* sixteen) noexcept
