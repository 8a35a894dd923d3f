"""The reading of one token, of any characters, from UTF-8 that 0xFF ends.

Bytes that are not UTF-8 are read as some character; a character is at most four bytes long, and the
text is followed by more than its look-ahead.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from sentilib._text._table_kernels cimport mixed

from sentilib._text import _unicode

cdef enum:
    REPLACEMENT = 0xFFFD
    JOINER = 0x200D
    KEYCAP_SIGN = 0x20E3
    EMOJI_STYLE = 0xFE0F
    TEXT_STYLE = 0xFE0E
    FIRST_TAG = 0xE0020  # tag characters, in the flags of Scotland and others
    LAST_TAG = 0xE007F

# Classes of characters
cdef uint8_t SEPARATOR = _unicode.SEPARATOR, WORD = _unicode.WORD, END = _unicode.END
cdef uint8_t APOSTROPHE = _unicode.APOSTROPHE, IGNORED = _unicode.IGNORED, MARK = _unicode.MARK
cdef uint8_t IDEOGRAPH = _unicode.IDEOGRAPH, PUNCTUATION = _unicode.PUNCTUATION
cdef uint8_t STANDALONE = _unicode.STANDALONE, KEYCAP_BASE = _unicode.KEYCAP_BASE
cdef uint8_t KEYCAP = _unicode.KEYCAP, QUOTE = _unicode.QUOTE, PREFIX = _unicode.PREFIX
cdef uint8_t STACKER = _unicode.STACKER, EMOJI = _unicode.EMOJI
cdef uint8_t SKIN_TONE = _unicode.SKIN_TONE, REGIONAL = _unicode.REGIONAL


cdef Rules rules_of(tuple rules) except *:
    cdef Rules r
    cdef const uint8_t[::1] byte_class, character_class, fold_bytes
    cdef const int32_t[::1] fold_entry
    cdef const int64_t[::1] fold_start
    byte_class, character_class, fold_entry, fold_start, fold_bytes = rules
    if (
        byte_class.shape[0] != 256
        or min(character_class.shape[0], fold_entry.shape[0]) < N_CODES
        or min(fold_start.shape[0], fold_bytes.shape[0]) < 1
        or byte_class[0xFF] != END
        or character_class[0] != SEPARATOR
    ):
        raise ValueError("The rules lack characters, or the end of documents.")
    r.byte_class, r.character_class = &byte_class[0], &character_class[0]
    r.fold_entry, r.fold_start, r.fold_bytes = &fold_entry[0], &fold_start[0], &fold_bytes[0]
    r.n_entries, r.n_fold_bytes = fold_start.shape[0] - 1, fold_bytes.shape[0]
    return r


cdef inline int64_t _decode(const uint8_t* raw, int64_t i, int64_t* length) noexcept nogil:
    """Return the code point of the character at i."""
    cdef int64_t first = raw[i], code
    if first < 0x80:
        length[0] = 1
        return first
    if first < 0xE0:
        length[0] = 2
        return (first & 0x1F) << 6 | (raw[i + 1] & 0x3F)
    if first < 0xF0:
        length[0] = 3
        return (first & 0x0F) << 12 | (raw[i + 1] & 0x3F) << 6 | (raw[i + 2] & 0x3F)
    if first == 0xFF:
        length[0] = 1
        return 0
    length[0] = 4
    code = (first & 0x07) << 18 | (raw[i + 1] & 0x3F) << 12
    code |= (raw[i + 2] & 0x3F) << 6 | (raw[i + 3] & 0x3F)
    return code if code < N_CODES else REPLACEMENT


cdef inline void _store(Token* token) noexcept nogil:
    """Store the last chunk, which is full."""
    cdef int64_t place = (token.n >> 3) - 1
    if place < token.room:
        token.chunks[place] = <int64_t>token.chunk
    token.h = mixed(token.h, token.chunk, token.factor)
    token.chunk = 0


cdef inline void _push(uint64_t byte, Token* token) noexcept nogil:
    """Append a byte to the open token."""
    if token.n & 7 == 0 and token.n > 0:
        _store(token)
    token.chunk |= byte << (8 * (token.n & 7))
    token.n += 1


cdef int64_t _take(
    const uint8_t* raw, int64_t i, const Rules* rules, Token* token
) noexcept nogil:
    """Append the fold of the character at i to the open token; return the next position."""
    cdef int64_t length = 0, k, entry = rules.fold_entry[_decode(raw, i, &length)], first, last
    if entry == 0:
        for k in range(i, i + length):
            _push(raw[k], token)
    elif <uint64_t>entry < <uint64_t>rules.n_entries:
        first, last = rules.fold_start[entry], rules.fold_start[entry + 1]
        if 0 <= first and last <= rules.n_fold_bytes:
            for k in range(first, last):
                _push(rules.fold_bytes[k], token)
    return i + length


cdef bint _is_keycap(const uint8_t* raw, int64_t i) noexcept nogil:
    """Return whether a keycap is at i, possibly after an emoji variation selector."""
    cdef int64_t length = 0, code = _decode(raw, i, &length)
    if code == EMOJI_STYLE:
        code = _decode(raw, i + length, &length)
    return code == KEYCAP_SIGN


cdef inline bint _is_hebrew(const uint8_t* raw, int64_t i) noexcept nogil:
    """Return whether a Hebrew letter or point is at i."""
    return raw[i] == 0xD7 or (raw[i] == 0xD6 and raw[i + 1] > 0x90)


cdef int64_t _take_emoji(
    const uint8_t* raw, int64_t i, const Rules* rules, Token* token
) noexcept nogil:
    """Read one emoji: a flag, or a base with style, skin tone and tags, joined to others."""
    cdef const uint8_t* character_class = rules.character_class
    cdef int64_t length = 0, joined_length = 0, code = _decode(raw, i, &length), joined, after
    cdef bint is_flag = character_class[code] == REGIONAL
    cdef int n_due
    cdef uint8_t kind
    after = _decode(raw, i + length, &joined_length)
    n_due = 2 if is_flag and character_class[after] == REGIONAL else 1
    while True:
        while n_due > 0:
            i = _take(raw, i, rules, token)
            n_due -= 1
        if is_flag:
            return i
        code = _decode(raw, i, &length)
        if code == EMOJI_STYLE or code == TEXT_STYLE:
            i += length
        elif character_class[code] == SKIN_TONE or FIRST_TAG <= code <= LAST_TAG:
            n_due = 1
        elif code == JOINER:
            joined = _decode(raw, i + length, &joined_length)
            after = _decode(raw, i + length + joined_length, &joined_length)
            kind = character_class[joined]
            if kind != EMOJI and (kind != PUNCTUATION or after != EMOJI_STYLE):
                return i
            n_due = 2
        else:
            return i


cdef int64_t read_on(
    const uint8_t* raw, int64_t i, const Rules* rules, Token* token
) noexcept nogil:
    """Continue at i, possibly inside a token, to the end of the token, for any characters.

    Returns the next position; the token is empty at the end of the document.
    """
    cdef const uint8_t* character_class = rules.character_class
    cdef uint8_t kind, bang = character_class[c"!"]  # class of punctuation marks
    cdef bint alone = False  # whether only combining marks continue the open token
    cdef bint glued = False  # whether the next ideograph continues it too
    cdef bint continues, joins
    cdef int64_t length = 0, after_length = 0, after
    while raw[i] != 0xFF:
        kind = character_class[_decode(raw, i, &length)]
        after = i + length
        if kind == APOSTROPHE:
            joins = token.n > 0 and not alone
            after = _decode(raw, after, &after_length)
            kind = WORD if joins and character_class[after] == WORD else bang
        elif kind == PUNCTUATION:
            kind = EMOJI if _decode(raw, after, &after_length) == EMOJI_STYLE else bang
        elif kind == KEYCAP_BASE:
            kind = bang
            if _is_keycap(raw, after):
                kind, glued = IDEOGRAPH, False
        elif kind == QUOTE:
            joins = token.n > 0 and not alone and i - token.start > 1
            joins = joins and _is_hebrew(raw, i - 2) and _is_hebrew(raw, after)
            after = _decode(raw, after, &after_length)
            kind = WORD if joins and character_class[after] == WORD else bang

        continues = kind == MARK or kind == STACKER or kind == KEYCAP
        continues = continues or (kind == WORD and not alone)
        continues = continues or (glued and (kind == IDEOGRAPH or kind == PREFIX))
        if kind == SEPARATOR or kind == IGNORED or (continues and kind != WORD and token.n == 0):
            i += length
            if kind == SEPARATOR and token.n > 0:
                break
            continue
        if token.n > 0 and not continues:
            break
        if token.n == 0:
            token.start = i
        if kind >= EMOJI:
            i = _take_emoji(raw, i, rules, token)
        else:
            i = _take(raw, i, rules, token)
            alone = alone or kind == IDEOGRAPH or kind == PREFIX
            glued = kind == PREFIX or (kind == STACKER and alone)
        token.end = i
        if token.n > 0 and (kind >= EMOJI or kind == STANDALONE or kind == KEYCAP):
            break
    return i


cdef bint is_mark(uint64_t chunk, const uint8_t* character_class) noexcept nogil:
    """Return whether a token is a mark, symbol or emoji, from its first eight bytes."""
    cdef uint64_t first = chunk & 0xFF, code = first
    cdef uint8_t kind
    if first >= 0xF0:
        code = (first & 0x07) << 18 | (chunk >> 8 & 0x3F) << 12
        code |= (chunk >> 16 & 0x3F) << 6 | (chunk >> 24 & 0x3F)
        if code >= N_CODES:
            return False
    elif first >= 0xE0:
        code = (first & 0x0F) << 12 | (chunk >> 8 & 0x3F) << 6 | (chunk >> 16 & 0x3F)
    elif first >= 0x80:
        code = (first & 0x1F) << 6 | (chunk >> 8 & 0x3F)
    kind = character_class[code]
    return kind == APOSTROPHE or PUNCTUATION <= kind <= QUOTE or kind >= EMOJI
