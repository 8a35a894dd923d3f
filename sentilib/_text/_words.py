"""A growing table of words with their counts, kept in arrays for the kernels."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from sentilib._text import _kernels


class WordTable:
    """Words, numbered in the order in which they came, with term and document counts."""

    def __init__(self) -> None:
        self.arrays: tuple[np.ndarray, ...] = (
            np.zeros(1 << 12, dtype=np.int64),
            np.empty(1 << 12, dtype=np.int64),
            np.zeros((1 << 11) + 1, dtype=np.int64),
            np.empty((1 << 11, 3), dtype=np.int64),
        )
        self.size = 0

    @classmethod
    def of(cls, words: Iterable[str]) -> "WordTable":
        """Return a table of these words, each counted zero times."""
        chunks: list[int] = []
        starts = [0]
        for word in words:
            encoded = word.encode()
            chunks += [int.from_bytes(encoded[k : k + 8]) for k in range(0, len(encoded), 8)]
            starts.append(len(chunks))
        plain = cls()
        plain.size = len(starts) - 1
        plain.arrays = (
            plain.arrays[0],
            np.array(chunks, dtype=np.uint64).view(np.int64),
            np.array(starts, dtype=np.int64),
            np.zeros((plain.size, 3), dtype=np.int64),
        )
        return cls().merged(plain)[0]

    def __setstate__(self, state: dict[str, Any]) -> None:
        # joblib may hand a worker read-only memory maps; the kernels are compiled for arrays
        self.size = state["size"]
        self.arrays = tuple(np.require(array, requirements=["C", "W"]) for array in state["arrays"])

    @property
    def term_counts(self) -> np.ndarray:
        """How often each word occurs."""
        return self.arrays[3][: self.size, 0]

    @property
    def document_counts(self) -> np.ndarray:
        """How many documents hold each word."""
        return self.arrays[3][: self.size, 1]

    def words(self, numbers: np.ndarray | None = None) -> list[str]:
        """Spell these words out, or all."""
        if numbers is None:
            numbers = np.arange(self.size)
        starts = self.arrays[2]
        n_bytes = 8 * int((starts[numbers + 1] - starts[numbers]).sum()) + len(numbers)
        text = np.empty(n_bytes, dtype=np.uint8)
        n_bytes = _kernels.spell(self.arrays, numbers, text)
        return text[:n_bytes].tobytes().decode().split("\n")[:-1]

    def merged(
        self, other: "WordTable", numbers: np.ndarray | None = None
    ) -> tuple["WordTable", np.ndarray]:
        """Return a table with the counts of both, and its numbers for other's words.

        `numbers` restricts other to some of its words, in this order.
        """
        if numbers is None:
            numbers = np.arange(other.size)
        table = WordTable()
        index = np.empty(len(numbers), dtype=np.int64)
        arrays = tuple(array.copy() for array in self.arrays)
        table.arrays, table.size = _kernels.merge(arrays, self.size, other.arrays, numbers, index)
        return table, index

    def find(self, other: "WordTable") -> np.ndarray:
        """Return this table's numbers for other's words, -1 for words that it lacks."""
        _, index = self.merged(other)
        return np.where(index < self.size, index, -1)
