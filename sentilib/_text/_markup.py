"""Visible text of documents with simple markup, compiled: no tree is built where none is needed.

Reviews contain line breaks, paragraphs, emphasis, links and a few character references. As long as
there is nothing else, the HTML standard's tree construction neither moves, adds nor drops text,
and each tag alone determines whether it separates words. Such documents are rewritten in place,
which only shortens them, and read the same whether they are taken as HTML5 or as text that people
typed. All others, and all doubtful ones, are left to `_html.visible_text`. Tests compare the three.
"""

import numpy as np
from numba import types

from sentilib._compiled._compile import BYTES, I64, helper, kernel

STRIDE = 32  # number of bytes 0xFF that must follow the last document
LEFT, DECODED = 1, 2  # documents left to a parser, or with a reference to a character beyond ASCII

_LITERAL, _INLINE, _PARTING, _UNSURE = 0, 1, 2, 3
_LESS, _GREATER, _SLASH, _EQUALS, _DOUBLE, _SINGLE, _GRAVE, _HASH = map(ord, "<>/=\"'`#")
_AMPERSAND, _SEMICOLON, _A, _B, _F, _R, _X, _Z, _ZERO, _NINE = map(ord, "&;abfrxz09")
_LINE_FEED, _BANG, _QUESTION = map(ord, "\n!?")
_END = 0xFF


def _key(name: str) -> int:
    return int.from_bytes(name.encode(), "big")


_BR, _HR, _P = _key("br"), _key("hr"), _key("p")
_INLINE_NAMES = tuple(
    _key(name)
    for name in (
        "i b a em u strong span font s small big cite code del ins mark strike sub sup tt"
    ).split()
)
_REFERENCES = tuple(_key(name) for name in "amp lt gt quot apos nbsp".split())
_REFERENTS = tuple(map(ord, "&<>\"'\u00a0"))


@helper
def _is_letter(byte):
    return _A <= byte | 0x20 <= _Z


@helper
def _is_space(byte):
    return byte == 32 or byte == 9 or byte == 10 or byte == 12 or byte == 13


@helper
def _ends_value(byte):
    return _is_space(byte) or byte == _GREATER or byte == _END


@helper
def _attributes_end(raw, i):
    """Return where the tag ends whose attributes start at i, and whether it is beyond doubt.

    Each attribute must have a value; one that contains "<" may be a quote that was never closed.
    """
    while True:
        while _is_space(raw[i]) or raw[i] == _SLASH:
            i += 1
        if raw[i] == _GREATER:
            return i + 1, 1
        first = i
        while not (_ends_value(raw[i]) or raw[i] == _SLASH or raw[i] == _EQUALS):
            if raw[i] == _LESS or raw[i] == _DOUBLE or raw[i] == _SINGLE:
                return i, 0
            i += 1
        if i == first:
            return i, 0
        while _is_space(raw[i]):
            i += 1
        if raw[i] != _EQUALS:
            return i, 0
        i += 1
        while _is_space(raw[i]):
            i += 1
        quote = raw[i]
        first = i
        if quote == _DOUBLE or quote == _SINGLE:
            i += 1
            while raw[i] != quote:
                if raw[i] == _LESS or raw[i] == _END:
                    return i, 0
                i += 1
            i += 1
        else:
            while not _ends_value(raw[i]):
                if raw[i] == _LESS or raw[i] == _DOUBLE or raw[i] == _SINGLE or raw[i] == _GRAVE:
                    return i, 0
                i += 1
        if i == first or not (_ends_value(raw[i]) or raw[i] == _SLASH):
            return i, 0


@helper
def _tag(raw, i):
    """Classify the markup that starts with the "<" at i; return its kind and its end."""
    k = i + 1
    closes = raw[k] == _SLASH
    if closes:
        k += 1
    elif _is_space(raw[k]):
        while _is_space(raw[k]) and k - i < 4:
            k += 1
        if raw[k] == _SLASH or (raw[k] | 0x20 == _B and raw[k + 1] | 0x20 == _R):
            return _UNSURE, i  # "< br />"
        return _LITERAL, i
    if not _is_letter(raw[k]):
        unsure = (closes and raw[k] != _END) or raw[k] == _BANG or raw[k] == _QUESTION
        return (_UNSURE, i) if unsure else (_LITERAL, i)
    name = np.int64(0)
    first = k
    while _is_letter(raw[k]):
        name = name << 8 | np.int64(raw[k] | 0x20)
        k += 1
    if k - first > 7 or not (_is_space(raw[k]) or raw[k] == _SLASH or raw[k] == _GREATER):
        return _UNSURE, i
    kind = _UNSURE
    if name == _P or name == _BR or (name == _HR and not closes):
        kind = _PARTING
    for inline in _INLINE_NAMES:
        if name == inline:
            kind = _INLINE
    if kind == _UNSURE:
        return kind, i
    end, complete = _attributes_end(raw, k)
    return (kind, end) if complete else (_UNSURE, i)


