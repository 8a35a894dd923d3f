"""DenseTables: a fitted DenseSentimentClassifier as a value."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from sentilib._compiled._threads import in_threads, row_slices
from sentilib._tables._base import Tables


@dataclass(frozen=True, eq=False)
class DenseTables(Tables):
    """Hidden units of each word, averaged over a row, and an output layer.

    Parameters
    ----------
    hidden : ndarray of shape (n_ids, n_units), float64
        Hidden units of each id, rectified.

    See Also
    --------
    Tables : The parameters that all tables share.
    """

    hidden: np.ndarray

    @property
    def words(self) -> np.ndarray:
        """Hidden units of each id."""
        return self.hidden

    @cached_property
    def _word_logits(self) -> np.ndarray:
        """What each id adds to the logits, as the average is linear: (n_ids, n_classes)."""
        return self.hidden @ self.head

    def pooled(self, ids: np.ndarray) -> np.ndarray:
        """Average the hidden units over each row's words."""
        return self._means(ids, self.hidden)

    def layer_logits(self, ids: np.ndarray) -> np.ndarray:
        """Average what the words of each row add to the logits."""
        return self._means(ids, self._word_logits) + self.bias

    def with_absent_word(self, weights: np.ndarray) -> Self:
        """Append the mean of the words' contributions: the word is a random one."""
        mean = (weights / weights.sum()) @ self.hidden
        return replace(self, hidden=np.vstack([self.hidden, mean]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that defines the tables, as named arrays."""
        return {**super().arrays(), "hidden": self.hidden}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Build the tables that `arrays` came from."""
        return cls(**cls._shared(arrays), hidden=arrays["hidden"])

    def _means(self, ids: np.ndarray, table: np.ndarray) -> np.ndarray:
        from sentilib._tables import _word_kernels

        means = np.empty((len(ids), table.shape[1]))
        in_threads(
            lambda rows: _word_kernels.means(ids[rows], table, self.masks_padding, means[rows]),
            row_slices(len(ids)),
        )
        return means
