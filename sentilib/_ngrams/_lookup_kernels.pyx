"""Compiled loops that look up n-grams in a dictionary; `_keys` defines the keys."""

import os

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport INT64_MIN, int8_t, int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memset

import numpy as np

from sentilib._compiled._memory cimport prefetch
from sentilib._ngrams._keys cimport is_prefix, key_of, number_of, prefix_of, prefix_part

from sentilib._ids import FIRST_WORD
from sentilib._ngrams import _keys

cdef enum:
    KEYS = 4  # in a bucket
    BUCKET = 8  # a cache line: the keys, then the entry of each
    GOES_ON = 1  # flag: a longer n-gram extends this one; the bits above are its number
    MAX_N = 127  # the type of the orders

cdef int32_t FIRST = FIRST_WORD
cdef int64_t EMPTY = _keys.EMPTY
cdef int64_t OVERFLOWS = INT64_MIN  # sign of the last entry: keys are in the next bucket too
# An odd factor that nobody can know, so that nobody can choose n-grams for one bucket.
cdef uint64_t MIX = int.from_bytes(os.urandom(8), "little") | 1


cdef Buckets buckets_of(const int64_t[::1] lines) except *:
    """Check that the buckets are 2 ** k lines, k > 0."""
    cdef Buckets buckets
    cdef int64_t n = lines.shape[0] // BUCKET
    if n < 2 or n & (n - 1) or n * BUCKET != lines.shape[0]:
        raise ValueError(f"Buckets must be 2 ** k lines of {BUCKET}, got {lines.shape[0]} numbers.")
    buckets.lines, buckets.size, buckets.shift = &lines[0], lines.shape[0], 64
    while n > 1:
        n >>= 1
        buckets.shift -= 1
    return buckets


cdef inline int64_t _bucket(int64_t key, int shift) noexcept nogil:
    """Return the start of a key's bucket."""
    return <int64_t>((<uint64_t>key * MIX) >> shift) * BUCKET


