"""The dictionary of the n-grams that a model knows: exact keys, numbered, immutable."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from sentilib._compiled._states import is_array, require, restoring
from sentilib._compiled._threads import by_rows
from sentilib._ids import MAX_VOCABULARY_SIZE, OOV, count_tokens, occurring
from sentilib._ngrams._document_frequency import Entries, Tokens, occurrences
from sentilib._ngrams._keys import key_of, number_of, prefix_of, split

_MAX_N = np.iinfo(np.int8).max  # the type of `Terms.orders`


class Terms(NamedTuple):
    """The known n-grams of some rows, sorted by row, by last token, then by length."""

    starts: np.ndarray  # int64 (n_rows + 1,), start of each row's n-grams in the arrays below
    features: np.ndarray  # int32, number of each n-gram in the dictionary
    ends: np.ndarray  # int32, column of its last token
    orders: np.ndarray  # int8, its number of tokens


class Found(NamedTuple):
    """The known n-grams of some rows, sorted by row."""

    starts: np.ndarray  # as in `Terms`
    features: np.ndarray


class NgramDictionary:
    """Numbers for the n-grams of token ids.

    An n-gram is a run of known words: it contains neither padding nor the unknown word.

    Parameters
    ----------
    ngram_range : tuple of two int
        Min and max n of the n-grams that are found in rows.
    min_df : int, default=1
        Min number of rows that contain an n-gram, n > 1, that is learnt.
    max_features : int, default=2**29
        Max number of n-grams with n > 1.
    keys : ndarray of shape (n_ngrams,), dtype=int64, default=None
        Exact key of each n-gram, as `_keys` defines it, by number. Number 0 is the unknown word,
        which is in no n-gram, so that no table is ever empty.
    """

    def __init__(
        self,
        ngram_range: tuple[int, int],
        min_df: int = 1,
        max_features: int = 2**29,
        keys: np.ndarray | None = None,
    ) -> None:
        import sentilib._ngrams._lookup_kernels as _lookup_kernels

        self.min_n, self.max_n = ngram_range
        self.min_df, self.max_features = min_df, max_features
        self.keys = keys = np.array([OOV], dtype=np.int64) if keys is None else keys
        is_word = split(keys)[0] == 0
        self._words = np.empty(int(keys[is_word].max()) + 2, dtype=np.int32)
        n_buckets = 64
        while 2 * n_buckets < len(keys) - np.count_nonzero(is_word):  # at most half full
            n_buckets *= 2
        self._buckets = _empty_lines(n_buckets)
        _lookup_kernels.index(keys, self._words, self._buckets)

    def __len__(self) -> int:
        return len(self.keys)

    def __reduce__(self) -> tuple:
        """Leave out the tables, which are derived from `keys`."""
        ngram_range = self.min_n, self.max_n
        return NgramDictionary.restored, (
            ngram_range,
            self.min_df,
            self.max_features,
            self.keys,
        )

    @classmethod
    def restored(
        cls, ngram_range: tuple[int, int], min_df: int, max_features: int, keys: np.ndarray
    ) -> "NgramDictionary":
        """Build a dictionary from saved values; raise ValueError if they do not fit together."""
        what = "saved dictionary of n-grams"
        with restoring(what):
            min_n, max_n = ngram_range
            require(1 <= min_n <= max_n <= _MAX_N and is_array(keys, np.int64, None), what)
            require(keys[0] == OOV and (split(keys)[1] < MAX_VOCABULARY_SIZE).all(), what)
            return cls(ngram_range, min_df, max_features, keys)

    def with_options(self, other: "NgramDictionary") -> "NgramDictionary":
        """Return a dictionary of the same n-grams with the other one's parameters."""
        ngram_range = other.min_n, other.max_n
        return NgramDictionary(ngram_range, other.min_df, other.max_features, self.keys)

    def _with(self, keys: np.ndarray) -> "NgramDictionary":
        ngram_range = self.min_n, self.max_n
        return NgramDictionary(ngram_range, self.min_df, self.max_features, keys)

    # ------------------------------------------------------------------ learning

    def learn(self, X: np.ndarray) -> "NgramDictionary":
        """Return a dictionary with these rows' n-grams added; existing numbers do not change.

        An n-gram is at most as frequent as the one that it extends, so the most frequent ones,
        whatever their n, include those that they extend.
        """
        return self._learn(Tokens.of(X))[0]

    def learn_and_find(self, X: np.ndarray) -> tuple["NgramDictionary", Found]:
        """Return a dictionary with these rows' n-grams added, and the n-grams of each row."""
        tokens = Tokens.of(X)
        known, longer, renumbered = self._learn(tokens)
        if len(longer) < self.max_n - 1:  # there was no room for more n-grams
            terms = known.terms(X)
            return known, Found(terms.starts, terms.features)
        return known, known._found(tokens, longer[max(self.min_n, 2) - 2 :], renumbered)

    def _learn(self, tokens: Tokens) -> tuple["NgramDictionary", list[np.ndarray], np.ndarray]:
        """Return the dictionary, the n-grams by place as `collect` reads them, their numbers."""
        n_tokens, n_rows = len(tokens.ids), len(tokens.starts) - 1
        if n_tokens >= 2**31:
            raise ValueError(
                f"{n_rows:,} rows have {n_tokens:,} tokens, but n-grams are learnt from up to "
                "2**31: call partial_fit with parts of the rows."
            )
        new_words = self._new_words(tokens.ids)
        keys, n_long = [self.keys, new_words], self._n_long()
        n_known = first = len(self.keys) + len(new_words)
        room = max(0, self.max_features - n_long)
        frequency, longer, prefixes = [], list[np.ndarray](), tokens.ids
        entries = Entries.of(tokens)
        for _ in range(2, self.max_n + 1) if room else ():
            found = occurrences(prefixes, tokens, 1 if n_long else self.min_df, entries)
            numbers = self._numbers(found.keys)
            is_new = np.flatnonzero((numbers < 0) & (found.counts >= self.min_df))
            falling = is_new[_falling(found.counts[is_new], found.keys[is_new])]
            falling = falling[: self.max_features]
            numbers[falling] = np.arange(n_known, n_known + len(falling), dtype=np.int32)
            n_known += len(falling)
            frequency.append(found.counts[falling])
            keys.append(found.keys[falling])
            prefixes = found.spread(numbers, n_tokens)
            longer.append(prefixes)
        counts, kept = np.concatenate([*frequency, []]), np.arange(n_known)
        if len(counts) > room:
            most = np.sort(np.argsort(-counts, kind="stable")[:room])
            kept = np.concatenate([kept[:first], first + most])
        new_keys, renumbered = _renumbered(np.concatenate(keys), kept)
        return self._with(new_keys), longer, renumbered

    def _found(self, tokens: Tokens, longer: list[np.ndarray], renumbered: np.ndarray) -> Found:
        import sentilib._ngrams._learning_kernels as _learning_kernels

        n_rows, has_words = len(tokens.starts) - 1, self.min_n == 1
        sizes = np.empty(n_rows, dtype=np.int64)

        most = len(longer) + has_words  # that end at a token
        features = np.empty(most * len(tokens.ids), dtype=np.int32)

        def collect(rows: slice) -> tuple[int, int]:
            starts = tokens.starts[rows.start : rows.stop + 1]
            first = most * int(starts[0])
            known = self._words, has_words, longer, renumbered
            n = _learning_kernels.collect(
                tokens.ids, starts, *known, sizes[rows], features[first : most * int(starts[-1])]
            )
            return first, n

        n_found = 0
        for first, n in by_rows(collect, n_rows):
            features[n_found : n_found + n] = features[first : first + n]
            n_found += n
        return Found(np.concatenate([[0], np.cumsum(sizes)]), features[:n_found])

    def _new_words(self, ids: np.ndarray) -> np.ndarray:
        words = occurring(ids[None], OOV + 1)
        words[: OOV + 1] = False
        n_known = min(len(words), len(self._words) - 1)
        words[:n_known] &= self._words[:n_known] < 0
        return np.flatnonzero(words).astype(np.int64)

    def restricted_to(self, numbers: np.ndarray) -> "NgramDictionary":
        """Keep n-grams, in ascending order, and renumber them, as keys refer to other numbers."""
        return self._with(_renumbered(self.keys, numbers)[0])

    def strongest(self, strength: np.ndarray, n: int) -> np.ndarray:
        """Return the numbers of all words and of the n strongest longer n-grams, ascending.

        An n-gram counts as no weaker than those that extend it, so that it is kept with them.
        """
        before = split(self.keys)[0]
        longer = np.flatnonzero(before < 0)
        strength = strength.copy()
        for _ in range(self.max_n - 2):
            np.maximum.at(strength, number_of(before[longer]), strength[longer])
        long = np.flatnonzero(before)
        kept = before == 0
        kept[long[np.argsort(-strength[long], kind="stable")[:n]]] = True
        return np.flatnonzero(kept)

    def _n_long(self) -> int:
        return int(np.count_nonzero(split(self.keys)[0]))

    def _numbers(self, keys: np.ndarray) -> np.ndarray:
        import sentilib._ngrams._lookup_kernels as _lookup_kernels

        numbers = np.empty(len(keys), dtype=np.int32)
        _lookup_kernels.numbers(keys, self._buckets, numbers)
        return numbers

    # ------------------------------------------------------------------ look-up

    @property
    def _tables(self) -> tuple[np.ndarray, np.ndarray, int, int]:
        return self._words, self._buckets, self.min_n, self.max_n

    def terms(self, X: np.ndarray) -> Terms:
        """Find the known n-grams of each row, with n within `ngram_range`."""
        import sentilib._ngrams._lookup_kernels as _lookup_kernels

        def find(rows: slice) -> tuple[np.ndarray, ...]:
            return _lookup_kernels.find(X[rows], *self._tables)

        counts, features, ends, orders = (
            np.concatenate(column) for column in zip(*by_rows(find, len(X)), strict=True)
        )
        return Terms(np.concatenate([[0], np.cumsum(counts)]), features, ends, orders)

    def sums(self, X: np.ndarray, table: np.ndarray) -> np.ndarray:
        """Sum rows of `table` (n_ngrams, n_columns) over the n-grams of X: (n_rows, n_columns)."""
        import sentilib._ngrams._sum_kernels as _sum_kernels

        sums = np.empty((len(X), table.shape[1]))
        by_rows(lambda rows: _sum_kernels.sums(X[rows], *self._tables, table, sums[rows]), len(X))
        return sums

    def share_out(
        self, X: np.ndarray, table: np.ndarray, kinds: np.ndarray, shares: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distribute the worth of the n-grams of each row of X among its tokens.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Token ids.
        table : ndarray of shape (n_ngrams, n_outputs), float64
            Worth of each n-gram.
        kinds : ndarray of shape (n_samples,), int64
            Index of each row into `shares`.
        shares : ndarray of shape (n_kinds, max_n, 2), float64
            By n - 1: share of each token of an n-gram, and of each token of the row.

        Returns
        -------
        values : ndarray of shape (n_tokens, n_outputs), float64
            Sum of each token's shares, for the rows of X in order.
        sums : ndarray of shape (n_samples, n_outputs), float64
            Sum of each row's n-grams, as `sums` computes it.
        """
        import sentilib._ngrams._sum_kernels as _sum_kernels

        starts = np.concatenate([[0], np.cumsum(count_tokens(X))])
        values, sums = (np.empty((int(n), table.shape[1])) for n in (starts[-1], len(X)))

        def share_out(rows: slice) -> None:
            of_rows = values[starts[rows.start] : starts[rows.stop]]
            _sum_kernels.share_out(
                X[rows], *self._tables, table, kinds[rows], shares, of_rows, sums[rows]
            )

        by_rows(share_out, len(X))
        return values, sums


def empty_dictionary(ngram_range: Any, min_df: int, max_features: int) -> NgramDictionary | None:
    """Return an empty dictionary with these options, or None if max_n is 1."""
    are_whole = len(ngram_range) == 2 and all(isinstance(n, Integral) for n in ngram_range)
    min_n, max_n = map(int, ngram_range) if are_whole else (0, 0)
    if not 1 <= min_n <= max_n <= _MAX_N:
        raise ValueError(
            f"ngram_range={ngram_range!r} must be two integers (min_n, max_n) with "
            f"1 <= min_n <= max_n <= {_MAX_N}, such as (1, 3); (1, 1) means no n-grams."
        )
    return None if max_n == 1 else NgramDictionary((min_n, max_n), min_df, max_features)


def evidence_size(X: np.ndarray, n_neutral: float) -> np.ndarray:
    """Return the divisor of a row's sum over n-grams, a square root of its number of tokens.

    It is a compromise between a mean, which gives long reviews no more confidence than short ones,
    and a sum, which treats words as if they were independent. Neutral tokens, which each row has
    in addition, keep the few n-grams of a short text from being overrated.
    """
    return np.sqrt(np.maximum(count_tokens(X) + n_neutral, 1))


def n_evidence_columns(n_classes: int) -> int:
    """Return the number of ratios per n-gram: one for two classes (the margin), else n_classes."""
    return 1 if n_classes == 2 else n_classes


def evidence_logits(evidence: Any, n_classes: int) -> Any:
    """Return the logits (..., n_classes) of sums over n-grams; two classes are -/+ half of it."""
    return evidence * np.array([-0.5, 0.5]) if n_classes == 2 else evidence


def centred(evidence: np.ndarray) -> np.ndarray:
    """Subtract the mean over the classes, which changes no probability, if there are several."""
    return evidence - evidence.mean(axis=1, keepdims=True) if evidence.shape[1] > 1 else evidence


def _renumbered(keys: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys of the n-grams that are kept, and new numbers of all n-grams, or -1."""
    numbers = np.full(len(keys), -1, dtype=np.int32)
    numbers[kept] = np.arange(len(kept), dtype=np.int32)
    before, word = split(keys[kept])
    is_longer = before < 0
    before[is_longer] = prefix_of(numbers[number_of(before[is_longer])].astype(np.int64))
    return key_of(before, word), numbers


def _falling(counts: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the order of falling counts, then of ascending keys."""
    ascending = np.argsort(keys)
    rank = (counts.max(initial=0) - counts)[ascending]
    if len(rank) and rank.max() < 2**16:
        rank = rank.astype(np.uint16)  # which NumPy sorts by radix
    return ascending[np.argsort(rank, kind="stable")]


def _empty_lines(n: int) -> np.ndarray:
    """Allocate n aligned cache lines of eight int64 each, in huge pages if NumPy uses them."""
    room = np.empty(8 * (n + 1), dtype=np.int64)
    first = -room.ctypes.data // 8 % 8
    return room[first : first + 8 * n]
