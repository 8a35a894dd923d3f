"""Base class of all architectures' tables: the output layer, n-grams, named arrays."""

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Self

import numpy as np

from sentilib._compiled._states import require
from sentilib._ids import OOV, count_tokens
from sentilib._tables._ngram_table import NgramTable


@dataclass(frozen=True, eq=False)
class Tables:
    """A fitted model as a value: named arrays, and the functions that they define.

    Parameters
    ----------
    head : ndarray of shape (n_units, n_classes), float64
        Weights of the output layer.
    bias : ndarray of shape (n_classes,), float64
        Bias of the output layer.
    masks_padding : bool
        Whether padding (id 0) is left out; otherwise it is a word like any other.
    ngrams : NgramTable or None
        Contribution of n-grams to the logits.
    n_neutral : float, default=0.0
        Number of neutral tokens, which each row has in addition when its words are averaged: the
        shorter the text, the closer is the average to zero, and the output to the bias.
    """

    head: np.ndarray
    bias: np.ndarray
    masks_padding: bool
    ngrams: NgramTable | None
    n_neutral: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        """Check the shapes that kernels rely on."""
        fits = self.bias.ndim == 1 and self.head.shape == (self._n_units(), len(self.bias))
        fits = fits and len(self.words) > OOV and self.bias.dtype == self.head.dtype == np.float64
        require(fits and (self.ngrams is None or self.ngrams.n_classes == len(self.bias)), "model")

    def _n_units(self) -> int:
        """Return the number of units; raise ValueError if the layers do not fit together."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        """Leave out cached values, which are derived."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def derived(self) -> dict:
        """What others derive from the tables and want to keep with them, by keys of their own."""
        return {}

    @property
    def words(self) -> np.ndarray:
        """Lookup table of the ids: (n_ids, n_units) or (n_ids, embedding_dim), float64."""
        raise NotImplementedError

    @property
    def n_ids(self) -> int:
        """Number of ids that the model knows, from 0 on."""
        return len(self.words)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.bias)

    @property
    def n_latent(self) -> int:
        """Width of the latent space."""
        return len(self.head) + (0 if self.ngrams is None else self.ngrams.worth.shape[1])

    def known(self, ids: np.ndarray) -> np.ndarray:
        """Replace ids that the model does not know by OOV."""
        if ids.max(initial=0) < self.n_ids:
            return ids
        return np.where(ids < self.n_ids, ids, OOV).astype(np.int32)

    def pooled(self, ids: np.ndarray) -> np.ndarray:
        """Compute the input of the output layer for each row of known ids: (n_rows, n_units)."""
        raise NotImplementedError

    def latent(self, ids: np.ndarray) -> np.ndarray:
        """Compute the input of the output layer and the evidence of n-grams: (n_rows, n_latent)."""
        pooled = self.pooled(ids)
        return pooled if self.ngrams is None else np.hstack([pooled, self.ngrams.evidence(ids)])

    def logits(self, ids: np.ndarray, ngram_sums: np.ndarray | None = None) -> np.ndarray:
        """Compute the logits of rows of known ids: (n_rows, n_classes), float64."""
        logits = self.layer_logits(ids)
        if self.ngrams is not None:
            logits += self.ngrams.logits(ids, ngram_sums)
        return logits

    def layer_logits(self, ids: np.ndarray) -> np.ndarray:
        """Compute the logits without n-grams: (n_rows, n_classes), float64."""
        return self.pooled(ids) @ self.head + self.bias

    def _with_neutral_tokens(self, ids: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Extend means over the tokens of each row to its neutral tokens, in place."""
        if self.n_neutral:
            n_tokens = count_tokens(ids)
            means *= (n_tokens / (n_tokens + self.n_neutral))[:, None]
        return means

    def exact(self) -> Self:
        """Return tables that compute the same in float64 throughout, as explanations do."""
        return self

    def with_absent_word(self, weights: np.ndarray) -> Self:
        """Append a word that represents a random one.

        Parameters
        ----------
        weights : ndarray of shape (n_ids,)
            Frequency of each id; only ratios matter.

        Returns
        -------
        Tables
            Tables in which the new word's id is the `n_ids` of these tables.
        """
        raise NotImplementedError

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays that define the tables; `from_arrays` is the inverse."""
        arrays = {
            "head": self.head,
            "bias": self.bias,
            "masks_padding": np.array(self.masks_padding),
            "n_neutral": np.array(self.n_neutral),
        }
        return arrays if self.ngrams is None else {**arrays, **self.ngrams.arrays()}

    @staticmethod
    def _shared(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return the constructor arguments that all tables share, from named arrays."""
        return {
            "head": arrays["head"],
            "bias": arrays["bias"],
            "masks_padding": bool(arrays["masks_padding"]),
            "ngrams": NgramTable.from_arrays(arrays, len(arrays["bias"])),
            "n_neutral": float(arrays.get("n_neutral", 0.0)),
        }
