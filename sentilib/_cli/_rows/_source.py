"""The input of a command: files, folders or standard input, as one stream of rows."""

import gzip
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from sentilib._cli._rows._csv import read_csv
from sentilib._cli._rows._json_lines import read_json_lines
from sentilib._cli._rows._parquet import read_parquet
from sentilib._cli._rows._rows import Cursor, Limits, Rows, Select
from sentilib._cli._rows._text import read_files, read_lines

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "text",
}
FORMATS = ("csv", "jsonl", "parquet", "text", "files")
STANDARD = "-"


def format_of(path: str) -> str | None:
    """Return the format that a name tells, None if it tells none."""
    return SUFFIXES.get(Path(path.lower().removesuffix(".gz")).suffix)


def is_folder_name(path: str) -> bool:
    """Return whether a path names a folder: an existing one, or by its last character."""
    return path.endswith(("/", os.sep)) or Path(path).is_dir()


@dataclass
class Source:
    """Rows of files, of all files of folders, or of standard input.

    Parameters
    ----------
    paths : sequence of str
        Files and folders; "-" is standard input.
    format : str or None
        One of `FORMATS`, None for that which the names tell.
    encoding : str
        Encoding of files of text.
    delimiter : str or None
        Delimiter of CSV, None for a comma, or for tabs in a file with the suffix .tsv.
    limits : Limits
        Limits of the parts that are read at a time.
    """

    paths: tuple[str, ...]
    format: str | None = None
    encoding: str = "utf-8-sig"
    delimiter: str | None = None
    limits: Limits = field(default_factory=Limits)
    cursor: Cursor = field(default_factory=Cursor, init=False)

    def __post_init__(self) -> None:
        self.files: list[Path] = []
        if STANDARD in self.paths:
            if len(self.paths) > 1:
                raise ValueError("Standard input (-) cannot be combined with files.")
            self.format = self.format or "text"
            if self.format in ("parquet", "files"):
                raise ValueError(f"Standard input cannot have the format {self.format!r}.")
        else:
            self._find_files()
        if self.delimiter is None:
            tabs = bool(self.files) and all(".tsv" in path.suffixes for path in self.files)
            self.delimiter = "\t" if tabs else ","

    def _find_files(self) -> None:
        found: set[str] = set()
        for path in self.paths:
            if Path(path).is_dir():
                formats, files = self._in_folder(Path(path))
            elif os.path.exists(path):
                formats, files = {self.format or format_of(path)}, [Path(path)]
            else:
                raise FileNotFoundError(f"There is no file or folder {path!r}.")
            if None in formats:
                raise ValueError(
                    f"The name {path!r} tells no format (.csv, .tsv, .jsonl, .parquet, .txt): "
                    + (
                        "a model is named before the tables."
                        if path.endswith((".skops", ".pkl", ".joblib"))
                        else "pass --format."
                    )
                )
            found |= formats  # type: ignore[arg-type]
            self.files += files
        if len(found) > 1:
            raise ValueError(
                f"The input contains several formats ({', '.join(sorted(found))}): choose one by "
                "--format, or pass the files of one of them."
            )
        self.format = found.pop()

    def _in_folder(self, folder: Path) -> tuple[set[str | None], list[Path]]:
        """Return formats and files of a folder, whose folders are searched too."""
        files = sorted(
            path
            for path in folder.rglob("*")
            if path.is_file()
            and not any(part[0] in "._" for part in path.relative_to(folder).parts)
        )
        kinds = {path: format_of(path.name) for path in files}
        if self.format is None:
            kinds = {path: kind for path, kind in kinds.items() if kind is not None}
            kinds = {path: "files" if kind == "text" else kind for path, kind in kinds.items()}
        else:
            kind = "text" if self.format == "files" else self.format
            files = [path for path in files if kinds[path] == kind] or files
            kinds = dict.fromkeys(files, self.format)
        if not kinds:
            raise ValueError(
                f"The folder {str(folder)!r} contains no file of a known format (.csv, .tsv, "
                ".jsonl, .parquet, .txt)."
            )
        return set(kinds.values()), list(kinds)

    @property
    def is_standard_input(self) -> bool:
        """Whether the rows come from standard input."""
        return not self.files

    @property
    def name(self) -> str:
        """Name for messages."""
        if self.is_standard_input:
            return "Standard input"
        return self.paths[0] if len(self.paths) == 1 else f"{self.paths[0]} ..."

    @property
    def total_bytes(self) -> int | None:
        """Size of the files, None if it is unknown."""
        if self.is_standard_input:
            return None
        return sum(path.stat().st_size for path in self.files)

    def fingerprint(self) -> list[list[Any]]:
        """Return path, size and time of change of each file."""
        found = ((path, path.stat()) for path in self.files)
        return [[str(path.resolve()), stat.st_size, stat.st_mtime_ns] for path, stat in found]

    def parts(self, select: Select, skip: int = 0, digest: str = "") -> Iterator[Rows]:
        """Yield all rows but the first `skip`, in parts; an empty part for an empty file.

        Standard input must have the digest up to there; it is read in the same parts as before.
        """
        if self.files:
            yield from self._parts(select, skip)
            return
        seen = hashlib.sha256()
        is_same = not skip
        for rows in self._parts(select, 0):
            for name in rows.names:
                for value in rows.column(name):
                    seen.update(f"{value}\0".encode("utf-8", "replace"))
            if rows.end > skip or not skip:
                if not is_same:
                    break
                yield replace(rows, digest=seen.hexdigest())
            elif rows.end == skip:
                is_same = seen.hexdigest() == digest
        if not is_same:
            raise ValueError(
                f"Standard input differs from that of the unfinished output in its first {skip:,} "
                "rows: pass --restart to begin again."
            )

    def _parts(self, select: Select, skip: int) -> Iterator[Rows]:
        self.cursor = cursor = Cursor(skip)
        if self.format == "files":
            yield from read_files(self._documents(), select, self.limits, cursor)
            return
        paths: list[Path | None] = [*self.files] or [None]
        for path in paths:
            with _described(path, self.encoding):
                if self.format == "parquet":
                    assert path is not None
                    yield from read_parquet(path, select, self.limits, cursor)
                else:
                    with self._opened(path) as text:
                        yield from self._lines(text, str(path or self.name), select)

    def _lines(self, text: TextIO, name: str, select: Select) -> Iterator[Rows]:
        if self.format == "csv":
            assert self.delimiter is not None
            return read_csv(text, name, self.delimiter, select, self.limits, self.cursor)
        if self.format == "jsonl":
            return read_json_lines(text, name, select, self.limits, self.cursor)
        return read_lines(text, select, self.limits, self.cursor)

    def _documents(self) -> Iterator[tuple[str, str]]:
        for path in self.files:
            with _described(path, self.encoding), self._opened(path) as text:
                yield str(path), text.read()

    @contextmanager
    def _opened(self, path: Path | None) -> Iterator[TextIO]:
        """Open a file of text and count its bytes as they are read."""
        if path is None:
            raw = sys.stdin.buffer
        else:
            raw = _Counted(path, self.cursor)
        content: Any = raw
        if path is not None and path.suffix.lower() == ".gz":
            content = gzip.open(raw)
        newline = {"csv": "", "jsonl": "\n"}.get(self.format or "")
        text = io.TextIOWrapper(content, self.encoding, newline=newline)
        try:
            yield text
        finally:
            if path is None:
                text.detach()
            else:
                text.close()
                raw.close()


class _Counted(io.BufferedReader):
    """File that counts the bytes that are read."""

    def __init__(self, path: Path, cursor: Cursor) -> None:
        super().__init__(io.FileIO(path), 1 << 20)
        self._cursor = cursor

    def read1(self, size: int = -1) -> bytes:
        return self._counted(super().read1(size))

    def read(self, size: int | None = -1) -> bytes:
        return self._counted(super().read(size))

    def _counted(self, content: bytes) -> bytes:
        self._cursor.n_bytes += len(content)
        return content


@contextmanager
def _described(path: Path | None, encoding: str) -> Iterator[None]:
    """Name the file in errors about its content."""
    name = "Standard input" if path is None else str(path)
    try:
        yield
    except UnicodeDecodeError as error:
        given = "UTF-8" if encoding == "utf-8-sig" else encoding
        sort = "utf-16" if error.object[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        raise ValueError(
            f"{name} is not encoded in {given} (byte 0x{error.object[error.start]:02X}): pass its "
            f"encoding, such as --encoding {sort}."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{name} is damaged or not complete: {error}.") from error
    except Exception as error:
        if type(error).__module__.startswith("pyarrow"):
            raise ValueError(f"{name} is no complete Parquet file: {error}.") from error
        raise
