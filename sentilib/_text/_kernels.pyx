"""Compiled scans over UTF-8 text, and loops over the tokens found.

Documents are concatenated in a buffer, each followed by a byte 0xFF, which UTF-8 never contains:
it stops every loop, so no index needs checking; at least 32 of them follow the last document. A
token is folded into 64-bit chunks of eight bytes as it is read, and looked up in a table of words,
which `_table_kernels` describes.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from sentilib._compiled._memory cimport load_eight
from sentilib._text._table_kernels cimport Words, find, has_room, insert, mixed, words_of
from sentilib._text._token_kernels cimport N_CODES, Rules, Token, is_mark, read_on, rules_of

from sentilib._ids import OOV
from sentilib._text import _unicode

cdef enum:
    N_ENDS = 32  # bytes 0xFF after the last document
    N_NEGATED = 4  # bytes of NEGATED
    MARK_BIT = 1 << 30  # bit of the id of a punctuation mark, symbol or emoji
    UNKNOWN_MARK = -2  # number of a mark that is not in the table; that of other tokens is -1
    RUN = 8  # tokens kept of a run of marks

IS_MARK = MARK_BIT
MAX_RUN = RUN
NEGATED = "_NEG"  # end of words in the scope of a negation, as of NLTK's `mark_negation`

cdef uint64_t _NEGATED = int.from_bytes(NEGATED.encode(), "little")

cdef int32_t _OOV = OOV
cdef uint8_t SEPARATOR = _unicode.SEPARATOR, STANDALONE = _unicode.STANDALONE
cdef uint64_t ONES = 0x0101010101010101U  # 1 in each of eight bytes
cdef uint64_t HIGH = 0x8080808080808080U
cdef uint64_t CASE = 0x2020202020202020U


cdef inline uint64_t _leading_word_bytes(uint64_t eight) noexcept nogil:
    """Return a mask of the leading bytes, from the lowest on, that are ASCII letters and digits.

    Adding to the lower seven bits of each byte carries into its highest bit, and no further.
    """
    cdef uint64_t low = eight & ~HIGH, lower = low | CASE
    cdef uint64_t letters = (lower + (0x80 - c"a") * ONES) & ~(lower + (0x7F - c"z") * ONES)
    cdef uint64_t digits = (low + (0x80 - c"0") * ONES) & ~(low + (0x7F - c"9") * ONES)
    cdef uint64_t other = (eight | ~(letters | digits)) & HIGH
    return ((other & (~other + 1)) >> 7) - 1


cdef struct Scopes:
    Words negations
    int64_t length  # max number of tokens in a scope
    int64_t left  # number of them that remain of the open scope


cdef inline bint _is_in_scope(
    const int64_t* token, int64_t n_chunks, const uint8_t* character_class, Scopes* scopes
) noexcept nogil:
    """Return whether a negation before the token applies to it; marks end a scope."""
    cdef uint64_t h = scopes.negations.seed
    cdef int64_t k, slot = 0
    cdef bint is_in = scopes.left > 0
    if is_mark(<uint64_t>token[0], character_class):
        scopes.left = 0
        return False
    scopes.left -= is_in
    for k in range(n_chunks):
        h = mixed(h, <uint64_t>token[k], scopes.negations.factor)
    if find(token, n_chunks, h, &scopes.negations, &slot) >= 0:
        scopes.left = scopes.length
    return is_in


cdef inline int64_t _append_negated(int64_t* token, int64_t n) noexcept nogil:
    """Append NEGATED to a token of n bytes; return the number of its chunks."""
    cdef int64_t last = (n - 1) >> 3, shift = 8 * (n - 8 * last)
    if shift < 64:
        token[last] |= <int64_t>(_NEGATED << shift)
    if shift > 8 * (8 - N_NEGATED):
        token[last + 1] = <int64_t>(_NEGATED >> (64 - shift))
        return last + 2
    return last + 1


def add_marks(
    const int64_t[::1] chunks, const int64_t[::1] word_starts, const uint8_t[::1] character_class,
    int32_t[::1] ids,
):
    """Set the bit IS_MARK of the ids, unless negative, of a table's words that are marks."""
    cdef int64_t word, first
    if word_starts.shape[0] < ids.shape[0] or character_class.shape[0] < N_CODES:
        raise ValueError(f"{word_starts.shape[0]} words have {ids.shape[0]} ids.")
    for word in range(ids.shape[0]):
        first = word_starts[word]
        if not 0 <= first < chunks.shape[0]:
            raise ValueError(f"Word {word} has no chunks.")
        if ids[word] >= 0 and is_mark(<uint64_t>chunks[first], &character_class[0]):
            ids[word] |= MARK_BIT


