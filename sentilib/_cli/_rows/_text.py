"""Plain text: a document per line, or per file."""

from collections.abc import Iterator
from typing import TextIO

from sentilib._cli._rows._rows import Cursor, Limits, Rows, Select


def read_lines(text: TextIO, select: Select, limits: Limits, cursor: Cursor) -> Iterator[Rows]:
    """Yield the lines of a file as column `text`; an empty line is an empty document."""
    names = select(["text"])
    for first, part in limits.parts((line.removesuffix("\n") for line in text), len, cursor):
        yield Rows(names, len(part), lambda _, part=part: part, first)  # type: ignore[misc]


def read_files(
    documents: Iterator[tuple[str, str]], select: Select, limits: Limits, cursor: Cursor
) -> Iterator[Rows]:
    """Yield pairs of a file's name and content as columns `file` and `text`."""
    names = select(["file", "text"])
    for first, part in limits.parts(documents, lambda pair: len(pair[1]), cursor):
        columns = {"file": [pair[0] for pair in part], "text": [pair[1] for pair in part]}
        yield Rows(names, len(part), columns.__getitem__, first)
