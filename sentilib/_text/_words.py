"""A growing table of words with their counts, in arrays that the kernels read."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

import sentilib._text._table_kernels as _table_kernels
from sentilib._compiled._states import is_array, require, restoring, snapshot

# Size of a new table. Full ones grow to 2n + 1 words, and 2 ** k - 1 of them fill their slots best.
_N_WORDS, _N_CHUNKS = (1 << 11) - 1, 1 << 12


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
        chunks: list[int] = []
        starts = [0]
        for word in words:
            encoded = word.encode()
            chunks += [
                int.from_bytes(encoded[k : k + 8], "little") for k in range(0, len(encoded), 8)
            ]
            starts.append(len(chunks))
        table = cls(len(starts) - 1, len(chunks))
        table.size = len(starts) - 1
        table.chunks[:] = np.array(chunks, dtype=np.uint64).view(np.int64)
        table.starts[:] = starts
        table.stats[:] = (0, _table_kernels.NO_DOCUMENT)
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

    def __getstate__(self) -> dict[str, Any]:
        """Leave out unused room, and the key and slots, which are derived."""
        return {
            "size": self.size,
            "chunks": self.chunks[: self.starts[self.size]].copy(),
            "starts": self.starts[: self.size + 1].copy(),
            "stats": self.stats[: self.size].copy(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Check and copy the arrays, which may be read-only in a joblib worker."""
        with restoring("saved vocabulary"):
            size, starts = int(state["size"]), state["starts"]
            require(
                is_array(starts, np.int64, size + 1)
                and starts[0] == 0
                and (np.diff(starts) > 0).all()
                and is_array(state["chunks"], np.int64, int(starts[-1]))
                and is_array(state["stats"], np.int64, size, 2),
                "saved vocabulary",
            )
            first = state["chunks"][starts[:-1]]
            lead, second = first & 0xFF, first >> 8 & 0x3F
            require(
                (
                    (lead < 0xF4) | ((lead == 0xF4) & (second < 0x10))
                ).all(),  # no code above 0x10FFFF
                "saved vocabulary",
            )
        self.__dict__.update(state)
        self.key, self.slots = _random_key(), np.zeros(1, dtype=np.int64)
        self.make_room(self.size, len(self.chunks))

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
        n_bytes = 8 * self._n_chunks(numbers) + len(numbers)
        text = np.empty(n_bytes, dtype=np.uint8)
        n_written = _table_kernels.spell(self.arrays, numbers, text)
        return text[:n_written].tobytes().decode().split("\n")[:-1]

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


def _random_key() -> np.ndarray:
    return np.frombuffer(os.urandom(16), dtype=np.uint64)
