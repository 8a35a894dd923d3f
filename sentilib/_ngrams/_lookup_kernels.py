"""Compiled loops that look up n-grams in a dictionary; `_keys` defines the keys."""

import numpy as np
from numba import types

from sentilib._compiled._compile import (
    F64_2D,
    F64_3D,
    I32,
    I32_2D,
    I64,
    helper,
    kernel,
    prefetch,
)
from sentilib._compiled._row_kernels import IDS
from sentilib._ids import FIRST_WORD
from sentilib._ngrams import _keys
from sentilib._ngrams._keys import EMPTY

I8 = types.int8[::1]
# Keys may be mapped from a file that is open for reading only.
KEYS = types.Array(types.int64, 1, "C", readonly=True)
MIX = -7046029254386353131  # odd, with bits evenly spread
key_of, split, is_prefix = helper(_keys.key_of), helper(_keys.split), helper(_keys.is_prefix)
prefix_of, number_of = helper(_keys.prefix_of), helper(_keys.number_of)
_KEYS = 4  # in a bucket
_BUCKET = 2 * _KEYS  # a cache line: the keys, then the entry of each
_GOES_ON = 1  # flag: a longer n-gram extends this one; the bits above are its number
_OVERFLOWS = -(2**63)  # sign of the last entry: keys of this bucket are in the next one too


@helper
def _at(array, index):
    """Return the element at an index that is not negative, without a check."""
    return array[np.uint64(index)]


@helper
def _shift(buckets):
    """Return the number of bits of a hash that do not select the bucket, of 2 ** k, k > 0."""
    shift, n = 64, buckets.size // _BUCKET
    while n > 1:
        n //= 2
        shift -= 1
    return shift


@helper
def _bucket(key, shift):
    """Return the start of a key's bucket."""
    return np.int64(np.uint64(key * np.int64(MIX)) >> np.uint64(shift)) * _BUCKET


@kernel(types.void(KEYS, I32, I64))
def index(keys, words, buckets):
    """Fill the tables of a dictionary: the number of each word, and buckets of longer n-grams.

    A key is in the bucket that it hashes to or, if that is full, in the next one with room.
    """
    goes_on = np.zeros(keys.size, dtype=np.int8)
    for number in range(keys.size):
        prefix, _ = split(keys[number])
        if prefix < 0:
            goes_on[number_of(prefix)] = _GOES_ON
    words[:] = -1
    for bucket in range(0, buckets.size, _BUCKET):
        for k in range(_KEYS):
            buckets[bucket + k] = EMPTY
            buckets[bucket + _KEYS + k] = 0
    shift = _shift(buckets)
    for number in range(keys.size):
        key = keys[number]
        if split(key)[0] == 0:
            if key >= FIRST_WORD:
                words[key] = number
            continue
        bucket, k = _bucket(key, shift), 0
        while buckets[bucket + k] != EMPTY:
            k += 1
            if k == _KEYS:
                buckets[bucket + _BUCKET - 1] |= _OVERFLOWS
                bucket, k = (bucket + _BUCKET) & (buckets.size - 1), 0
        buckets[bucket + k] = key
        buckets[bucket + _KEYS + k] |= 2 * number + goes_on[number]


