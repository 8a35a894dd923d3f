"""Compiled loops that count n-grams by document, by class and by row of a matrix.

A failed check ends the loop, and is reported after it: what a kernel has written is then undefined,
but within its arrays.
"""

import os

from libc.stdint cimport int32_t, int64_t, uint64_t

import numpy as np

from sentilib._compiled._memory cimport prefetch
from sentilib._ngrams._keys cimport is_prefix, key_of
from sentilib._ngrams._lookup_kernels cimport count_places

from sentilib._ids import FIRST_WORD
from sentilib._ngrams import _keys

cdef int32_t FIRST = FIRST_WORD
cdef int64_t EMPTY = _keys.EMPTY
cdef uint64_t MIX = int.from_bytes(os.urandom(8), "little") | 1  # secret, as in `_lookup_kernels`
cdef enum: MAX_BITS = 31
ctypedef const int32_t* ids_of_row


cdef inline bint _is_outside(int64_t index, int64_t size) noexcept nogil:
    return <uint64_t>index >= <uint64_t>size


cdef inline int64_t _part(int64_t key, int n_bits) noexcept nogil:
    """Return the part of a key, one of 2 ** n_bits."""
    return <int64_t>((<uint64_t>key * MIX) >> (64 - n_bits))


cdef int _fail(str what) except -1:
    raise ValueError(f"Inconsistent arrays: {what}.")


cdef int _check_starts(const int64_t[::1] starts, int64_t n_rows, int64_t size) except -1:
    """Check that rows start in ascending order, within an array of `size`."""
    cdef int64_t row
    if starts.shape[0] < 1 or starts.shape[0] != n_rows + 1:
        _fail(f"{starts.shape[0]} starts of {n_rows} rows")
    if starts[0] < 0 or starts[n_rows] > size:
        _fail(f"rows from {starts[0]} to {starts[n_rows]} of {size} entries")
    for row in range(n_rows):
        if starts[row] > starts[row + 1]:
            _fail(f"row {row} starts at {starts[row]}, after its end, {starts[row + 1]}")
    return 0


cdef int _check_parts(
    const int32_t[:, ::1] prefixes, const int32_t[:, ::1] ids, int n_bits, int64_t n_parts
) except -1:
    if prefixes.shape[0] != ids.shape[0] or prefixes.shape[1] != ids.shape[1]:
        _fail("prefixes and ids have different shapes")
    if not 1 <= n_bits <= MAX_BITS or n_parts != <int64_t>1 << n_bits:
        _fail(f"{n_parts} parts are not 2 ** {n_bits}, up to 2 ** {MAX_BITS}")
    return 0


def count_parts(
    const int32_t[:, ::1] prefixes, const int32_t[:, ::1] ids, int n_bits, int64_t[::1] counts
):
    """Count the n-grams, one token longer than their prefixes, by part of their keys."""
    cdef int64_t row, k
    cdef int32_t first = FIRST
    cdef ids_of_row before, words
    cdef int64_t* by_part = &counts[0] if counts.shape[0] else NULL
    _check_parts(prefixes, ids, n_bits, counts.shape[0])
    with nogil:
        counts[:] = 0
        for row in range(ids.shape[0]):
            words, before = &ids[row, 0], &prefixes[row, 0]
            for k in range(1, count_places(words, ids.shape[1])):
                if words[k] >= first and is_prefix(before[k - 1], first):
                    by_part[_part(key_of(before[k - 1], words[k]), n_bits)] += 1


