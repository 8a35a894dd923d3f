"""Compiled loops that find the n-grams of one length in many documents, and number them.

The documents' tokens are one array, with the start of each row. The n-gram that ends at a place
extends that of the place before: `prefixes` has the upper half of its key, as `_keys` defines it.
"""

import os

from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint64_t

import numpy as np

from sentilib._compiled._memory cimport prefetch
from sentilib._ngrams._counting_kernels cimport check_starts, fail, is_outside
from sentilib._ngrams._keys cimport is_prefix, key_of, number_of, prefix_of
from sentilib._ngrams._lookup_kernels cimport count_places, number_of_word

from sentilib._ids import FIRST_WORD
from sentilib._ngrams import _keys

cdef int32_t FIRST = FIRST_WORD
cdef int64_t EMPTY = _keys.EMPTY
cdef uint64_t MIX = int.from_bytes(os.urandom(8), "little") | 1  # as in `_lookup_kernels`
cdef enum:
    MAX_BITS = 31


def count_tokens(const int32_t[:, ::1] ids, int64_t[::1] sizes):
    """Count the columns of each row up to its last token."""
    cdef int64_t row
    if sizes.shape[0] != ids.shape[0]:
        fail(f"{sizes.shape[0]} sizes of {ids.shape[0]} rows")
    for row in range(ids.shape[0]):
        sizes[row] = count_places(&ids[row, 0], ids.shape[1]) if ids.shape[1] else 0


def join(const int32_t[:, ::1] ids, const int64_t[::1] starts, int32_t[::1] tokens):
    """Write the first columns of each row, one row after the other."""
    cdef int64_t row, k, n
    check_starts(starts, ids.shape[0], tokens.shape[0])
    for row in range(ids.shape[0]):
        n = starts[row + 1] - starts[row]
        if n > ids.shape[1]:
            fail(f"row {row} has {n} of {ids.shape[1]} columns")
        for k in range(n):
            tokens[starts[row] + k] = ids[row, k]


cdef inline int64_t _part(int64_t key, int n_bits) noexcept nogil:
    """Return the part of a key, one of 2 ** n_bits."""
    return <int64_t>((<uint64_t>key * MIX) >> (64 - n_bits))


cdef int _check_parts(
    const int32_t[::1] prefixes, const int32_t[::1] tokens, const int64_t[::1] starts, int n_bits,
    int64_t n_parts
) except -1:
    check_starts(starts, starts.shape[0] - 1, tokens.shape[0])
    if prefixes.shape[0] != tokens.shape[0]:
        fail(f"{prefixes.shape[0]} prefixes of {tokens.shape[0]} tokens")
    if not 1 <= n_bits <= MAX_BITS or n_parts != <int64_t>1 << n_bits:
        fail(f"{n_parts} parts are not 2 ** {n_bits}, up to 2 ** {MAX_BITS}")
    return 0


def count_parts(
    const int32_t[::1] prefixes, const int32_t[::1] tokens, const int64_t[::1] starts, int n_bits,
    int64_t[::1] counts
):
    """Count the n-grams of some rows by part of their keys."""
    cdef int64_t row, k
    cdef int32_t first = FIRST
    cdef int64_t* by_part = &counts[0] if counts.shape[0] else NULL
    _check_parts(prefixes, tokens, starts, n_bits, counts.shape[0])
    with nogil:
        counts[:] = 0
        for row in range(starts.shape[0] - 1):
            for k in range(starts[row] + 1, starts[row + 1]):
                if tokens[k] >= first and is_prefix(prefixes[k - 1], first):
                    by_part[_part(key_of(prefixes[k - 1], tokens[k]), n_bits)] += 1


def sort_into_parts(
    const int32_t[::1] prefixes, const int32_t[::1] tokens, const int64_t[::1] starts,
    int64_t first_row, int n_bits, int64_t[::1] next, int64_t[::1] keys, int32_t[::1] rows,
    int32_t[::1] ends,
):
    """Write each n-gram's key, row and last token to the next entry of its part."""
    cdef int64_t row, k, key, part, entry, size = min(keys.shape[0], rows.shape[0], ends.shape[0])
    cdef int32_t first = FIRST
    cdef int64_t* next_entry = &next[0] if next.shape[0] else NULL
    cdef int64_t* to_keys = &keys[0] if size else NULL
    cdef int32_t* to_rows = &rows[0] if size else NULL
    cdef int32_t* to_ends = &ends[0] if size else NULL
    cdef bint fails = False
    _check_parts(prefixes, tokens, starts, n_bits, next.shape[0])
    if not 0 <= first_row <= INT32_MAX - starts.shape[0]:
        fail(f"rows from {first_row} on")
    with nogil:
        for row in range(starts.shape[0] - 1):
            for k in range(starts[row] + 1, starts[row + 1]):
                if tokens[k] >= first and is_prefix(prefixes[k - 1], first):
                    key = key_of(prefixes[k - 1], tokens[k])
                    part = _part(key, n_bits)
                    entry = next_entry[part]
                    if is_outside(entry, size):
                        fails = True
                        break
                    prefetch(to_keys + entry + 12)  # the next cache line of this part
                    prefetch(to_rows + entry + 16)
                    prefetch(to_ends + entry + 16)
                    to_keys[entry], to_rows[entry] = key, <int32_t>(first_row + row)
                    to_ends[entry] = <int32_t>k
                    next_entry[part] = entry + 1
            if fails:
                break
    if fails:
        fail("more n-grams than room for them")


