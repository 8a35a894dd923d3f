"""Columns of texts in Arrow's format, which are read from its buffers, without a str per document.

pyarrow, which such columns come from or need, is imported only for them.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import sentilib._text._utf8_kernels as _utf8_kernels

_N_ROWS = 1 << 13  # whose offsets are converted at once
_N_BYTES = 1 << 18  # decoded at once


class EncodedDocuments(Sequence):
    """Documents of a buffer that should be UTF-8, but may be damaged."""

    def __init__(self, data: np.ndarray, offsets: np.ndarray) -> None:
        self._data, self._offsets = data, offsets
        if (np.diff(offsets) < 0).any() or offsets[0] < 0 or offsets[-1] > len(data):
            raise ValueError("The Arrow array is damaged: its offsets are not ascending.")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, k: Any) -> Any:
        return self.encoded(k).decode(errors="replace")

    def encoded(self, k: int) -> bytes:
        """Return a document as it is in the buffer."""
        return self._data[self._offsets[k] : self._offsets[k + 1]].tobytes()

    def parts(self, n_bytes: int) -> Iterator["EncodedDocuments"]:
        """Yield the documents in parts that end where they reach a number of bytes."""
        edges = [0]
        while edges[-1] < len(self):
            full = np.searchsorted(self._offsets, self._offsets[edges[-1]] + n_bytes)
            edges.append(min(max(int(full), edges[-1] + 1), len(self)))
        for start, stop in pairwise(edges):
            yield EncodedDocuments(self._data, self._offsets[start : stop + 1])

    def joined(self, tail: bytes) -> tuple[bytearray, np.ndarray]:
        """Return the documents, each followed by a byte 0xFF, with a tail; and the kind of each."""
        n_bytes = int(self._offsets[-1] - self._offsets[0]) + len(self)
        joined, kinds = bytearray(n_bytes + len(tail)), np.empty(len(self), dtype=np.uint8)
        joined[n_bytes:] = tail
        _utf8_kernels.join(self._data, self._offsets, joined, kinds)
        return joined, kinds


class TextColumn(Sequence):
    """A column of texts, of which none is missing; only those that are asked for become a str.

    Parameters
    ----------
    chunks : list of pyarrow.Array
        Arrays of type string, large_string or string_view.
    """

    def __init__(self, chunks: list[Any]) -> None:
        self._chunks = [chunk for chunk in chunks if len(chunk)]
        self._edges = [0, *np.cumsum([len(chunk) for chunk in self._chunks]).tolist()]

    def __len__(self) -> int:
        return int(self._edges[-1])

    def __getitem__(self, key: Any) -> Any:
        rows = range(len(self))[key]
        if isinstance(key, slice) and rows.step != 1:
            return [self[row] for row in rows]
        start, stop = (rows.start, rows.stop) if isinstance(key, slice) else (rows, rows + 1)
        column = TextColumn(
            [
                chunk[max(0, start - first) : max(0, stop - first)]
                for chunk, first in zip(self._chunks, self._edges[:-1], strict=True)
                if first < stop
            ]
        )
        return column if isinstance(key, slice) else next(iter(column))

    def __iter__(self) -> Iterator[str]:
        for _, documents in self.blocks(_N_BYTES):
            yield from documents

    def blocks(self, n_bytes: int) -> Iterator[tuple[int, EncodedDocuments]]:
        """Yield blocks of documents, each with the index of its first."""
        first = 0
        for chunk in self._chunks:
            for start in range(0, len(chunk), _N_ROWS):
                for part in _buffers(chunk[start : start + _N_ROWS]).parts(n_bytes):
                    yield first, part
                    first += len(part)


def text_column(values: Any) -> TextColumn | None:
    """Return the texts of a column in Arrow's format, None if it has none that can be read.

    Columns of pyarrow, polars, pandas and Hugging Face's datasets are such, and all that have
    Arrow's PyCapsule interface, unless a text is missing.
    """
    values = _arrow_of(values)
    if not (hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__")):
        return None
    try:
        import pyarrow as pa
    except ImportError:
        return None
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        is_stream = hasattr(values, "__arrow_c_stream__")
        values = pa.chunked_array(values) if is_stream else pa.array(values)
    if values.type not in (pa.string(), pa.large_string(), pa.string_view()) or values.null_count:
        return None
    try:
        pa.array([], values.type).cast(pa.large_string())
    except pa.ArrowNotImplementedError:  # of views, by older versions
        return None
    return TextColumn([values] if isinstance(values, pa.Array) else values.chunks)


def _arrow_of(values: Any) -> Any:
    """Return the Arrow arrays inside a column of pandas or datasets, else the values themselves."""
    library, dtype = type(values).__module__.partition(".")[0], getattr(values, "dtype", None)
    if library == "pandas":
        if getattr(dtype, "storage", None) == "pyarrow" or hasattr(dtype, "pyarrow_dtype"):
            return getattr(values, "array", values).__arrow_array__()
        return None  # Python objects, which it would copy
    if library == "datasets":
        source: Any = getattr(values, "source", None)
        if hasattr(source, "num_rows"):  # of a Dataset, neither a stream nor part of a column
            return source.with_format("arrow")[values.column_name][:]
        return None
    return None if library == "polars" and str(dtype) != "String" else values


def _buffers(array: Any) -> EncodedDocuments:
    """Return the buffers of a pyarrow.Array of text; views are copied to one buffer."""
    import pyarrow as pa

    try:
        if array.type == pa.string_view():
            array = array.view(pa.binary_view())
            array.validate(full=True)  # but not that it is UTF-8
            array = array.cast(pa.large_binary())
        array.validate()
    except pa.ArrowException as error:
        raise ValueError(f"The Arrow array is damaged: {error}") from error
    _, offsets, data = array.buffers()
    width = np.int32 if array.type == pa.string() else np.int64
    offsets = np.frombuffer(offsets, dtype=width)[array.offset : array.offset + len(array) + 1]
    data = np.frombuffer(b"" if data is None else data, dtype=np.uint8)
    return EncodedDocuments(data, offsets.astype(np.int64))
