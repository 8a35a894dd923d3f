"""Near-duplicate documents, by an exact join of their sets of shingles.

Two sets with Jaccard similarity of at least t share one of their first |x| - ceil(t |x|) + 1
elements in any common order (prefix filtering: Bayardo, Ma & Srikant, "Scaling Up All Pairs
Similarity Search", WWW 2007). With the rarest shingles first, documents seldom share one by chance,
so the candidates are few and their similarity is computed directly. Many documents of one template
share so many that not all pairs are compared.
"""

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from sentilib._html_tokenizer import HTMLTokenizer

if TYPE_CHECKING:
    from sentilib._text._readings import Readings

_PAIRS_AT_ONCE = 2**15
# Together about a minute; both are far above what 50,000 reviews of IMDB need.
_MAX_DRAWN = 2**27  # pairs of rows, each counted for each shingle of its prefixes that it shares
_MAX_COMPARED = 2**28  # elements of the sets of pairs that are compared
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # any odd number with well-mixed bits


def read_words(texts: list[str]) -> "Readings":
    """Read whole documents as words, regardless of case and markup."""
    return HTMLTokenizer(punctuation="split", decode_error="replace")._reader().read(texts)


def shingle_matrix(ids: np.ndarray, lengths: np.ndarray, size: int) -> scipy.sparse.csr_array:
    """Return which shingles, runs of `size` words, each document contains.

    The only shingle of a shorter document is its whole content. Shingles are identified by 64-bit
    hashes.

    Parameters
    ----------
    ids : ndarray of shape (n_tokens_in_all,), int
        Words, as `read_words` numbers them.
    lengths : ndarray of shape (n_samples,), int
        Number of tokens of each document.
    size : int
        Number of words in a shingle.

    Returns
    -------
    csr_array of shape (n_samples, n_shingles), dtype=float32
        1 for each shingle that a document contains.
    """
    starts = np.cumsum(lengths) - lengths
    counts = np.where(lengths > 0, np.maximum(lengths - size + 1, 1), 0)
    rows = np.repeat(np.arange(len(lengths)), counts)
    first = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts) + starts[rows]
    last = (starts + lengths)[rows]
    padded = np.concatenate([ids.astype(np.uint64) + np.uint64(1), np.zeros(size, dtype=np.uint64)])
    hashes = np.zeros(len(rows), dtype=np.uint64)
    for k in range(size):
        word = np.where(first + k < last, padded[first + k], 0)
        hashes = (hashes ^ word) * _MULTIPLIER
        hashes ^= hashes >> np.uint64(29)
    names, columns = np.unique(hashes, return_inverse=True)
    matrix = scipy.sparse.csr_array(
        (np.ones(len(columns), dtype=np.float32), (rows, columns)),
        shape=(len(lengths), len(names)),
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def similar_pairs(
    shingles: scipy.sparse.csr_array, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Find pairs of rows whose Jaccard similarity reaches a threshold.

    Parameters
    ----------
    shingles : csr_array of shape (n_samples, n_shingles)
        Sets, as `shingle_matrix` returns them.
    threshold : float in (0, 1]
        Minimum similarity.

    Returns
    -------
    first, second : ndarray of int
        Rows of each pair, first < second.
    similarity : ndarray of float
        Jaccard similarity of each pair.
    are_all : bool
        Whether all such pairs were looked for.
    """
    sizes = np.diff(shingles.indptr).astype(np.int64)
    first, second, are_all = _candidates(shingles, sizes, threshold)
    similarity = np.empty(len(first))
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        a, b = first[part], second[part]
        common = np.asarray(shingles[a].multiply(shingles[b]).sum(axis=1)).ravel()
        similarity[part] = common / (sizes[a] + sizes[b] - common)
    alike = similarity >= threshold - 1e-9
    return first[alike], second[alike], similarity[alike], are_all


def _candidates(
    shingles: scipy.sparse.csr_array, sizes: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return pairs of rows that share an element of their prefixes, and whether these are all.

    The rows of each shingle are sorted by size, and each is paired with the next one, then with the
    next but one, ..., until there are no more or comparing them would take too long.
    """
    frequency = np.bincount(shingles.indices, minlength=shingles.shape[1])
    rank = np.empty(shingles.shape[1], dtype=np.int64)
    rank[np.argsort(frequency, kind="stable")] = np.arange(shingles.shape[1])
    rows = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((rank[shingles.indices], rows))
    position = np.arange(len(rows)) - np.repeat(shingles.indptr[:-1], sizes)
    prefix = sizes - np.ceil(threshold * sizes - 1e-9).astype(np.int64) + 1
    columns = shingles.indices[order]
    kept = (position < prefix[rows]) & (frequency[columns] > 1)
    rows, columns = rows[kept], columns[kept]
    order = np.lexsort((rows, sizes[rows], columns))
    rows, columns = rows[order], columns[order]
    found = [np.empty(0, dtype=np.int64)]
    n_drawn = n_compared = step = 0
    left = np.arange(len(rows))  # places whose shingle has another row `step` places further
    while True:
        step += 1
        left = left[left + step < len(rows)]
        left = left[columns[left] == columns[left + step]]
        if not len(left):
            are_all = True
            break
        if step > 1 and (n_drawn + len(left) > _MAX_DRAWN or n_compared > _MAX_COMPARED):
            are_all = False
            break
        n_drawn += len(left)
        smaller, larger = rows[left], rows[left + step]
        likely = sizes[smaller] >= threshold * sizes[larger] - 1e-9
        # The rows of a shingle grow, so that those further on are even less alike.
        left, smaller, larger = left[likely], smaller[likely], larger[likely]
        a, b = np.minimum(smaller, larger), np.maximum(smaller, larger)
        pairs = np.unique(a * len(sizes) + b)
        n_compared += int((sizes[pairs // len(sizes)] + sizes[pairs % len(sizes)]).sum())
        found.append(pairs)
    pairs = np.unique(np.concatenate(found))
    return pairs // len(sizes), pairs % len(sizes), are_all


def clusters_of_duplicates(
    documents: "Readings", threshold: float, shingle_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Find clusters of duplicates among documents that `read_words` read.

    Returns
    -------
    cluster : ndarray of shape (n_samples,), int
        Cluster of each document, -1 if it has no duplicate.
    exact : ndarray of shape (n_samples,), bool
        Whether another document has the same words.
    similarity : ndarray of shape (n_samples,)
        Similarity of the most similar other document.
    are_all : bool
        Whether all pairs that may be similar were compared.
    """
    ids, lengths = documents.numbers, documents.lengths
    ends = np.cumsum(lengths)
    numbers_of: dict[bytes | int, int] = {}
    same = np.array(
        [  # one without a word, which nothing resembles, has its row as key
            numbers_of.setdefault(
                ids[end - length : end].tobytes() if length else row, len(numbers_of)
            )
            for row, (end, length) in enumerate(zip(ends, lengths, strict=True))
        ]
    )
    _, first = np.unique(same, return_index=True)
    sizes = np.bincount(same)
    shingles = shingle_matrix(ids, lengths, shingle_size)[first]
    a, b, jaccard, are_all = similar_pairs(shingles, threshold)
    links = scipy.sparse.coo_array((np.ones(len(a)), (a, b)), shape=(len(first), len(first)))
    _, component = connected_components(links, directed=False)
    best = np.zeros(len(first))
    np.maximum.at(best, a, jaccard)
    np.maximum.at(best, b, jaccard)
    best[sizes > 1] = 1.0
    n_reviews = np.bincount(component, weights=sizes)
    numbers = component[same]
    duplicated = n_reviews[numbers] > 1
    cluster = np.full(len(documents), -1)
    _, start = np.unique(numbers[duplicated], return_index=True)
    names = numbers[duplicated][np.sort(start)]  # in the order of their first reviews
    rank = np.empty(len(n_reviews), dtype=np.int64)
    rank[names] = np.arange(len(names))
    cluster[duplicated] = rank[numbers[duplicated]]
    return cluster, sizes[same] > 1, best[same], are_all
