"""Compiled loops that count n-grams by document, by class and by row of a matrix."""

import numpy as np
from numba import types

from sentilib._compiled._compile import F64, F64_2D, I32, I64, helper, kernel, prefetch
from sentilib._compiled._row_kernels import IDS
from sentilib._ids import FIRST_WORD
from sentilib._ngrams._keys import EMPTY
from sentilib._ngrams._lookup_kernels import MIX, is_prefix, key_of

F32 = types.float32[::1]
COLUMNS = types.Array(types.int32, 1, "C", readonly=True)
BAG = types.Array(types.float32, 1, "C", readonly=True)


@helper
def _part(key, n_bits):
    """Return the part of a key, one of 2 ** n_bits."""
    return np.int64(np.uint64(key * np.int64(MIX)) >> np.uint64(64 - n_bits))


@kernel(types.void(IDS, IDS, types.int64, I64))
def count_parts(prefixes, ids, n_bits, counts):
    """Count the n-grams, one token longer than their prefixes, by part of their keys."""
    counts[:] = 0
    for row in range(ids.shape[0]):
        for k in range(1, ids.shape[1]):
            prefix, word = prefixes[row, k - 1], ids[row, k]
            if is_prefix(prefix) and word >= FIRST_WORD:
                counts[_part(key_of(np.int64(prefix), word), n_bits)] += 1


@kernel(types.void(IDS, IDS, types.int64, types.int64, I64, I64, I32))
def sort_into_parts(prefixes, ids, first_row, n_bits, places, keys, rows):
    """Write each n-gram's key and row to the next place of its part."""
    for row in range(ids.shape[0]):
        for k in range(1, ids.shape[1]):
            prefix, word = prefixes[row, k - 1], ids[row, k]
            if is_prefix(prefix) and word >= FIRST_WORD:
                key = key_of(np.int64(prefix), word)
                part = _part(key, n_bits)
                keys[places[part]] = key
                rows[places[part]] = first_row + row
                places[part] += 1


@kernel(types.int64(I64, types.int64, types.int64, I64, I32))
def document_frequency(starts, n_bits, min_df, keys, rows):
    """Replace keys and rows of some parts by distinct keys, and the number of rows of each.

    Keys in fewer than `min_df` rows are left out; returns the number of the others. The rows of a
    part must be ascending.
    """
    largest = 0
    for part in range(starts.size - 1):
        largest = max(largest, starts[part + 1] - starts[part])
    size = 4
    while size < 2 * largest:
        size *= 2
    table = np.empty(size, dtype=np.int64)
    counts = np.empty(size, dtype=np.int32)
    last_row = np.empty(size, dtype=np.int32)
    n = 0
    for part in range(starts.size - 1):
        size = 4
        while size < 2 * (starts[part + 1] - starts[part]):
            size *= 2
        table[:size] = EMPTY
        for k in range(starts[part], starts[part + 1]):
            key = keys[k]
            # All keys of a part have the same upper bits.
            slot = (key * np.int64(MIX)) >> (32 - n_bits) & (size - 1)
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


@kernel(types.void(I64, I32, I32, F64, F64_2D))
def count(starts, features, cells, weight, counts):
    """Add each row's weight to the counts of its n-grams (n_ngrams, n_cells), in its cell."""
    n_cells, by_ngram = counts.shape[1], counts.ravel()
    for row in range(cells.size):
        for k in range(starts[row], starts[row + 1]):
            prefetch(by_ngram, features[k] * np.int64(n_cells) + cells[row])
        for k in range(starts[row], starts[row + 1]):
            counts[features[k], cells[row]] += weight[row]


@kernel(types.void(I64, I32, I64, I32))
def list_rows(starts, features, places, rows):
    """Write the rows of each n-gram, in ascending order, from its place on."""
    for row in range(starts.size - 1):
        for k in range(starts[row], starts[row + 1]):
            rows[places[features[k]]] = row
            places[features[k]] += 1


@kernel(types.void(I64, I32, I32, types.int64, I64))
def count_classes(first, rows, labels, n_classes, n_distinct):
    """Count the distinct classes of each n-gram's rows."""
    last_ngram = np.full(n_classes, -1, dtype=np.int64)
    for ngram in range(n_distinct.size):
        n_distinct[ngram] = 0
        for k in range(first[ngram], first[ngram + 1]):
            label = labels[rows[k]]
            n_distinct[ngram] += last_ngram[label] != ngram
            last_ngram[label] = ngram


@kernel(types.void(I64, I32, I32, I32, F64, types.int64, I64, I32, F64_2D))
def count_pairs(first, rows, labels, folds, weight, n_classes, starts, classes, by_fold):
    """Write the distinct classes of each n-gram, and add its rows' weights (n_folds, n_pairs)."""
    place = np.full(n_classes, -1, dtype=np.int64)
    for ngram in range(first.size - 1):
        end = starts[ngram]
        for k in range(first[ngram], first[ngram + 1]):
            row = rows[k]
            label = labels[row]
            if place[label] < starts[ngram]:
                place[label] = end
                classes[end] = label
                end += 1
            by_fold[folds[row], place[label]] += weight[row]


@kernel(types.void(I64, COLUMNS, BAG, I64, F64_2D, F32))
def weigh(starts, features, counts, folds, ratios, out):
    """Multiply each row's counts by the ratios (n_folds, n_ngrams) of its fold."""
    for row in range(folds.size):
        for k in range(starts[row], starts[row + 1]):
            out[k] = counts[k] * ratios[folds[row], features[k]]


@kernel(types.void(I64, COLUMNS, I64, I32, types.int64[:, ::1]))
def count_entries(starts, features, first, columns, sizes):
    """Count the ratios of each row's n-grams by column: (n_rows, n_columns)."""
    sizes[:] = 0
    for row in range(sizes.shape[0]):
        for k in range(starts[row], starts[row + 1]):
            for j in range(first[features[k]], first[features[k] + 1]):
                sizes[row, columns[j]] += 1


@kernel(types.void(I64, COLUMNS, BAG, I64, I64, I32, F64_2D, types.int64[:, ::1], I32, F32))
def weigh_by_class(starts, features, counts, folds, first, columns, ratios, places, indices, data):
    """Write each row's n-grams, and their counts times ratios, from the place of a column on."""
    for row in range(folds.size):
        for k in range(starts[row], starts[row + 1]):
            for j in range(first[features[k]], first[features[k] + 1]):
                place = places[row, columns[j]]
                places[row, columns[j]] = place + 1
                indices[place] = features[k]
                data[place] = counts[k] * ratios[folds[row], j]


@kernel(types.int64(I64, COLUMNS, F64, types.int64, I64, I32, F32))
def merge(starts, columns, share, n_columns, counts, indices, data):
    """Merge equal columns of each row: write the number of distinct ones, and their sums of shares.

    `indices` and `data` must have room for all columns; returns the number of entries written.
    """
    place = np.full(n_columns, -1, dtype=np.int64)
    n = 0
    for row in range(share.size):
        first = n
        for k in range(starts[row], starts[row + 1]):
            prefetch(place, columns[k])
        for k in range(starts[row], starts[row + 1]):
            column = columns[k]
            if place[column] >= first:
                data[place[column]] += share[row]
            else:
                place[column] = n
                indices[n], data[n] = column, share[row]
                n += 1
        counts[row] = n - first
    return n
