"""Compiled loops over n-grams; see `_ngrams` for what a key is."""

import numpy as np
from numba import types

from sentilib._compiled._compile import (
    F64,
    F64_2D,
    F64_3D,
    I32,
    I32_2D,
    I64,
    helper,
    kernel,
    prefetch,
)

F32, I8 = types.float32[::1], types.int8[::1]
# Ids and keys may be mapped from a file that is open for reading only.
IDS = types.Array(types.int32, 2, "C", readonly=True)
KEYS = types.Array(types.int64, 1, "C", readonly=True)
COLUMNS = types.Array(types.int32, 1, "C", readonly=True)
_FIRST_WORD = 2
_MIX = -7046029254386353131  # odd, with bits evenly spread
_EMPTY = -1  # no key: a word comes first in the upper half, or a negative number below -1
_KEYS = 4  # in a bucket
_BUCKET = 2 * _KEYS  # a cache line: the keys, then what is known of each
_GOES_ON = 1  # a longer n-gram begins with this one; its number stands in the bits above
_OVERFLOWS = -(2**63)  # the last entry's sign: keys of this bucket stand in the next one too


@helper
def _at(array, index):
    """Give the element of an index that is not negative, without looking whether it is."""
    return array[np.uint64(index)]


@helper
def _shift(buckets):
    """Bits of a hash that do not choose the bucket; there are a power of two, more than one."""
    shift, n = 64, buckets.size // _BUCKET
    while n > 1:
        n //= 2
        shift -= 1
    return shift


@helper
def _bucket(key, shift):
    """Where the bucket of a key begins."""
    return np.int64(np.uint64(key * np.int64(_MIX)) >> np.uint64(shift)) * _BUCKET


@helper
def _is_prefix(number):
    return (number >= _FIRST_WORD) | (number <= -2)


@kernel(types.void(KEYS, I32, I64))
def index(keys, words, buckets):
    """Fill the tables of a dictionary: the number of each word, and buckets of longer n-grams.

    A key stands in the bucket that it hashes to, or where that one is full, in the next with room.
    """
    goes_on = np.zeros(keys.size, dtype=np.int8)
    for number in range(keys.size):
        prefix = keys[number] >> 32
        if prefix < 0:
            goes_on[-2 - prefix] = _GOES_ON
    words[:] = -1
    for bucket in range(0, buckets.size, _BUCKET):
        for k in range(_KEYS):
            buckets[bucket + k] = _EMPTY
            buckets[bucket + _KEYS + k] = 0
    shift = _shift(buckets)
    for number in range(keys.size):
        key = keys[number]
        if key >> 32 == 0:
            if key >= _FIRST_WORD:
                words[key] = number
            continue
        bucket, k = _bucket(key, shift), 0
        while buckets[bucket + k] != _EMPTY:
            k += 1
            if k == _KEYS:
                buckets[bucket + _BUCKET - 1] |= _OVERFLOWS
                bucket, k = (bucket + _BUCKET) & (buckets.size - 1), 0
        buckets[bucket + k] = key
        buckets[bucket + _KEYS + k] |= 2 * number + goes_on[number]


@helper
def _entry(key, bucket, buckets):
    """Twice the number of the n-gram with this key, plus whether it goes on; or below 0.

    Without a branch that depends on the key, but for the few that stand in a later bucket: a wrong
    guess would wait for memory.
    """
    is_1 = _at(buckets, bucket + 1) == key
    is_2 = _at(buckets, bucket + 2) == key
    is_3 = _at(buckets, bucket + 3) == key
    is_found = (_at(buckets, bucket) == key) | is_1 | is_2 | is_3
    place = bucket + is_1 + 2 * is_2 + 3 * is_3
    missing = np.int64(is_found) - 1
    if _at(buckets, bucket + _BUCKET - 1) & missing < 0:
        return _later_entry(key, bucket, buckets)
    return _at(buckets, place + _KEYS) & ~_OVERFLOWS | missing


@helper
def _later_entry(key, bucket, buckets):
    """Do the same as `_entry` for a key that is not in its own bucket, which overflows."""
    while buckets[bucket + _BUCKET - 1] < 0:
        bucket = (bucket + _BUCKET) & (buckets.size - 1)
        for k in range(_KEYS):
            if buckets[bucket + k] == key:
                return buckets[bucket + _KEYS + k] & ~_OVERFLOWS
    return np.int64(-1)


