"""Matrices of token ids: validation, the number of tokens per row and where each row ends."""

from typing import Any

import numpy as np

from sentilib._compiled._threads import in_threads, row_slices

PAD, OOV, FIRST_WORD = 0, 1, 2  # padding, words outside the vocabulary, the most frequent word
OOV_WORD = "[OOV]"  # name of the id of unknown words
MAX_VOCABULARY_SIZE = 2**26


def as_token_ids(X: np.ndarray, largest: int = np.iinfo(np.int32).max) -> np.ndarray:
    """Check that a numeric matrix contains token ids; return a C-contiguous int32 matrix.

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
                f"X must contain token ids, non-negative integers, but X[{row}, {column}] is "
                f"{X[row, column]}. HTMLTokenizer().fit_transform(texts) returns token ids."
            )
    low, high = X.min(), X.max()
    if low < 0:
        raise ValueError(
            "Negative values in data passed to a sentiment classifier: X must contain token "
            f"ids, non-negative integers, but its min is {low}."
        )
    if high > largest:
        raise ValueError(
            f"X contains the id {high}, but the max is {largest}: ids number the rows of an "
            "embedding. HTMLTokenizer returns ids without gaps."
        )
    return np.ascontiguousarray(X, dtype=np.int32)


def refuse_text(X: Any, reader: str) -> None:
    """Raise ValueError if X contains text, which a classifier cannot read."""
    first = X[0] if isinstance(X, (list, tuple)) and len(X) else X
    if isinstance(first, str) or getattr(getattr(X, "dtype", None), "kind", "O") in "UT":
        raise ValueError(
            f"X contains text, but {reader} reads token ids. Put an HTMLTokenizer before it: "
            "Pipeline([('tokenizer', HTMLTokenizer()), ('classifier', ...)])."
        )


def count_tokens(X: np.ndarray) -> np.ndarray:
    """Count the tokens of each row of valid ids, all except padding: int64 (n_rows,)."""
    from sentilib._compiled import _row_kernels

    n_tokens = np.empty(len(X), dtype=np.int64)
    in_threads(lambda rows: _row_kernels.count(X[rows], n_tokens[rows]), row_slices(len(X)))
    return n_tokens


def last_token(X: np.ndarray) -> np.ndarray:
    """Return the column after the last token of each row: int64 (n_rows,), 0 without tokens."""
    is_token = X != PAD
    ends = X.shape[1] - is_token[:, ::-1].argmax(axis=1)
    ends[~is_token.any(axis=1)] = 0
    return ends
