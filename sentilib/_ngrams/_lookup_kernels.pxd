"""What other compiled loops use of the look-up of n-grams."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef struct Buckets:
    const int64_t* lines
    int64_t size
    int shift  # number of bits of a hash that do not select the bucket


cdef struct Scratch:  # for the rows of one call
    int64_t* keys
    int64_t* wheres
    int32_t* lasts
    int32_t* numbers  # of the n-grams found in a row
    int32_t* ends
    int64_t* first  # of each order
    int64_t* places
    double* worth
    double* value
    void* memory


cdef inline int64_t count_places(const int32_t* ids, int64_t n) noexcept nogil:
    """Return the number of columns of a row up to its last token."""
    cdef int32_t tokens
    cdef int k
    while n >= 16:
        tokens = 0
        for k in range(1, 17):
            tokens |= ids[n - k]
        if tokens:
            break
        n -= 16
    while n > 0 and ids[n - 1] == 0:
        n -= 1
    return n


cdef inline int64_t number_of_word(int32_t word, const int32_t* words, int64_t n) noexcept nogil:
    """Return the number of a word, -1 if it is unknown; the last of the `n` numbers is -1."""
    return words[min(<uint64_t><uint32_t>word, <uint64_t>(n - 1))]


cdef Buckets buckets_of(const int64_t[::1] lines) except *
cdef int allocate(Scratch* scratch, int64_t n_tokens, int64_t max_n) except -1
cdef int check(const int32_t[::1] words, int64_t min_n, int64_t max_n) except -1
cdef void long_ngrams(
    const int32_t* ids, int64_t n, Buckets* buckets, int64_t max_n, Scratch* scratch
) noexcept nogil
