"""Compiled scans over UTF-8 text. Importing this module compiles them, or loads them from disk.

Documents are concatenated in a buffer, each followed by a byte 0xFF, which UTF-8 never contains:
it stops every loop, so no index needs checking. A token is folded into 64-bit chunks of eight
bytes as it is read, and looked up in a table of words, which `_table_kernels` describes. Integers
are signed, since numba turns sums of int64 and uint64 into floats; only the hottest loops use
unsigned indices, which avoids the check for negative ones.
"""

import numpy as np
from numba import types

from sentilib._compiled._compile import BYTES, I32, I32_2D, I64, I64_2D, helper, kernel, load_eight
from sentilib._text._table_kernels import TABLE, find, finished, has_room, insert, mixed
from sentilib._text._unicode import (
    APOSTROPHE,
    EMOJI,
    IDEOGRAPH,
    IGNORED,
    KEYCAP,
    KEYCAP_BASE,
    MARK,
    PREFIX,
    PUNCTUATION,
    QUOTE,
    REGIONAL,
    SEPARATOR,
    SKIN_TONE,
    STACKER,
    STANDALONE,
    WORD,
)

_BANG, _UPPER_A = map(ord, "!A")
_JOINER, _KEYCAP, _EMOJI_STYLE, _TEXT_STYLE = 0x200D, 0x20E3, 0xFE0F, 0xFE0E
_FIRST_TAG, _LAST_TAG = 0xE0020, 0xE007F  # tag characters, in the flags of Scotland and others

_ONES = np.uint64(0x0101010101010101)  # 1 in each of eight bytes
_HIGH, _CASE = np.uint64(0x80) * _ONES, np.uint64(0x20) * _ONES
_FROM_A, _BEYOND_Z = np.uint64(0x80 - ord("a")) * _ONES, np.uint64(0x7F - ord("z")) * _ONES
_FROM_0, _BEYOND_9 = np.uint64(0x80 - ord("0")) * _ONES, np.uint64(0x7F - ord("9")) * _ONES

IS_MARK = np.int32(1 << 30)  # bit of the id of a punctuation mark, symbol or emoji
_UNKNOWN_MARK = -2  # number of a mark that is not in the table; that of other tokens is -1
_RUN = 8  # tokens kept of a run of marks

_ids = types.Array(types.int32, 1, "C", readonly=True)
_rules = types.Tuple((BYTES, BYTES, I32, I64, BYTES))


@helper
def _leading_word_bytes(eight):
    """Return a mask of the leading bytes, from the lowest on, that are ASCII letters and digits.

    Adding to the lower seven bits of each byte carries into its highest bit, and no further.
    """
    low = eight & ~_HIGH
    lower = low | _CASE
    letters = (lower + _FROM_A) & ~(lower + _BEYOND_Z)
    digits = (low + _FROM_0) & ~(low + _BEYOND_9)
    other = (eight | ~(letters | digits)) & _HIGH
    first = other & (~other + np.uint64(1))
    return (first >> np.uint64(7)) - np.uint64(1)


@helper
def _decode(raw, i):
    """Return the code point and the length of the character at i."""
    first = np.int64(raw[i])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | (raw[i + 1] & 0x3F), 2
    if first < 0xF0:
        return (first & 0x0F) << 12 | np.int64(raw[i + 1] & 0x3F) << 6 | (raw[i + 2] & 0x3F), 3
    if first == 0xFF:
        return np.int64(0), 1
    high = (first & 0x07) << 18 | np.int64(raw[i + 1] & 0x3F) << 12
    return high | np.int64(raw[i + 2] & 0x3F) << 6 | (raw[i + 3] & 0x3F), 4


@helper
def _push(byte, n, chunk, h, token):
    """Append a byte to the open token; store the previous chunk if it is full."""
    if n & 7 == 0 and n > 0:
        token[(n >> 3) - 1] = chunk
        h = mixed(h, chunk)
        chunk = np.int64(0)
    return n + 1, chunk | byte << 8 * (n & 7), h


@helper
def _take(raw, i, rules, n, chunk, h, token):
    """Append the fold of the character at i to the open token; return the next position too."""
    _, _, fold_entry, fold_start, fold_bytes = rules
    code, length = _decode(raw, i)
    entry = fold_entry[code]
    if entry == 0:
        for k in range(i, i + length):
            n, chunk, h = _push(np.int64(raw[k]), n, chunk, h, token)
    else:
        for k in range(fold_start[entry], fold_start[entry + 1]):
            n, chunk, h = _push(np.int64(fold_bytes[k]), n, chunk, h, token)
    return i + length, n, chunk, h


@helper
def _is_keycap(raw, i):
    """Return whether a keycap is at i, possibly after an emoji variation selector."""
    code, length = _decode(raw, i)
    if code == _EMOJI_STYLE:
        code, _ = _decode(raw, i + length)
    return code == _KEYCAP


@helper
def _is_hebrew(raw, i):
    """Return whether a Hebrew letter or point is at i."""
    return raw[i] == 0xD7 or (raw[i] == 0xD6 and raw[i + 1] > 0x90)


