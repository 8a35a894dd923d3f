"""Exact Shapley values of n-grams, in closed form."""

import numpy as np

from sentilib._ids import PAD, count_tokens
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._deletion import deletion_share


class NgramGame:
    """Sum of the n-grams of a model, each of which contributes if all its words are present.

    The value of such a unanimity game is divided equally among its players (Shapley, A Value for
    n-Person Games, 1953). The sum of a row is divided by the square root of its number of tokens,
    including the neutral ones.

    Parameters
    ----------
    model : BaselineModel
        Model with n-grams. The baseline must not form n-grams with the words around it.
    """

    worth_a_thread = 2**14

    def __init__(self, model: BaselineModel):
        self._model = model
        assert model.ngrams is not None
        self._dictionary = model.ngrams.dictionary
        self._worth = np.ascontiguousarray(model.ngrams.worth)
        self._n_neutral = model.ngrams.n_neutral
        # N-grams are divided by the number of tokens present, whether padding is masked or not.
        self._deletes = model.baseline == PAD

    def shapley(self, X: np.ndarray) -> np.ndarray:
        """Compute Shapley values of all tokens of all rows: (n_tokens, n_outputs), float64."""
        return self.shapley_and_sums(X)[0]

    def shapley_and_sums(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute Shapley values of all tokens of all rows, and the sum of each row's n-grams.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Valid ids.

        Returns
        -------
        values : ndarray of shape (n_tokens, n_outputs), float64
            Values in the unit of the margin (log-odds).
        sums : ndarray of shape (n_samples, n_outputs), float64
            Sums that the values were distributed from, not divided.
        """
        lengths, of_row = np.unique(count_tokens(X), return_inverse=True)
        return self._dictionary.share_out(X, self._worth, of_row, self._shares(lengths))

    def _size(self, n_tokens: np.ndarray) -> np.ndarray:
        """Return the divisor of the sum of a row, as `evidence_size` does."""
        return np.sqrt(np.maximum(n_tokens + self._n_neutral, 1))

    def _shares(self, n_tokens: np.ndarray) -> np.ndarray:
        """Return shares (n_rows, n, 2) of each word of an n-gram and of all words of the row."""
        orders = np.arange(1, self._dictionary.max_n + 1)
        shares = np.zeros((len(n_tokens), len(orders), 2))
        if not self._deletes:
            shares[..., 0] = 1 / (orders * self._size(n_tokens)[:, None])
            return shares
        for row, n in zip(shares, n_tokens.tolist(), strict=True):
            row[:] = [deletion_share(k, n, 0.5, self._n_neutral) for k in orders.tolist()]
        shares[..., 0] -= shares[..., 1]
        return shares

    def interactions(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute pairwise Shapley interactions, which exist within n-grams.

        Two of the k tokens of a unanimity game of worth g interact with g / (k - 1): Grabisch &
        Roubens, An axiomatic approach to the concept of interaction among players in cooperative
        games, 1999, definition 2.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Valid ids.

        Returns
        -------
        left, right : ndarray of shape (n_pairs,), int64
            Indices of tokens, counted over all rows; one entry per n-gram that contains the pair.
        values : ndarray of shape (n_pairs, n_outputs), float64
            Interaction of each pair.
        """
        terms = self._dictionary.terms(X)
        row = np.repeat(np.arange(len(X)), np.diff(terms.starts))
        number = np.cumsum(X != PAD).reshape(X.shape) - 1
        first = number[row, terms.ends] - terms.orders + 1
        size = self._size(count_tokens(X))
        worth = self._worth[terms.features] / size[row, None]
        left, right, values = [first[:0]], [first[:0]], [worth[:0]]
        for length in range(2, self._dictionary.max_n + 1):
            here = terms.orders == length
            for i in range(length):
                for j in range(i + 1, length):
                    left.append(first[here] + i)
                    right.append(first[here] + j)
                    values.append(worth[here] / (length - 1))
        return np.concatenate(left), np.concatenate(right), np.concatenate(values)

    def walk(self, row: np.ndarray, places: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Compute logits of each step; an n-gram is added when its last word has been added."""
        n_tokens = len(places)
        terms = self._dictionary.terms(row[None])
        step = np.zeros(len(row), dtype=np.int64)
        step[places[order]] = np.arange(1, n_tokens + 1)
        arrival = step[terms.ends]
        for back in range(1, int(terms.orders.max(initial=1))):
            longer = terms.orders > back
            arrival[longer] = np.maximum(arrival[longer], step[terms.ends[longer] - back])
        sums = np.zeros((n_tokens + 1, self._worth.shape[1]))
        np.add.at(sums, arrival, self._worth[terms.features])
        present = np.arange(n_tokens + 1) if self._deletes else np.full(n_tokens + 1, n_tokens)
        evidence = np.cumsum(sums, axis=0) / self._size(present)[:, None]
        return self._model.ngram_logits(evidence)