def scan(
    const uint8_t[::1] raw, const int64_t[::1] starts, int64_t first_document, tuple rules,
    int64_t[::1] token, tuple table, bint learn, tuple negations, int64_t scope,
    int32_t[::1] stream, int64_t[::1] stream_starts, int64_t[:, ::1] spans, int64_t n_words,
    int64_t document, int64_t i, int64_t t, int64_t left,
):
    """Look up every token in a table of words, and write the words' numbers to stream.

    When learning, unknown words are added to the table, and all are counted; otherwise their
    number is -1, or -2 for marks. `spans`, unless empty, receives each token's start and end in
    raw. Up to `scope` tokens after one of the table `negations`, before the next mark, are words
    that end with NEGATED; when not learning, those that are unknown are read without it. The last
    five arguments are the state that the kernel returns when the table is full or all documents are
    read; they are zero at first.
    """
    cdef Rules r = rules_of(rules)
    cdef Words words = words_of(table, learn)
    cdef Scopes scopes
    cdef int64_t last = raw.shape[0] - N_ENDS, n_documents = starts.shape[0], k
    cdef int64_t room = stream.shape[0]
    cdef bint fails = last < 0
    for k in range(0 if fails else N_ENDS):
        fails |= raw[last + k] != 0xFF
    if fails:
        raise ValueError(f"The documents must end with {N_ENDS} bytes 0xFF.")
    for k in range(n_documents):
        fails |= not 0 <= starts[k] <= last
    if fails or stream_starts.shape[0] != n_documents + 1:
        raise ValueError(f"The {n_documents} documents have no start, or no room for one.")
    if spans.shape[0]:
        room = min(room, spans.shape[0])
    if spans.shape[0] and spans.shape[1] != 2 or token.shape[0] < 1:
        raise ValueError("Spans have a start and an end, and tokens need room.")
    if not (0 <= n_words <= words.room and 0 <= document and 0 <= i <= last and 0 <= t <= room
            and 0 <= left <= scope):
        raise ValueError("The state of the scan is not one that it has returned.")
    scopes.negations, scopes.length, scopes.left = words_of(negations, False), scope, left
    with nogil:
        fails = not _scan(
            &raw[0], &starts[0] if n_documents else NULL, n_documents, first_document, &r,
            &token[0], token.shape[0], &words, learn, &scopes, &stream[0] if room else NULL, room,
            &stream_starts[0], &spans[0, 0] if spans.shape[0] else NULL, &n_words, &document, &i,
            &t,
        )
    if fails:
        raise ValueError("A token is longer than its room, or there are more tokens than room.")
    return n_words, document, i, t, scopes.left


cdef bint _scan(
    const uint8_t* raw, const int64_t* starts, int64_t n_documents, int64_t first_document,
    const Rules* rules, int64_t* chunks, int64_t room, Words* words, bint learn, Scopes* scopes,
    int32_t* stream, int64_t n_stream, int64_t* stream_starts, int64_t* spans, int64_t* n_words_,
    int64_t* document_, int64_t* i_, int64_t* t_,
) noexcept nogil:
    cdef int64_t n_words = n_words_[0], document = document_[0], i = i_[0], t = t_[0]
    cdef int64_t at, start, end, n, n_chunks, word, slot = 0, documents, number, k
    cdef int64_t left = scopes.left
    cdef bint negated = False, scoped = scopes.length > 0
    cdef uint64_t case = CASE if rules.fold_entry[c"A"] > 0 else 0
    cdef uint64_t eight, mask, chunk, h, before, length, factor = words.factor, seed = words.seed
    cdef const uint8_t* byte_class = rules.byte_class
    cdef uint8_t kind
    cdef Token token
    token.chunks, token.room, token.factor = chunks, room, factor
    while document < n_documents:
        if i == 0:
            stream_starts[document] = t
            i = starts[document]
            scopes.left = 0
        at = i
        while True:
            kind = byte_class[raw[at]]
            while kind == SEPARATOR:
                at += 1
                kind = byte_class[raw[at]]
            start = at
            n, chunk, h = 0, 0, seed
            length = 8
            while length == 8:  # most words are ASCII, and end at a space
                eight = load_eight(raw + at)
                mask = _leading_word_bytes(eight)
                length = ((mask & ONES) * ONES) >> 56
                if mask != 0:
                    if n > 0:
                        if n >> 3 > room:
                            return False
                        chunks[(n >> 3) - 1] = <int64_t>chunk
                        h = mixed(h, chunk, factor)
                    chunk = (eight | case) & mask
                    n += <int64_t>length
                    at += <int64_t>length
            kind = byte_class[raw[at]]
            end = at
            if kind == STANDALONE:  # an ASCII mark, which ends a word or is a token itself
                if n == 0:
                    n, chunk = 1, raw[at]
                    at += 1
                    end += 1
            elif kind != SEPARATOR:
                token.start, token.end, token.n, token.chunk, token.h = start, end, n, chunk, h
                at = read_on(raw, end, rules, &token)
                start, end, n, chunk, h = token.start, token.end, token.n, token.chunk, token.h
                i = at
                if n == 0:
                    break
            n_chunks = (n + 7) >> 3
            if n_chunks > room or t == n_stream:
                return False
            chunks[n_chunks - 1] = <int64_t>chunk
            if scoped:
                left = scopes.left
                negated = _is_in_scope(chunks, n_chunks, rules.character_class, scopes)
            if negated:
                if (n + N_NEGATED + 7) >> 3 > room:
                    return False
                before = h
                n_chunks = _append_negated(chunks, n)
                for k in range((n - 1) >> 3, n_chunks):
                    h = mixed(h, <uint64_t>chunks[k], factor)
            else:
                h = mixed(h, chunk, factor)
            word = find(chunks, n_chunks, h, words, &slot)
            if negated and word < 0 and not learn:
                n_chunks = (n + 7) >> 3
                chunks[n_chunks - 1] = <int64_t>chunk
                word = find(chunks, n_chunks, mixed(before, chunk, factor), words, &slot)
            if learn:
                if word < 0:
                    if not has_room(n_words, n_chunks, words):
                        scopes.left = left
                        n_words_[0], document_[0], i_[0], t_[0] = n_words, document, start, t
                        return True
                    word = n_words
                    if not insert(chunks, n_chunks, h, slot, word, words):
                        return False
                    n_words += 1
                number = first_document + document
                words.stats[2 * word] += 1
                documents = words.stats[2 * word + 1]  # no branch: it would often be mispredicted
                documents = (documents & 0xFFFFFFFFU) + (documents >> 32 != number)
                words.stats[2 * word + 1] = <int64_t>(<uint64_t>number << 32) | documents
                if spans != NULL:
                    spans[2 * t] = start
                    spans[2 * t + 1] = end
            elif word < 0 and is_mark(<uint64_t>chunks[0], rules.character_class):
                word = UNKNOWN_MARK
            stream[t] = <int32_t>word
            t += 1
        document += 1
        i = 0
    stream_starts[n_documents] = t
    n_words_[0], document_[0], i_[0], t_[0] = n_words, document, i, t
    return True


