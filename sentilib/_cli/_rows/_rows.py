"""Rows: a part of a table that fits in memory."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

Select = Callable[[list[str]], list[str]]
"""Returns the names of the columns to read, of those that an input has; raises if one is absent."""


@dataclass(frozen=True)
class Rows:
    """Some consecutive rows of an input.

    Parameters
    ----------
    names : list of str
        Names of the columns that were read.
    size : int
        Number of rows.
    column : callable
        Returns the values of a column as a list.
    first : int
        Number of rows of the input before these.
    lines : list of str or None
        The rows as JSON, if they come from JSON lines.
    batch : pyarrow.RecordBatch or None
        The rows as Arrow data, if they come from Parquet.
    digest : str
        Digest of the input up to here, if it is standard input.
    """

    names: list[str]
    size: int
    column: Callable[[str], list]
    first: int
    lines: list[str] | None = None
    batch: Any = None
    digest: str = ""

    @property
    def end(self) -> int:
        """Number of rows of the input up to here."""
        return self.first + self.size


class Column(NamedTuple):
    """A column to write, and an example of its type."""

    values: list
    example: Any


@dataclass
class Cursor:
    """Place in an input.

    Parameters
    ----------
    skip : int
        Number of rows at its beginning that are left out.
    n_rows : int
        Number of rows that have been read or left out.
    n_bytes : int
        Number of bytes of its files that have been read, approximately.
    """

    skip: int = 0
    n_rows: int = 0
    n_bytes: int = 0


@dataclass(frozen=True)
class Limits:
    """Size of a part: it ends when one limit is reached, so that long texts need no more memory."""

    rows: int = 10_000
    characters: int = 1 << 25

    def parts(
        self, records: Iterable[Any], size_of: Callable[[Any], int], cursor: Cursor
    ) -> Iterator[tuple[int, list[Any]]]:
        """Yield lists of records, each with the number of rows before it; an empty one for none."""
        part: list[Any] = []
        characters, start = 0, cursor.n_rows
        for record in records:
            cursor.n_rows += 1
            if cursor.n_rows <= cursor.skip:
                continue
            part.append(record)
            characters += size_of(record)
            if len(part) >= self.rows or characters >= self.characters:
                yield cursor.n_rows - len(part), part
                part, characters = [], 0
        if part or cursor.n_rows == start:
            yield cursor.n_rows - len(part), part


def sound(text: str) -> str:
    """Return a text with U+FFFD for halves of characters, which files of JSON may contain."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def as_json(value: Any) -> str:
    """Return a value as JSON; what JSON lacks becomes null (NaN) or a string (dates)."""
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return "null"
    return json.dumps(value, ensure_ascii=False, default=str)


def as_cell(value: Any) -> str:
    """Return a value as the text of a cell, empty if it is missing."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    return str(value) if not isinstance(value, bool | dict | list) else as_json(value)
