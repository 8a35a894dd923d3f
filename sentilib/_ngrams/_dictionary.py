"""N-grams of token ids: an exact dictionary of those that repeat, and bags of their numbers."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from sentilib._compiled._threads import in_threads, n_threads, row_slices
from sentilib._ids import OOV, count_tokens
from sentilib._training import _backend

_KEYS_A_PART, _MOST_PARTS = 2**15, 10  # of padding too; binary logarithm of the number of parts


class Terms(NamedTuple):
    """The known n-grams of some rows, row by row, by their last token and then by their length."""

    starts: np.ndarray  # int64 (n_rows + 1,), where a row's n-grams begin in the arrays below
    features: np.ndarray  # int32, number of each n-gram in the dictionary
    ends: np.ndarray  # int32, column of its last token
    orders: np.ndarray  # int8, its number of tokens


class Ngrams:
    """Numbers the n-grams of token ids, as they are met or by falling document frequency.

    An n-gram is a run of known words: none holds padding or the unknown word. It is stored under
    an exact 64-bit key, made of the number of its first n - 1 tokens and of the id of its last, so
    no two n-grams share a number, whatever `n` is.

    Parameters
    ----------
    ngram_range : tuple of two int
        Least and greatest n.
    min_df : int
        Number of rows that must hold an n-gram, n > 1, for it to be learnt.
    limit : int
        Greatest number of n-grams, n > 1, to hold.
    """

    def __init__(self, ngram_range: tuple[int, int], min_df: int, limit: int) -> None:
        self.least, self.most = ngram_range
        self.min_df, self.limit = min_df, limit
        # Number 0 is the unknown word, which no n-gram holds: no table is ever without a row.
        self._set(np.array([OOV], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.keys)

    def __getstate__(self) -> dict:
        derived = "_words", "_buckets"
        return {name: value for name, value in vars(self).items() if name not in derived}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        self._set(self.keys)

    def _set(self, keys: np.ndarray) -> None:
        from sentilib._ngrams import _kernels

        self.keys = keys
        is_word = keys >> 32 == 0
        self._words = np.empty(int(keys[is_word].max()) + 2, dtype=np.int32)
        n_buckets = 64
        while 2 * n_buckets < len(keys) - np.count_nonzero(is_word):  # they are half full at most
            n_buckets *= 2
        self._buckets = _empty_lines(n_buckets)
        _kernels.index(keys, self._words, self._buckets)

    def learn(self, X: np.ndarray) -> "Ngrams":
        """Give a dictionary that knows these rows' n-grams too; the numbers of old ones stay.

        An n-gram is at most as frequent as the one that it goes on from, so that the most frequent
        ones, whatever their n, never lack what they go on from.
        """
        words = np.zeros(int(X.max()) + 1, dtype=bool)
        words[X] = True
        words[: OOV + 1] = False
        n_known = min(len(words), len(self._words) - 1)
        words[:n_known] &= self._words[:n_known] < 0
        new_words = np.flatnonzero(words).astype(np.int64)
        n_words = len(new_words)
        known = self._with(new_words) if n_words else self
        room = max(0, self.limit - self._n_long())
        if not room:
            return known
        frequency, prefixes = [], X
        for n in range(2, self.most + 1):
            if n > 2:
                prefixes = known._prefixes(prefixes, X)
            keys, counts = _document_frequency(prefixes, X, self.min_df)
            is_new = ~self._contains(keys)
            keys, counts = keys[is_new], counts[is_new]
            ascending = np.argsort(keys)
            falling = ascending[np.argsort(-counts[ascending], kind="stable")][: self.limit]
            frequency.append(counts[falling])
            known = known._with(keys[falling])
        counts = np.concatenate(frequency) if frequency else np.empty(0)
        if len(counts) > room:
            # Keys name other n-grams by number, so those that stay are numbered anew.
            kept = np.sort(np.argsort(-counts, kind="stable")[:room])
            first = len(self) + n_words
            number = np.full(len(known), -1)
            number[:first] = np.arange(first)
            number[first + kept] = first + np.arange(room)
            keys = known.keys[np.concatenate([np.arange(first), first + kept])]
            prefix, word = keys >> 32, keys & 0xFFFFFFFF
            longer = prefix < 0
            prefix[longer] = -2 - number[-2 - prefix[longer]]
            known = self._with((prefix << 32) | word, keep=False)
        return known

    def with_options(self, other: "Ngrams") -> "Ngrams":
        """Give this dictionary with the other one's parameters."""
        both = Ngrams((other.least, other.most), other.min_df, other.limit)
        both._set(self.keys)
        return both

    def _n_long(self) -> int:
        return int(np.count_nonzero(self.keys >> 32))

    def _with(self, keys: np.ndarray, *, keep: bool = True) -> "Ngrams":
        other = Ngrams((self.least, self.most), self.min_df, self.limit)
        other._set(np.concatenate([self.keys, keys]) if keep else keys)
        return other

    def _contains(self, keys: np.ndarray) -> np.ndarray:
        from sentilib._ngrams import _kernels

        found = np.empty(len(keys), dtype=bool)
        _kernels.contains(keys, self._buckets, found)
        return found

    def _prefixes(self, prefixes: np.ndarray, X: np.ndarray) -> np.ndarray:
        from sentilib._ngrams import _kernels

        longer = np.empty_like(X)
        in_threads(
            lambda rows: _kernels.extend(prefixes[rows], X[rows], self._buckets, longer[rows]),
            row_slices(len(X)),
        )
        return longer

    def terms(self, X: np.ndarray) -> Terms:
        """Find the known n-grams of each row, n within `ngram_range`."""
        from sentilib._ngrams import _kernels

        def find(rows: slice) -> tuple[np.ndarray, ...]:
            return _kernels.find(X[rows], self._words, self._buckets, self.least, self.most)

        counts, features, ends, orders = (
            np.concatenate(column)
            for column in zip(*in_threads(find, row_slices(len(X))), strict=True)
        )
        return Terms(np.concatenate([[0], np.cumsum(counts)]), features, ends, orders)

    def sums_in_graph(self, ids: Any, table: Any) -> Any:
        """Do the same as `sums` with Keras operations, on tensors."""
        ops = _backend.import_keras().ops
        order = np.argsort(self.keys)
        keys = np.append(self.keys[order], np.iinfo(np.int64).max)
        numbers = np.append(order, 0).astype(np.int32)
        keys, numbers = ops.convert_to_tensor(keys), ops.convert_to_tensor(numbers)
        ids = ops.cast(ids, "int64")
        prefixes, total = ops.zeros_like(ids), 0.0
        for n in range(1, self.most + 1):
            wanted = prefixes * 2**32 + ids
            place = ops.reshape(ops.searchsorted(keys, ops.reshape(wanted, (-1,))), ops.shape(ids))
            found = ops.logical_and(ops.take(keys, place) == wanted, ids > OOV)
            if n > 1:
                found = ops.logical_and(found, prefixes != 0)
            number = ops.take(numbers, place)
            if n >= self.least:
                rows = ops.take(table, number, axis=0)
                total += ops.sum(rows * ops.cast(ops.expand_dims(found, -1), rows.dtype), axis=1)
            next_ = ids if n == 1 else -2 - ops.cast(number, "int64")
            next_ = ops.where(found if n > 1 else ids > OOV, next_, 0)
            prefixes = ops.pad(next_[:, :-1], [[0, 0], [1, 0]])
        return total

    def sums(self, X: np.ndarray, table: np.ndarray) -> np.ndarray:
        """Sum a row of `table` (n_ngrams, n_columns) over the n-grams of each row of X."""
        from sentilib._ngrams import _kernels

        sums = np.empty((len(X), table.shape[1]))
        in_threads(
            lambda rows: _kernels.sums(
                X[rows], self._words, self._buckets, self.least, self.most, table, sums[rows]
            ),
            row_slices(len(X)),
        )
        return sums

    def share_out(
        self, X: np.ndarray, table: np.ndarray, kinds: np.ndarray, shares: np.ndarray
    ) -> np.ndarray:
        """Share a row of `table`, for each n-gram of X, among the tokens.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Ids.
        table : ndarray of shape (n_ngrams, n_outputs), float64
            What each n-gram is worth.
        kinds : ndarray of shape (n_samples,), int64
            Number of each row's shares.
        shares : ndarray of shape (n_kinds, greatest n, 2), float64
            Share of each token of an n-gram, and of each token of the row.

        Returns
        -------
        ndarray of shape (n_tokens, n_outputs), float64
            Sum of each token's shares, one row of X after the other.
        """
        from sentilib._ngrams import _kernels

        starts = np.concatenate([[0], np.cumsum(count_tokens(X))])
        values = np.empty((int(starts[-1]), table.shape[1]))

        def share_out(rows: slice) -> None:
            _kernels.share_out(
                X[rows],
                self._words,
                self._buckets,
                self.least,
                self.most,
                table,
                kinds[rows],
                shares,
                values[starts[rows.start] : starts[rows.stop]],
            )

        in_threads(share_out, row_slices(len(X)))
        return values


