"""Compiled loops that count n-grams by document, by class and by row of a matrix."""

import numpy as np
from numba import types

from sentilib._compiled._compile import F64, F64_2D, F64_3D, I32, I64, helper, kernel, prefetch
from sentilib._compiled._row_kernels import IDS
from sentilib._ids import FIRST_WORD
from sentilib._ngrams._keys import EMPTY
from sentilib._ngrams._lookup_kernels import MIX, is_prefix, key_of

F32 = types.float32[::1]
COLUMNS = types.Array(types.int32, 1, "C", readonly=True)


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
def count_by_class(starts, features, labels, weight, counts):
    """Add each row's weight to the counts of its n-grams under its label."""
    n_classes, by_ngram = counts.shape[1], counts.ravel()
    for row in range(labels.size):
        for k in range(starts[row], starts[row + 1]):
            prefetch(by_ngram, features[k] * np.int64(n_classes) + labels[row])
        for k in range(starts[row], starts[row + 1]):
            counts[features[k], labels[row]] += weight[row]


@kernel(types.void(F64_2D, F64_3D, F64, types.float64, types.int64, F64_3D))
def log_count_ratios(counts, by_fold, total, smoothing, fold, ratios):
    """Compute the log ratios of each n-gram's share in the last classes to that in the others.

    Writes `ratios` (n_last_classes, n_folds, n_ngrams) of one fold, from `counts` (n_ngrams,
    n_classes) minus `by_fold` (n_ngrams, n_folds, n_classes), if there are any folds. `total`
    (n_classes,) are the counts of all n-grams, including those that the arrays omit.
    """
    n_ngrams, n_classes = counts.shape
    first = n_classes - ratios.shape[0]
    of_class = total.copy()
    if fold < by_fold.shape[1]:
        for ngram in range(n_ngrams):
            for k in range(n_classes):
                of_class[k] -= by_fold[ngram, fold, k]
    for column in range(ratios.shape[0]):
        share = max(of_class[first + column], smoothing) / max(of_class.sum(), 2 * smoothing)
        share = min(share, 1 - 1e-9)
        shift = np.log(share / (1 - share))
        for ngram in range(n_ngrams):
            inside, outside = 2 * smoothing * share, 2 * smoothing * (1 - share)
            for k in range(n_classes):
                count = counts[ngram, k]
                if fold < by_fold.shape[1]:
                    count -= by_fold[ngram, fold, k]
                if k == first + column:
                    inside += count
                else:
                    outside += count
            ratios[column, fold, ngram] = np.log(inside / outside) - shift


@kernel(types.void(I64, I32, F32, I64, F64_2D, F32))
def weigh(starts, features, counts, folds, ratios, out):
    """Multiply each row's counts by the ratios of its fold."""
    for row in range(folds.size):
        for k in range(starts[row], starts[row + 1]):
            out[k] = counts[k] * ratios[folds[row], features[k]]


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