def sort_into_parts(
    const int32_t[:, ::1] prefixes, const int32_t[:, ::1] ids, int64_t first_row, int n_bits,
    int64_t[::1] places, int64_t[::1] keys, int32_t[::1] rows,
):
    """Write each n-gram's key and row to the next place of its part."""
    cdef int64_t row, k, key, part, place, size = min(keys.shape[0], rows.shape[0])
    cdef int32_t first = FIRST
    cdef ids_of_row before, words
    cdef int64_t* next_place = &places[0] if places.shape[0] else NULL
    cdef int64_t* to_keys = &keys[0] if size else NULL
    cdef int32_t* to_rows = &rows[0] if size else NULL
    cdef bint fails = False
    _check_parts(prefixes, ids, n_bits, places.shape[0])
    with nogil:
        for row in range(ids.shape[0]):
            words, before = &ids[row, 0], &prefixes[row, 0]
            for k in range(1, count_places(words, ids.shape[1])):
                if words[k] >= first and is_prefix(before[k - 1], first):
                    key = key_of(before[k - 1], words[k])
                    part = _part(key, n_bits)
                    place = next_place[part]
                    if _is_outside(place, size):
                        fails = True
                        break
                    prefetch(to_keys + place + 12)  # the next cache line of this part
                    prefetch(to_rows + place + 16)
                    to_keys[place], to_rows[place] = key, <int32_t>(first_row + row)
                    next_place[part] = place + 1
            if fails:
                break
    if fails:
        _fail("more n-grams than room for them")


def document_frequency(
    const int64_t[::1] starts, int n_bits, int64_t min_df, int64_t[::1] keys, int32_t[::1] rows
):
    """Replace keys and rows of some parts by distinct keys, and the number of rows of each.

    Keys in fewer than `min_df` rows are left out; returns the number of the others. The rows of a
    part must be ascending.
    """
    cdef int64_t n_parts = starts.shape[0] - 1, largest = 0, size = 4, n = 0, part, k, key, slot
    cdef int64_t[::1] table
    cdef int32_t[::1] counts, last_row
    _check_starts(starts, n_parts, min(keys.shape[0], rows.shape[0]))
    if not 1 <= n_bits <= MAX_BITS:
        _fail(f"parts of {n_bits} bits")
    for part in range(n_parts):
        largest = max(largest, starts[part + 1] - starts[part])
    while size < 2 * largest:
        size *= 2
    table = np.empty(size, dtype=np.int64)
    counts, last_row = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32)
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
                    table[slot], counts[slot], last_row[slot] = key, 0, -1
                counts[slot] += last_row[slot] != rows[k]
                last_row[slot] = rows[k]
            for slot in range(size):
                if table[slot] != EMPTY and counts[slot] >= min_df:
                    keys[n], rows[n] = table[slot], counts[slot]
                    n += 1
    return n


def count(
    const int64_t[::1] starts, const int32_t[::1] features, const int32_t[::1] cells,
    const double[::1] weight, double[:, ::1] counts,
):
    """Add each row's weight to the counts of its n-grams (n_ngrams, n_cells), in its cell."""
    cdef int64_t row, k, n_ngrams = counts.shape[0], n_cells = counts.shape[1]
    cdef double* by_ngram
    cdef bint fails = False
    _check_starts(starts, cells.shape[0], features.shape[0])
    if weight.shape[0] != cells.shape[0]:
        _fail(f"{weight.shape[0]} weights of {cells.shape[0]} rows")
    by_ngram = &counts[0, 0] if counts.size else NULL
    with nogil:
        for row in range(cells.shape[0]):
            fails = _is_outside(cells[row], n_cells)
            for k in range(starts[row], starts[row + 1]):
                fails |= _is_outside(features[k], n_ngrams)
                prefetch(by_ngram + features[k] * n_cells + cells[row])
            if fails:
                break
            for k in range(starts[row], starts[row + 1]):
                by_ngram[features[k] * n_cells + cells[row]] += weight[row]
    if fails:
        _fail(f"an n-gram or a cell is outside the {n_ngrams} x {n_cells} counts")


def list_rows(
    const int64_t[::1] starts, const int32_t[::1] features, int64_t[::1] places, int32_t[::1] rows
):
    """Write the rows of each n-gram, in ascending order, from its place on."""
    cdef int64_t row, k
    cdef bint fails = False
    _check_starts(starts, starts.shape[0] - 1, features.shape[0])
    with nogil:
        for row in range(starts.shape[0] - 1):
            for k in range(starts[row], starts[row + 1]):
                if _is_outside(features[k], places.shape[0]) or _is_outside(
                    places[features[k]], rows.shape[0]
                ):
                    fails = True
                    break
                rows[places[features[k]]] = <int32_t>row
                places[features[k]] += 1
            if fails:
                break
    if fails:
        _fail("an n-gram has no place, or no room for its rows")


