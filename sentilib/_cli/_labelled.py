"""Labelled reviews, read as a whole."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentilib._cli._models import label_name
from sentilib._cli._options import require, text_column_of, texts_of
from sentilib._cli._progress import progress
from sentilib._cli._rows._source import Source

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


@dataclass
class Labelled:
    """Reviews with labels, and other columns.

    Parameters
    ----------
    rows : list of int
        Number of each review's row in the input, from 1 on.
    texts : list of str
        Reviews.
    labels : list
        Labels as they were read.
    columns : dict of str to list
        Further columns.
    """

    rows: list[int]
    texts: list[str]
    labels: list
    columns: dict[str, list]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass
class LabelledReader:
    """Reads the columns that the options name; `option` is that of the further ones."""

    source: Source
    text_column: str | None
    label_column: str
    further: tuple[str, ...] = ()
    drop_missing: bool = False
    quiet: bool = False
    option: str = "--group"

    def parts(self) -> Any:
        """Yield labelled reviews, part by part."""
        n_missing = n_rows = 0
        for rows in progress(self.source, self._select, quiet=self.quiet):
            if not rows.size:
                continue
            text, label, *further = self._select(rows.names)
            texts = texts_of(rows.column(text), rows.first, text, self.source.format)
            labels = rows.column(label)
            kept = [
                k for k in range(rows.size) if texts[k] is not None and not is_missing(labels[k])
            ]
            n_rows += len(kept)
            if len(kept) < rows.size:
                n_missing += rows.size - len(kept)
                if not self.drop_missing:
                    first = next(k for k, row in enumerate([*kept, -1]) if k != row)
                    what = "text" if texts[first] is None else "label"
                    raise ValueError(
                        f"Row {rows.first + first + 1:,} of {self.source.name} has no {what}: "
                        "pass --drop-missing to leave out such rows."
                    )
            columns = {name: rows.column(name) for name in further}
            yield Labelled(
                [rows.first + k + 1 for k in kept],
                [texts[k] for k in kept],  # type: ignore[misc]
                [labels[k] for k in kept],
                {name: [values[k] for k in kept] for name, values in columns.items()},
            )
        if not n_rows:
            raise ValueError(f"{self.source.name} contains no rows with text and label.")

    def read(self) -> Labelled:
        """Read all reviews."""
        whole = Labelled([], [], [], {name: [] for name in self.further})
        for part in self.parts():
            whole.rows += part.rows
            whole.texts += part.texts
            whole.labels += part.labels
            for name, values in part.columns.items():
                whole.columns[name] += values
        return whole

    def _select(self, names: list[str]) -> list[str]:
        where = self.source.name
        if self.source.format in ("text", "files"):
            raise ValueError(
                f"{where} is read as plain text, which has no labels: expected a table of CSV, "
                "JSON lines or Parquet. Pass --format if it is one."
            )
        label = require(names, self.label_column, "--label", where)
        text = text_column_of([name for name in names if name != label], self.text_column, where)
        return [text, label, *(require(names, name, self.option, where) for name in self.further)]


def is_missing(value: Any) -> bool:
    """Return whether a label is missing: null, NaN or an empty cell."""
    return value is None or value != value or value == ""


def as_labels(values: list) -> np.ndarray:
    """Return labels as an array; text that consists of integers only becomes integers."""
    if len({type(value) for value in values}) > 1:
        values = [label_name(value) for value in values]
    if isinstance(values[0], str) and all(_INTEGER.fullmatch(value) for value in values):
        values = [int(value) for value in values]
    if not isinstance(values[0], str | bool | int | float):
        raise ValueError(
            f"Labels must be text or numbers, got {values[0]!r:.40} of type "
            f"{type(values[0]).__name__}. Name their column by --label."
        )
    return np.array(values)


def codes_of(labels: list, classes: list[str], where: str) -> np.ndarray:
    """Return the number of each label among the names of a model's classes."""
    numbers = {name: number for number, name in enumerate(classes)}
    names = [label_name(label) for label in labels]
    if unknown := sorted(set(names) - set(numbers)):
        raise ValueError(
            f"{where} contains labels that the model does not know: {', '.join(unknown[:8])}. It "
            f"knows {', '.join(classes[:8])}. Is this the column of labels? Name it by --label."
        )
    return np.array([numbers[name] for name in names], dtype=np.int64)
