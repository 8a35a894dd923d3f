"""Compiled functions on tables of words: find a token, add a word, merge tables, decode words.

A token is folded into 64-bit chunks of eight bytes; chunks are hashed and compared, never single
bytes. A table of words consists of

    slots      int64 (2**k,)      open addressing: hash tag << 32 | (word + 1), 0 where empty
    chunks     int64 (room,)      the words' bytes, little-endian, zero-padded
    starts     int64 (room + 1,)  start of each word's chunks
    stats      int64 (room, 2)    term count; last document counted << 32 | document count
    key        uint64 (2,)        of the hash: its start, and an odd factor

A hash only proposes a word: equal chunks decide. The key is random, so that nobody can choose words
that share a slot; words have the same numbers with every key. Kernels allocate nothing; where the
table has no room for a word, they return, and the caller enlarges the table and calls again.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

NO_DOCUMENT = -(1 << 32)
cdef int64_t _NO_DOCUMENT = NO_DOCUMENT

cdef enum:
    LINE_FEED = 10


cdef Words words_of(tuple table, bint counts) except *:
    """Check the arrays of a table, whose words are counted or only found."""
    cdef Words words
    cdef int64_t[::1] slots, chunks, starts
    cdef int64_t[:, ::1] stats
    cdef const uint64_t[::1] key
    slots, chunks, starts, stats, key = table
    if slots.shape[0] < 1 or slots.shape[0] & (slots.shape[0] - 1):
        raise ValueError(f"A table of words has 2 ** k slots, not {slots.shape[0]}.")
    if starts.shape[0] < 1 or key.shape[0] != 2 or stats.shape[1] != 2:
        raise ValueError("A table of words lacks starts, a key of two numbers or two statistics.")
    if counts and stats.shape[0] < starts.shape[0] - 1:
        raise ValueError(f"{starts.shape[0] - 1} words have {stats.shape[0]} statistics.")
    words.slots, words.mask = &slots[0], slots.shape[0] - 1
    words.chunks, words.n_chunks = &chunks[0] if chunks.shape[0] else NULL, chunks.shape[0]
    words.starts, words.room = &starts[0], starts.shape[0] - 1
    words.stats = &stats[0, 0] if stats.shape[0] else NULL
    words.seed, words.factor = key[0], key[1] | 1
    return words


cdef int _check(const Words* words, int64_t n_words) except -1:
    """Check that words are in the table, one after the other."""
    cdef int64_t word
    if not 0 <= n_words <= words.room:
        raise ValueError(f"There are {n_words} words in a table for {words.room}.")
    for word in range(n_words):
        if words.starts[word] < 0 or words.starts[word + 1] <= words.starts[word]:
            raise ValueError(f"Word {word} has no chunks.")
    if n_words and words.starts[n_words] > words.n_chunks:
        raise ValueError(f"The words have more than {words.n_chunks} chunks.")
    return 0


cdef inline uint64_t _hash(const int64_t* token, int64_t n_chunks, const Words* words) noexcept nogil:
    """Return the hash of a whole token."""
    cdef uint64_t h = words.seed
    cdef int64_t k
    for k in range(n_chunks):
        h = mixed(h, <uint64_t>token[k], words.factor)
    return h


cdef int insert(
    const int64_t* token, int64_t n_chunks, uint64_t h, int64_t slot, int64_t word, Words* words
) noexcept nogil:
    """Add the token as word number `word`; return 0 if the table has no place for it."""
    cdef int64_t first = words.starts[word], k
    if slot < 0 or first < 0:
        return 0
    for k in range(n_chunks):
        words.chunks[first + k] = token[k]
    words.starts[word + 1] = first + n_chunks
    words.stats[2 * word] = 0
    words.stats[2 * word + 1] = _NO_DOCUMENT
    words.slots[slot] = <int64_t>((h & 0xFFFFFFFFU) << 32 | <uint64_t>(word + 1))
    return 1


def merge(tuple table, int64_t n_words, tuple other, const int64_t[::1] others, int64_t[::1] index):
    """Add words of another table, `others`, in order; `index` receives their numbers here.

    The table must have room. Returns the new number of words.
    """
    cdef Words words = words_of(table, True), source = words_of(other, True)
    cdef int64_t k, w, word, slot = 0, n_chunks, largest = -1
    cdef const int64_t* token
    cdef uint64_t h
    cdef bint fails = False
    _check(&words, n_words)
    for k in range(others.shape[0]):
        if others[k] < 0:
            raise ValueError(f"No word has the number {others[k]}.")
        largest = max(largest, others[k])
    _check(&source, largest + 1)
    if index.shape[0] < others.shape[0]:
        raise ValueError(f"{others.shape[0]} words, but room for {index.shape[0]} numbers.")
    with nogil:
        for k in range(others.shape[0]):
            w = others[k]
            token = source.chunks + source.starts[w]
            n_chunks = source.starts[w + 1] - source.starts[w]
            h = _hash(token, n_chunks, &words)
            word = find(token, n_chunks, h, &words, &slot)
            if word < 0:
                word = n_words
                if not (
                    has_room(word, n_chunks, &words)
                    and insert(token, n_chunks, h, slot, word, &words)
                ):
                    fails = True
                    break
                n_words += 1
            words.stats[2 * word] += source.stats[2 * w]
            words.stats[2 * word + 1] += source.stats[2 * w + 1] & 0xFFFFFFFFU
            index[k] = word
    if fails:
        raise ValueError(f"The table has no room for more than {n_words} words.")
    return n_words


def find_words(tuple table, tuple other, int64_t n_other, int64_t[::1] index):
    """Find another table's words in this one; `index` receives their numbers, -1 if unknown."""
    cdef Words words = words_of(table, False), source = words_of(other, False)
    cdef int64_t w, slot = 0, n_chunks
    cdef const int64_t* token
    _check(&source, n_other)
    if index.shape[0] < n_other:
        raise ValueError(f"{n_other} words, but room for {index.shape[0]} numbers.")
    with nogil:
        for w in range(n_other):
            token = source.chunks + source.starts[w]
            n_chunks = source.starts[w + 1] - source.starts[w]
            index[w] = find(token, n_chunks, _hash(token, n_chunks, &words), &words, &slot)


