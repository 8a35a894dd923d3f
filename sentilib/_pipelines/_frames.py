"""Reviews, further columns and row names of any container that is passed as X."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from sentilib._text._documents import column_names, sequence_of_documents

_N_LOOKED_AT = 100  # first values of a column, which show whether it is text


class Frame(NamedTuple):
    """Content of a container of reviews."""

    texts: Sequence[str] | None  # documents, not yet checked to be strings; None for token ids
    columns: dict[str, np.ndarray]  # further columns of a table
    index: Any  # pandas Index of a Series or DataFrame, otherwise None
    source: Any = None  # container of the texts: X or its column


def read_frame(X: Any, text_column: Any = None) -> Frame:
    """Return the documents, the other columns and the row names of X.

    Parameters
    ----------
    X : iterable of str, table or array-like of numbers
        A table (pandas, polars or pyarrow) may have further columns beside the column of text.
    text_column : str, int or None, default=None
        Name of the column of text. None means the only column of text; among several, the only
        one that is not categorical.

    Returns
    -------
    Frame
        Texts (None if X contains numbers), columns and row names.

    Raises
    ------
    ValueError, TypeError
        If X is one string, is empty, or its column of text is not unique.
    """
    index, names = row_names(X), column_names(X)
    columns: dict[str, np.ndarray] = {}
    if names is None:
        if text_column is not None:
            raise ValueError(
                f"text_column={text_column!r} names a column of a table, but X is a "
                f"{type(X).__name__}, which has none. Leave text_column out, or pass a DataFrame."
            )
        if _is_matrix_or_numbers(X):
            return Frame(None, {}, index)
    elif text_column is not None or len(names) > 1:
        names = list(names)
        if len(set(names)) < len(names):
            raise ValueError(f"X has columns of the same name: {names}. Rename them.")
        arrays = {name: as_column(X[name]) for name in names}
        if text_column is None and all(part.dtype.kind in "iufb" for part in arrays.values()):
            return Frame(None, {}, index)
        text_column = _text_column(X, arrays, text_column)
        columns = {str(name): part for name, part in arrays.items() if name != text_column}
        X = X[text_column]
    documents = sequence_of_documents(X)
    source = documents if isinstance(X, Iterator) else X
    if not documents:
        raise ValueError("There are no reviews: X is empty.")
    first = documents[0]
    is_row = hasattr(first, "__len__") and not isinstance(first, str | bytes)
    is_number = isinstance(first, Real) and not is_missing(first)  # NaN is a missing text
    if text_column is None and (is_row or is_number):
        return Frame(None, {}, index)
    return Frame(documents, columns, index, source)


def named_rows(table: Any, index: Any, rows: Any = None) -> Any:
    """Return a DataFrame with the index of X at its rows, by default those in its column "row".

    Without an index, as for a list, the positions are the index as well.
    """
    rows = table["row"].to_numpy() if rows is None else rows
    if index is None:
        return table.set_axis(rows, axis=0)
    index = index.take(rows)
    return table.set_axis(
        index.set_names([None if name in table else name for name in index.names]), axis=0
    )


def as_series(values: Any) -> Any:
    """Return values as a pandas Series.

    Strings with lone surrogates remain objects, since the type of pandas for strings is UTF-8.
    """
    pandas = sys.modules["pandas"]
    try:
        return pandas.Series(values)
    except UnicodeEncodeError:
        return pandas.Series(values, dtype=object)


def row_names(X: Any) -> Any:
    """Return the index of a pandas Series or DataFrame, None for other containers."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(X, pandas.Series | pandas.DataFrame):
        return X.index
    return None


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, NaT or pandas.NA."""
    if value is None or value is getattr(sys.modules.get("pandas"), "NA", None):
        return True
    return isinstance(value, Real | datetime) and bool(value != value)


def as_column(values: Any) -> np.ndarray:
    """Return a column of values as an array.

    Numbers of an extension type or among objects become plain numbers, NaN where they are missing;
    dates with a time zone become dates of UTC; other missing values become None.
    """
    is_list = isinstance(values, list | tuple)  # NumPy would make strings of NaN and numbers
    column = np.array(values, dtype=object) if is_list else np.asarray(values)
    if column.dtype.kind != "O" or column.ndim != 1:
        return np.asarray(values)
    listed = [None if is_missing(value) else value for value in column.tolist()]
    present = [value for value in listed if value is not None]
    kinds = {type(value) for value in present}
    if kinds == {bool} and len(present) == len(listed):
        return np.array(listed)
    if kinds and all(issubclass(kind, Real) and kind is not bool for kind in kinds):
        return np.array([np.nan if value is None else value for value in listed])
    if kinds and all(issubclass(kind, datetime) for kind in kinds):
        in_utc = [v if v is None or v.tzinfo is None else v.astimezone(UTC) for v in listed]
        return np.array([v and v.replace(tzinfo=None) for v in in_utc], dtype="M8[us]")
    column = np.empty(len(listed), dtype=object)
    for row, value in enumerate(listed):
        column[row] = value
    return column


def _text_column(X: Any, arrays: dict[Any, np.ndarray], text_column: Any) -> Any:
    """Return the name of the column of text."""
    names = list(arrays)
    if text_column is not None:
        if text_column not in arrays:
            raise ValueError(f"X has no column {text_column!r} (text_column): it has {names}.")
        return text_column
    found = [name for name, column in arrays.items() if _is_text(column)]
    if len(found) > 1:
        found = [name for name in found if not _is_categorical(X[name])] or found
    if len(found) != 1:
        advice = f"text_column={found[0]!r}" if found else "text_column"
        raise ValueError(
            f"Expected one column of text among {names}, found {found or 'none'}. Name the column "
            f"that contains the reviews, such as {advice}."
        )
    return found[0]


def _is_text(column: np.ndarray) -> bool:
    """Return whether the first values of a column that are not missing are strings."""
    if column.dtype.kind not in "OUT":
        return False
    present = (value for value in column.tolist() if value is not None)
    looked_at = list(islice(present, _N_LOOKED_AT))
    return bool(looked_at) and all(isinstance(value, str) for value in looked_at)


def _is_categorical(column: Any) -> bool:
    kind = getattr(column, "dtype", getattr(column, "type", ""))  # pandas and polars; pyarrow
    return str(kind).lower().startswith(("category", "categorical", "enum", "dictionary"))


def _is_matrix_or_numbers(X: Any) -> bool:
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) == 2 and shape[1] != 1:
        return True
    kind = getattr(getattr(X, "dtype", None), "kind", "O")
    return kind in "iub" or (kind == "f" and not np.isnan(X).all())  # texts may all be missing