def count_classes(
    const int64_t[::1] first, const int32_t[::1] rows, const int32_t[::1] labels,
    int64_t n_classes, int64_t[::1] n_distinct,
):
    """Count the distinct classes of each n-gram's rows."""
    cdef int64_t[::1] last_ngram = np.full(n_classes, -1, dtype=np.int64)
    cdef int64_t ngram, k, label, n
    cdef bint fails = False
    _check_starts(first, n_distinct.shape[0], rows.shape[0])
    with nogil:
        for ngram in range(n_distinct.shape[0]):
            n = 0
            for k in range(first[ngram], first[ngram + 1]):
                label = -1 if _is_outside(rows[k], labels.shape[0]) else labels[rows[k]]
                if _is_outside(label, n_classes):
                    fails = True
                    break
                n += last_ngram[label] != ngram
                last_ngram[label] = ngram
            n_distinct[ngram] = n
            if fails:
                break
    if fails:
        _fail(f"a row is none of {labels.shape[0]}, or its label none of {n_classes}")


def count_pairs(
    const int64_t[::1] first, const int32_t[::1] rows, const int32_t[::1] labels,
    const int32_t[::1] folds, const double[::1] weight, int64_t n_classes,
    const int64_t[::1] starts, int32_t[::1] classes, double[:, ::1] by_fold,
):
    """Write the distinct classes of each n-gram, and add its rows' weights (n_folds, n_pairs)."""
    cdef int64_t[::1] place = np.full(n_classes, -1, dtype=np.int64)
    cdef int64_t ngram, k, row, label, end, n_pairs = min(classes.shape[0], by_fold.shape[1])
    cdef int64_t n_rows = min(labels.shape[0], folds.shape[0], weight.shape[0])
    cdef bint fails = False
    _check_starts(first, first.shape[0] - 1, rows.shape[0])
    _check_starts(starts, first.shape[0] - 1, n_pairs)
    with nogil:
        for ngram in range(first.shape[0] - 1):
            end = starts[ngram]
            for k in range(first[ngram], first[ngram + 1]):
                row = rows[k]
                label = -1 if _is_outside(row, n_rows) else labels[row]
                if _is_outside(label, n_classes) or _is_outside(folds[row], by_fold.shape[0]):
                    fails = True
                    break
                if place[label] < starts[ngram]:
                    if end == starts[ngram + 1]:
                        fails = True
                        break
                    place[label] = end
                    classes[end] = <int32_t>label
                    end += 1
                by_fold[folds[row], place[label]] += weight[row]
            if fails:
                break
    if fails:
        _fail("a row, its label, its fold or a pair has no room")


cdef bint _are_outside(
    const int32_t[::1] features, int64_t first, int64_t last, int64_t size
) noexcept nogil:
    cdef int64_t k
    for k in range(first, last):
        if _is_outside(features[k], size):
            return True
    return False


def weigh(
    const int64_t[::1] starts, const int32_t[::1] features, const float[::1] counts,
    const int64_t[::1] folds, const double[:, ::1] ratios, float[::1] out,
):
    """Multiply each row's counts by the ratios (n_folds, n_ngrams) of its fold."""
    cdef int64_t row, k, n_entries = min(features.shape[0], counts.shape[0], out.shape[0])
    cdef bint fails = False
    cdef const double* of_fold
    _check_starts(starts, folds.shape[0], n_entries)
    with nogil:
        for row in range(folds.shape[0]):
            if _is_outside(folds[row], ratios.shape[0]):
                fails = True
                break
            of_fold = &ratios[folds[row], 0]
            for k in range(starts[row], starts[row + 1]):
                if _is_outside(features[k], ratios.shape[1]):
                    fails = True
                    break
                out[k] = <float>(counts[k] * of_fold[features[k]])
            if fails:
                break
    if fails:
        _fail(f"a fold or an n-gram is outside {ratios.shape[0]} x {ratios.shape[1]} ratios")