def _document_frequency(
    prefixes: np.ndarray, X: np.ndarray, min_df: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keys of the n-grams that `min_df` rows hold, and how many hold each, in no order.

    Keys are dealt out to parts by their hash, so that the table of a part fits into a cache.
    """
    from sentilib._ngrams import _kernels

    n_bits = int(np.clip(np.log2(X.size / _KEYS_A_PART), 1, _MOST_PARTS))
    slices = row_slices(len(X))
    places = np.empty((len(slices), 2**n_bits), dtype=np.int64)

    def count(k: int) -> None:
        _kernels.count_parts(prefixes[slices[k]], X[slices[k]], n_bits, places[k])

    in_threads(count, range(len(slices)))
    starts = np.concatenate([[0], np.cumsum(places.sum(axis=0))])
    places[:] = starts[:-1] + np.cumsum(places, axis=0) - places
    keys, rows = np.empty(starts[-1], dtype=np.int64), np.empty(starts[-1], dtype=np.int32)

    def sort(k: int) -> None:
        _kernels.sort_into_parts(
            prefixes[slices[k]], X[slices[k]], slices[k].start, n_bits, places[k], keys, rows
        )

    in_threads(sort, range(len(slices)))
    edges = np.linspace(0, 2**n_bits, len(slices) + 1).astype(int).tolist()

    def merge(parts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        first, last = starts[parts[0]], starts[parts[1]]
        of_parts = keys[first:last], rows[first:last]
        n = _kernels.document_frequency(
            starts[parts[0] : parts[1] + 1] - first, n_bits, min_df, *of_parts
        )
        return of_parts[0][:n], of_parts[1][:n]

    found = in_threads(merge, pairwise(edges))
    different, counts = (np.concatenate(column) for column in zip(*found, strict=True))
    return different, counts


def _empty_lines(n: int) -> np.ndarray:
    """Room for n cache lines of eight int64 each, in huge pages where NumPy asks for them."""
    room = np.empty(8 * (n + 1), dtype=np.int64)
    first = -room.ctypes.data // 8 % 8
    return room[first : first + 8 * n]


def evidence_size(X: np.ndarray) -> np.ndarray:
    """Square root of the number of tokens of each row, by which sums over n-grams are divided.

    Halfway between a mean, which makes a long review no surer than a short one, and a sum, which
    counts words as if they were independent.
    """
    return np.sqrt(np.maximum(count_tokens(X), 1))


def numbered_anew(terms: Terms, n_ngrams: int) -> tuple[np.ndarray, Terms]:
    """Numbers of the n-grams that any row holds, ascending, and the terms by place among them."""
    is_held = np.zeros(n_ngrams, dtype=bool)
    is_held[terms.features] = True
    places = np.cumsum(is_held, dtype=np.int32) - np.int32(1)
    held = np.flatnonzero(is_held).astype(np.int32)
    return held, terms._replace(features=places[terms.features])


def count_by_class(
    terms: Terms, n_ngrams: int, labels: np.ndarray, weight: np.ndarray, n_classes: int
) -> np.ndarray:
    """Count each n-gram in the rows of each class, by weight: float64 (n_ngrams, n_classes)."""
    from sentilib._ngrams import _kernels

    counts = np.zeros((n_ngrams, n_classes))
    _kernels.count_by_class(
        terms.starts, terms.features, labels.astype(np.int32), weight.astype(np.float64), counts
    )
    return counts


def log_count_ratios(
    counts: np.ndarray, by_fold: np.ndarray, total: np.ndarray, smoothing: float, n_columns: int
) -> np.ndarray:
    """Log ratio of an n-gram's share in a class to its share in the others, fold by fold.

    Wang & Manning, Baselines and Bigrams: Simple, Good Sentiment and Topic Classification, ACL
    2012, section 2; one class against the rest where there are more than two. Counts are smoothed
    in proportion to what the classes hold in all: an n-gram without counts says nothing.

    Parameters
    ----------
    counts : ndarray of shape (n_ngrams, n_classes), float64
        Of all rows.
    by_fold : ndarray of shape (n_ngrams, n_folds, n_classes), float64
        Of the rows of each fold.
    total : ndarray of shape (n_classes,), float64
        Counts of all n-grams; those without a count in any fold may be left out of the others.
    smoothing : float
        Added to each count, on average.
    n_columns : int
        Give the ratios of that many classes, the last ones.

    Returns
    -------
    ndarray of shape (n_columns, max(n_folds, 1), n_ngrams), float64
        Ratios of the counts without each fold; where there are no folds, of all counts.
    """
    from sentilib._ngrams import _kernels

    n_ngrams, n_folds = len(counts), max(by_fold.shape[1], 1)
    ratios = np.empty((n_columns, n_folds, n_ngrams))
    in_threads(
        lambda fold: _kernels.log_count_ratios(counts, by_fold, total, smoothing, fold, ratios),
        range(n_folds),
        n_threads(n_ngrams),
    )
    return ratios


def bags(terms: Terms, n_columns: int, divisor: np.ndarray) -> scipy.sparse.csr_array:
    """Count each row's n-grams, and divide by the row's divisor: float32."""
    return merged_rows(terms.starts, terms.features, 1 / divisor, n_columns)


def merged_rows(
    starts: np.ndarray, columns: np.ndarray, share: np.ndarray, n_columns: int
) -> scipy.sparse.csr_array:
    """Matrix (n_rows, n_columns), float32, of how often a row holds a column, times its share."""
    from sentilib._ngrams import _kernels

    counts = np.empty(len(starts) - 1, dtype=np.int64)
    indices, data = np.empty(len(columns), dtype=np.int32), np.empty(len(columns), dtype=np.float32)

    def merge(rows: slice) -> tuple[int, int]:
        first, last = starts[rows.start], starts[rows.stop]
        n = _kernels.merge(
            starts[rows.start : rows.stop + 1],
            columns,
            share[rows],
            n_columns,
            counts[rows],
            indices[first:last],
            data[first:last],
        )
        return first, n

    size = 0
    for first, n in in_threads(merge, row_slices(len(counts))):
        for array in (indices, data):
            array[size : size + n] = array[first : first + n]
        size += n
    indices, data = indices[:size], data[:size]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    indptr = indptr.astype(np.int32 if indptr[-1] < 2**31 else np.int64)  # indices follow suit
    return scipy.sparse.csr_array((data, indices, indptr), shape=(len(counts), n_columns))