def index(const int64_t[::1] keys, int32_t[::1] words, int64_t[::1] buckets):
    """Fill the tables of a dictionary: the number of each word, and buckets of longer n-grams.

    A key is in the bucket that it hashes to or, if that is full, in the next one with room.
    """
    cdef Buckets table = buckets_of(buckets)
    cdef int64_t number, key, before, bucket, k, n_long = 0, n_keys = keys.shape[0]
    cdef bint is_repeated = False
    cdef uint8_t[::1] goes_on = np.zeros(n_keys, dtype=np.uint8)
    for number in range(n_keys):
        before = prefix_part(keys[number])
        n_long += before != 0
        if before < 0:
            if not 0 <= number_of(before) < number:
                raise ValueError(f"The n-gram {number} extends none of those before it.")
            goes_on[number_of(before)] = GOES_ON
        elif before == 0 and keys[number] >= words.shape[0]:
            raise ValueError(f"The word {keys[number]} does not fit into {words.shape[0]} words.")
    if n_long >= KEYS * (table.size // BUCKET):
        raise ValueError(f"{n_long} n-grams need more buckets.")
    with nogil:
        words[:] = -1
        for k in range(table.size):
            buckets[k] = 0 if k & KEYS else EMPTY
        for number in range(n_keys):
            key = keys[number]
            prefetch(&buckets[_bucket(keys[min(number + 16, n_keys - 1)], table.shift)])
            if prefix_part(key) == 0:
                if key >= FIRST:
                    is_repeated |= words[key] >= 0
                    words[key] = <int32_t>number
                continue
            bucket, k = _bucket(key, table.shift), 0
            while buckets[bucket + k] != EMPTY:
                is_repeated |= buckets[bucket + k] == key
                k += 1
                if k == KEYS:
                    buckets[bucket + BUCKET - 1] |= OVERFLOWS
                    bucket, k = (bucket + BUCKET) & (table.size - 1), 0
            buckets[bucket + k] = key
            buckets[bucket + KEYS + k] |= 2 * number + goes_on[number]
    if is_repeated:
        raise ValueError("An n-gram is in the dictionary twice.")


cdef inline int64_t _entry(int64_t key, int64_t bucket, Buckets* buckets) noexcept nogil:
    """Return twice the number of the n-gram with this key, plus the flag GOES_ON; or below 0.

    No branch depends on the key, except for the few keys in a later bucket: a misprediction would
    wait for memory.
    """
    cdef const int64_t* line = buckets.lines + bucket
    cdef int64_t is_1 = line[1] == key, is_2 = line[2] == key, is_3 = line[3] == key
    cdef int64_t missing = ((line[0] == key) | is_1 | is_2 | is_3) - 1
    if (line[BUCKET - 1] & missing) < 0:
        return _later_entry(key, bucket, buckets)
    return (line[KEYS + is_1 + 2 * is_2 + 3 * is_3] & ~OVERFLOWS) | missing


cdef int64_t _later_entry(int64_t key, int64_t bucket, Buckets* buckets) noexcept nogil:
    """Return the entry of a key that is not in its own bucket, which overflows; or below 0."""
    cdef int64_t k, n = buckets.size
    while buckets.lines[bucket + BUCKET - 1] < 0 and n > 0:
        bucket = (bucket + BUCKET) & (buckets.size - 1)
        for k in range(KEYS):
            if buckets.lines[bucket + k] == key:
                return buckets.lines[bucket + KEYS + k] & ~OVERFLOWS
        n -= BUCKET
    return -1


cdef int allocate(Scratch* scratch, int64_t n_tokens, int64_t max_n) except -1:
    """Allocate scratch and output arrays for rows of `n_tokens` tokens; `memory` is to be freed."""
    cdef int64_t n = n_tokens + max_n + 1, n_found = (max_n - 1) * n_tokens + 2
    cdef char* memory = <char*>PyMem_RawMalloc(8 * (6 * n + n_found + max_n + 4))
    if memory == NULL:
        raise MemoryError
    scratch.memory = memory
    scratch.keys = <int64_t*>memory
    scratch.wheres = scratch.keys + n
    scratch.places = scratch.wheres + n
    scratch.worth = <double*>(scratch.places + n)
    scratch.value = scratch.worth + n
    scratch.first = <int64_t*>(scratch.value + n)
    scratch.numbers = <int32_t*>(scratch.first + max_n + 3)
    scratch.ends = scratch.numbers + n_found
    scratch.lasts = scratch.ends + n_found
    return 0


cdef void long_ngrams(
    const int32_t* ids, int64_t n, Buckets* buckets, int64_t max_n, Scratch* scratch
) noexcept nogil:
    """Find the numbers and ends of the known n-grams, n > 1, in the first n places of a row.

    They are sorted by order, those of order r from `first[r]` to `first[r + 1]`, then by end. The
    table is larger than a cache, so the buckets of each order are prefetched during the previous.
    """
    cdef int64_t* keys = scratch.keys
    cdef int64_t* wheres = scratch.wheres
    cdef int32_t* lasts = scratch.lasts
    cdef int32_t* numbers = scratch.numbers
    cdef int32_t* ends = scratch.ends
    cdef int64_t n_keys = 0, n_found = 0, n_longer, order, i, k, key, bucket, next_bucket, entry
    cdef int64_t number
    cdef int shift = buckets.shift
    cdef int32_t before, word
    cdef bint is_found, goes_on
    for k in range(1, n):
        before, word = ids[k - 1], ids[k]
        key = key_of(before, word)
        bucket = _bucket(key, shift)
        prefetch(buckets.lines + bucket)
        keys[n_keys], wheres[n_keys], lasts[n_keys] = key, bucket, <int32_t>k
        n_keys += (before >= FIRST) & (word >= FIRST)
    scratch.first[0] = scratch.first[1] = scratch.first[2] = 0
    for order in range(2, max_n + 1):
        n_longer = 0
        for i in range(n_keys):
            bucket, k = wheres[i], lasts[i]
            entry = _entry(keys[i], bucket, buckets)
            number, is_found = entry >> 1, entry >= 0
            numbers[n_found], ends[n_found] = <int32_t>number, <int32_t>k
            n_found += is_found
            word = ids[min(k + 1, n - 1)]
            goes_on = is_found & ((entry & GOES_ON) != 0) & (word >= FIRST) & (k + 1 < n)
            key = key_of(prefix_of(number), word)
            next_bucket = _bucket(key, shift)
            prefetch(buckets.lines + (next_bucket if goes_on else bucket))
            keys[n_longer], wheres[n_longer], lasts[n_longer] = key, next_bucket, <int32_t>(k + 1)
            n_longer += goes_on
        n_keys = n_longer
        scratch.first[order + 1] = n_found


cdef int check(const int32_t[::1] words, int64_t min_n, int64_t max_n) except -1:
    if words.shape[0] == 0 or words[words.shape[0] - 1] != -1:
        raise ValueError("The numbers of words must end with -1, for unknown words.")
    if not 1 <= min_n <= max_n <= MAX_N:
        raise ValueError(f"min_n={min_n} and max_n={max_n} must be from 1 to {MAX_N}.")
    return 0


def numbers(const int64_t[::1] keys, const int64_t[::1] buckets, int32_t[::1] out):
    """Find the numbers of n-grams, n > 1, by their keys; -1 for those that are not known."""
    cdef Buckets table = buckets_of(buckets)
    cdef int64_t i, entry
    if out.shape[0] != keys.shape[0]:
        raise ValueError(f"{keys.shape[0]} keys, but room for {out.shape[0]}.")
    with nogil:
        for i in range(keys.shape[0]):
            prefetch(table.lines + _bucket(keys[min(i + 16, keys.shape[0] - 1)], table.shift))
            entry = _entry(keys[i], _bucket(keys[i], table.shift), &table)
            out[i] = <int32_t>(entry >> 1 if entry >= 0 else -1)


def find(
    const int32_t[:, ::1] ids, const int32_t[::1] words, const int64_t[::1] buckets,
    int64_t min_n, int64_t max_n,
):
    """Find the known n-grams: the count per row, then each one's number, end and order."""
    cdef Buckets table = buckets_of(buckets)
    cdef int64_t n_rows = ids.shape[0], n_tokens = ids.shape[1], n_words = words.shape[0]
    cdef int64_t size, n = 0, row = 0
    cdef int64_t k, i, order, place, n_places, number
    cdef int64_t longest = max(min_n, 2)
    cdef int32_t[::1] features, ends
    cdef int8_t[::1] orders
    cdef int64_t[::1] counts = np.empty(n_rows, dtype=np.int64)
    cdef const int32_t* row_ids
    cdef Scratch scratch
    cdef int64_t* places
    cdef int64_t* first
    check(words, min_n, max_n)
    size = max_n * n_tokens  # the most of one row
    for row in range(n_rows):
        size += min(max_n - min_n + 1, 2) * count_places(&ids[row, 0], n_tokens)
    row = 0
    found = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, np.int8)
    features, ends, orders = found
    allocate(&scratch, n_tokens, max_n)
    places, first = scratch.places, scratch.first
    try:
        while row < n_rows:
            with nogil:
                while row < n_rows and n + max_n * n_tokens <= size:
                    row_ids = &ids[row, 0]
                    n_places = count_places(row_ids, n_tokens)
                    long_ngrams(row_ids, n_places, &table, max_n, &scratch)
                    # A counting sort by the last token.
                    memset(places, 0, 8 * (n_places + 1))
                    if min_n == 1:
                        for k in range(n_places):
                            places[k + 1] += number_of_word(row_ids[k], &words[0], n_words) >= 0
                    for i in range(first[longest], first[max_n + 1]):
                        places[scratch.ends[i] + 1] += 1
                    places[0] = n
                    for k in range(n_places):
                        places[k + 1] += places[k]
                    counts[row] = places[n_places] - n
                    n = places[n_places]
                    if min_n == 1:
                        for k in range(n_places):
                            number = number_of_word(row_ids[k], &words[0], n_words)
                            if number >= 0:
                                place = places[k]
                                features[place], ends[place] = <int32_t>number, <int32_t>k
                                orders[place] = 1
                                places[k] += 1
                    for order in range(longest, max_n + 1):
                        for i in range(first[order], first[order + 1]):
                            k = scratch.ends[i]
                            place = places[k]
                            features[place], ends[place] = scratch.numbers[i], <int32_t>k
                            orders[place] = <int8_t>order
                            places[k] += 1
                    row += 1
            if row < n_rows:
                size = 2 * size + max_n * n_tokens
                found = tuple(np.concatenate([a[:n], np.empty(size - n, a.dtype)]) for a in found)
                features, ends, orders = found
    finally:
        PyMem_RawFree(scratch.memory)
    return (np.asarray(counts), *(array[:n] for array in found))