@helper
def _take_emoji(raw, i, rules, token):
    """Read one emoji: a flag, or a base with style, skin tone and tags, joined to others."""
    character_class = rules[1]
    n = chunk = h = np.int64(0)
    code, length = _decode(raw, i)
    is_flag = character_class[code] == REGIONAL
    after, _ = _decode(raw, i + length)
    n_due = 2 if is_flag and character_class[after] == REGIONAL else 1
    while True:
        while n_due > 0:
            i, n, chunk, h = _take(raw, i, rules, n, chunk, h, token)
            n_due -= 1
        if is_flag:
            break
        code, length = _decode(raw, i)
        if code == _EMOJI_STYLE or code == _TEXT_STYLE:
            i += length
        elif character_class[code] == SKIN_TONE or _FIRST_TAG <= code <= _LAST_TAG:
            n_due = 1
        elif code == _JOINER:
            joined, joined_length = _decode(raw, i + length)
            after, _ = _decode(raw, i + length + joined_length)
            kind = character_class[joined]
            if kind != EMOJI and (kind != PUNCTUATION or after != _EMOJI_STYLE):
                break
            n_due = 2
        else:
            break
    return i, n, chunk, h


@helper
def _read_on(raw, i, start, end, n, chunk, h, rules, token):
    """Continue at i, possibly inside a token, to the end of the token, for any characters.

    Returns the next position, the start and end of the token in raw, its length in folded bytes
    (0 at the end of the document), its last chunk and its hash so far.
    """
    character_class = rules[1]
    bang = np.int64(character_class[_BANG])  # class of punctuation marks
    alone = False  # whether only combining marks continue the open token
    glued = False  # whether the next ideograph continues it too
    while raw[i] != 0xFF:
        code, length = _decode(raw, i)
        kind = np.int64(character_class[code])
        if kind == APOSTROPHE:
            after, _ = _decode(raw, i + length)
            kind = WORD if n > 0 and not alone and character_class[after] == WORD else bang
        elif kind == PUNCTUATION:
            after, _ = _decode(raw, i + length)
            kind = EMOJI if after == _EMOJI_STYLE else bang
        elif kind == KEYCAP_BASE:
            kind = bang
            if _is_keycap(raw, i + length):
                kind, glued = IDEOGRAPH, False
        elif kind == QUOTE:
            after, _ = _decode(raw, i + length)
            joins = n > 0 and not alone and i - start > 1 and character_class[after] == WORD
            joins = joins and _is_hebrew(raw, i - 2) and _is_hebrew(raw, i + length)
            kind = WORD if joins else bang

        continues = kind == MARK or kind == STACKER or kind == KEYCAP
        continues = continues or (kind == WORD and not alone)
        continues = continues or (glued and (kind == IDEOGRAPH or kind == PREFIX))
        if kind == SEPARATOR or kind == IGNORED or (continues and kind != WORD and n == 0):
            i += length
            if kind == SEPARATOR and n > 0:
                break
            continue
        if n > 0 and not continues:
            break
        if n == 0:
            start = i
        if kind >= EMOJI:
            i, n, chunk, h = _take_emoji(raw, i, rules, token)
        else:
            i, n, chunk, h = _take(raw, i, rules, n, chunk, h, token)
            alone = alone or kind == IDEOGRAPH or kind == PREFIX
            glued = kind == PREFIX or (kind == STACKER and alone)
        end = i
        if n > 0 and (kind >= EMOJI or kind == STANDALONE or kind == KEYCAP):
            break
    return i, start, end, n, chunk, h


@helper
def _is_mark(chunk, character_class):
    """Return whether a token is a mark, symbol or emoji, from its first eight bytes."""
    first = chunk & 0xFF
    code = first
    if first >= 0xF0:
        code = (first & 0x07) << 18 | (chunk >> 8 & 0x3F) << 12
        code |= (chunk >> 16 & 0x3F) << 6 | (chunk >> 24 & 0x3F)
    elif first >= 0xE0:
        code = (first & 0x0F) << 12 | (chunk >> 8 & 0x3F) << 6 | (chunk >> 16 & 0x3F)
    elif first >= 0x80:
        code = (first & 0x1F) << 6 | (chunk >> 8 & 0x3F)
    kind = np.int64(character_class[code])
    return kind == APOSTROPHE or PUNCTUATION <= kind <= QUOTE or kind >= EMOJI


@kernel(types.void(I64, I64, BYTES, I32))
def add_marks(chunks, word_starts, character_class, ids):
    """Set the bit IS_MARK of the ids, unless negative, of a table's words that are marks."""
    for word in range(ids.size):
        if ids[word] >= 0 and _is_mark(chunks[word_starts[word]], character_class):
            ids[word] |= IS_MARK


