"""Compiled loops over n-grams; see `_ngrams` for what a key is."""

import numpy as np
from numba import types

from sentilib._compile import F64, F64_2D, F64_3D, I32, I32_2D, I64, helper, kernel

F32, I8 = types.float32[::1], types.int8[::1]
# Ids and keys may be mapped from a file that is open for reading only.
IDS = types.Array(types.int32, 2, "C", readonly=True)
KEYS = types.Array(types.int64, 1, "C", readonly=True)
COLUMNS = types.Array(types.int32, 1, "C", readonly=True)
_FIRST_WORD = 2
_MIX = -7046029254386353131  # odd, with bits evenly spread
_EMPTY = -1  # no key: a word comes first in the upper half, or a negative number below -1


@helper
def _slot(key, mask):
    h = key * np.int64(_MIX)
    return (h ^ (h >> 31) & 0x1FFFFFFFF) & mask


@helper
def _is_prefix(number):
    return number >= _FIRST_WORD or number <= -2


@helper
def _find(key, slots, keys):
    """Give the number of the n-gram with this key, or -1."""
    mask = slots.size - 1
    slot = _slot(key, mask)
    while slots[slot] >= 0:
        if keys[slots[slot]] == key:
            return np.int64(slots[slot])
        slot = (slot + 1) & mask
    return np.int64(-1)


