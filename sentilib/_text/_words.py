"""A growing table of words with their counts, in arrays that the kernels read."""

import os
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

import sentilib._text._table_kernels as _table_kernels
from sentilib._compiled._states import (
    integers,
    is_array,
    narrowed,
    require,
    restoring,
    snapshot,
)

# Size of a new table. Full ones grow to 2n + 1 words, and 2 ** k - 1 of them fill their slots best.
_N_WORDS, _N_CHUNKS = (1 << 11) - 1, 1 << 12
_LINE_FEED = 10
_NO_WORD = re.compile("[\0\n\ud800-\udfff]")


class WordTable:
    """Words, numbered in the order of their first occurrence, with term and document counts."""

    def __init__(self, n_words: int = _N_WORDS, n_chunks: int = _N_CHUNKS) -> None:
        self.size = 0
        self.slots = self.chunks = self.starts = np.zeros(1, dtype=np.int64)
        self.stats = np.empty((0, 2), dtype=np.int64)
        self.key = _random_key()
        self.make_room(n_words, n_chunks)

    @classmethod
    def of(cls, words: Iterable[str]) -> "WordTable":
        """Return a table of distinct words, with counts of zero."""
        text = "".join(f"{word}\n" for word in words).encode()
        table = cls._of_text(np.frombuffer(text, dtype=np.uint8))
        table.stats[:] = (0, _table_kernels.NO_DOCUMENT)
        return table

    @classmethod
    def _of_text(cls, text: np.ndarray) -> "WordTable":
        """Return a table of the words in UTF-8, each with a line feed, without counts."""
        is_end = text == _LINE_FEED
        ends = np.flatnonzero(is_end)
        begins = np.concatenate([[0], ends + 1])[:-1]
        starts = np.concatenate([[0], np.cumsum((ends - begins + 7) // 8)])
        places = np.repeat(8 * starts[:-1] - begins, ends - begins + 1) + np.arange(len(text))
        padded = np.zeros(8 * int(starts[-1]), dtype=np.uint8)
        padded[places[~is_end]] = text[~is_end]
        table = cls(len(ends), int(starts[-1]))
        table.size = len(ends)
        table.chunks[:] = padded.view("<i8")
        table.starts[:] = starts
        _table_kernels.fill_slots(table.arrays, table.size)
        return table

    def make_room(self, n_words: int, n_chunks: int) -> None:
        """Move to new arrays, with room for `n_words` words and `n_chunks` chunks."""
        n_slots = 1 << max(2 * n_words - 1, 1).bit_length()
        chunks = np.empty(n_chunks, dtype=np.int64)
        starts = np.zeros(n_words + 1, dtype=np.int64)
        stats = np.empty((n_words, 2), dtype=np.int64)
        n_used = self.starts[self.size]
        chunks[:n_used] = self.chunks[:n_used]
        starts[: self.size + 1] = self.starts[: self.size + 1]
        stats[: self.size] = self.stats[: self.size]
        if n_slots == len(self.slots):
            slots = self.slots.copy()
        else:
            slots = np.zeros(n_slots, dtype=np.int64)
            _table_kernels.fill_slots((slots, chunks, starts, stats, self.key), self.size)
        self.slots, self.chunks, self.starts, self.stats = slots, chunks, starts, stats

    def state(self) -> dict[str, Any]:
        """Return the words as one array of bytes, each with a line feed, and their counts."""
        return {
            "text": self._text(np.arange(self.size)),
            "term_counts": narrowed(self.term_counts),
            "document_counts": narrowed(self.document_counts),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "WordTable":
        """Return the table; raise ValueError if its arrays, which may be damaged, do not fit."""
        what = "saved vocabulary"
        with restoring(what):
            text = state["text"]
            require(is_array(text, np.uint8, None) and (text != 0).all(), what)
            require(len(text) == 0 or text[-1] == _LINE_FEED, what)
            is_end = np.concatenate([[True], text == _LINE_FEED])
            require(not (is_end[1:] & is_end[:-1]).any(), what)  # an empty word
            text.tobytes().decode()  # is UTF-8
            table = cls._of_text(text)
            counts = [
                integers(state[name], np.int64, table.size, what=what)
                for name in ("term_counts", "document_counts")
            ]
            require(all((n >= 0).all() for n in counts) and (counts[1] < 2**31).all(), what)
        table.stats[:, 0] = counts[0]
        table.stats[:, 1] = counts[1] | _table_kernels.NO_DOCUMENT
        return table

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The table in the form that the kernels read."""
        return self.slots, self.chunks, self.starts, self.stats, self.key

    @property
    def term_counts(self) -> np.ndarray:
        """Number of occurrences of each word."""
        return self.stats[: self.size, 0]

    @property
    def document_counts(self) -> np.ndarray:
        """Number of documents that contain each word."""
        return self.stats[: self.size, 1] & 0xFFFFFFFF

    def words(self, numbers: np.ndarray | None = None) -> list[str]:
        """Return the words with these numbers, or all words."""
        if numbers is None:
            numbers = np.arange(self.size)
        return self._text(numbers).tobytes().decode().split("\n")[:-1]

    def _text(self, numbers: np.ndarray) -> np.ndarray:
        """Return the words with these numbers in UTF-8, each with a line feed."""
        text = np.empty(8 * self._n_chunks(numbers) + len(numbers), dtype=np.uint8)
        n_written = _table_kernels.spell(self.arrays, numbers, text)
        return text[:n_written].copy()

    def merged(
        self, other: "WordTable", numbers: np.ndarray | None = None
    ) -> tuple["WordTable", np.ndarray]:
        """Return a table with the counts of both, and its numbers for the words of `other`.

        `numbers` selects some of other's words, and their order.
        """
        if numbers is None:
            numbers = np.arange(other.size)
        table = snapshot(self)
        table.make_room(
            self.size + len(numbers), int(self.starts[self.size]) + other._n_chunks(numbers)
        )
        index = np.empty(len(numbers), dtype=np.int64)
        table.size = _table_kernels.merge(table.arrays, table.size, other.arrays, numbers, index)
        table.stats[: table.size, 1] = table.document_counts | _table_kernels.NO_DOCUMENT
        return table, index

    @classmethod
    def union(cls, tables: list["WordTable"]) -> tuple["WordTable", list[np.ndarray]]:
        """Return a table with the words and counts of all, and its numbers for each one's words."""
        whole, *others = tables
        numbers = [np.arange(whole.size)]
        for table in others:
            whole, places = whole.merged(table)
            numbers.append(places)
        return whole, numbers

    def find(self, other: "WordTable") -> np.ndarray:
        """Return this table's numbers for the words of `other`, -1 for unknown words."""
        index = np.empty(other.size, dtype=np.int64)
        _table_kernels.find_words(self.arrays, other.arrays, other.size, index)
        return index

    def _n_chunks(self, numbers: np.ndarray) -> int:
        return int((self.starts[numbers + 1] - self.starts[numbers]).sum())


def check_words(parameter: str, words: Iterable[object]) -> None:
    """Raise ValueError for values that cannot be words or that the kernels cannot store."""
    for word in words:
        if not is_word(word):
            raise ValueError(
                f"{parameter} contains {word!r:.60}, which is not a word. Words are non-empty "
                "strings without NUL, line feed or lone surrogates."
            )


def is_word(word: object) -> bool:
    """Return whether the kernels can store a value as a word."""
    return isinstance(word, str) and bool(word) and not _NO_WORD.search(word)


def _random_key() -> np.ndarray:
    return np.frombuffer(os.urandom(16), dtype=np.uint64)
