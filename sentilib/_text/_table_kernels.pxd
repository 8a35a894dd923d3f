"""Functions on tables of words that other compiled loops use; `_table_kernels.pyx` describes them.
"""

from libc.stdint cimport int64_t, uint64_t

from sentilib._compiled._memory cimport folded_product


cdef struct Words:
    int64_t* slots
    int64_t mask  # number of slots, 2 ** k, less one
    int64_t* chunks
    int64_t n_chunks  # room for them
    int64_t* starts
    int64_t room  # for words
    int64_t* stats
    uint64_t seed  # of the hash
    uint64_t factor


cdef inline uint64_t mixed(uint64_t h, uint64_t chunk, uint64_t factor) noexcept nogil:
    """Return the hash with one more chunk."""
    return folded_product(h ^ chunk, factor)


cdef inline int64_t find(
    const int64_t* token, int64_t n_chunks, uint64_t h, const Words* words, int64_t* end
) noexcept nogil:
    """Return the number of the word equal to the token, or -1; `end` is the slot of its end.

    Entries that point outside the arrays are skipped. The end is -1 if no slot is empty.
    """
    cdef int64_t first_slot = <int64_t>(h >> 32) & words.mask, slot = first_slot, word, first, k
    cdef uint64_t tag = h & 0xFFFFFFFFU, entry
    while True:
        entry = <uint64_t>words.slots[slot]
        if entry == 0:
            end[0] = slot
            return -1
        if entry >> 32 == tag:
            word = <int64_t>(entry & 0xFFFFFFFFU) - 1
            if <uint64_t>word < <uint64_t>words.room:
                first = words.starts[word]
                if (
                    words.starts[word + 1] - first == n_chunks
                    and first >= 0
                    and first + n_chunks <= words.n_chunks
                ):
                    k = 0
                    while k < n_chunks and words.chunks[first + k] == token[k]:
                        k += 1
                    if k == n_chunks:
                        end[0] = slot
                        return word
        slot = (slot + 1) & words.mask
        if slot == first_slot:
            end[0] = -1
            return -1


cdef inline bint has_room(int64_t n_words, int64_t n_chunks, const Words* words) noexcept nogil:
    return (
        n_words < words.room
        and words.starts[n_words] + n_chunks <= words.n_chunks
        and 2 * (n_words + 1) <= words.mask + 1
    )


cdef Words words_of(tuple table, bint counts) except *
cdef int insert(
    const int64_t* token, int64_t n_chunks, uint64_t h, int64_t slot, int64_t word, Words* words
) noexcept nogil
