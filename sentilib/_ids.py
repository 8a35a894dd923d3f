"""Matrices of token ids: validation, the number of tokens per row and where each row ends."""

import re
from typing import Any

import numpy as np
import scipy.sparse

from sentilib._compiled._progress import printable
from sentilib._compiled._threads import by_rows

PAD, OOV, FIRST_WORD = 0, 1, 2  # padding, words outside the vocabulary, the most frequent word
OOV_WORD = "[OOV]"  # name of the id of unknown words
MAX_VOCABULARY_SIZE = 2**26

# A model has a row for each id up to the max, about 600 bytes with the defaults. A chunk of one row
# may come from any vocabulary of up to 2**18 words. Above this, the max must be in proportion to
# the distinct ids: by Heaps' law (exponent 0.6), a thousandth of a corpus still contains a 64th of
# its words, so folds, subsets and chunks of larger vocabularies pass.
_ALWAYS_IN_RANGE = 2**18
_RANGE_PER_DISTINCT_ID = 64
_NAME_OF_POSITION = re.compile(r"(.*__)?token\d+")  # HTMLTokenizer's; ColumnTransformer prefixes
_NUMBERS_BESIDE_TEXT = (
    "Numbers beside the text, such as a price or a user id, are no token ids: combine a pipeline "
    "that reads the text with a model of the numbers, in a StackingClassifier, or fit another "
    "classifier on the numbers and the latent features that `transform` returns."
)


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
                f"{X[row, column]}. HTMLTokenizer().fit_transform(texts) returns token ids; TF-IDF "
                f"values and embeddings are none. {_NUMBERS_BESIDE_TEXT}"
            )
    low, high = X.min().item(), X.max().item()  # as float32, 2**31 equals 2**31 - 1
    if low < 0:
        raise ValueError(
            "Negative values in data passed to a sentiment classifier: X must contain token "
            f"ids, non-negative integers, but its min is {low}. {_NUMBERS_BESIDE_TEXT}"
        )
    if high > largest:
        raise ValueError(
            f"X contains the id {high}, but the max is {largest}: ids number the rows of an "
            f"embedding. HTMLTokenizer returns ids without gaps. {_NUMBERS_BESIDE_TEXT}"
        )
    return np.ascontiguousarray(X, dtype=np.int32)


def are_known(X: Any, n_columns: int | None, n_ids: int) -> bool:
    """Return whether X is a matrix as HTMLTokenizer returns it, of ids that a model knows.

    It then needs none of the other checks and conversions, which would take longer than the
    prediction of a single row.
    """
    import sentilib._compiled._row_kernels as _row_kernels

    if type(X) is not np.ndarray or X.dtype != np.int32 or X.ndim != 2 or not len(X):
        return False
    if X.shape[1] != n_columns or not X.flags.c_contiguous or not X.flags.aligned:
        return False
    return all(by_rows(lambda rows: _row_kernels.are_below(X[rows], n_ids), len(X)))


def as_training_ids(X: np.ndarray, seen: np.ndarray | None = None) -> np.ndarray:
    """Check a matrix as `as_token_ids` does, and that its max is in proportion to its ids.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_tokens)
        Numbers.
    seen : ndarray of shape (n_ids,), dtype=bool, default=None
        Ids that the model knows from former training.

    Returns
    -------
    ids : ndarray of shape (n_samples, n_tokens), dtype=int32
        Token ids.

    Raises
    ------
    ValueError
        If an entry is no token id, or if the ids have gaps so large that they number something
        other than words.
    """
    ids = as_token_ids(X, largest=MAX_VOCABULARY_SIZE - 1)
    largest = int(ids.max())
    if largest < _ALWAYS_IN_RANGE or (seen is not None and largest < len(seen)):
        return ids
    present = occurring(ids, 0)
    if seen is not None:
        present[: len(seen)] |= seen
    n_distinct = np.count_nonzero(present)
    if largest > _RANGE_PER_DISTINCT_ID * n_distinct:
        raise ValueError(
            f"X contains the id {largest}, but only {n_distinct} distinct ids. A model has a row "
            "for each id up to the max, and HTMLTokenizer returns ids without gaps. "
            f"{_NUMBERS_BESIDE_TEXT} If these are words of a large vocabulary, pass more rows, or "
            f"keep ids below {_ALWAYS_IN_RANGE}, for example by HTMLTokenizer's max_features."
        )
    return ids


