"""JSON lines: an object per line, whose keys are columns."""

import itertools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple, TextIO

from sentilib._cli._rows._rows import Column, Cursor, Limits, Rows, Select, as_json, sound


class _Line(NamedTuple):
    text: str
    values: dict[str, Any]


def read_json_lines(
    text: TextIO, name: str, select: Select, limits: Limits, cursor: Cursor
) -> Iterator[Rows]:
    """Yield the objects of a file; a key that some of them lack is missing there."""
    lines: Iterator = ((number, line) for number, line in enumerate(text, 1) if not line.isspace())
    start = list(itertools.islice(lines, 1))
    found = {key: None for number, line in start for key in _parsed(number, line, name).values}
    lines = itertools.chain(start, lines)
    for first, raw in limits.parts(lines, lambda line: len(line[1]), cursor):
        part = [_parsed(number, line, name) for number, line in raw]
        found |= {key: None for line in part for key in line.values}
        names = select(list(found)) if found else []
        yield Rows(
            names,
            len(part),
            lambda column, part=part: [  # type: ignore[misc]
                _value(line.values.get(column)) for line in part
            ],
            first,
            lines=[line.text for line in part] if len(names) == len(found) else None,
        )


def _parsed(number: int, line: str, name: str) -> _Line:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        hint = " Is it a file of JSON lines, an object on each line?" if number == 1 else ""
        raise ValueError(f"{name}, line {number}: {error}.{hint}") from error
    if not isinstance(values, dict):
        hint = ": jq -c '.[]' makes JSON lines of an array" if isinstance(values, list) else ""
        raise ValueError(
            f'{name}, line {number}: expected an object such as {{"text": "..."}}, '
            f"got a {type(values).__name__}{hint}."
        )
    return _Line(line.strip(), values)


def _value(value: Any) -> Any:
    return sound(value) if isinstance(value, str) else value


class JsonLinesWriter:
    """Writes rows as objects; those of JSON lines keep their own spelling."""

    def encode(self, rows: Rows, names: list[str], new: dict[str, Column]) -> bytes:
        """Return the columns `names` of rows, and new columns, as lines."""
        added = _objects(list(new), [map(as_json, column.values) for column in new.values()])
        if rows.lines is not None and names == rows.names:
            kept: Any = (line[1:-1].strip() for line in rows.lines)
        else:
            kept = _objects(names, [map(as_json, rows.column(name)) for name in names])
        if not names:
            kept = itertools.repeat("", rows.size)
        lines = [
            "{" + ", ".join(filter(None, pair)) + "}\n" for pair in zip(kept, added, strict=True)
        ]
        return "".join(lines).encode("utf-8", "backslashreplace")


def _objects(names: list[str], columns: list[Any]) -> Iterator[str]:
    """Yield the inside of an object per row."""
    keys = [f"{json.dumps(name, ensure_ascii=False)}: " for name in names]
    for values in zip(*columns, strict=True):
        yield ", ".join(map("".join, zip(keys, values, strict=True)))
