"""Matrices of token ids: what is valid, where a row ends, how rows are cut into batches."""

from collections.abc import Iterator

import numpy as np

from sentilib._compiled._threads import in_threads, row_slices

PAD, OOV, FIRST_WORD = 0, 1, 2  # padding, words outside the vocabulary, the most frequent word
OOV_WORD = "[OOV]"  # how the id of unknown words is spelt
MAX_VOCABULARY_SIZE = 2**26


def as_token_ids(X: np.ndarray, largest: int = np.iinfo(np.int32).max) -> np.ndarray:
    """Check that a numeric matrix holds token ids and give them as a C-contiguous int32 matrix.

    Whole numbers of any dtype are ids: other steps of a pipeline may have made them floats.

    Raises
    ------
    ValueError
        If an entry is fractional, negative or above `largest`.
    """
    if X.dtype.kind not in "iub":
        fractional = X != np.floor(X)
        if fractional.any():
            row, column = np.argwhere(fractional)[0]
            raise ValueError(
                f"X must hold token ids, whole numbers from 0 on, but X[{row}, {column}] is "
                f"{X[row, column]}. HTMLTokenizer().transform(texts) makes them."
            )
    low, high = X.min(), X.max()
    if low < 0:
        raise ValueError(
            "Negative values in data passed to a sentiment classifier: X must hold token ids, "
            f"whole numbers from 0 on, but its smallest is {low}."
        )
    if high > largest:
        raise ValueError(
            f"X holds the id {high}, but ids go up to {largest} here: they number the rows of an "
            "embedding. HTMLTokenizer numbers its words without gaps."
        )
    return np.ascontiguousarray(X, dtype=np.int32)


def count_tokens(X: np.ndarray) -> np.ndarray:
    """Count the tokens of each row of valid ids, all but padding: int64."""
    from sentilib._tables import _word_kernels

    n_tokens = np.empty(len(X), dtype=np.int64)
    in_threads(lambda rows: _word_kernels.count(X[rows], n_tokens[rows]), row_slices(len(X)))
    return n_tokens


def last_token(X: np.ndarray) -> np.ndarray:
    """Count the leading columns that hold all tokens of each row."""
    is_token = X != PAD
    ends = X.shape[1] - is_token[:, ::-1].argmax(axis=1)
    ends[~is_token.any(axis=1)] = 0
    return ends


def row_batches(
    n_samples: int,
    lengths: np.ndarray | None,
    batch_size: int,
    rng: np.random.Generator | None,
) -> Iterator[np.ndarray]:
    """Cut rows into batches, in random order; in the given order without `rng`.

    Where lengths are given, rows are shuffled first and sorted by length only within 16 batches:
    batches of like length are trimmed with little waste, and stay random samples of each length.
    """
    if rng is None:
        order = np.arange(n_samples)
    else:
        order = rng.permutation(n_samples)
    starts = np.arange(0, n_samples, batch_size)
    if rng is not None and lengths is not None:
        for start in starts[::16]:
            part = order[start : start + 16 * batch_size]
            part[:] = part[np.argsort(lengths[part], kind="stable")]
        rng.shuffle(starts)
    for start in starts:
        yield order[start : start + batch_size]


def with_spare_rows(vocabulary_size: int) -> int:
    """Round up in steps of at most an eighth, so that folds of one grid share a trainer."""
    step = 2 ** max(10, vocabulary_size.bit_length() - 4)
    return -(-vocabulary_size // step) * step


def fill_unseen_rows(embedding: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Let ids that training never saw behave as unknown words.

    Where there was no unknown word either, it is the mean of the words.
    """
    embedding = embedding.copy()
    if not seen[OOV]:
        words = np.flatnonzero(seen[OOV + 1 :]) + OOV + 1
        embedding[OOV] = embedding[words].mean(axis=0) if len(words) else 0
    embedding[~seen] = embedding[OOV]
    return embedding
