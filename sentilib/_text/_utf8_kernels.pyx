"""Compiled copy of documents from a column's buffer to the form that scans read.

The bytes come from outside, so they are checked to be UTF-8, as Python's decoder would: a scan
relies on it, and no document may contain the byte 0xFF, which separates them.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from sentilib._compiled._memory cimport load_eight

cdef enum:
    END = 0xFF
    INVALID_BYTES = 3

# Kinds of documents, by what they contain; LATIN is Latin-1
ASCII, LATIN, UNICODE, INVALID = range(4)

cdef uint64_t HIGH = 0x8080808080808080U


cdef inline bint _continues(uint8_t byte) noexcept nogil:
    return byte & 0xC0 == 0x80


cdef uint8_t _kind(const uint8_t* raw, int64_t length) noexcept nogil:
    """Return the kind of a document that ends with a byte 0xFF, which continues no character."""
    cdef int64_t i = 0
    cdef uint8_t kind = 0, first, second
    while True:
        while i + 8 <= length and load_eight(raw + i) & HIGH == 0:
            i += 8
        if i >= length:
            return kind
        first = raw[i]
        if first < 0x80:
            i += 1
            continue
        second = raw[i + 1]
        if first < 0xC2 or first > 0xF4 or not _continues(second):
            return INVALID_BYTES
        if first < 0xE0:
            kind = max(kind, <uint8_t>(1 if first < 0xC4 else 2))
            i += 2
            continue
        kind = 2
        if not _continues(raw[i + 2]):
            return INVALID_BYTES
        if first < 0xF0:  # neither overlong nor a surrogate
            if (first == 0xE0 and second < 0xA0) or (first == 0xED and second >= 0xA0):
                return INVALID_BYTES
            i += 3
            continue
        if not _continues(raw[i + 3]):
            return INVALID_BYTES
        if (first == 0xF0 and second < 0x90) or (first == 0xF4 and second >= 0x90):
            return INVALID_BYTES
        i += 4


def join(
    const uint8_t[::1] data, const int64_t[::1] offsets, uint8_t[::1] joined, uint8_t[::1] kinds
):
    """Copy documents, each followed by a byte 0xFF, to `joined`; `kinds` receives their kinds.

    Document k is data[offsets[k]:offsets[k + 1]].
    """
    cdef int64_t n_documents = offsets.shape[0] - 1, k, start, length, at = 0
    if n_documents < 1 or offsets[0] < 0 or offsets[n_documents] > data.shape[0]:
        raise ValueError(f"The documents start or end outside of {data.shape[0]} bytes.")
    for k in range(n_documents):
        if offsets[k] > offsets[k + 1]:
            raise ValueError(f"Document {k} starts after its end.")
    if joined.shape[0] < offsets[n_documents] - offsets[0] + n_documents:
        raise ValueError(f"{joined.shape[0]} bytes have no room for {n_documents} documents.")
    if kinds.shape[0] < n_documents:
        raise ValueError(f"{n_documents} documents, but room for {kinds.shape[0]} kinds.")
    with nogil:
        for k in range(n_documents):
            start = offsets[k]
            length = offsets[k + 1] - start
            if length:
                memcpy(&joined[at], &data[start], length)
            joined[at + length] = END
            kinds[k] = _kind(&joined[at], length)
            at += length + 1
