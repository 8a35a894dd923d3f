"""Exact Shapley values of models in which each word contributes by itself."""

import numpy as np

from sentilib._ids import PAD, count_tokens
from sentilib._tables._dense import DenseTables
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._deletion import deletion_share


class WordGame:
    """The words of the Dense model, whose margin is linear in the average of the word vectors.

    With D the divisor of the average and g(x) the contribution of word x, the Shapley value of
    word i is (g(x_i) - g(baseline)) / D (S. M. Lundberg, S.-I. Lee, "A Unified Approach to
    Interpreting Model Predictions", NeurIPS 2017, corollary 1).

    Parameters
    ----------
    model : BaselineModel
        Model with `DenseTables`.
    """

    worth_a_thread = 2**14

    def __init__(self, model: BaselineModel):
        self._model = model
        words = model.tables.words @ model.head  # (n_ids, n_outputs)
        self._worth = words if model.deletes else words - words[model.baseline]

    @staticmethod
    def why_not_exact(tables: DenseTables) -> str | None:
        """Return None, since values are always exact."""
        return None

    def shapley(self, X: np.ndarray) -> np.ndarray:
        """Compute exact values of all tokens of all rows, shape (n_tokens, n_outputs)."""
        import sentilib.explain._games._additive_kernels as _additive_kernels

        n_tokens, n_neutral = count_tokens(X), self._model.tables.n_neutral
        if self._model.deletes:
            inside, outside = np.transpose(
                [deletion_share(1, n, 1.0, n_neutral) for n in n_tokens.tolist()]
            )
            own, common = inside - outside, outside.copy()
        else:
            divisor = n_tokens if self._model.masks_padding else np.full(len(X), X.shape[1])
            own, common = 1 / np.maximum(divisor + n_neutral, 1), np.zeros(len(X))
        values = np.empty((int(n_tokens.sum()), self._model.n_outputs))
        _additive_kernels.share_out(X, self._worth, own, common, values)
        return values

    def interactions(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return no pairs, since each word contributes by itself."""
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty((0, self._model.n_outputs))

    def walk(self, row: np.ndarray, places: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Compute the logits of each step from the sum of contributions so far."""
        tables, baseline = self._model.tables, self._model.baseline
        words = tables.words
        padding = 0 if self._model.masks_padding else len(row) - len(places)
        fixed = padding * words[PAD]
        divisor = np.full(len(places) + 1, len(places) + padding)
        changes = words[row[places[order]]]
        if self._model.deletes:
            divisor = np.arange(len(places) + 1)
        else:
            changes = changes - words[baseline]
            fixed = fixed + len(places) * words[baseline]
        sums = np.concatenate([[np.zeros(words.shape[1])], np.cumsum(changes, axis=0)]) + fixed
        divisor = np.maximum(divisor + tables.n_neutral, 1)
        return sums / divisor[:, None] @ tables.head + tables.bias