@helper
def _entry(key, bucket, buckets):
    """Return twice the number of the n-gram with this key, plus the flag _GOES_ON; or below 0.

    No branch depends on the key, except for the few keys in a later bucket: a misprediction would
    wait for memory.
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
    """Return the entry of a key that is not in its own bucket, which overflows; or below 0."""
    while buckets[bucket + _BUCKET - 1] < 0:
        bucket = (bucket + _BUCKET) & (buckets.size - 1)
        for k in range(_KEYS):
            if buckets[bucket + k] == key:
                return buckets[bucket + _KEYS + k] & ~_OVERFLOWS
    return np.int64(-1)


@helper
def _n_places(ids):
    """Return the number of columns of a row up to its last token."""
    n = ids.size
    while n > 0 and _at(ids, n - 1) == 0:
        n -= 1
    return n


@helper
def _number_of_word(word, words):
    return np.int64(_at(words, min(np.int64(word), words.size - 1)))


@helper
def _scratch(n_tokens, max_n):
    """Allocate scratch and output arrays of `_long_ngrams`, for rows of `n_tokens` tokens."""
    keys = np.empty(n_tokens + 1, dtype=np.int64)
    wheres = np.empty(n_tokens + 1, dtype=np.int64)
    lasts = np.empty(n_tokens + 1, dtype=np.int32)
    numbers = np.empty((max_n - 1) * n_tokens + 1, dtype=np.int32)
    ends = np.empty(numbers.size, dtype=np.int32)
    first = np.empty(max_n + 2, dtype=np.int64)
    return (keys, wheres, lasts), numbers, ends, first


@helper
def _long_ngrams(ids, n, buckets, shift, max_n, scratch, numbers, ends, first):
    """Find the numbers and ends of the known n-grams, n > 1, in the first n places of a row.

    They are sorted by order, those of order r from `first[r]` to `first[r + 1]`, then by end. The
    table is larger than a cache, so the buckets of each order are prefetched during the previous.
    """
    keys, wheres, lasts = scratch
    n_keys = 0
    for k in range(1, n):
        before, word = np.int64(_at(ids, k - 1)), np.int64(_at(ids, k))
        key = key_of(before, word)
        bucket = _bucket(key, shift)
        prefetch(buckets, bucket)
        keys[np.uint64(n_keys)] = key
        wheres[np.uint64(n_keys)] = bucket
        lasts[np.uint64(n_keys)] = k
        n_keys += (before >= FIRST_WORD) & (word >= FIRST_WORD)
    n_found = 0
    first[:3] = 0
    for order in range(2, max_n + 1):
        n_longer = 0
        for i in range(n_keys):
            bucket, k = _at(wheres, i), np.int64(_at(lasts, i))
            entry = _entry(_at(keys, i), bucket, buckets)
            number, is_found = entry >> 1, entry >= 0
            numbers[np.uint64(n_found)] = number
            ends[np.uint64(n_found)] = k
            n_found += is_found
            word = np.int64(_at(ids, min(k + 1, n - 1)))
            goes_on = is_found & (entry & _GOES_ON != 0) & (word >= FIRST_WORD) & (k + 1 < n)
            key = key_of(prefix_of(number), word)
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
    """Find which keys of n-grams, n > 1, the dictionary contains."""
    shift = _shift(buckets)
    for i in range(keys.size):
        out[i] = _entry(keys[i], _bucket(keys[i], shift), buckets) >= 0


@kernel(types.void(IDS, IDS, I64, I32_2D))
def extend(prefixes, ids, buckets, longer):
    """Find the number, as a prefix, of the n-gram that ends at each place, or -1."""
    n_rows, n_tokens = ids.shape
    keys = np.empty(n_tokens, dtype=np.int64)
    lasts = np.empty(n_tokens, dtype=np.int32)
    shift = _shift(buckets)
    longer[:] = -1
    for row in range(n_rows):
        n_keys = 0
        for k in range(1, _n_places(ids[row])):
            prefix, word = prefixes[row, k - 1], ids[row, k]
            key = key_of(np.int64(prefix), word)
            is_key = is_prefix(prefix) & (word >= FIRST_WORD)
            prefetch(buckets, _bucket(key, shift) if is_key else 0)
            keys[np.uint64(n_keys)] = key
            lasts[np.uint64(n_keys)] = k
            n_keys += is_key
        for i in range(n_keys):
            entry = _entry(keys[i], _bucket(keys[i], shift), buckets)
            longer[row, lasts[i]] = prefix_of(entry >> 1) if entry >= 0 else -1


@kernel(types.Tuple((I64, I32, I32, I8))(IDS, I32, I64, types.int64, types.int64))
def find(ids, words, buckets, min_n, max_n):
    """Find the known n-grams: the count per row, then each one's number, end and order."""
    n_rows, n_tokens = ids.shape
    shift = _shift(buckets)
    scratch, numbers, lasts, first = _scratch(n_tokens, max_n)
    places = np.empty(n_tokens + 1, dtype=np.int64)
    counts = np.empty(n_rows, dtype=np.int64)
    size = max(64, n_rows * n_tokens // 2)
    features = np.empty(size, dtype=np.int32)
    ends = np.empty(size, dtype=np.int32)
    orders = np.empty(size, dtype=np.int8)
    n = 0
    for row in range(n_rows):
        if n + max_n * n_tokens > size:
            size = 2 * size + max_n * n_tokens
            features_, ends_, orders_ = features, ends, orders
            features = np.empty(size, dtype=np.int32)
            ends = np.empty(size, dtype=np.int32)
            orders = np.empty(size, dtype=np.int8)
            features[:n], ends[:n], orders[:n] = features_[:n], ends_[:n], orders_[:n]
        n_places = _n_places(ids[row])
        _long_ngrams(ids[row], n_places, buckets, shift, max_n, scratch, numbers, lasts, first)
        # A counting sort by the last token.
        places[: n_places + 1] = 0
        if min_n == 1:
            for k in range(n_places):
                places[k + 1] += _number_of_word(ids[row, k], words) >= 0
        for i in range(first[max(min_n, 2)], first[max_n + 1]):
            places[lasts[i] + 1] += 1
        places[0] = n
        for k in range(n_places):
            places[k + 1] += places[k]
        counts[row] = places[n_places] - n
        n = places[n_places]
        if min_n == 1:
            for k in range(n_places):
                number = _number_of_word(ids[row, k], words)
                if number >= 0:
                    features[places[k]], ends[places[k]], orders[places[k]] = number, k, 1
                    places[k] += 1
        for order in range(max(min_n, 2), max_n + 1):
            for i in range(first[order], first[order + 1]):
                k = lasts[i]
                features[places[k]], ends[places[k]], orders[places[k]] = numbers[i], k, order
                places[k] += 1
    return counts, features[:n], ends[:n], orders[:n]


@kernel(types.void(IDS, I32, I64, types.int64, types.int64, F64_2D, F64_2D))
def sums(ids, words, buckets, min_n, max_n, table, out):
    """Sum the table's rows over the n-grams of each row of ids."""
    n_rows, n_tokens = ids.shape
    shift = _shift(buckets)
    scratch, numbers, ends, first = _scratch(n_tokens, max_n)
    for row in range(n_rows):
        n_places = _n_places(ids[row])
        _long_ngrams(ids[row], n_places, buckets, shift, max_n, scratch, numbers, ends, first)
        for column in range(table.shape[1]):
            total = 0.0
            if min_n == 1:
                for k in range(n_places):
                    number = _number_of_word(_at(ids[row], k), words)
                    total += table[np.uint64(max(number, 0)), column] if number >= 0 else 0.0
            for i in range(first[max(min_n, 2)], first[max_n + 1]):
                total += table[np.uint64(_at(numbers, i)), column]
            out[row, column] = total


@helper
def _add_share(value, worth, share):
    for k in range(value.size):
        value[k] += worth[k] * share


@kernel(types.void(IDS, I32, I64, types.int64, types.int64, F64_2D, I64, F64_3D, F64_2D))
def share_out(ids, words, buckets, min_n, max_n, table, kinds, shares, values):
    """Distribute the worth of each row's n-grams among its tokens, all ids except padding.

    Of an n-gram worth 1 in a row of kind r, `shares[r, n - 1, 0]` goes to each of its tokens, and
    `shares[r, n - 1, 1]` to each token of the row. `values` (n_tokens, n_columns) are the sums.
    """
    n_rows, n_tokens = ids.shape
    shift = _shift(buckets)
    scratch, numbers, ends, first = _scratch(n_tokens, max_n)
    worth = np.empty(n_tokens + max_n)  # of the n-gram of one order that ends at each place
    value = np.empty(n_tokens)
    first_value = 0
    for row in range(n_rows):
        n_places = _n_places(ids[row])
        _long_ngrams(ids[row], n_places, buckets, shift, max_n, scratch, numbers, ends, first)
        for column in range(table.shape[1]):
            everyone = 0.0
            value[:n_places] = 0
            for order in range(min_n, max_n + 1):
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
