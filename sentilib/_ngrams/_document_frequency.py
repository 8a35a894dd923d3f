"""The n-grams of one length in many rows: where they are, and in how many rows."""

from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np

from sentilib._compiled._threads import by_rows, in_threads, row_slices

_KEYS_PER_PART = 2**15  # including those of padding
_MAX_BITS = 10  # binary logarithm of the number of parts


class Tokens(NamedTuple):
    """The ids of rows, without the padding behind them, as one array."""

    starts: np.ndarray  # int64 (n_rows + 1,)
    ids: np.ndarray  # int32 (starts[-1],)

    @classmethod
    def of(cls, X: np.ndarray) -> Self:
        """Join the rows of ids of shape (n_rows, n_tokens), int32."""
        import sentilib._ngrams._learning_kernels as _learning_kernels

        sizes = np.empty(len(X), dtype=np.int64)
        by_rows(lambda rows: _learning_kernels.count_tokens(X[rows], sizes[rows]), len(X))
        starts = np.concatenate([[0], np.cumsum(sizes)])
        ids = np.empty(starts[-1], dtype=np.int32)

        def join(rows: slice) -> None:
            _learning_kernels.join(X[rows], starts[rows.start : rows.stop + 1], ids)

        by_rows(join, len(X))
        return cls(starts, ids)


class Entries(NamedTuple):
    """Room for the n-grams that end at each token, which is used for one length after the other."""

    keys: np.ndarray  # int64 (n_tokens,)
    rows: np.ndarray  # int32 (n_tokens,)
    ends: np.ndarray  # int32 (n_tokens,), last token of each
    counts: np.ndarray  # int32 (n_tokens,)

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        """Allocate room for the n-grams of one length."""
        n = len(tokens.ids)
        return cls(np.empty(n, dtype=np.int64), *(np.empty(n, dtype=np.int32) for _ in range(3)))


class Occurrences(NamedTuple):
    """The n-grams of one length, and where they are."""

    keys: np.ndarray  # int64 (n_ngrams,), those in at least `min_df` rows, in no order
    counts: np.ndarray  # int32 (n_ngrams,), number of rows that contain each
    # First n-gram; in `Entries`, last tokens and n-grams.
    parts: list[tuple[int, np.ndarray, np.ndarray]]

    def spread(self, numbers: np.ndarray, n_tokens: int) -> np.ndarray:
        """Return the number of the n-gram that ends at each token, as a prefix, or -1.

        Parameters
        ----------
        numbers : ndarray of shape (n_ngrams,), int32
            Numbers of the n-grams, or -1 for those that are left out.
        n_tokens : int
            Number of tokens of all rows.
        """
        import sentilib._ngrams._learning_kernels as _learning_kernels

        longer = np.full(n_tokens, -1, dtype=np.int32)

        def spread(part: tuple[int, np.ndarray, np.ndarray]) -> None:
            first, ends, distinct = part
            _learning_kernels.spread(ends, distinct, numbers[first:], longer)

        in_threads(spread, self.parts)
        return longer


def occurrences(prefixes: np.ndarray, tokens: Tokens, min_df: int, room: Entries) -> Occurrences:
    """Find the n-grams that extend others by one token, and count the rows that contain each.

    Keys are partitioned by their hash, so that the table of a part fits into a cache.

    Parameters
    ----------
    prefixes : ndarray of shape (n_tokens,), int32
        Upper half of the key of the n-gram that ends at the next token.
    tokens : Tokens
        Ids.
    min_df : int
        Min number of rows.
    room : Entries
        Arrays that are overwritten; the result refers to them.
    """
    import sentilib._ngrams._learning_kernels as _learning_kernels

    n_bits = int(np.clip(np.log2(max(len(prefixes), 1) / _KEYS_PER_PART), 1, _MAX_BITS))
    slices = row_slices(len(tokens.starts) - 1)
    next_entry = np.empty((len(slices), 2**n_bits), dtype=np.int64)
    of_slices = [(prefixes, tokens.ids, tokens.starts[s.start : s.stop + 1]) for s in slices]

    def count(k: int) -> None:
        _learning_kernels.count_parts(*of_slices[k], n_bits, next_entry[k])

    in_threads(count, range(len(slices)))
    starts = np.concatenate([[0], np.cumsum(next_entry.sum(axis=0))])
    next_entry[:] = starts[:-1] + np.cumsum(next_entry, axis=0) - next_entry
    keys, rows, ends, counts = (array[: starts[-1]] for array in room)

    def sort(k: int) -> None:
        _learning_kernels.sort_into_parts(
            *of_slices[k], slices[k].start, n_bits, next_entry[k], keys, rows, ends
        )

    in_threads(sort, range(len(slices)))
    edges = np.linspace(0, 2**n_bits, len(slices) + 1).astype(int).tolist()

    def merge(parts: tuple[int, int]) -> tuple[np.ndarray, ...]:
        entries = slice(starts[parts[0]], starts[parts[1]])
        of_parts = keys[entries], rows[entries], counts[entries]
        n = _learning_kernels.document_frequency(
            starts[parts[0] : parts[1] + 1] - entries.start, n_bits, min_df, *of_parts
        )
        return of_parts[0][:n], of_parts[2][:n], ends[entries], of_parts[1]

    found = in_threads(merge, pairwise(edges))
    of_keys, of_counts, *places = zip(*found, strict=True)
    first = np.cumsum([0, *map(len, of_keys)]).tolist()
    return Occurrences(
        np.concatenate(of_keys),
        np.concatenate(of_counts),
        list(zip(first[:-1], *places, strict=True)),
    )
