"""Visible text of documents with simple markup, compiled: no tree is built where none is needed.

Reviews contain line breaks, paragraphs, emphasis, links and a few character references. As long as
there is nothing else, the HTML standard's tree construction neither moves, adds nor drops text,
and each tag alone determines whether it separates words. Such documents are rewritten in place,
which only shortens them, and read the same whether they are taken as HTML5 or as text that people
typed. All others, and all doubtful ones, are left to `_html.visible_text`. Tests compare the three.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memmove

from sentilib._compiled._memory cimport is_text

cdef enum:
    END = 0xFF  # the byte after each document
    N_ENDS = 32  # that must follow the last document
    LITERAL = 0
    INLINE = 1
    PARTING = 2
    UNSURE = 3

STRIDE = N_ENDS
LEFT, DECODED = 1, 2  # documents left to a parser, or with a reference to a character beyond ASCII


def _key(name):
    return int.from_bytes(name.encode(), "big")


cdef uint8_t _LEFT = LEFT, _DECODED = DECODED
cdef int64_t BR = _key("br"), HR = _key("hr"), P = _key("p")
cdef int64_t[20] INLINE_NAMES
cdef int64_t[6] REFERENCES
cdef int64_t[6] REFERENTS
INLINE_NAMES[:] = [
    _key(name)
    for name in (
        "i b a em u strong span font s small big cite code del ins mark strike sub sup tt"
    ).split()
]
REFERENCES[:] = [_key(name) for name in "amp lt gt quot apos nbsp".split()]
REFERENTS[:] = [ord(character) for character in "&<>\"'\u00a0"]


cdef inline bint _is_letter(uint8_t byte) noexcept nogil:
    return c"a" <= byte | 0x20 <= c"z"


cdef inline bint _is_digit(uint8_t byte) noexcept nogil:
    return c"0" <= byte <= c"9"


cdef inline bint _is_space(uint8_t byte) noexcept nogil:
    return byte == 32 or byte == 9 or byte == 10 or byte == 12 or byte == 13


cdef inline bint _ends_value(uint8_t byte) noexcept nogil:
    return _is_space(byte) or byte == c">" or byte == END


cdef bint _attributes_end(const uint8_t* raw, int64_t i, int64_t* end) noexcept nogil:
    """Find where the tag ends whose attributes start at i; return whether it is beyond doubt.

    Each attribute must have a value; one that contains "<" may be a quote that was never closed.
    """
    cdef int64_t first
    cdef uint8_t quote
    while True:
        while _is_space(raw[i]) or raw[i] == c"/":
            i += 1
        if raw[i] == c">":
            end[0] = i + 1
            return True
        first = i
        while not (_ends_value(raw[i]) or raw[i] == c"/" or raw[i] == c"="):
            if raw[i] == c"<" or raw[i] == c'"' or raw[i] == c"'":
                return False
            i += 1
        if i == first:
            return False
        while _is_space(raw[i]):
            i += 1
        if raw[i] != c"=":
            return False
        i += 1
        while _is_space(raw[i]):
            i += 1
        quote = raw[i]
        first = i
        if quote == c'"' or quote == c"'":
            i += 1
            while raw[i] != quote:
                if raw[i] == c"<" or raw[i] == END:
                    return False
                i += 1
            i += 1
        else:
            while not _ends_value(raw[i]):
                if raw[i] == c"<" or raw[i] == c'"' or raw[i] == c"'" or raw[i] == c"`":
                    return False
                i += 1
        if i == first or not (_ends_value(raw[i]) or raw[i] == c"/"):
            return False


cdef int _tag(const uint8_t* raw, int64_t i, int64_t* end) noexcept nogil:
    """Classify the markup that starts with the "<" at i; return its kind, and find its end."""
    cdef int64_t k = i + 1, first, name = 0
    cdef bint closes = raw[k] == c"/"
    cdef int kind = UNSURE, n
    end[0] = i
    if closes:
        k += 1
    elif _is_space(raw[k]):
        while _is_space(raw[k]) and k - i < 4:
            k += 1
        if raw[k] == c"/" or (raw[k] | 0x20 == c"b" and raw[k + 1] | 0x20 == c"r"):
            return UNSURE  # "< br />"
        return LITERAL
    if not _is_letter(raw[k]):
        if (closes and raw[k] != END) or raw[k] == c"!" or raw[k] == c"?":
            return UNSURE
        return LITERAL
    first = k
    while _is_letter(raw[k]) and k - first < 8:
        name = name << 8 | (raw[k] | 0x20)
        k += 1
    if k - first > 7 or not (_is_space(raw[k]) or raw[k] == c"/" or raw[k] == c">"):
        return UNSURE
    if name == P or name == BR or (name == HR and not closes):
        kind = PARTING
    for n in range(20):
        if name == INLINE_NAMES[n]:
            kind = INLINE
    if kind == UNSURE or not _attributes_end(raw, k, end):
        return UNSURE
    return kind


cdef int64_t _reference(const uint8_t* raw, int64_t i, int64_t* end) noexcept nogil:
    """Decode the reference at i: return its code point, or "&" itself, or -1 if unsure."""
    cdef int64_t k = i + 1, code = 0, first, base = 10, digit
    cdef int n
    if raw[k] != c"#":
        if not (_is_letter(raw[k]) or _is_digit(raw[k])):
            end[0] = k
            return c"&"
        while _is_letter(raw[k]) and k - i < 6:
            code = code << 8 | raw[k]
            k += 1
        if raw[k] == c";":
            for n in range(6):
                if code == REFERENCES[n]:
                    end[0] = k + 1
                    return REFERENTS[n]
        return -1
    k += 1
    if raw[k] | 0x20 == c"x":
        base = 16
        k += 1
    first = k
    while k - first < 8:
        digit = raw[k]
        if _is_digit(raw[k]):
            digit -= c"0"
        elif base == 16 and c"a" <= raw[k] | 0x20 <= c"f":
            digit = (raw[k] | 0x20) - c"a" + 10
        else:
            break
        code = code * base + digit
        k += 1
    if raw[k] != c";":
        return -1
    # control characters, surrogates and codes outside Unicode follow special rules
    if 0x20 <= code < 0x7F or 0xA0 <= code < 0xD800 or 0xE000 <= code < 0x110000:
        end[0] = k + 1
        return code
    return -1


cdef int64_t _write(uint8_t* raw, int64_t i, int64_t code) noexcept nogil:
    """Write a character at i as UTF-8; return the position after it."""
    if code < 0x80:
        raw[i] = <uint8_t>code
        return i + 1
    if code < 0x800:
        raw[i] = <uint8_t>(0xC0 | code >> 6)
    elif code < 0x10000:
        raw[i] = <uint8_t>(0xE0 | code >> 12)
        i += 1
        raw[i] = <uint8_t>(0x80 | code >> 6 & 0x3F)
    else:
        raw[i] = <uint8_t>(0xF0 | code >> 18)
        raw[i + 1] = <uint8_t>(0x80 | code >> 12 & 0x3F)
        i += 2
        raw[i] = <uint8_t>(0x80 | code >> 6 & 0x3F)
    raw[i + 1] = <uint8_t>(0x80 | code & 0x3F)
    return i + 2


cdef inline void _copy_text(uint8_t* raw, int64_t* i, int64_t* out) noexcept nogil:
    """Copy bytes from i to out <= i, up to the next markup, reference, NUL or document end."""
    cdef int64_t first = i[0], last = first
    while is_text(raw + last):
        last += 16
    while raw[last] != c"<" and raw[last] != c"&" and raw[last] != 0 and raw[last] != END:
        last += 1
    if out[0] != first:
        memmove(raw + out[0], raw + first, last - first)
    out[0] += last - first
    i[0] = last


def reveal(uint8_t[::1] documents, int64_t[::1] starts, uint8_t[::1] marks):
    """Find the documents, and replace each by its visible text, or leave it to a parser.

    Documents are concatenated, each followed by a byte 0xFF, and keep their positions: `starts`
    receives the start of each, and text that gets shorter is followed by a further 0xFF. `marks`
    receives LEFT, DECODED or 0 for each.
    """
    cdef int64_t document, i = 0, out, end = 0, code, k, last = documents.shape[0] - N_ENDS
    cdef int kind
    cdef bint fails = last < 0
    cdef uint8_t* raw
    if marks.shape[0] < starts.shape[0]:
        raise ValueError(f"{starts.shape[0]} documents, but room for {marks.shape[0]} marks.")
    for k in range(0 if fails else N_ENDS):
        fails |= documents[last + k] != END
    if fails:
        raise ValueError(f"The documents must end with {N_ENDS} bytes 0xFF.")
    raw = &documents[0]
    with nogil:
        for document in range(starts.shape[0]):
            if i > last:
                fails = True
                break
            starts[document] = i
            marks[document] = 0
            out = i
            while True:
                _copy_text(raw, &i, &out)
                if raw[i] == c"<":
                    kind = _tag(raw, i, &end)
                    if kind == UNSURE:
                        break
                    if kind == INLINE:
                        i = end
                    else:
                        raw[out] = c"\n" if kind == PARTING else c"<"
                        out += 1
                        i = max(i + 1, end)
                elif raw[i] == c"&":
                    code = _reference(raw, i, &end)
                    if code < 0:
                        break
                    i = end
                    out = _write(raw, out, code)
                    if code >= 0x80:
                        marks[document] = _DECODED
                else:
                    break
            if raw[i] != END:
                marks[document] = _LEFT
                while raw[i] != END:
                    i += 1
            raw[out] = END
            i += 1
    if fails:
        raise ValueError(f"There are fewer than {starts.shape[0]} documents.")