def document_frequency(
    const int64_t[::1] starts, int n_bits, int64_t min_df, int64_t[::1] keys, int32_t[::1] rows,
    int32_t[::1] counts,
):
    """Replace keys of some parts by distinct ones, and the row of each entry by the key's number.

    Keys in fewer than `min_df` rows have the number -1; returns how many others there are, whose
    numbers of rows become `counts`. The rows of a part must be ascending.
    """
    cdef int64_t n_parts = starts.shape[0] - 1, largest = 0, size = 4, n = 0, part, k, key, slot
    cdef int64_t[::1] table
    cdef int32_t[::1] n_rows, last_row
    check_starts(starts, n_parts, min(keys.shape[0], rows.shape[0], counts.shape[0]))
    if not 1 <= n_bits <= MAX_BITS:
        fail(f"parts of {n_bits} bits")
    for part in range(n_parts):
        largest = max(largest, starts[part + 1] - starts[part])
    while size < 2 * largest:
        size *= 2
    table = np.empty(size, dtype=np.int64)
    n_rows, last_row = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32)
    with nogil:
        for part in range(n_parts):
            size = 4
            while size < 2 * (starts[part + 1] - starts[part]):
                size *= 2
            table[:size] = EMPTY
            for k in range(starts[part], starts[part + 1]):
                key = keys[k]
                # All keys of a part have the same upper bits.
                slot = <int64_t>(<uint64_t>key * MIX) >> (32 - n_bits) & (size - 1)
                while table[slot] != key and table[slot] != EMPTY:
                    slot = (slot + 1) & (size - 1)
                if table[slot] == EMPTY:
                    table[slot], n_rows[slot], last_row[slot] = key, 0, -1
                n_rows[slot] += last_row[slot] != rows[k]
                last_row[slot] = rows[k]
                rows[k] = <int32_t>slot
            for slot in range(size):
                if table[slot] != EMPTY:
                    last_row[slot] = -1
                    if n_rows[slot] >= min_df:
                        keys[n], counts[n], last_row[slot] = table[slot], n_rows[slot], <int32_t>n
                        n += 1
            for k in range(starts[part], starts[part + 1]):
                rows[k] = last_row[rows[k]]
    return n


def spread(
    const int32_t[::1] ends, const int32_t[::1] distinct, const int32_t[::1] numbers,
    int32_t[::1] longer,
):
    """Write the number of each entry's n-gram, as a prefix, to the place where it ends."""
    cdef int64_t k, n_numbers = numbers.shape[0]
    cdef bint fails = False
    if ends.shape[0] != distinct.shape[0]:
        fail(f"{ends.shape[0]} ends of {distinct.shape[0]} n-grams")
    with nogil:
        for k in range(ends.shape[0]):
            if is_outside(ends[k], longer.shape[0]) or distinct[k] >= n_numbers:
                fails = True
                break
            prefetch(&longer[0] + ends[min(k + 16, ends.shape[0] - 1)])
            if distinct[k] >= 0 and numbers[distinct[k]] >= 0:
                longer[ends[k]] = <int32_t>prefix_of(numbers[distinct[k]])
    if fails:
        fail(f"an n-gram is none of {n_numbers}, or ends outside {longer.shape[0]} tokens")


def collect(
    const int32_t[::1] tokens, const int64_t[::1] starts, const int32_t[::1] words, bint has_words,
    list longer, const int32_t[::1] renumbered, int64_t[::1] sizes, int32_t[::1] features,
):
    """Write the numbers of each row's n-grams; return how many there are.

    Of n-grams of more than one word, `longer` has the numbers as prefixes, by length and place,
    and `renumbered` their final numbers, or -1.
    """
    cdef int64_t row, k, number, n = 0, n_words = words.shape[0], order, n_orders = len(longer)
    cdef const int32_t[::1] by_place
    cdef const int32_t* places[128]
    cdef bint fails = False
    check_starts(starts, sizes.shape[0], tokens.shape[0])
    if n_words == 0 or words[n_words - 1] != -1 or n_orders > 127:
        fail("the numbers of words do not end with -1")
    if features.shape[0] < (n_orders + has_words) * (starts[sizes.shape[0]] - starts[0]):
        fail(f"no room for the n-grams in {features.shape[0]} places")
    for order, by_place in enumerate(longer):
        if by_place.shape[0] != tokens.shape[0]:
            fail(f"{by_place.shape[0]} n-grams of {tokens.shape[0]} tokens")
        places[order] = &by_place[0] if tokens.shape[0] else NULL
    with nogil:
        for row in range(sizes.shape[0]):
            sizes[row] = -n
            for k in range(starts[row], starts[row + 1]):
                if has_words:
                    number = number_of_word(tokens[k], &words[0], n_words)
                    features[n] = <int32_t>number
                    n += number >= 0
                for order in range(n_orders):
                    if places[order][k] >= -1:  # nor does a longer one end here, usually
                        continue
                    number = number_of(places[order][k])
                    if is_outside(number, renumbered.shape[0]):
                        fails = True
                        break
                    features[n] = renumbered[number]
                    n += renumbered[number] >= 0
            sizes[row] += n
    if fails:
        fail(f"an n-gram is none of {renumbered.shape[0]}")
    return n
