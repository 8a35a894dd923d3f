"""The reading of one token, of any characters."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

cdef enum:
    N_CODES = 0x110000


cdef struct Rules:
    const uint8_t* byte_class
    const uint8_t* character_class
    const int32_t* fold_entry
    const int64_t* fold_start
    int64_t n_entries
    const uint8_t* fold_bytes
    int64_t n_fold_bytes


cdef struct Token:  # the open one
    int64_t start
    int64_t end
    int64_t n  # its length in folded bytes
    uint64_t chunk  # the last one
    uint64_t h  # the hash of the others
    int64_t* chunks  # the others
    int64_t room  # for chunks; those beyond are lost, which `n` shows
    uint64_t factor  # of the hash


cdef Rules rules_of(tuple rules) except *
cdef int64_t read_on(
    const uint8_t* raw, int64_t i, const Rules* rules, Token* token
) noexcept nogil
cdef bint is_mark(uint64_t chunk, const uint8_t* character_class) noexcept nogil
