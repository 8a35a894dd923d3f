"""Progress on standard error, where that is a terminal."""

from collections.abc import Iterator
from typing import Any

from sentilib._cli._rows._rows import Rows, Select
from sentilib._cli._rows._source import Source
from sentilib._optional import import_optional


def progress(
    source: Source,
    select: Select,
    *,
    skip: int = 0,
    digest: str = "",
    quiet: bool = False,
    what: str = "Reading",
) -> Iterator[Rows]:
    """Yield the parts of an input and show how much of it has been read."""
    tqdm: Any = import_optional("tqdm", "Progress", "cli").tqdm
    bar = tqdm(
        total=source.total_bytes,
        desc=what,
        unit="B",
        unit_scale=True,
        disable=True if quiet else None,  # None: unless standard error is a terminal
        leave=False,
    )
    with bar:
        for rows in source.parts(select, skip, digest):
            yield rows
            bar.update(min(source.cursor.n_bytes, bar.total or 0) - bar.n)
            bar.set_postfix_str(f"{rows.end:,} rows", refresh=False)
