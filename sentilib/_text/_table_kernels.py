"""Compiled functions on tables of words: find a token, add a word, merge tables, decode words.

A token is folded into 64-bit chunks of eight bytes; chunks are hashed and compared, never single
bytes. A table of words consists of

    slots      int64 (2**k,)      open addressing: hash tag << 32 | (word + 1), 0 where empty
    chunks     int64 (room,)      the words' bytes, little-endian, zero-padded
    starts     int64 (room + 1,)  start of each word's chunks
    stats      int64 (room, 2)    term count; last document counted << 32 | document count

A hash only proposes a word: equal chunks decide. Kernels allocate nothing; where the table has no
room for a word, they return, and the caller enlarges the table and calls again. Integers are
signed, since numba turns sums of int64 and uint64 into floats.

The kernels of `_kernels` are compiled with these helpers; numba's cache does not notice if they
change here.
"""

import numpy as np
from numba import types

from sentilib._compiled._compile import BYTES, I64, I64_2D, helper, kernel

NO_DOCUMENT = -1 << 32
TABLE = types.Tuple((I64, I64, I64, I64_2D))

_LINE_FEED = ord("\n")
_MIX, _FINISH = -7046029288634856825, -4417276706812531889  # odd, with bits evenly spread


@helper
def mixed(h, chunk):
    """Return the hash with one more chunk, whose bits all reach the upper half."""
    h = (h ^ chunk) * _MIX
    return h ^ ((h >> 32) & 0xFFFFFFFF)


@helper
def finished(h, chunk):
    """Return the final hash, with the last chunk."""
    h = mixed(h, chunk) * _FINISH
    return h ^ ((h >> 29) & 0x7FFFFFFFF)


@helper
def find(token, n_chunks, h, slots, chunks, starts):
    """Return the index of the word equal to the token, or -1, and the slot of the search's end."""
    mask = slots.size - 1
    slot = (h >> 32) & mask
    tag = h & 0xFFFFFFFF
    while True:
        entry = slots[slot]
        if entry == 0:
            return np.int64(-1), slot
        if (entry >> 32) & 0xFFFFFFFF == tag:
            word = (entry & 0xFFFFFFFF) - 1
            first = starts[word]
            if starts[word + 1] - first == n_chunks:
                k = 0
                while k < n_chunks and chunks[first + k] == token[k]:
                    k += 1
                if k == n_chunks:
                    return word, slot
        slot = (slot + 1) & mask


@helper
def _hash(token, n_chunks):
    """Return the hash of a whole token."""
    h = np.int64(0)
    for k in range(n_chunks - 1):
        h = mixed(h, token[k])
    return finished(h, token[n_chunks - 1])


@helper
def has_room(n_words, n_chunks, slots, chunks, starts):
    return (
        n_words + 2 <= starts.size
        and starts[n_words] + n_chunks <= chunks.size
        and 2 * (n_words + 1) <= slots.size
    )


@helper
def insert(token, n_chunks, h, slot, word, slots, chunks, starts, stats):
    """Add the token as word number `word`; the table must have room."""
    first = starts[word]
    for k in range(n_chunks):
        chunks[first + k] = token[k]
    starts[word + 1] = first + n_chunks
    stats[word, 0] = 0
    stats[word, 1] = NO_DOCUMENT
    slots[slot] = (h & 0xFFFFFFFF) << 32 | (word + 1)


@kernel(types.int64(TABLE, types.int64, TABLE, I64, I64))
def merge(table, n_words, other, others, index):
    """Add words of another table, `others`, in order; `index` receives their numbers here.

    The table must have room. Returns the new number of words.
    """
    slots, chunks, starts, stats = table
    _, other_chunks, other_starts, other_stats = other
    for k in range(others.size):
        w = others[k]
        token = other_chunks[other_starts[w] :]
        n_chunks = other_starts[w + 1] - other_starts[w]
        h = _hash(token, n_chunks)
        word, slot = find(token, n_chunks, h, slots, chunks, starts)
        if word < 0:
            word = n_words
            insert(token, n_chunks, h, slot, word, slots, chunks, starts, stats)
            n_words += 1
        stats[word, 0] += other_stats[w, 0]
        stats[word, 1] += other_stats[w, 1] & 0xFFFFFFFF
        index[k] = word
    return n_words


@kernel(types.void(TABLE, TABLE, types.int64, I64))
def find_words(table, other, n_other, index):
    """Find another table's words in this one; `index` receives their numbers, -1 if unknown."""
    slots, chunks, starts, _ = table
    _, other_chunks, other_starts, _ = other
    for w in range(n_other):
        token = other_chunks[other_starts[w] :]
        n_chunks = other_starts[w + 1] - other_starts[w]
        h = _hash(token, n_chunks)
        index[w], _ = find(token, n_chunks, h, slots, chunks, starts)


@kernel(types.void(I64, I64, I64, types.int64))
def fill_slots(slots, chunks, starts, n_words):
    """Insert all words into empty slots."""
    mask = slots.size - 1
    for word in range(n_words):
        h = _hash(chunks[starts[word] :], starts[word + 1] - starts[word])
        slot = (h >> 32) & mask
        while slots[slot] != 0:
            slot = (slot + 1) & mask
        slots[slot] = (h & 0xFFFFFFFF) << 32 | (word + 1)


@kernel(types.int64(TABLE, I64, BYTES))
def spell(table, words, text):
    """Write the words to text, each followed by a line feed, which no word contains."""
    _, chunks, starts, _ = table
    t = 0
    for word in words:
        for k in range(starts[word], starts[word + 1]):
            for shift in range(0, 64, 8):
                byte = (chunks[k] >> shift) & 0xFF
                if byte != 0:
                    text[t] = byte
                    t += 1
        text[t] = _LINE_FEED
        t += 1
    return t
