"""Contribution of a row's n-grams to its logits."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sentilib._compiled._states import is_array, require
from sentilib._ngrams._dictionary import (
    NgramDictionary,
    evidence_logits,
    evidence_size,
    n_evidence_columns,
)

_STEP = 20.0  # ratio of the step size of n-gram factors to that of the other weights


def factor_of(deviation: Any) -> Any:
    """Return the factor of an n-gram's log-count ratio, from the trained weight."""
    return 1 + _STEP * deviation


@dataclass(frozen=True, eq=False)
class NgramTable:
    """The n-grams that a model knows, and their worth.

    Parameters
    ----------
    dictionary : NgramDictionary
        Number of each n-gram.
    worth : ndarray of shape (n_ngrams, n_columns), float64
        Contribution of each n-gram: to the margin with two classes (one column), else to each
        logit.
    n_classes : int
        Number of classes.
    n_neutral : float, default=0.0
        Number of neutral tokens, which `evidence_size` adds to each row.
    """

    dictionary: NgramDictionary
    worth: np.ndarray
    n_classes: int
    n_neutral: float = 0.0

    def __post_init__(self) -> None:
        """Check the shapes that kernels rely on."""
        n_columns = n_evidence_columns(self.n_classes)
        fits = is_array(self.worth, np.float64, len(self.dictionary), n_columns)
        require(fits, "table of n-grams")

    def evidence(self, ids: np.ndarray) -> np.ndarray:
        """Compute the sum of n-grams over the root of a row's length: (n_rows, n_columns)."""
        return self._divided(self.dictionary.sums(ids, self.worth), ids)

    def logits(self, ids: np.ndarray, sums: np.ndarray | None = None) -> np.ndarray:
        """Compute the contribution of n-grams to the logits, from their sums if these are known."""
        evidence = self.evidence(ids) if sums is None else self._divided(sums, ids)
        return evidence_logits(evidence, self.n_classes)

    def _divided(self, sums: np.ndarray, ids: np.ndarray) -> np.ndarray:
        return sums / evidence_size(ids, self.n_neutral)[:, None]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays that define the table."""
        dictionary = self.dictionary
        return {
            "ngram_keys": dictionary.keys,
            "ngram_range": np.array([dictionary.min_n, dictionary.max_n]),
            "ngram_worth": self.worth,
            "ngram_n_neutral": np.array(self.n_neutral),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], n_classes: int) -> "NgramTable | None":
        """Build the table from named arrays; return None if they contain no n-grams."""
        if "ngram_keys" not in arrays:
            return None
        min_n, max_n = arrays["ngram_range"].tolist()
        dictionary = NgramDictionary.restored((min_n, max_n), 1, 2**29, arrays["ngram_keys"])
        n_neutral = float(arrays.get("ngram_n_neutral", 0.0))
        return cls(dictionary, arrays["ngram_worth"], n_classes, n_neutral)