@helper
def _n_places(ids):
    """Count the columns of a row up to its last token."""
    n = ids.size
    while n > 0 and _at(ids, n - 1) == 0:
        n -= 1
    return n


@helper
def _number_of_word(word, words):
    return np.int64(_at(words, min(np.int64(word), words.size - 1)))


@helper
def _scratch(n_tokens, most):
    """Arrays that `_long_ngrams` works in, and those that it fills, for rows of so many tokens."""
    keys = np.empty(n_tokens + 1, dtype=np.int64)
    wheres = np.empty(n_tokens + 1, dtype=np.int64)
    lasts = np.empty(n_tokens + 1, dtype=np.int32)
    numbers = np.empty((most - 1) * n_tokens + 1, dtype=np.int32)
    ends = np.empty(numbers.size, dtype=np.int32)
    first = np.empty(most + 2, dtype=np.int64)
    return (keys, wheres, lasts), numbers, ends, first


@helper
def _long_ngrams(ids, n, buckets, shift, most, scratch, numbers, ends, first):
    """Find the known n-grams, n > 1, of the first n places of a row: their numbers and ends.

    They come by order, those of order r from `first[r]` to `first[r + 1]`, then by their end. The
    table is larger than a cache: what is looked up in one order was asked for in the one before.
    """
    keys, wheres, lasts = scratch
    n_keys = 0
    for k in range(1, n):
        before, word = np.int64(_at(ids, k - 1)), np.int64(_at(ids, k))
        key = before << 32 | word
        bucket = _bucket(key, shift)
        prefetch(buckets, bucket)
        keys[np.uint64(n_keys)] = key
        wheres[np.uint64(n_keys)] = bucket
        lasts[np.uint64(n_keys)] = k
        n_keys += (before >= _FIRST_WORD) & (word >= _FIRST_WORD)
    n_found = 0
    first[:3] = 0
    for order in range(2, most + 1):
        n_longer = 0
        for i in range(n_keys):
            bucket, k = _at(wheres, i), np.int64(_at(lasts, i))
            entry = _entry(_at(keys, i), bucket, buckets)
            number, is_found = entry >> 1, entry >= 0
            numbers[np.uint64(n_found)] = number
            ends[np.uint64(n_found)] = k
            n_found += is_found
            word = np.int64(_at(ids, min(k + 1, n - 1)))
            goes_on = is_found & (entry & _GOES_ON != 0) & (word >= _FIRST_WORD) & (k + 1 < n)
            key = (-2 - number) << 32 | word
            next_bucket = _bucket(key, shift)
            prefetch(buckets, next_bucket if goes_on else bucket)
            keys[np.uint64(n_longer)] = key
            wheres[np.uint64(n_longer)] = next_bucket
            lasts[np.uint64(n_longer)] = k + 1
            n_longer += goes_on
        n_keys = n_longer
        first[order + 1] = n_found


@kernel(types.void(KEYS, I64, types.boolean[::1]))
def contains(keys, buckets, out):
    """Tell which keys of n-grams, n > 1, the dictionary holds."""
    shift = _shift(buckets)
    for i in range(keys.size):
        out[i] = _entry(keys[i], _bucket(keys[i], shift), buckets) >= 0


@kernel(types.void(IDS, IDS, I64, I32_2D))
def extend(prefixes, ids, buckets, longer):
    """Give the number, as a prefix, of the n-gram that ends at each place, or -1."""
    n_rows, n_tokens = ids.shape
    keys = np.empty(n_tokens, dtype=np.int64)
    lasts = np.empty(n_tokens, dtype=np.int32)
    shift = _shift(buckets)
    longer[:] = -1
    for row in range(n_rows):
        n_keys = 0
        for k in range(1, _n_places(ids[row])):
            prefix, word = prefixes[row, k - 1], ids[row, k]
            key = np.int64(prefix) << 32 | word
            is_key = _is_prefix(prefix) & (word >= _FIRST_WORD)
            prefetch(buckets, _bucket(key, shift) if is_key else 0)
            keys[np.uint64(n_keys)] = key
            lasts[np.uint64(n_keys)] = k
            n_keys += is_key
        for i in range(n_keys):
            entry = _entry(keys[i], _bucket(keys[i], shift), buckets)
            longer[row, lasts[i]] = -2 - (entry >> 1) if entry >= 0 else -1