@helper
def _reference(raw, i):
    """Decode the reference at i: its code point, or "&" itself, or -1 if unsure; and its end."""
    k = i + 1
    code = np.int64(0)
    if raw[k] != _HASH:
        if not (_is_letter(raw[k]) or _ZERO <= raw[k] <= _NINE):
            return _AMPERSAND, k
        while _is_letter(raw[k]) and k - i < 6:
            code = code << 8 | np.int64(raw[k])
            k += 1
        if raw[k] == _SEMICOLON:
            for n in range(len(_REFERENCES)):
                if code == _REFERENCES[n]:
                    return _REFERENTS[n], k + 1
        return -1, i
    k += 1
    base = 10
    if raw[k] | 0x20 == _X:
        base = 16
        k += 1
    first = k
    while k - first < 8:
        digit = np.int64(raw[k])
        if _ZERO <= digit <= _NINE:
            digit -= _ZERO
        elif base == 16 and _A <= digit | 0x20 <= _F:
            digit = (digit | 0x20) - _A + 10
        else:
            break
        code = code * base + digit
        k += 1
    if raw[k] != _SEMICOLON:
        return -1, i
    # control characters, surrogates and codes outside Unicode follow special rules
    if 0x20 <= code < 0x7F or 0xA0 <= code < 0xD800 or 0xE000 <= code < 0x110000:
        return code, k + 1
    return -1, i


@helper
def _write(raw, i, code):
    """Write a character at i as UTF-8; return the position after it."""
    if code < 0x80:
        raw[i] = code
        return i + 1
    if code < 0x800:
        raw[i] = 0xC0 | code >> 6
    elif code < 0x10000:
        raw[i] = 0xE0 | code >> 12
        i += 1
        raw[i] = 0x80 | code >> 6 & 0x3F
    else:
        raw[i] = 0xF0 | code >> 18
        raw[i + 1] = 0x80 | code >> 12 & 0x3F
        i += 2
        raw[i] = 0x80 | code >> 6 & 0x3F
    raw[i + 1] = 0x80 | code & 0x3F
    return i + 2


@helper
def _copy_text(raw, i, out):
    """Copy bytes from i to out <= i, up to the next markup, reference, NUL or document end."""
    while True:
        stride = raw[np.uint64(i) : np.uint64(i) + np.uint64(STRIDE)]
        special = np.uint8(0)
        for k in range(STRIDE):  # as uint8 throughout, this becomes vector instructions
            byte = stride[k]
            special |= np.uint8(byte == _LESS) | np.uint8(byte == _AMPERSAND)
            special |= np.uint8(byte == 0) | np.uint8(byte == _END)
        if special != 0:
            break
        if out != i:
            for k in range(STRIDE):
                raw[np.uint64(out + k)] = stride[k]
        i += STRIDE
        out += STRIDE
    while raw[i] != _LESS and raw[i] != _AMPERSAND and raw[i] != 0 and raw[i] != _END:
        raw[out] = raw[i]
        i += 1
        out += 1
    return i, out


@kernel(types.void(BYTES, I64, BYTES))
def reveal(raw, starts, marks):
    """Find the documents, and replace each by its visible text, or leave it to a parser.

    Documents are concatenated, each followed by a byte 0xFF, and keep their positions: `starts`
    receives the start of each, and text that gets shorter is followed by a further 0xFF. `marks`
    receives LEFT, DECODED or 0 for each.
    """
    i = np.int64(0)
    for document in range(starts.size):
        starts[document] = i
        marks[document] = 0
        out = i
        while True:
            i, out = _copy_text(raw, i, out)
            if raw[i] == _LESS:
                kind, end = _tag(raw, i)
                if kind == _UNSURE:
                    break
                if kind == _INLINE:
                    i = end
                else:
                    raw[out] = _LINE_FEED if kind == _PARTING else _LESS
                    out += 1
                    i = max(i + 1, end)
            elif raw[i] == _AMPERSAND:
                code, end = _reference(raw, i)
                if code < 0:
                    break
                i = end
                out = _write(raw, out, code)
                if code >= 0x80:
                    marks[document] = DECODED
            else:
                break
        if raw[i] != _END:
            marks[document] = LEFT
            while raw[i] != _END:
                i += 1
        raw[out] = _END
        i += 1
