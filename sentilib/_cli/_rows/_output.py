"""The output of a command: standard output, a file, or a folder of Parquet files."""

import gzip
import os
import sys
from pathlib import Path
from typing import Any, Protocol

from sentilib._cli._rows._csv import CsvWriter
from sentilib._cli._rows._json_lines import JsonLinesWriter
from sentilib._cli._rows._parquet import arrow, as_table
from sentilib._cli._rows._rows import Column, Rows
from sentilib._cli._rows._source import STANDARD, Source, format_of, is_folder_name
from sentilib._cli._rows._unfinished import Unfinished
from sentilib._files import atomic_write

_ROWS_PER_FILE = 100_000
_BYTES_PER_FILE = 1 << 27  # of values in memory


class Output(Protocol):
    """Where rows go; it contains those up to row `rows` of the input already."""

    rows: int
    digest: str
    done: bool

    def write(self, rows: Rows, names: list[str], new: dict[str, Column]) -> None:
        """Write the columns `names` of rows, and new columns."""

    def finish(self) -> None:
        """Complete the output."""

    def close(self) -> None:
        """Leave the output as it is."""


def writer(format: str, delimiter: str, header: list[str] | None = None) -> Any:
    """Return the writer of a format of lines."""
    return CsvWriter(delimiter, header) if format == "csv" else JsonLinesWriter()


class StreamOutput:
    """Standard output."""

    rows = 0
    digest = ""
    done = False

    def __init__(self, format: str, delimiter: str) -> None:
        self._writer = writer(format, delimiter)

    def write(self, rows: Rows, names: list[str], new: dict[str, Column]) -> None:
        """Write the rows at once, for programs that wait for them."""
        sys.stdout.buffer.write(self._writer.encode(rows, names, new))
        sys.stdout.buffer.flush()

    def finish(self) -> None:
        """Do nothing: all rows have been written."""

    def close(self) -> None:
        """Do nothing: all rows have been written."""


class FileOutput:
    """A file of lines, to which rows are appended."""

    def __init__(self, unfinished: Unfinished, format: str, delimiter: str) -> None:
        self._unfinished = unfinished
        state = unfinished.state
        self.rows = unfinished.rows
        self.digest = state.get("digest", "")
        self.done = bool(state.get("done"))
        self._writer = writer(format, delimiter, state.get("header"))
        self._compress = unfinished.target.name.lower().endswith(".gz")
        self._stream = None
        if not self.done:
            n_bytes = state.get("bytes", 0)
            self._stream = open(unfinished.data, "ab")
            if os.fstat(self._stream.fileno()).st_size < n_bytes:
                raise ValueError(f"{unfinished.data} is damaged: pass --restart to begin again.")
            self._stream.truncate(n_bytes)

    def write(self, rows: Rows, names: list[str], new: dict[str, Column]) -> None:
        """Append rows, and note it when they are on the disk."""
        assert self._stream is not None
        content = self._writer.encode(rows, names, new)
        self._stream.write(gzip.compress(content, 6) if self._compress else content)
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._unfinished.commit(
            rows.end,
            digest=rows.digest,
            bytes=os.fstat(self._stream.fileno()).st_size,
            header=getattr(self._writer, "header", None),
        )

    def finish(self) -> None:
        """Rename the file to the output."""
        if self._stream is not None:
            self._stream.close()
        self._unfinished.finish()

    def close(self) -> None:
        """Leave the unfinished file."""
        if self._stream is not None:
            self._stream.close()
        self._unfinished.close()