def count_entries(
    const int64_t[::1] starts, const int32_t[::1] features, const int64_t[::1] first,
    const int32_t[::1] columns, int64_t[:, ::1] sizes,
):
    """Count the ratios of each row's n-grams by column: (n_rows, n_columns)."""
    cdef int64_t row, k, j, n_ngrams = first.shape[0] - 1
    cdef bint fails = False
    _check_starts(starts, sizes.shape[0], features.shape[0])
    _check_starts(first, n_ngrams, columns.shape[0])
    with nogil:
        sizes[:] = 0
        fails = _are_outside(columns, 0, columns.shape[0], sizes.shape[1])
        for row in range(0 if fails else sizes.shape[0]):
            for k in range(starts[row], starts[row + 1]):
                if _is_outside(features[k], n_ngrams):
                    fails = True
                    break
                for j in range(first[features[k]], first[features[k] + 1]):
                    sizes[row, columns[j]] += 1
            if fails:
                break
    if fails:
        _fail(f"an n-gram or a column is outside {n_ngrams} x {sizes.shape[1]} ratios")


def weigh_by_class(
    const int64_t[::1] starts, const int32_t[::1] features, const float[::1] counts,
    const int64_t[::1] folds, const int64_t[::1] first, const int32_t[::1] columns,
    const double[:, ::1] ratios, int64_t[:, ::1] places, int32_t[::1] indices, float[::1] data,
):
    """Write each row's n-grams, and their counts times ratios, from the place of a column on."""
    cdef int64_t row, k, j, place, n_ngrams = first.shape[0] - 1, n_rows = folds.shape[0]
    cdef int64_t size = min(indices.shape[0], data.shape[0])
    cdef bint fails = False
    _check_starts(starts, n_rows, min(features.shape[0], counts.shape[0]))
    _check_starts(first, n_ngrams, min(columns.shape[0], ratios.shape[1]))
    if places.shape[0] != n_rows:
        _fail(f"{places.shape[0]} places of {n_rows} rows")
    with nogil:
        fails = _are_outside(columns, 0, columns.shape[0], places.shape[1])
        for row in range(0 if fails else n_rows):
            fails = _is_outside(folds[row], ratios.shape[0])
            for k in range(starts[row], starts[row] if fails else starts[row + 1]):
                if _is_outside(features[k], n_ngrams):
                    fails = True
                    break
                for j in range(first[features[k]], first[features[k] + 1]):
                    place = places[row, columns[j]]
                    if _is_outside(place, size):
                        fails = True
                        break
                    places[row, columns[j]] = place + 1
                    indices[place] = features[k]
                    data[place] = <float>(counts[k] * ratios[folds[row], j])
            if fails:
                break
    if fails:
        _fail("a fold, an n-gram, a column or an entry has no room")


def merge(
    const int64_t[::1] starts, const int32_t[::1] columns, const double[::1] share,
    int64_t n_columns, int64_t[::1] counts, int32_t[::1] indices, float[::1] data,
):
    """Merge equal columns of each row: write the number of distinct ones, and their sums of shares.

    `indices` and `data` must have room for all columns; returns the number of entries written.
    """
    cdef int64_t[::1] place = np.full(n_columns, -1, dtype=np.int64)
    cdef int64_t row, k, first, column, n = 0, n_rows = share.shape[0]
    cdef bint fails = False
    cdef int64_t* places = &place[0] if n_columns else NULL
    _check_starts(starts, n_rows, columns.shape[0])
    if counts.shape[0] != n_rows or (
        min(indices.shape[0], data.shape[0]) < starts[n_rows] - starts[0]
    ):
        _fail(f"no room for {n_rows} rows of {starts[n_rows] - starts[0]} columns")
    with nogil:
        for row in range(n_rows):
            first = n
            for k in range(starts[row], starts[row + 1]):
                fails |= _is_outside(columns[k], n_columns)
                prefetch(places + columns[k])
            if fails:
                break
            for k in range(starts[row], starts[row + 1]):
                column = columns[k]
                if places[column] >= first:
                    data[places[column]] = <float>(data[places[column]] + share[row])
                else:
                    places[column] = n
                    indices[n], data[n] = <int32_t>column, <float>share[row]
                    n += 1
            counts[row] = n - first
    if fails:
        _fail(f"a column is none of {n_columns}")
    return n
