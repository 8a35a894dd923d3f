"""Comma-separated values, with any delimiter; all values are text."""

import csv
import io
from collections.abc import Iterator
from typing import Any, TextIO

from sentilib._cli._rows._rows import Column, Cursor, Limits, Rows, Select, as_cell

_MAX_FIELD = 1 << 28  # characters; an open quote makes one field of the rest of a file


def read_csv(
    text: TextIO, name: str, delimiter: str, select: Select, limits: Limits, cursor: Cursor
) -> Iterator[Rows]:
    """Yield the rows of a file whose first line contains the names of the columns."""
    csv.field_size_limit(_MAX_FIELD)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise ValueError(f"{name} is empty: the first line must contain names of columns.")
        if len(set(header)) < len(header):
            twice = sorted({column for column in header if header.count(column) > 1})
            raise ValueError(f"{name} has several columns of the same name: {', '.join(twice)}.")
        names = select(header)
        places = {column: header.index(column) for column in names}
        records = _records(reader, name, len(header))
        for first, part in limits.parts(records, _size, cursor):
            yield Rows(
                names,
                len(part),
                lambda column, part=part: [row[places[column]] for row in part],  # type: ignore[misc]
                first,
            )
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num}: {error}.") from error


def _records(reader: Any, name: str, width: int) -> Iterator[list[str]]:
    for row in reader:
        if len(row) == width:
            yield row
        elif row:
            raise ValueError(
                f"{name}, line {reader.line_num}: the row has {len(row)} values, but the header "
                f"names {width} columns. Is the delimiter right, is text with it in quotes?"
            )


def _size(row: list[str]) -> int:
    return sum(map(len, row))


class CsvWriter:
    """Writes rows as lines; the first ones follow a header."""

    def __init__(self, delimiter: str, header: list[str] | None = None) -> None:
        self.delimiter = delimiter
        self.header = header

    def encode(self, rows: Rows, names: list[str], new: dict[str, Column]) -> bytes:
        """Return the columns `names` of rows, and new columns, as lines."""
        lines = io.StringIO()
        writer = csv.writer(lines, delimiter=self.delimiter, lineterminator="\n")
        header = [*names, *new]
        if self.header is None:
            self.header = header
            writer.writerow(header)
        if further := [name for name in header if name not in self.header]:
            raise ValueError(
                f"From row {rows.first + 1:,} on there are columns that the first rows lack: "
                f"{', '.join(further)}. Write JSON lines, or name the columns to keep by --keep."
            )
        columns = [_cells(rows, names, new, name) for name in self.header]
        writer.writerows(zip(*columns, strict=True))
        return lines.getvalue().encode()


def _cells(rows: Rows, names: list[str], new: dict[str, Column], name: str) -> Iterator[str]:
    if name in new:
        return map(as_cell, new[name].values)
    return map(as_cell, rows.column(name) if name in names else [None] * rows.size)
