"""Compiled loops that count n-grams by class and by row of a matrix.

A failed check ends the loop, and is reported after it: what a kernel has written is then undefined,
but within its arrays.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

import numpy as np

from sentilib._compiled._memory cimport prefetch


cdef int fail(str what) except -1:
    raise ValueError(f"Inconsistent arrays: {what}.")


cdef int check_starts(const int64_t[::1] starts, int64_t n_rows, int64_t size) except -1:
    """Check that rows start in ascending order, within an array of `size`."""
    cdef int64_t row
    if starts.shape[0] < 1 or starts.shape[0] != n_rows + 1:
        fail(f"{starts.shape[0]} starts of {n_rows} rows")
    if starts[0] < 0 or starts[n_rows] > size:
        fail(f"rows from {starts[0]} to {starts[n_rows]} of {size} entries")
    for row in range(n_rows):
        if starts[row] > starts[row + 1]:
            fail(f"row {row} starts at {starts[row]}, after its end, {starts[row + 1]}")
    return 0


def count(
    const int64_t[::1] starts, const int32_t[::1] features, const int32_t[::1] labels,
    const int32_t[::1] folds, const double[::1] weight, int32_t fold, int64_t n_classes,
    double[::1] counts,
):
    """Add the weight of each row of a fold to its n-grams' counts of its class.

    `counts` has those of the first n-gram, by class, then those of the second, ...
    """
    cdef int64_t row, k, n_rows = labels.shape[0], n_ngrams
    cdef double* of_class
    cdef bint fails = False
    check_starts(starts, n_rows, features.shape[0])
    if folds.shape[0] != n_rows or weight.shape[0] != n_rows:
        fail(f"{folds.shape[0]} folds and {weight.shape[0]} weights of {n_rows} rows")
    if n_classes < 1 or counts.shape[0] % n_classes:
        fail(f"{counts.shape[0]} counts of {n_classes} classes")
    n_ngrams = counts.shape[0] // n_classes
    with nogil:
        for row in range(n_rows):
            if folds[row] != fold:
                continue
            if is_outside(labels[row], n_classes):
                fails = True
                break
            of_class = &counts[0] + labels[row] if n_ngrams else NULL
            for k in range(starts[row], starts[row + 1]):
                fails |= is_outside(features[k], n_ngrams)
                prefetch(of_class + features[k] * n_classes)
            if fails:
                break
            for k in range(starts[row], starts[row + 1]):
                of_class[features[k] * n_classes] += weight[row]
    if fails:
        fail(f"an n-gram is none of {n_ngrams}, or a label none of {n_classes}")


def list_rows(
    const int64_t[::1] starts, const int32_t[::1] features, int64_t[::1] places, int32_t[::1] rows
):
    """Write the rows of each n-gram, in ascending order, from its place on."""
    cdef int64_t row, k
    cdef bint fails = False
    check_starts(starts, starts.shape[0] - 1, features.shape[0])
    with nogil:
        for row in range(starts.shape[0] - 1):
            for k in range(starts[row], starts[row + 1]):
                if is_outside(features[k], places.shape[0]) or is_outside(
                    places[features[k]], rows.shape[0]
                ):
                    fails = True
                    break
                rows[places[features[k]]] = <int32_t>row
                places[features[k]] += 1
            if fails:
                break
    if fails:
        fail("an n-gram has no place, or no room for its rows")


def count_classes(
    const int64_t[::1] first, const int32_t[::1] rows, const int32_t[::1] labels,
    int64_t n_classes, int64_t[::1] n_distinct,
):
    """Count the distinct classes of each n-gram's rows."""
    cdef int64_t[::1] last_ngram = np.full(n_classes, -1, dtype=np.int64)
    cdef int64_t ngram, k, label, n
    cdef bint fails = False
    check_starts(first, n_distinct.shape[0], rows.shape[0])
    with nogil:
        for ngram in range(n_distinct.shape[0]):
            n = 0
            for k in range(first[ngram], first[ngram + 1]):
                label = -1 if is_outside(rows[k], labels.shape[0]) else labels[rows[k]]
                if is_outside(label, n_classes):
                    fails = True
                    break
                n += last_ngram[label] != ngram
                last_ngram[label] = ngram
            n_distinct[ngram] = n
            if fails:
                break
    if fails:
        fail(f"a row is none of {labels.shape[0]}, or its label none of {n_classes}")


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
    check_starts(first, first.shape[0] - 1, rows.shape[0])
    check_starts(starts, first.shape[0] - 1, n_pairs)
    with nogil:
        for ngram in range(first.shape[0] - 1):
            end = starts[ngram]
            for k in range(first[ngram], first[ngram + 1]):
                row = rows[k]
                label = -1 if is_outside(row, n_rows) else labels[row]
                if is_outside(label, n_classes) or is_outside(folds[row], by_fold.shape[0]):
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
        fail("a row, its label, its fold or a pair has no room")