@helper
def _part(key, n_bits):
    """Part of the keys that this one belongs to, of 2 ** n_bits."""
    return np.int64(np.uint64(key * np.int64(_MIX)) >> np.uint64(64 - n_bits))


@kernel(types.void(IDS, IDS, types.int64, I64))
def count_parts(prefixes, ids, n_bits, counts):
    """Count the n-grams, one token longer than their prefixes, in each part of the keys."""
    counts[:] = 0
    for row in range(ids.shape[0]):
        for k in range(1, ids.shape[1]):
            prefix, word = prefixes[row, k - 1], ids[row, k]
            if _is_prefix(prefix) and word >= _FIRST_WORD:
                counts[_part(np.int64(prefix) << 32 | word, n_bits)] += 1


@kernel(types.void(IDS, IDS, types.int64, types.int64, I64, I64, I32))
def sort_into_parts(prefixes, ids, first_row, n_bits, places, keys, rows):
    """Write each n-gram's key and row to the next place of its part."""
    for row in range(ids.shape[0]):
        for k in range(1, ids.shape[1]):
            prefix, word = prefixes[row, k - 1], ids[row, k]
            if _is_prefix(prefix) and word >= _FIRST_WORD:
                key = np.int64(prefix) << 32 | word
                part = _part(key, n_bits)
                keys[places[part]] = key
                rows[places[part]] = first_row + row
                places[part] += 1


@kernel(types.int64(I64, types.int64, types.int64, I64, I32))
def document_frequency(starts, n_bits, min_df, keys, rows):
    """Replace keys and rows of some parts by different keys, and the number of rows of each.

    Keys of less than `min_df` rows are left out; gives the number of the others. The rows of a part
    ascend, and its table fits into a cache.
    """
    most = 0
    for part in range(starts.size - 1):
        most = max(most, starts[part + 1] - starts[part])
    size = 4
    while size < 2 * most:
        size *= 2
    table = np.empty(size, dtype=np.int64)
    counts = np.empty(size, dtype=np.int32)
    last_row = np.empty(size, dtype=np.int32)
    n = 0
    for part in range(starts.size - 1):
        size = 4
        while size < 2 * (starts[part + 1] - starts[part]):
            size *= 2
        table[:size] = _EMPTY
        for k in range(starts[part], starts[part + 1]):
            key = keys[k]
            # The upper bits are those of the part.
            slot = (key * np.int64(_MIX)) >> (32 - n_bits) & (size - 1)
            while table[slot] != key and table[slot] != _EMPTY:
                slot = (slot + 1) & (size - 1)
            if table[slot] == _EMPTY:
                table[slot], counts[slot], last_row[slot] = key, 0, -1
            counts[slot] += last_row[slot] != rows[k]
            last_row[slot] = rows[k]
        for slot in range(size):
            if table[slot] != _EMPTY and counts[slot] >= min_df:
                keys[n], rows[n] = table[slot], counts[slot]
                n += 1
    return n


