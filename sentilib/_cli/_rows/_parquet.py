"""Parquet files, read and written in parts of a row group."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sentilib._cli._rows._rows import Column, Cursor, Limits, Rows, Select
from sentilib._optional import import_optional


def arrow(module: str) -> Any:
    """Import a module of pyarrow."""
    return import_optional(module, "A Parquet file", "parquet")


def read_parquet(path: Path, select: Select, limits: Limits, cursor: Cursor) -> Iterator[Rows]:
    """Yield the rows of a file; row groups to leave out are not read."""
    size, bytes_before, rows_before = path.stat().st_size, cursor.n_bytes, cursor.n_rows
    with _opened(path) as file:
        names = select(list(file.schema_arrow.names))
        n_rows = file.metadata.num_rows
        if not n_rows:
            yield _rows(file.schema_arrow.empty_table().select(names), cursor.n_rows)
        for group in range(file.num_row_groups):
            in_group = file.metadata.row_group(group).num_rows
            if cursor.n_rows + in_group <= cursor.skip:
                cursor.n_rows += in_group
                continue
            for batch in _batches(file, group, names, limits):
                cursor.n_rows += len(batch)
                n_new = min(len(batch), cursor.n_rows - cursor.skip)
                if n_new > 0:
                    share = (cursor.n_rows - rows_before) / n_rows
                    cursor.n_bytes = bytes_before + int(share * size)
                    yield _rows(batch.slice(len(batch) - n_new), cursor.n_rows - n_new)
    cursor.n_bytes = bytes_before + size


def _opened(path: Path) -> Any:
    # One page at a time: without this, a row group is read as a whole.
    return arrow("pyarrow.parquet").ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)


def _batches(file: Any, group: int, names: list[str], limits: Limits) -> Iterator[Any]:
    """Yield parts of a row group whose mean row keeps them within the limits."""
    metadata = file.metadata.row_group(group)
    wanted = [
        column
        for column in map(metadata.column, range(metadata.num_columns))
        if column.path_in_schema.partition(".")[0] in names
    ]
    mean = sum(column.total_uncompressed_size for column in wanted) / max(metadata.num_rows, 1)
    n_rows = int(max(1, min(limits.rows, limits.characters / max(mean, 1))))
    yield from file.iter_batches(n_rows, row_groups=[group], columns=names, use_threads=False)


def _rows(batch: Any, first: int) -> Rows:
    return Rows(
        batch.schema.names,
        len(batch),
        lambda column: batch.column(column).to_pylist(),
        first,
        batch=batch,
    )


def as_table(rows: Rows, names: list[str], new: dict[str, Column], schema: Any) -> Any:
    """Return rows with new columns as a table of Arrow, of a schema if one is given."""
    pyarrow = arrow("pyarrow")
    if rows.batch is not None:
        columns = {name: rows.batch.column(name) for name in names}
    else:
        columns = {name: rows.column(name) for name in names}
    for name, (values, example) in new.items():
        columns[name] = pyarrow.array(values, type=pyarrow.scalar(example).type)
    table = pyarrow.table(columns)
    if schema is None:
        return table
    if table.schema.names != schema.names:
        raise ValueError(
            f"From row {rows.first + 1:,} on the columns are {', '.join(table.schema.names)}, but "
            f"before they are {', '.join(schema.names)}."
        )
    try:
        return table.cast(schema)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise ValueError(
            f"From row {rows.first + 1:,} on values have another type than before ({error}). "
            "Write JSON lines, or name the columns to keep by --keep."
        ) from error