class ParquetOutput:
    """A folder of Parquet files of some parts each, or one file that is made of them at the end."""

    def __init__(self, unfinished: Unfinished, *, is_folder: bool, rows_per_part: int) -> None:
        self._unfinished = unfinished
        self._is_folder = is_folder
        self._rows_per_file = min(_ROWS_PER_FILE, 10 * rows_per_part)
        self.rows = unfinished.rows
        self.digest = unfinished.state.get("digest", "")
        self.done = bool(unfinished.state.get("done"))
        self._n_files = unfinished.state.get("files", 0)
        self._schema: Any = None
        self._file: Any = None
        self._size = self._n_rows = self._end = 0
        self._digest = ""
        if self.done:
            return
        unfinished.data.mkdir(exist_ok=True)
        for path in unfinished.data.iterdir():
            if path.name not in {self._path(number).name for number in range(self._n_files)}:
                path.unlink()
        if self._n_files:
            self._schema = arrow("pyarrow.parquet").read_schema(self._path(0))

    def _path(self, number: int) -> Path:
        return self._unfinished.data / f"part-{number:05}.parquet"

    def write(self, rows: Rows, names: list[str], new: dict[str, Column]) -> None:
        """Append a row group; note it when a file is complete."""
        table = as_table(rows, names, new, self._schema)
        if self._file is None:
            self._schema = table.schema
            path = self._path(self._n_files)
            self._file = arrow("pyarrow.parquet").ParquetWriter(path, self._schema)
        self._file.write_table(table)
        self._end, self._digest = rows.end, rows.digest
        self._n_rows += rows.size
        self._size += table.nbytes
        if self._n_rows >= self._rows_per_file or self._size >= _BYTES_PER_FILE:
            self._complete_file()

    def _complete_file(self) -> None:
        self._file.close()
        with open(self._path(self._n_files), "rb+") as stream:
            os.fsync(stream.fileno())
        self._file, self._size, self._n_rows = None, 0, 0
        self._n_files += 1
        self._unfinished.commit(self._end, digest=self._digest, files=self._n_files)

    def finish(self) -> None:
        """Rename the folder to the output, or its only file."""
        if self._file is not None:
            self._complete_file()
        if not (self._is_folder or self.done):
            self._merge()
        self._unfinished.finish("data" if self._is_folder else "merged")

    def _merge(self) -> None:
        """Make one file of all row groups."""
        parquet = arrow("pyarrow.parquet")
        with open(self._unfinished.folder / "merged", "wb") as stream:
            with parquet.ParquetWriter(stream, self._schema) as file:
                for number in range(self._n_files):
                    with parquet.ParquetFile(self._path(number), pre_buffer=False) as part:
                        for group in range(part.num_row_groups):
                            file.write_table(part.read_row_group(group))
            stream.flush()
            os.fsync(stream.fileno())

    def close(self) -> None:
        """Leave the unfinished files."""
        if self._file is not None:
            self._file.close()
        self._unfinished.close()


def format_for(source: Source, path: str, given: str | None) -> str:
    """Return the format of an output."""
    if path == STANDARD:
        if given == "parquet":
            raise ValueError("Standard output cannot have the format 'parquet': pass --output.")
        return given or ("jsonl" if source.format in ("jsonl", "parquet") else "csv")
    found = given or ("parquet" if is_folder_name(path) else format_of(path))
    if found not in ("csv", "jsonl", "parquet"):
        raise ValueError(
            f"The name {path!r} tells no format of an output (.csv, .tsv, .jsonl, .parquet): pass "
            "--output-format."
        )
    if is_folder_name(path) and found != "parquet":
        raise ValueError(f"{path!r} is a folder, in which only the format parquet is written.")
    return found


class FileTarget:
    """An output on the disk, checked before anything is computed."""

    def __init__(
        self, source: Source, path: str, format: str, delimiter: str | None, *, overwrite: bool
    ) -> None:
        target = Path(path)
        for file in map(Path, source.paths):
            if target.exists() and file.exists() and target.samefile(file):
                raise ValueError(f"{path!r} is input and output: choose another output.")
            if file.is_dir() and target.resolve().is_relative_to(file.resolve()):
                raise ValueError(f"The output {path!r} is inside the input {str(file)!r}.")
        self._format = format
        self._delimiter = "\t" if ".tsv" in target.suffixes else delimiter or ","
        self._is_folder = is_folder_name(path) or not target.suffix
        self._unfinished = Unfinished(target, overwrite=overwrite)

    def open(self, task: dict[str, Any], *, restart: bool, rows_per_part: int) -> Output:
        """Begin or continue the output of a task."""
        self._unfinished.open(task, restart=restart)
        if self._format == "parquet":
            return ParquetOutput(
                self._unfinished, is_folder=self._is_folder, rows_per_part=rows_per_part
            )
        return FileOutput(self._unfinished, self._format, self._delimiter)


def write_table(columns: dict[str, list], target: Path | None, format: str | None) -> None:
    """Write a table that fits in memory to a file, or to standard output."""
    path = STANDARD if target is None else str(target)
    names = list(columns)
    rows = Rows(names, len(columns[names[0]]), columns.__getitem__, 0)
    format = format or (path == STANDARD and "csv") or format_of(path) or "csv"
    if format == "parquet" and target is None:
        raise ValueError("Standard output cannot have the format 'parquet': pass --output.")
    if target is None:
        sys.stdout.buffer.write(writer(format, ",").encode(rows, names, {}))
        return
    with atomic_write(target) as stream:
        if format == "parquet":
            arrow("pyarrow.parquet").write_table(as_table(rows, names, {}, None), stream)
        else:
            delimiter = "\t" if ".tsv" in target.suffixes else ","
            stream.write(writer(format, delimiter).encode(rows, names, {}))
