"""The functions of `_keys.py` on single integers, for compiled loops."""

from libc.stdint cimport int32_t, int64_t, uint64_t


cdef inline int64_t key_of(int64_t before, int64_t word) noexcept nogil:
    return <int64_t>((<uint64_t>before << 32) + <uint64_t>word)  # no overflow, whatever comes in


cdef inline int64_t prefix_part(int64_t key) noexcept nogil:
    return key >> 32


cdef inline int64_t prefix_of(int64_t number) noexcept nogil:
    return -2 - number


cdef inline int64_t number_of(int64_t prefix) noexcept nogil:
    return -2 - prefix


cdef inline bint is_prefix(int64_t before, int32_t first_word) noexcept nogil:
    """Return whether a prefix is that of a word or a known n-gram, which a word can extend."""
    return <uint64_t>before + 1 > <uint64_t>first_word  # negative: huge, or 0 for -1