def check_positions(names: np.ndarray | None) -> None:
    """Raise ValueError if only some names of columns are those of HTMLTokenizer's matrix."""
    if names is None:
        return
    others = [name for name in names if not _NAME_OF_POSITION.fullmatch(name)]
    if 0 < len(others) < len(names):
        raise ValueError(
            f"X contains {len(others)} columns beside the token ids of HTMLTokenizer: "
            f"{printable(', '.join(others[:5]))}{', ...' if len(others) > 5 else ''}. "
            f"{_NUMBERS_BESIDE_TEXT}"
        )


def check_matrix(X: Any, reader: str, name: str = "X") -> None:
    """Raise an error if X is text, a sparse matrix, or has rows of different lengths.

    The messages of NumPy and scikit-learn on these would contain whole reviews, or would not name
    the tokenizer. All other faults are left to scikit-learn's validation.
    """
    if scipy.sparse.issparse(X):
        raise TypeError(
            f"{name} is a sparse matrix, but {reader} reads token ids, a dense matrix. Replace a "
            f"TfidfVectorizer or CountVectorizer by HTMLTokenizer. {_NUMBERS_BESIDE_TEXT}"
        )
    if getattr(getattr(X, "dtype", None), "kind", "O") in "iufb":
        return
    values = X if isinstance(X, list | tuple) else np.asarray(X)
    if isinstance(values, np.ndarray):
        if values.ndim == 0 and values.dtype.kind == "O":
            raise TypeError(
                f"{name} is of type {type(X).__name__}, but {reader} reads token ids in a matrix "
                "of shape (n_samples, n_tokens). Convert it to an array, as HTMLTokenizer returns "
                "it (a LazyFrame by collect(), an iterator of rows by np.array(list(...)))."
            )
        values = values.ravel().tolist() if values.dtype.kind in "OUST" else []
    rows = [
        row
        for row in values
        if isinstance(row, list | tuple) or (isinstance(row, np.ndarray) and row.ndim > 0)
    ]
    firsts = [row[0] for row in rows if len(row)]
    if any(isinstance(value, str | bytes) for value in [*values, *firsts]):
        advice = (
            "Put an HTMLTokenizer before it: Pipeline([('tokenizer', HTMLTokenizer()), "
            "('classifier', ...)]); a ColumnTransformer must drop other columns of text."
            if name == "X"
            else "A Pipeline does not transform it: pass HTMLTokenizer's `transform` of it."
        )
        raise ValueError(f"{name} contains text, but {reader} reads token ids. {advice}")
    lengths = {len(row) for row in rows}
    if len(lengths) > 1 or (lengths and not isinstance(X, list | tuple)):
        raise ValueError(
            f"{name} is a sequence of rows with {min(lengths)} to {max(lengths)} ids, but {reader} "
            "reads a matrix of shape (n_samples, n_tokens), as HTMLTokenizer returns it: shorter "
            "rows are padded with 0."
        )


def count_tokens(X: np.ndarray) -> np.ndarray:
    """Count the tokens of each row of valid ids, all except padding: int64 (n_rows,)."""
    import sentilib._compiled._row_kernels as _row_kernels

    n_tokens = np.empty(len(X), dtype=np.int64)
    by_rows(lambda rows: _row_kernels.count(X[rows], n_tokens[rows]), len(X))
    return n_tokens


def occurring(X: np.ndarray, at_least: int) -> np.ndarray:
    """Return whether each id occurs: bool (n_ids,), with at least the given number of ids."""
    import sentilib._compiled._row_kernels as _row_kernels

    occurs = np.zeros(max(int(X.max(initial=0)) + 1, at_least), dtype=bool)
    _row_kernels.mark(X, occurs.view(np.uint8))
    return occurs


def extents(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the column of each row's first token, and that after its last: int64 (n_rows,).

    Both are 0 without tokens.
    """
    import sentilib._compiled._row_kernels as _row_kernels

    starts, stops = np.empty((2, len(X)), dtype=np.int64)
    by_rows(lambda rows: _row_kernels.extents(X[rows], starts[rows], stops[rows]), len(X))
    return starts, stops


def last_token(X: np.ndarray) -> np.ndarray:
    """Return the column after the last token of each row: int64 (n_rows,), 0 without tokens."""
    return extents(np.ascontiguousarray(X))[1]