def fill_slots(tuple table, int64_t n_words):
    """Insert all words into empty slots."""
    cdef Words words = words_of(table, False)
    cdef int64_t word, slot, first
    cdef uint64_t h
    _check(&words, n_words)
    if n_words > words.mask:
        raise ValueError(f"{words.mask + 1} slots are too few for {n_words} words.")
    with nogil:
        for word in range(n_words):
            first = words.starts[word]
            h = _hash(words.chunks + first, words.starts[word + 1] - first, &words)
            slot = <int64_t>(h >> 32) & words.mask
            while words.slots[slot] != 0:
                slot = (slot + 1) & words.mask
            words.slots[slot] = <int64_t>((h & 0xFFFFFFFFU) << 32 | <uint64_t>(word + 1))


def spell(tuple table, const int64_t[::1] numbers, uint8_t[::1] text):
    """Write words to text, each followed by a line feed, which no word contains.

    Returns the number of bytes.
    """
    cdef Words words = words_of(table, False)
    cdef int64_t i, k, word, t = 0, n_bytes = 0
    cdef int shift
    cdef uint8_t byte
    for i in range(numbers.shape[0]):
        word = numbers[i]
        if not 0 <= word < words.room:
            raise ValueError(f"No word has the number {word}.")
        if not 0 <= words.starts[word] <= words.starts[word + 1] <= words.n_chunks:
            raise ValueError(f"Word {word} has no chunks.")
        n_bytes += 8 * (words.starts[word + 1] - words.starts[word]) + 1
    if n_bytes > text.shape[0]:
        raise ValueError(f"The words need up to {n_bytes} bytes, not {text.shape[0]}.")
    with nogil:
        for i in range(numbers.shape[0]):
            word = numbers[i]
            for k in range(words.starts[word], words.starts[word + 1]):
                for shift in range(0, 64, 8):
                    byte = (words.chunks[k] >> shift) & 0xFF
                    if byte != 0:
                        text[t] = byte
                        t += 1
            text[t] = LINE_FEED
            t += 1
    return t