@kernel(I32(KEYS))
def index(keys):
    """Open addressing: number of the key that hashes to each slot or to one before, or -1."""
    size = 1024
    while size < 2 * keys.size:
        size *= 2
    slots = np.full(size, -1, dtype=np.int32)
    for number in range(keys.size):
        slot = _slot(keys[number], size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = number
    return slots


@kernel(types.Tuple((I64, I32))(IDS, IDS, types.int64, types.int64))
def document_frequency(prefixes, ids, n_parts, part):
    """Keys of all n-grams, those of one part of them, and the number of rows that hold each."""
    size = 1 << 16
    used = 0
    keys = np.full(size, _EMPTY, dtype=np.int64)
    counts = np.zeros(size, dtype=np.int32)
    last_row = np.full(size, -1, dtype=np.int32)
    for row in range(ids.shape[0]):
        for k in range(1, ids.shape[1]):
            prefix, word = prefixes[row, k - 1], ids[row, k]
            if not _is_prefix(prefix) or word < _FIRST_WORD:
                continue
            key = np.int64(prefix) << 32 | word
            if ((key * _MIX) >> 40 & 0xFFFF) % n_parts != part:
                continue
            slot = _slot(key, size - 1)
            while keys[slot] != key and keys[slot] != _EMPTY:
                slot = (slot + 1) & (size - 1)
            if keys[slot] == _EMPTY:
                keys[slot] = key
                used += 1
            if last_row[slot] != row:
                last_row[slot] = row
                counts[slot] += 1
            if 2 * used > size:
                old_keys, old_counts, old_rows = keys, counts, last_row
                size *= 2
                keys = np.full(size, _EMPTY, dtype=np.int64)
                counts = np.zeros(size, dtype=np.int32)
                last_row = np.full(size, -1, dtype=np.int32)
                for old in range(old_keys.size):
                    if old_keys[old] != _EMPTY:
                        slot = _slot(old_keys[old], size - 1)
                        while keys[slot] != _EMPTY:
                            slot = (slot + 1) & (size - 1)
                        keys[slot] = old_keys[old]
                        counts[slot] = old_counts[old]
                        last_row[slot] = old_rows[old]
    found = keys != _EMPTY
    return keys[found], counts[found]


@kernel(types.void(IDS, IDS, I32, KEYS, I32_2D))
def extend(prefixes, ids, slots, keys, longer):
    """Give the number, as a prefix, of the n-gram that ends at each place, or -1."""
    for row in range(ids.shape[0]):
        longer[row, 0] = -1
        for k in range(1, ids.shape[1]):
            prefix, word = prefixes[row, k - 1], ids[row, k]
            longer[row, k] = -1
            if _is_prefix(prefix) and word >= _FIRST_WORD:
                number = _find(np.int64(prefix) << 32 | word, slots, keys)
                if number >= 0:
                    longer[row, k] = -2 - number


@helper
def _features(ids, slots, keys, most, wanted, features):
    """Give the number of the n-gram of each order that ends at each place of a row, or -1.

    Returns the number of places up to the last word. The tables are larger than a cache: look-ups
    of one order wait neither for each other nor for a branch, but those that collide.
    """
    n = ids.size
    while n > 0 and ids[n - 1] < _FIRST_WORD:
        n -= 1
    mask = slots.size - 1
    for order in range(most):
        for k in range(n):
            word, prefix = np.int64(ids[k]), np.int64(0)
            is_known = word >= _FIRST_WORD
            if order > 0:
                before = np.int64(-1)
                if k > 0:
                    before = np.int64(ids[k - 1] if order == 1 else features[order - 1, k - 1])
                is_known &= before >= (_FIRST_WORD if order == 1 else 0)
                prefix = before if order == 1 else -2 - before
            wanted[k] = prefix << 32 | word if is_known else _EMPTY
            features[order, k] = slots[_slot(wanted[k], mask)]
        for k in range(n):
            number = features[order, k]
            is_found = keys[max(number, 0)] == wanted[k]
            features[order, k] = number if is_found else -1 - (number >= 0)
        for k in range(n):
            if features[order, k] == -2:
                features[order, k] = _find(wanted[k], slots, keys)
    return n


@kernel(types.Tuple((I64, I32, I32, I8))(IDS, I32, KEYS, types.int64, types.int64))
def find(ids, slots, keys, least, most):
    """Give the known n-grams: their number in each row, and of each its number, end and order."""
    n_rows, n_tokens = ids.shape
    wanted = np.empty(n_tokens, dtype=np.int64)
    found = np.empty((most, n_tokens), dtype=np.int32)
    counts = np.zeros(n_rows, dtype=np.int64)
    size = max(64, n_rows * n_tokens // 2)
    features = np.empty(size, dtype=np.int32)
    ends = np.empty(size, dtype=np.int32)
    orders = np.empty(size, dtype=np.int8)
    n = 0
    for row in range(n_rows):
        n_places = _features(ids[row], slots, keys, most, wanted, found)
        first = n
        if n + most * n_tokens > size:
            size = 2 * size + most * n_tokens
            features_, ends_, orders_ = features, ends, orders
            features = np.empty(size, dtype=np.int32)
            ends = np.empty(size, dtype=np.int32)
            orders = np.empty(size, dtype=np.int8)
            features[:n], ends[:n], orders[:n] = features_[:n], ends_[:n], orders_[:n]
        for k in range(n_places):
            for order in range(least - 1, most):
                if found[order, k] >= 0:
                    features[n], ends[n], orders[n] = found[order, k], k, order + 1
                    n += 1
        counts[row] = n - first
    return counts, features[:n].copy(), ends[:n].copy(), orders[:n].copy()


@kernel(types.void(IDS, I32, KEYS, types.int64, types.int64, F64_2D, F64_2D))
def sums(ids, slots, keys, least, most, table, out):
    """Sum the table's rows over the n-grams of each row."""
    n_rows, n_tokens = ids.shape
    wanted = np.empty(n_tokens, dtype=np.int64)
    found = np.empty((most, n_tokens), dtype=np.int32)
    out[:] = 0
    for row in range(n_rows):
        n_places = _features(ids[row], slots, keys, most, wanted, found)
        for order in range(least - 1, most):
            for k in range(n_places):
                number = found[order, k]
                if number >= 0:
                    for column in range(table.shape[1]):
                        out[row, column] += table[number, column]


@kernel(types.void(IDS, I32, KEYS, types.int64, types.int64, F64_2D, I64, F64_3D, F64_2D))
def share_out(ids, slots, keys, least, most, table, kinds, shares, values):
    """Share what the n-grams of each row are worth among its tokens, all ids but padding.

    Of an n-gram worth 1 in a row of kind r, `shares[r, n - 1, 0]` goes to each of its tokens, and
    `shares[r, n - 1, 1]` to each token of the row. `values` takes the sums: (n_tokens, n_columns).
    """
    n_rows, n_columns = ids.shape
    wanted = np.empty(n_columns, dtype=np.int64)
    found = np.empty((most, n_columns), dtype=np.int32)
    everyone = np.empty(table.shape[1])
    first = 0
    for row in range(n_rows):
        n_places = _features(ids[row], slots, keys, most, wanted, found)
        last = first
        for k in range(n_columns):
            if ids[row, k] != 0:
                values[last] = 0
                last += 1
        everyone[:] = 0
        for order in range(least - 1, most):
            own, common = shares[kinds[row], order]
            token = first
            for k in range(n_places):
                number = found[order, k]
                if number >= 0:
                    for column in range(table.shape[1]):
                        worth = table[number, column]
                        everyone[column] += worth * common
                        for of_ngram in range(token - order, token + 1):
                            values[of_ngram, column] += worth * own
                token += ids[row, k] != 0
        for token in range(first, last):
            for column in range(table.shape[1]):
                values[token, column] += everyone[column]
        first = last


@kernel(types.void(I64, I32, I32, F64, F64_2D))
def count_by_class(starts, features, labels, weight, counts):
    """Add each row's weight to the counts of its n-grams under its label."""
    for row in range(labels.size):
        for k in range(starts[row], starts[row + 1]):
            counts[features[k], labels[row]] += weight[row]


@kernel(types.void(I64, I32, F32, I64, F64_2D, F32))
def weigh(starts, features, counts, folds, ratios, out):
    """Multiply each row's counts by the ratios of its fold."""
    for row in range(folds.size):
        for k in range(starts[row], starts[row + 1]):
            out[k] = counts[k] * ratios[folds[row], features[k]]


@kernel(types.Tuple((I64, I32, F32))(I64, COLUMNS, F64, types.int64))
def merge(starts, columns, share, n_columns):
    """Merge equal columns of each row: their number in it, and of each its sum of shares."""
    place = np.full(n_columns, -1, dtype=np.int64)
    counts = np.empty(share.size, dtype=np.int64)
    indices = np.empty(starts[-1] - starts[0], dtype=np.int32)
    data = np.empty(indices.size, dtype=np.float32)
    n = 0
    for row in range(share.size):
        first = n
        for k in range(starts[row], starts[row + 1]):
            column = columns[k]
            if place[column] >= first:
                data[place[column]] += share[row]
            else:
                place[column] = n
                indices[n], data[n] = column, share[row]
                n += 1
        counts[row] = n - first
    return counts, indices[:n].copy(), data[:n].copy()