@kernel(types.Tuple((I64, I32, I32, I8))(IDS, I32, I64, types.int64, types.int64))
def find(ids, words, buckets, least, most):
    """Give the known n-grams: their number in each row, and of each its number, end and order."""
    n_rows, n_tokens = ids.shape
    shift = _shift(buckets)
    scratch, numbers, lasts, first = _scratch(n_tokens, most)
    places = np.empty(n_tokens + 1, dtype=np.int64)
    counts = np.empty(n_rows, dtype=np.int64)
    size = max(64, n_rows * n_tokens // 2)
    features = np.empty(size, dtype=np.int32)
    ends = np.empty(size, dtype=np.int32)
    orders = np.empty(size, dtype=np.int8)
    n = 0
    for row in range(n_rows):
        if n + most * n_tokens > size:
            size = 2 * size + most * n_tokens
            features_, ends_, orders_ = features, ends, orders
            features = np.empty(size, dtype=np.int32)
            ends = np.empty(size, dtype=np.int32)
            orders = np.empty(size, dtype=np.int8)
            features[:n], ends[:n], orders[:n] = features_[:n], ends_[:n], orders_[:n]
        n_places = _n_places(ids[row])
        _long_ngrams(ids[row], n_places, buckets, shift, most, scratch, numbers, lasts, first)
        # A counting sort by the last token.
        places[: n_places + 1] = 0
        if least == 1:
            for k in range(n_places):
                places[k + 1] += _number_of_word(ids[row, k], words) >= 0
        for i in range(first[max(least, 2)], first[most + 1]):
            places[lasts[i] + 1] += 1
        places[0] = n
        for k in range(n_places):
            places[k + 1] += places[k]
        counts[row] = places[n_places] - n
        n = places[n_places]
        if least == 1:
            for k in range(n_places):
                number = _number_of_word(ids[row, k], words)
                if number >= 0:
                    features[places[k]], ends[places[k]], orders[places[k]] = number, k, 1
                    places[k] += 1
        for order in range(max(least, 2), most + 1):
            for i in range(first[order], first[order + 1]):
                k = lasts[i]
                features[places[k]], ends[places[k]], orders[places[k]] = numbers[i], k, order
                places[k] += 1
    return counts, features[:n], ends[:n], orders[:n]


@kernel(types.void(IDS, I32, I64, types.int64, types.int64, F64_2D, F64_2D))
def sums(ids, words, buckets, least, most, table, out):
    """Sum the table's rows over the n-grams of each row."""
    n_rows, n_tokens = ids.shape
    shift = _shift(buckets)
    scratch, numbers, ends, first = _scratch(n_tokens, most)
    for row in range(n_rows):
        n_places = _n_places(ids[row])
        _long_ngrams(ids[row], n_places, buckets, shift, most, scratch, numbers, ends, first)
        for column in range(table.shape[1]):
            total = 0.0
            if least == 1:
                for k in range(n_places):
                    number = _number_of_word(_at(ids[row], k), words)
                    total += table[np.uint64(max(number, 0)), column] if number >= 0 else 0.0
            for i in range(first[max(least, 2)], first[most + 1]):
                total += table[np.uint64(_at(numbers, i)), column]
            out[row, column] = total


@helper
def _add_share(value, worth, share):
    for k in range(value.size):
        value[k] += worth[k] * share


@kernel(types.void(IDS, I32, I64, types.int64, types.int64, F64_2D, I64, F64_3D, F64_2D))
def share_out(ids, words, buckets, least, most, table, kinds, shares, values):
    """Share what the n-grams of each row are worth among its tokens, all ids but padding.

    Of an n-gram worth 1 in a row of kind r, `shares[r, n - 1, 0]` goes to each of its tokens, and
    `shares[r, n - 1, 1]` to each token of the row. `values` takes the sums: (n_tokens, n_columns).
    """
    n_rows, n_tokens = ids.shape
    shift = _shift(buckets)
    scratch, numbers, ends, first = _scratch(n_tokens, most)
    worth = np.empty(n_tokens + most)  # of the n-gram of one order that ends at each place
    value = np.empty(n_tokens)
    first_value = 0
    for row in range(n_rows):
        n_places = _n_places(ids[row])
        _long_ngrams(ids[row], n_places, buckets, shift, most, scratch, numbers, ends, first)
        for column in range(table.shape[1]):
            everyone = 0.0
            value[:n_places] = 0
            for order in range(least, most + 1):
                own, common = shares[kinds[row], order - 1]
                worth[: n_places + order] = 0
                if order == 1:
                    for k in range(n_places):
                        number = _number_of_word(ids[row, k], words)
                        if number >= 0:
                            worth[k] = table[number, column]
                            everyone += worth[k] * common
                else:
                    for i in range(first[order], first[order + 1]):
                        worth[ends[i]] = table[numbers[i], column]
                        everyone += worth[ends[i]] * common
                for after in range(order):
                    _add_share(value[:n_places], worth[after:], own)
            token = first_value
            for k in range(n_places):
                if ids[row, k] != 0:
                    values[token, column] = value[k] + everyone
                    token += 1
        for k in range(n_places):
            first_value += ids[row, k] != 0


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
    """Log ratios of each n-gram's share in the last classes to its share in the others.

    `counts` (n_ngrams, n_classes) less those of one fold (n_ngrams, n_folds, n_classes), if there
    are any folds, give `ratios` (n_last_classes, n_folds, n_ngrams) of it.
    `total` (n_classes,) are the counts of all n-grams; those of folds are all among these.
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
    """Merge equal columns of each row: their number in it, and of each its sum of shares.

    There is room for all to be different; returns how many are.
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
