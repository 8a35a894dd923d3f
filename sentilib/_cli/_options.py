"""Options that several commands share."""

import codecs
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from sentilib._cli._rows._rows import Limits
from sentilib._cli._rows._source import FORMATS, Source
from sentilib._files import is_stream

_MARKS = ";\t|"  # delimiters of tables that were read with another one
Decorator = Callable[[Callable], Callable]


def options(*decorators: Callable) -> Decorator:
    """Combine decorators; help lists the options in this order."""

    def decorate(function: Callable) -> Callable:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _encoding(_: Any, __: Any, value: str) -> str:
    try:
        codecs.lookup(value)
    except LookupError:
        message = f"{value!r} is no encoding; utf-8, latin-1 and cp1252 are some."
        raise click.BadParameter(message) from None
    return value


def _delimiter(_: Any, __: Any, value: str | None) -> str | None:
    value = {"tab": "\t", "\\t": "\t"}.get(value or "", value)
    if value is not None and len(value) != 1:
        raise click.BadParameter(f"{value!r} is not a single character, nor the word tab.")
    return value


MODEL = click.argument("model_path", metavar="MODEL", type=click.Path())
INPUT = click.argument("paths", metavar="INPUT...", nargs=-1, required=True, type=click.Path())

UNSAFE = click.option(
    "--unsafe",
    is_flag=True,
    help="Also load a pickle as MODEL. It runs the code in it: only for files of your own.",
)
TEXT = click.option(
    "--text",
    "text_column",
    metavar="COLUMN",
    help="Column of reviews. [default: text, or the only column]",
)
LABEL = click.option(
    "--label",
    "label_column",
    metavar="COLUMN",
    default="label",
    show_default=True,
    help="Column of labels.",
)
GROUP = click.option(
    "--group",
    "group_column",
    metavar="COLUMN",
    help="Column that names the movie, product, author, ... of a review. Reviews of one group are "
    "never used both to learn and to test.",
)
DROP_MISSING = click.option(
    "--drop-missing", is_flag=True, help="Leave out rows without text or label."
)
_ENCODING = options(
    click.option(
        "--encoding",
        default="utf-8-sig",
        callback=_encoding,
        help="Encoding of INPUT, such as cp1252. [default: UTF-8]",
    ),
    click.option(
        "--delimiter",
        callback=_delimiter,
        help="Delimiter of CSV: a character, or the word tab. [default: comma; tab for .tsv]",
    ),
)
FORMAT = options(
    click.option(
        "--format",
        "format",
        type=click.Choice(FORMATS),
        help="Format of INPUT, if its name does not tell: csv (the first line names the columns), "
        "jsonl (an object per line), parquet, text (a review per line) or files (a review per "
        "file). [default: text for standard input]",
    ),
    _ENCODING,
)
LABELLED_FORMAT = options(
    click.option(
        "--format",
        "format",
        type=click.Choice(["csv", "jsonl", "parquet"]),
        help="Format of INPUT, if its name does not tell or if it is standard input: csv (the "
        "first line names the columns), jsonl (an object per line) or parquet.",
    ),
    _ENCODING,
)
CHUNK_SIZE = click.option(
    "--chunk-size",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="Number of rows in memory at a time; fewer if they are long.",
)
OVERWRITE = click.option(
    "--overwrite",
    is_flag=True,
    help="Replace an existing output, at the end. Without this option, it is an error.",
)
QUIET = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
RANDOM_STATE = click.option(
    "--random-state",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of all random choices. The same seed gives the same result.",
)


def source(
    paths: Sequence[str],
    format: str | None,
    encoding: str,
    delimiter: str | None,
    chunk_size: int = 10_000,
) -> Source:
    """Return the input that the options describe."""
    limits = Limits(rows=chunk_size)
    return Source(tuple(paths), format, encoding, delimiter, limits)


def text_column_of(names: list[str], given: str | None, where: str) -> str:
    """Return the name of the column of reviews."""
    if given is None and len(names) == 1 and not any(mark in names[0] for mark in _MARKS):
        return names[0]
    return require(names, given or "text", "--text", where)


def require(names: list[str], wanted: str, option: str, where: str) -> str:
    """Return a name, after a check that it is one of a column."""
    if wanted in names:
        return wanted
    listed = ", ".join(map(repr, names[:12])) + (", ..." if len(names) > 12 else "")
    hint = ""
    if len(names) == 1 and (found := [mark for mark in _MARKS if mark in names[0]]):
        mark = "tab" if found[0] == "\t" else f"'{found[0]}'"
        hint = f" Is the delimiter another one? Pass --delimiter {mark}."
    raise ValueError(
        f"{where} has no column {wanted!r}. Its columns are {listed}: name one by {option}.{hint}"
    )


def texts_of(values: list, first: int, column: str, format: str | None) -> list[str | None]:
    """Return the values of a column of reviews, None where there is none: CSV has no null."""
    if format == "csv":
        return [value or None for value in values]
    for number, value in enumerate(values, first + 1):
        if value is not None and not isinstance(value, str):
            if value != value:
                continue
            raise ValueError(
                f"Row {number:,} of column {column!r} is no text, but {value!r:.40} of type "
                f"{type(value).__name__}. Is this the column of reviews? Name it by --text."
            )
    return [value if isinstance(value, str) else None for value in values]


def examples(*lines: str) -> str:
    """Return examples as the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def new_file(path: str, *, overwrite: bool) -> Path:
    """Return the path of a file to write at the end, after a check that this will be possible."""
    target = Path(path)
    if is_stream(target):
        return target
    if target.is_dir():
        raise IsADirectoryError(f"{path!r} is a folder, expected the name of a file.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {str(target.parent)!r}.")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{path!r} exists already: pass --overwrite to replace it.")
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"The folder {str(target.parent)!r} is not writable.")
    return target
