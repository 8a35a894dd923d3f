"""Exact Shapley values of models that add up what each word contributes."""

import numpy as np

from sentilib._ids import count_tokens
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._deletion import deletion_share


class WordGame:
    """The words of the Dense model: their average, behind which nothing but weights follows.

    With D the divisor of the average and g(x) what the word x contributes, the Shapley value of
    word i is (g(x_i) - g(baseline)) / D (Lundberg & Lee, A Unified Approach to Interpreting Model
    Predictions, NeurIPS 2017, corollary 1).

    Parameters
    ----------
    model : BaselineModel
        Around a DenseSentimentClassifier.
    """

    def __init__(self, model: BaselineModel):
        self._model = model
        words = model.words @ model.head  # (n_ids, n_outputs)
        self._worth = words if model.deletes else words - words[model.baseline]

    def shapley(self, X: np.ndarray) -> np.ndarray:
        """Shapley values of all tokens of all rows, one row of ids after the other.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Valid ids.

        Returns
        -------
        ndarray of shape (n_tokens, n_outputs), float64
            In the unit of the margin (log-odds).
        """
        from sentilib.explain._games import _additive_kernels

        n_tokens = count_tokens(X)
        if self._model.deletes:
            inside, outside = np.transpose([deletion_share(1, n, 1.0) for n in n_tokens.tolist()])
            own, common = inside - outside, outside.copy()
        else:
            divisor = n_tokens if self._model.masks_padding else np.full(len(X), X.shape[1])
            own, common = 1 / np.maximum(divisor, 1), np.zeros(len(X))
        values = np.empty((int(n_tokens.sum()), self._model.n_outputs))
        _additive_kernels.share_out(X, self._worth, own, common, values)
        return values

    def interactions(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairwise Shapley interactions: none, as each word counts by itself."""
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty((0, self._model.n_outputs))
