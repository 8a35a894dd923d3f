"""Compiled loops that look n-grams up in a dictionary; `_keys` says what a key is."""

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
    return np.int64(np.uint64(key * np.int64(MIX)) >> np.uint64(shift)) * _BUCKET


@kernel(types.void(KEYS, I32, I64))
def index(keys, words, buckets):
    """Fill the tables of a dictionary: the number of each word, and buckets of longer n-grams.

    A key stands in the bucket that it hashes to, or where that one is full, in the next with room.
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
        key = key_of(before, word)
        bucket = _bucket(key, shift)
        prefetch(buckets, bucket)
        keys[np.uint64(n_keys)] = key
        wheres[np.uint64(n_keys)] = bucket
        lasts[np.uint64(n_keys)] = k
        n_keys += (before >= FIRST_WORD) & (word >= FIRST_WORD)
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
