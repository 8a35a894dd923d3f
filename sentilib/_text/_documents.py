"""Accepted containers of documents, and error messages for all other input."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import sentilib._text._utf8_kernels as _utf8_kernels
from sentilib._compiled._progress import printable
from sentilib._text._columns import EncodedDocuments, TextColumn, text_column
from sentilib._text._normalization import Form, may_change

_BLOCK_SIZE = 1 << 18  # characters: many blocks per thread, each within the second-level cache
_MISSING = "NAType", "NaTType"  # of pandas
_STABLE: dict[Form, int] = {  # kinds of documents up to which each form changes none
    None: _utf8_kernels.UNICODE,
    "NFC": _utf8_kernels.LATIN,
    "NFKC": _utf8_kernels.ASCII,
}


def as_documents(raw_documents: Any) -> Iterable[str]:
    """Return a list or column of documents, or the iterable that yields them."""
    if isinstance(raw_documents, str | bytes):
        raise ValueError(
            "Expected an iterable of documents, got one string. Put a single document in a list: "
            "[document]."
        )
    names = column_names(raw_documents)
    if names is not None and len(names) == 1:
        return as_documents(raw_documents[names[0]])
    if names is not None:
        listed = printable(", ".join(map(str, list(names)[:5])))
        raise ValueError(
            f"Expected documents in one column, got a table with {len(names)} columns: {listed}"
            f"{', ...' if len(names) > 5 else ''}. Select the one that contains the documents."
        )
    if isinstance(raw_documents, Mapping) or not isinstance(raw_documents, Iterable):
        raise TypeError(
            "Expected an iterable of documents, such as a list of strings, got "
            f"{type(raw_documents).__name__}."
        )
    shape = getattr(raw_documents, "shape", None)
    if shape is not None and len(shape) != 1:
        if len(shape) != 2 or shape[1] != 1:
            raise ValueError(
                f"Expected documents in one dimension or one column, got an array of shape {shape}."
            )
        return np.asarray(raw_documents, dtype=object)[:, 0].tolist()
    if (column := text_column(raw_documents)) is not None:
        return column
    for convert in ("tolist", "to_list", "to_pylist"):  # NumPy and pandas, polars, pyarrow
        if hasattr(raw_documents, convert):
            return getattr(raw_documents, convert)()
    return raw_documents


def sequence_of_documents(raw_documents: Any) -> Sequence[str]:
    """Return a list or column of documents."""
    if type(raw_documents) is list:
        return raw_documents
    documents = as_documents(raw_documents)
    return documents if isinstance(documents, list | TextColumn) else list(documents)


def column_names(X: Any) -> Any:
    """Return the names of a table's columns; None if X is not a table."""
    if type(X).__name__ == "LazyFrame":
        raise TypeError("Expected documents, got a LazyFrame, which has no rows yet: collect() it.")
    return getattr(X, "column_names", getattr(X, "columns", None))  # pyarrow; pandas and polars


def blocks(documents: Iterable[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield blocks of documents, each with the index of its first; check that they are strings."""
    if type(documents) is TextColumn:  # isinstance of an abstract class takes a microsecond
        yield from documents.blocks(_BLOCK_SIZE)
        return
    block: list[str] = []
    first = size = 0
    for index, document in enumerate(documents):
        if not isinstance(document, str):
            raise TypeError(
                f"Document {index} is {document!r:.60} of type {type(document).__name__}, but "
                f"documents must be strings. {_advice(document)}"
            )
        block.append(document)
        size += len(document)
        if size >= _BLOCK_SIZE:
            yield first, block
            block, first, size = [], index + 1, 0
    if block:
        yield first, block


def _is_nan(document: Any) -> bool:
    return isinstance(document, float | np.floating) and bool(document != document)


def _advice(document: Any) -> str:
    if isinstance(document, bytes | bytearray):
        return "Decode bytes, as by document.decode()."
    if isinstance(document, list | tuple | np.ndarray):
        return "Pass one string per document, or texts in a column as an array of shape (n, 1)."
    if document is None or type(document).__name__ in _MISSING or _is_nan(document):
        return "Drop or fill missing documents, as by table.dropna(subset=[...])."
    return "Is this the column of the texts?"


def joined(documents: Iterable[str], tail: bytes) -> bytearray:
    """Encode documents as UTF-8, each followed by a byte 0xFF, and append the tail."""
    return bytearray(b"\xff").join([*map(str.encode, documents), tail])


def prepared(
    first: int, documents: Sequence[str], tail: bytes, form: Form, decode_error: str
) -> tuple[Sequence[str], bytearray, list[int]]:
    """Join documents as `joined` does, and find those that normalization may change.

    Returns the documents, the bytes and the indices of those.
    Invalid characters raise ValueError if `decode_error` is "strict", else U+FFFD replaces them.
    """
    if type(documents) is EncodedDocuments:
        encoded, kinds = documents.joined(tail)
        if kinds.max() < _utf8_kernels.INVALID:
            return documents, encoded, np.flatnonzero(kinds > _STABLE[form]).tolist()
        documents = decoded(first, documents, decode_error)
    suspects = [k for k, d in enumerate(documents) if not d.isascii() and may_change(d, form)]
    try:
        encoded = joined(documents, tail)
    except UnicodeEncodeError:
        documents = without_surrogates(first, documents, decode_error)
        encoded = joined(documents, tail)
    return documents, encoded, suspects


def decoded(first: int, documents: EncodedDocuments, decode_error: str) -> list[str]:
    """Decode documents, with U+FFFD for bytes that are no UTF-8, or raise ValueError for these."""
    texts = []
    for k in range(len(documents)):
        try:
            texts.append(documents.encoded(k).decode(errors=decode_error))
        except UnicodeDecodeError as error:
            raise ValueError(
                f"Document {first + k} is not valid UTF-8: {error.reason} at byte {error.start}. "
                "Repair the column, or set decode_error='replace'."
            ) from None
    return texts


def without_surrogates(first: int, documents: Sequence[str], decode_error: str) -> list[str]:
    """Return the documents with U+FFFD for lone surrogates, and a character for each pair.

    If `decode_error` is "strict", the first lone surrogate raises ValueError.
    """
    if decode_error == "strict":
        for index, document in enumerate(documents, first):
            try:
                document.encode()
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"Document {index} contains a lone surrogate, {document[error.start]!r} at "
                    f"position {error.start}, which is not a character. Decode the text with "
                    "errors='replace', or set decode_error='replace'."
                ) from None
    return [
        document.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        for document in documents
    ]
