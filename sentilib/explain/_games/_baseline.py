"""BaselineModel: a fitted model whose words can be replaced by a baseline."""

from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import softmax

from sentilib._ids import OOV, PAD, count_tokens, extents
from sentilib._ngrams._dictionary import evidence_logits
from sentilib._tables._base import Tables
from sentilib._tables._ngram_table import NgramTable

_MANY_PATTERNS = 2**12


class BaselineModel:
    """Output of a fitted model for reviews in which some words are replaced.

    The players of a row are its tokens: all ids except padding.

    Parameters
    ----------
    tables : Tables
        Fitted model.
    baseline : {"oov", "pad", "mean"} or int
        Replacement of an absent word.
    word_weights : ndarray of shape (n_ids,)
        Weight of each id in the mean word.
    output : {"margin", "probability"}
        Output to explain.

    Attributes
    ----------
    tables : Tables
        The model in float64; for the mean word, with one additional id.
    baseline : int
        Id that replaces absent words.
    deletes : bool
        Whether an absent word shortens the review, as masked padding does.
    n_outputs : int
        1 for two classes, otherwise the number of classes.
    """

    def __init__(self, tables: Tables, baseline: Any, word_weights: np.ndarray, output: str):
        self.output = output
        self._predicting = tables
        if baseline == "mean":
            self.baseline = tables.n_ids
            self.tables = tables.exact().with_absent_word(word_weights)
        else:
            named = {"oov": OOV, "pad": PAD}
            self.baseline = named[baseline] if isinstance(baseline, str) else int(baseline)
            self.tables = tables.exact()
            if self.baseline >= tables.n_ids:
                raise ValueError(
                    f"baseline={baseline} is not an id of the classifier, whose largest id is "
                    f"{tables.n_ids - 1}."
                )
        self.baseline_is_word = is_word(baseline)
        self.deletes = tables.masks_padding and self.baseline == PAD
        self.n_outputs = 1 if tables.n_classes == 2 else tables.n_classes
        self.head = self._margin(tables.head)
        self._known_base_values: dict[tuple[int, int], Any] = {}  # by width and pattern

    @property
    def masks_padding(self) -> bool:
        """Whether padding is left out."""
        return self.tables.masks_padding

    @property
    def ngrams(self) -> NgramTable | None:
        """N-gram weights, or None if the model has none."""
        return self.tables.ngrams

    def ngram_logits(self, evidence: np.ndarray) -> np.ndarray:
        """Convert sums over n-grams (..., n_outputs) to logits (..., n_classes)."""
        return evidence_logits(evidence, self.tables.n_classes)

    def outputs(self, X: np.ndarray, ngram_sums: np.ndarray | None = None) -> np.ndarray:
        """Compute the explained outputs of valid ids, shape (n_samples, n_outputs)."""
        return self.of_logits(self.tables.logits(X, ngram_sums))

    def predicted(self, X: np.ndarray, ngram_sums: np.ndarray | None = None) -> np.ndarray:
        """Compute the outputs as the estimator predicts them, shape (n_samples, n_outputs)."""
        return self.of_logits(self._predicting.logits(X, ngram_sums))

    @cached_property
    def predicts_exactly(self) -> bool:
        """Whether the estimator predicts in float64 throughout."""
        return self._predicting.exact() is self._predicting

    @np.errstate(under="ignore")  # a probability may be 0
    def of_logits(self, logits: np.ndarray) -> np.ndarray:
        """Convert logits (..., n_classes) to explained outputs (..., n_outputs)."""
        if self.output == "probability":
            proba = softmax(logits, axis=-1)
            return proba[..., 1:] if self.n_outputs == 1 else proba
        return self._margin(logits)

    def _margin(self, logits: np.ndarray) -> np.ndarray:
        return logits[..., 1:] - logits[..., :1] if self.n_outputs == 1 else logits

    def base_values(self, X: np.ndarray) -> np.ndarray:
        """Compute the outputs if all tokens are replaced, shape (n_samples, n_outputs).

        They depend only on the positions of the tokens, so each pattern is computed once; those of
        rows without gaps are kept.
        """
        n_tokens, (start, stop) = count_tokens(X), extents(X)
        pattern = start * (X.shape[1] + 1) + n_tokens
        has_gaps = stop - start > n_tokens
        if len(X) == 1 and not has_gaps[0]:
            value = self._known_base_values.get((X.shape[1], int(pattern[0])))
            if value is not None:
                return value[None].copy()
        if has_gaps.any():
            packed = np.packbits(X[has_gaps] != PAD, axis=1)
            whole_rows = packed.view([("", np.void, packed.shape[1])])[:, 0]
            pattern[has_gaps] = -1 - np.unique(whole_rows, return_inverse=True)[1]
        patterns, first, of_row = np.unique(pattern, return_index=True, return_inverse=True)
        known = self._known_base_values
        values = {key: known.get(key) for key in ((X.shape[1], p) for p in patterns.tolist())}
        if new := [k for k, value in enumerate(values.values()) if value is None]:
            rows = np.where(X[first[new]] != PAD, self.baseline, PAD).astype(np.int32)
            keys = list(values)
            values.update(zip([keys[k] for k in new], self.outputs(rows), strict=True))
            if len(known) < _MANY_PATTERNS:
                known.update((key, value) for key, value in values.items() if key[1] >= 0)
        return np.array(list(values.values())).reshape(-1, self.n_outputs)[of_row]


def is_word(baseline: Any) -> bool:
    """Return whether a baseline is a known word, which forms n-grams with its neighbours."""
    return not isinstance(baseline, str) and baseline > OOV