cdef int _check_starts(const int64_t[::1] starts, int64_t n_tokens) except -1:
    """Check that documents start in ascending order, within a stream of tokens."""
    cdef int64_t document
    if starts.shape[0] < 1 or starts[0] < 0 or starts[starts.shape[0] - 1] > n_tokens:
        raise ValueError(f"Documents start outside the stream of {n_tokens} tokens.")
    for document in range(starts.shape[0] - 1):
        if starts[document] > starts[document + 1]:
            raise ValueError(f"Document {document} starts after its end.")
    return 0


def translate(int32_t[::1] stream, int64_t[::1] stream_starts, const int32_t[::1] ids):
    """Replace word numbers by ids in place: 1 if unknown; tokens with a negative id are removed."""
    cdef int64_t t = 0, first, last, document, k
    cdef int32_t number, identity
    cdef bint fails = False
    _check_starts(stream_starts, stream.shape[0])
    with nogil:
        first = stream_starts[0]
        for document in range(stream_starts.shape[0] - 1):
            last = stream_starts[document + 1]
            stream_starts[document] = t
            for k in range(first, last):
                number = stream[k]
                identity = _OOV
                if number >= 0:
                    if number >= ids.shape[0]:
                        fails = True
                        break
                    identity = ids[number]
                elif number == UNKNOWN_MARK:
                    identity |= MARK_BIT
                if identity >= 0:
                    stream[t] = identity
                    t += 1
            first = last
        stream_starts[stream_starts.shape[0] - 1] = t
    if fails:
        raise ValueError(f"The stream contains a word that is none of {ids.shape[0]}.")


cdef int64_t _shorten_runs(int32_t* stream, int64_t first, int64_t last) noexcept nogil:
    """Keep the first tokens of each run of marks, in place; return the new end."""
    cdef int64_t t = first, run = 0, k
    for k in range(first, last):
        run = run + 1 if stream[k] & MARK_BIT else 0
        if run <= RUN:
            stream[t] = stream[k]
            t += 1
    return t


def pad(
    int32_t[::1] stream, const int64_t[::1] stream_starts, bint pad_front, int64_t n_head,
    int32_t[:, ::1] rows,
):
    """Write the ids of each document into its row, which is all zeros before.

    Runs of marks are shortened, in place; of documents that are still longer than a row, the first
    `n_head` tokens are kept, and the last ones for the rest of the row. Returns the number of
    documents whose tokens, before runs are shortened, are more than a row.
    """
    cdef int64_t width = rows.shape[1], document, first, last, n, offset, head, k, n_longer = 0
    cdef int32_t* row
    _check_starts(stream_starts, stream.shape[0])
    if stream_starts.shape[0] != rows.shape[0] + 1 or not 0 <= n_head <= width:
        raise ValueError(f"There are {stream_starts.shape[0] - 1} documents, {rows.shape[0]} rows.")
    with nogil:
        for document in range(rows.shape[0]):
            row = &rows[document, 0]
            first, last = stream_starts[document], stream_starts[document + 1]
            n_longer += last - first > width
            last = _shorten_runs(&stream[0], first, last)
            n = min(last - first, width)
            offset = width - n if pad_front else 0
            head = n_head if last - first > width else n
            for k in range(head):
                row[offset + k] = stream[first + k] & ~MARK_BIT
            for k in range(head, n):
                row[offset + k] = stream[last - n + k] & ~MARK_BIT
    return n_longer