cdef bint _are_outside(
    const int32_t[::1] features, int64_t first, int64_t last, int64_t size
) noexcept nogil:
    cdef int64_t k
    for k in range(first, last):
        if is_outside(features[k], size):
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
    check_starts(starts, folds.shape[0], n_entries)
    with nogil:
        for row in range(folds.shape[0]):
            if is_outside(folds[row], ratios.shape[0]):
                fails = True
                break
            of_fold = &ratios[folds[row], 0]
            for k in range(starts[row], starts[row + 1]):
                if is_outside(features[k], ratios.shape[1]):
                    fails = True
                    break
                out[k] = <float>(counts[k] * of_fold[features[k]])
            if fails:
                break
    if fails:
        fail(f"a fold or an n-gram is outside {ratios.shape[0]} x {ratios.shape[1]} ratios")


def count_entries(
    const int64_t[::1] starts, const int32_t[::1] features, const int64_t[::1] first,
    const int32_t[::1] columns, int64_t[:, ::1] sizes,
):
    """Count the ratios of each row's n-grams by column: (n_rows, n_columns)."""
    cdef int64_t row, k, j, n_ngrams = first.shape[0] - 1
    cdef bint fails = False
    check_starts(starts, sizes.shape[0], features.shape[0])
    check_starts(first, n_ngrams, columns.shape[0])
    with nogil:
        sizes[:] = 0
        fails = _are_outside(columns, 0, columns.shape[0], sizes.shape[1])
        for row in range(0 if fails else sizes.shape[0]):
            for k in range(starts[row], starts[row + 1]):
                if is_outside(features[k], n_ngrams):
                    fails = True
                    break
                for j in range(first[features[k]], first[features[k] + 1]):
                    sizes[row, columns[j]] += 1
            if fails:
                break
    if fails:
        fail(f"an n-gram or a column is outside {n_ngrams} x {sizes.shape[1]} ratios")


def weigh_by_class(
    const int64_t[::1] starts, const int32_t[::1] features, const float[::1] counts,
    const int64_t[::1] folds, const int64_t[::1] first, const int32_t[::1] columns,
    const double[:, ::1] ratios, int64_t[:, ::1] places, int32_t[::1] indices, float[::1] data,
):
    """Write each row's n-grams, and their counts times ratios, from the place of a column on."""
    cdef int64_t row, k, j, place, n_ngrams = first.shape[0] - 1, n_rows = folds.shape[0]
    cdef int64_t size = min(indices.shape[0], data.shape[0])
    cdef bint fails = False
    check_starts(starts, n_rows, min(features.shape[0], counts.shape[0]))
    check_starts(first, n_ngrams, min(columns.shape[0], ratios.shape[1]))
    if places.shape[0] != n_rows:
        fail(f"{places.shape[0]} places of {n_rows} rows")
    with nogil:
        fails = _are_outside(columns, 0, columns.shape[0], places.shape[1])
        for row in range(0 if fails else n_rows):
            fails = is_outside(folds[row], ratios.shape[0])
            for k in range(starts[row], starts[row] if fails else starts[row + 1]):
                if is_outside(features[k], n_ngrams):
                    fails = True
                    break
                for j in range(first[features[k]], first[features[k] + 1]):
                    place = places[row, columns[j]]
                    if is_outside(place, size):
                        fails = True
                        break
                    places[row, columns[j]] = place + 1
                    indices[place] = features[k]
                    data[place] = <float>(counts[k] * ratios[folds[row], j])
            if fails:
                break
    if fails:
        fail("a fold, an n-gram, a column or an entry has no room")


