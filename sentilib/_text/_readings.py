"""Documents read once: visible text, tokens, their offsets and ids, in compact arrays."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sentilib._ids import OOV
from sentilib._text._documents import blocks
from sentilib._text._kernels import IS_MARK
from sentilib._text._negation import ids_without_negation
from sentilib._text._scan import Block, Matrix, Scanner, Stream, share_out, texts_of
from sentilib._text._words import WordTable


class Reading(NamedTuple):
    """Reading of one document."""

    tokens: list[str]
    offsets: np.ndarray  # int64 (n_tokens, 2), start and end in the visible text, in characters
    visible: str


class _Part(NamedTuple):
    """Reading of one block."""

    texts: list[bytes]
    lengths: np.ndarray  # int64 (n_documents,)
    numbers: np.ndarray  # int32 (n_tokens,)
    spans: np.ndarray  # int32 (n_tokens, 2)
    table: WordTable  # table that the numbers refer to


class Readings:
    """Readings of documents from one scan; a document is decoded on access.

    They use 12 bytes per token, and the visible text as UTF-8.

    Parameters
    ----------
    scanner : Scanner
        Scanner that splits documents into words.
    documents : sequence of str
        Raw documents.
    table : WordTable
        Known words, and stop words.
    ids : ndarray of shape (table.size,), int32
        Id of each known word; negative for a stop word, which is no token.
    n_threads : int
        Number of threads that share the documents.
    plain : bool, default=False
        Whether the documents are visible text, without markup.

    Attributes
    ----------
    texts : list of bytes
        Visible text of each document, as UTF-8.
    lengths : ndarray of shape (n_documents,), int64
        Number of tokens of each document.
    numbers : ndarray of shape (n_tokens,), int32
        Word of each token of all documents, as an index into `words`.
    """

    def __init__(
        self,
        scanner: Scanner,
        documents: Sequence[str],
        table: WordTable,
        ids: np.ndarray,
        n_threads: int,
        *,
        plain: bool = False,
    ) -> None:
        idle: list[WordTable] = []
        parts: dict[int, _Part] = {}

        def work(jobs: Iterator[tuple[int, Sequence[str]]]) -> None:
            try:
                own = idle.pop()
            except IndexError:
                own = WordTable()
            for first, texts in jobs:
                block = scanner.prepare(first, texts, plain=plain)
                parts[first] = _read_block(scanner, block, own)
            idle.append(own)

        share_out(work, blocks(documents), n_threads)
        self._table, numbers = WordTable.union(idle or [WordTable()])
        places = dict(zip(map(id, idle), numbers, strict=False))
        known = table.find(self._table)
        self._ids = np.full(len(known), OOV, dtype=np.int32)
        self._ids[known >= 0] = ids[known[known >= 0]]
        if scanner.negation_scope:
            ids_without_negation(self._table, self._ids, table, ids)
        scanner.with_marks(self._table, self._ids)

        n_tokens = sum(len(part.numbers) for part in parts.values())
        self.numbers = np.empty(n_tokens, dtype=np.int32)
        self._spans = np.empty((n_tokens, 2), dtype=np.int32)
        self._starts = np.zeros(len(documents) + 1, dtype=np.int64)
        self.texts: list[bytes] = []
        t = 0
        for first in sorted(parts):
            part = parts.pop(first)  # freed one by one, so that memory never contains two copies
            end = t + len(part.numbers)
            self.numbers[t:end] = places[id(part.table)][part.numbers]
            self._spans[t:end] = part.spans
            self._starts[first + 1 : first + 1 + len(part.texts)] = t + np.cumsum(part.lengths)
            self.texts += part.texts
            t = end
        if (self._ids < 0).any():
            self._leave_out(self._ids[self.numbers] < 0)

    def _leave_out(self, is_stop_word: np.ndarray) -> None:
        kept = ~is_stop_word
        self._starts = np.concatenate([[0], np.cumsum(kept)])[self._starts]
        self.numbers, self._spans = self.numbers[kept], self._spans[kept]

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: int) -> Reading:
        """Return the reading of a document."""
        text, tokens = self.texts[row], slice(*self._starts[row : row + 2])
        offsets = self._spans[tokens].astype(np.int64)
        if not text.isascii():
            is_first_byte = (np.frombuffer(text, dtype=np.uint8) & 0xC0) != 0x80
            offsets = np.concatenate([[0], np.cumsum(is_first_byte, dtype=np.int64)])[offsets]
        return Reading(self.words[self.numbers[tokens]].tolist(), offsets, text.decode())

    def numbers_of(self, row: int) -> np.ndarray:
        """Return the word of each token of a document, as an index into `words`."""
        return self.numbers[slice(*self._starts[row : row + 2])]

    @property
    def ids(self) -> np.ndarray:
        """Id of each of `words`, shape (n_words,)."""
        return self._ids & ~IS_MARK

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each document."""
        return np.diff(self._starts)

    @cached_property
    def words(self) -> np.ndarray:
        """Words that `numbers` refers to, shape (n_words,), dtype=object."""
        return np.array(self._table.words(), dtype=object)

    def visible_text(self, row: int) -> str:
        """Return the visible text of a document."""
        return self.texts[row].decode()

    def fill(self, matrix: Matrix) -> None:
        """Write the documents' ids into their rows; words without an id are OOV."""
        matrix.fill(Stream(0, self._ids[self.numbers], self._starts))

    def kept(self, row: int, width: int, truncating: str) -> np.ndarray:
        """Return the numbers of those tokens of a document that a row of the matrix contains."""
        marks = self._ids[self.numbers_of(row)] & IS_MARK
        numbers = np.arange(1, len(marks) + 1, dtype=np.int32) | marks
        matrix = Matrix(1, width, padding="post", truncating=truncating)
        matrix.fill(Stream(0, numbers, np.array([0, len(numbers)])))
        return matrix.rows[matrix.rows > 0].astype(np.int64) - 1


def _read_block(scanner: Scanner, block: Block, table: WordTable) -> _Part:
    spans = np.empty((len(block.raw), 2), dtype=np.int64)
    stream = scanner.scan(block, table, learn=True, spans=spans)
    lengths = np.diff(stream.starts)
    document = np.repeat(np.arange(len(lengths)), lengths)
    numbers = stream.numbers[: len(document)]
    spans = spans[: len(document)] - block.starts[document, None]
    return _Part(texts_of(block), lengths, numbers.copy(), spans.astype(np.int32), table)
