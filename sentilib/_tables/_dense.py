"""DenseTables: a fitted DenseSentimentClassifier as a value."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from sentilib._compiled._states import is_array, require
from sentilib._compiled._threads import by_rows
from sentilib._tables._base import Tables


@dataclass(frozen=True, eq=False)
class DenseTables(Tables):
    """Hidden units of each word, their average over a row, and an output layer.

    Parameters
    ----------
    hidden : ndarray of shape (n_ids, n_units), float64
        Hidden units of each id, after the ReLU.

    See Also
    --------
    Tables : The parameters that all tables share.
    """

    hidden: np.ndarray

    def _n_units(self) -> int:
        require(is_array(self.hidden, np.float64, None, None), "model")
        return self.hidden.shape[1]

    @property
    def words(self) -> np.ndarray:
        """Hidden units of each id: (n_ids, n_units), float64."""
        return self.hidden

    @cached_property
    def _word_logits(self) -> np.ndarray:
        """Contribution of each id to the logits, as the average is linear: (n_ids, n_classes)."""
        return self.hidden @ self.head

    def pooled(self, ids: np.ndarray) -> np.ndarray:
        """Average the hidden units over each row's words: (n_rows, n_units)."""
        return self._means(ids, self.hidden)

    def layer_logits(self, ids: np.ndarray) -> np.ndarray:
        """Compute the logits without n-grams, as averages over words: (n_rows, n_classes)."""
        return self._means(ids, self._word_logits) + self.bias

    def with_absent_word(self, weights: np.ndarray) -> Self:
        """Append a word whose hidden units are the weighted mean of all words'."""
        mean = (weights / weights.sum()) @ self.hidden
        return replace(self, hidden=np.vstack([self.hidden, mean]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays that define the tables."""
        return {**super().arrays(), "hidden": self.hidden}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """Build tables from the result of `arrays`."""
        return cls(**cls._shared(arrays), hidden=arrays["hidden"])

    def _means(self, ids: np.ndarray, table: np.ndarray) -> np.ndarray:
        import sentilib._tables._word_kernels as _word_kernels

        means = np.empty((len(ids), table.shape[1]))
        by_rows(
            lambda rows: _word_kernels.means(ids[rows], table, self.masks_padding, means[rows]),
            len(ids),
        )
        return self._with_neutral_tokens(ids, means)