@kernel(
    types.UniTuple(types.int64, 4)(
        BYTES, I64, types.int64, _rules, I64, TABLE, types.boolean, I32, I64, I64_2D,
        *[types.int64] * 4,
    )
)  # fmt: skip
def scan(
    raw, starts, first_document, rules, token, table, learn, stream, stream_starts, spans,
    n_words, document, i, t,
):  # fmt: skip
    """Look up every token in a table of words, and write the words' numbers to stream.

    When learning, unknown words are added to the table, and all are counted; otherwise their
    number is -1, or -2 for marks. `spans`, unless empty, receives each token's start and end in
    raw. The last four arguments are the state that the kernel returns when the table is full or
    all documents are read; they are zero at first.
    """
    slots, chunks, word_starts, stats = table
    byte_class, character_class, fold_entry, _, _ = rules
    one = np.uint64(1)
    case = _CASE if fold_entry[_UPPER_A] > 0 else np.uint64(0)
    while document < starts.size:
        if i == 0:
            stream_starts[document] = t
            i = starts[document]
        at = np.uint64(i)
        while True:
            kind = byte_class[raw[at]]
            while kind == SEPARATOR:
                at += one
                kind = byte_class[raw[at]]
            start = np.int64(at)
            n = chunk = h = np.int64(0)
            length = np.uint64(8)
            while length == np.uint64(8):  # most words are ASCII, and end at a space
                eight = load_eight(raw, at)
                mask = _leading_word_bytes(eight)
                length = ((mask & _ONES) * _ONES) >> np.uint64(56)
                if mask != 0:
                    if n > 0:
                        token[(n >> 3) - 1] = chunk
                        h = mixed(h, chunk)
                    chunk = np.int64((eight | case) & mask)
                    n += np.int64(length)
                    at += length
            kind = byte_class[raw[at]]
            end = np.int64(at)
            if kind == STANDALONE:  # an ASCII mark, which ends a word or is a token itself
                if n == 0:
                    n, chunk = np.int64(1), np.int64(raw[at])
                    at += one
                    end += 1
            elif kind != SEPARATOR:
                i, start, end, n, chunk, h = _read_on(
                    raw, end, start, end, n, chunk, h, rules, token
                )
                at = np.uint64(i)
                if n == 0:
                    break
            token[(n - 1) >> 3] = chunk
            h = finished(h, chunk)
            n_chunks = (n + 7) >> 3
            word, slot = find(token, n_chunks, h, slots, chunks, word_starts)
            if learn:
                if word < 0:
                    if not has_room(n_words, n_chunks, slots, chunks, word_starts):
                        return n_words, document, start, t
                    word = n_words
                    insert(token, n_chunks, h, slot, word, slots, chunks, word_starts, stats)
                    n_words += 1
                place = np.uint64(word)
                stats[place, 0] += 1
                documents = stats[place, 1]  # no branch: it would often be mispredicted
                is_new = np.int64(documents >> 32 != first_document + document)
                documents = (documents & 0xFFFFFFFF) + is_new
                stats[place, 1] = (first_document + document) << 32 | documents
                if spans.shape[0] > 0:
                    spans[t, 0] = start
                    spans[t, 1] = end
            elif word < 0 and _is_mark(token[0], character_class):
                word = _UNKNOWN_MARK
            stream[t] = word
            t += 1
        document += 1
        i = 0
    stream_starts[starts.size] = t
    return n_words, document, i, t


@kernel(types.void(I32, I64, _ids))
def translate(stream, stream_starts, ids):
    """Replace word numbers by ids in place: 1 if unknown; tokens with a negative id are removed."""
    t = 0
    first = stream_starts[0]
    for document in range(stream_starts.size - 1):
        last = stream_starts[document + 1]
        stream_starts[document] = t
        for k in range(first, last):
            number = stream[k]
            identity = ids[number] if number >= 0 else 1
            if number == _UNKNOWN_MARK:
                identity |= IS_MARK
            if identity >= 0:
                stream[t] = identity
                t += 1
        first = last
    stream_starts[stream_starts.size - 1] = t


@helper
def _shorten_runs(stream, first, last):
    """Keep the first tokens of each run of marks, in place; return the new end."""
    t, run = first, 0
    for k in range(first, last):
        run = run + 1 if stream[k] & IS_MARK else 0
        if run <= _RUN:
            stream[t] = stream[k]
            t += 1
    return t


@kernel(types.void(I32, I64, types.boolean, types.int64, I32_2D))
def pad(stream, stream_starts, pad_front, n_head, rows):
    """Write the ids of each document into its row, which is all zeros before.

    Runs of marks are shortened, in place; of documents that are still longer than a row, the first
    `n_head` tokens are kept, and the last ones for the rest of the row.
    """
    width = rows.shape[1]
    for document in range(rows.shape[0]):
        first, last = stream_starts[document], stream_starts[document + 1]
        last = _shorten_runs(stream, first, last)
        n = min(last - first, width)
        offset = width - n if pad_front else 0
        head = n_head if last - first > width else n
        for k in range(head):
            rows[document, offset + k] = stream[first + k] & ~IS_MARK
        for k in range(head, n):
            rows[document, offset + k] = stream[last - n + k] & ~IS_MARK