def merge(
    const int64_t[::1] starts, const int32_t[::1] columns, const double[::1] share,
    int64_t n_columns, int64_t first_column, int64_t[::1] counts, int32_t[::1] indices,
    float[::1] data,
):
    """Merge equal columns of each row: write the number of distinct ones, and their sums of shares.

    Columns before `first_column` are left out.

    `indices` and `data` must have room for all columns; returns the number of entries written.
    """
    cdef int64_t[::1] place = np.full(n_columns, -1, dtype=np.int64)
    cdef int64_t row, k, first, column, n = 0, n_rows = share.shape[0]
    cdef bint fails = False
    cdef int64_t* places = &place[0] if n_columns else NULL
    check_starts(starts, n_rows, columns.shape[0])
    if counts.shape[0] != n_rows or (
        min(indices.shape[0], data.shape[0]) < starts[n_rows] - starts[0]
    ):
        fail(f"no room for {n_rows} rows of {starts[n_rows] - starts[0]} columns")
    with nogil:
        for row in range(n_rows):
            first = n
            for k in range(starts[row], starts[row + 1]):
                fails |= is_outside(columns[k], n_columns)
                prefetch(places + columns[k])
            if fails:
                break
            for k in range(starts[row], starts[row + 1]):
                column = columns[k]
                if column < first_column:
                    continue
                if places[column] >= first:
                    data[places[column]] = <float>(data[places[column]] + share[row])
                else:
                    places[column] = n
                    indices[n], data[n] = <int32_t>column, <float>share[row]
                    n += 1
            counts[row] = n - first
    if fails:
        fail(f"a column is none of {n_columns}")
    return n


ctypedef fused integer:
    int32_t
    int64_t


def take_rows(
    const integer[::1] starts, const int32_t[::1] columns, const float[::1] values,
    const int64_t[::1] rows, const integer[::1] taken, int32_t[::1] to_columns,
    float[::1] to_values,
):
    """Copy the entries of some rows; `taken` has the starts of the copies."""
    cdef int64_t k, row, first, n, n_rows = starts.shape[0] - 1
    cdef int64_t size = min(to_columns.shape[0], to_values.shape[0])
    cdef bint fails = False
    if starts.shape[0] < 1 or taken.shape[0] != rows.shape[0] + 1:
        fail(f"{taken.shape[0]} starts of {rows.shape[0]} rows")
    if columns.shape[0] != values.shape[0]:
        fail(f"{columns.shape[0]} columns of {values.shape[0]} values")
    with nogil:
        for k in range(rows.shape[0]):
            row = rows[k]
            fails = is_outside(row, n_rows)
            if fails:
                break
            first, n = starts[row], starts[row + 1] - starts[row]
            if (first < 0 or n < 0 or first + n > columns.shape[0] or taken[k] < 0
                    or taken[k] + n != taken[k + 1] or taken[k + 1] > size):
                fails = True
                break
            if n:
                memcpy(&to_columns[taken[k]], &columns[first], n * sizeof(int32_t))
                memcpy(&to_values[taken[k]], &values[first], n * sizeof(float))
    if fails:
        fail(f"a row is none of {n_rows}, or its entries have no room")
