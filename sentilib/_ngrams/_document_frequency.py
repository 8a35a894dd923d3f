"""The number of rows that contain each n-gram of one length."""

from itertools import pairwise

import numpy as np

from sentilib._compiled._threads import in_threads, row_slices

_KEYS_PER_PART = 2**15  # including those of padding
_MAX_BITS = 10  # binary logarithm of the number of parts


def document_frequency(
    prefixes: np.ndarray, X: np.ndarray, min_df: int
) -> tuple[np.ndarray, np.ndarray]:
    """Count the rows that contain each n-gram.

    Keys are partitioned by their hash, so that the table of a part fits into a cache.

    Parameters
    ----------
    prefixes : ndarray of shape (n_rows, n_tokens), int32
        Upper half of the key of the n-gram that ends in the next column.
    X : ndarray of shape (n_rows, n_tokens), int32
        Ids.
    min_df : int
        Min number of rows.

    Returns
    -------
    keys : ndarray of shape (n_ngrams,), int64
        Keys of the n-grams in at least `min_df` rows, unsorted.
    counts : ndarray of shape (n_ngrams,), int32
        Number of rows that contain each.
    """
    import sentilib._ngrams._counting_kernels as _counting_kernels

    n_bits = int(np.clip(np.log2(X.size / _KEYS_PER_PART), 1, _MAX_BITS))
    slices = row_slices(len(X))
    places = np.empty((len(slices), 2**n_bits), dtype=np.int64)

    def count(k: int) -> None:
        _counting_kernels.count_parts(prefixes[slices[k]], X[slices[k]], n_bits, places[k])

    in_threads(count, range(len(slices)))
    starts = np.concatenate([[0], np.cumsum(places.sum(axis=0))])
    places[:] = starts[:-1] + np.cumsum(places, axis=0) - places
    keys, rows = np.empty(starts[-1], dtype=np.int64), np.empty(starts[-1], dtype=np.int32)

    def sort(k: int) -> None:
        _counting_kernels.sort_into_parts(
            prefixes[slices[k]], X[slices[k]], slices[k].start, n_bits, places[k], keys, rows
        )

    in_threads(sort, range(len(slices)))
    edges = np.linspace(0, 2**n_bits, len(slices) + 1).astype(int).tolist()

    def merge(parts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        first, last = starts[parts[0]], starts[parts[1]]
        of_parts = keys[first:last], rows[first:last]
        n = _counting_kernels.document_frequency(
            starts[parts[0] : parts[1] + 1] - first, n_bits, min_df, *of_parts
        )
        return of_parts[0][:n], of_parts[1][:n]

    found = in_threads(merge, pairwise(edges))
    different, counts = (np.concatenate(column) for column in zip(*found, strict=True))
    return different, counts
