"""Exact Shapley values of models that add up what words, and spans of words, contribute."""

from collections.abc import Iterator
from functools import cache

import numpy as np

from sentilib._token_ids import PAD
from sentilib.explain._baseline import BaselineModel


class AdditiveGame:
    """The Dense model: words contribute numbers, and so do n-grams that are there as a whole.

    With D the divisor of the average and g(x) what the word x contributes, the Shapley value of
    word i is (g(x_i) - g(baseline)) / D (Lundberg & Lee, A Unified Approach to Interpreting Model
    Predictions, NeurIPS 2017, corollary 1), plus an equal share of each n-gram that it is part of.

    Parameters
    ----------
    model : BaselineModel
        Around a DenseSentimentClassifier.
    """

    def __init__(self, model: BaselineModel):
        self._model = model
        self._words = model.words @ model.head  # (n_ids, n_outputs)
        self._against_baseline = self._words - self._words[model.baseline]

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
        is_token = X != PAD
        ids, n_tokens = X[is_token], is_token.sum(axis=1)
        if self._model.deletes:
            values = deletion_shares(np.arange(len(ids)), 1, self._words[ids], n_tokens, power=1)
        else:
            divisor = n_tokens if self._model.masks_padding else np.full(len(X), X.shape[1])
            values = np.take(self._against_baseline, ids, axis=0)
            values /= np.repeat(divisor, n_tokens)[:, None]
        for first, length, evidence in self._spans(X):
            if self._model.baseline == PAD:  # n-grams are divided by sqrt(n), padding or not
                values += deletion_shares(first, length, evidence, n_tokens, power=0.5)
            else:
                size = np.repeat(np.sqrt(np.maximum(n_tokens, 1)), n_tokens)[first]
                values += span_shares(first, length, evidence / size[:, None], len(ids))
        return values

    def interactions(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairwise Shapley interactions: those within n-grams.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Valid ids.

        Returns
        -------
        left, right : ndarray of shape (n_pairs,), int64
            Numbers of the tokens of all rows; a pair comes once for each n-gram that holds it.
        values : ndarray of shape (n_pairs, n_outputs), float64
            Their interaction.
        """
        n_tokens = (X != PAD).sum(axis=1)
        size = np.repeat(np.sqrt(np.maximum(n_tokens, 1)), n_tokens)
        none = np.empty(0, dtype=np.int64)
        parts = [(none, none, self._words[:0])]
        for first, length, evidence in self._spans(X):
            parts.append(span_interactions(first, length, evidence / size[first, None]))
        left, right, values = map(np.concatenate, zip(*parts, strict=True))
        return left, right, values

    def _spans(self, X: np.ndarray) -> Iterator[tuple[np.ndarray, int, np.ndarray]]:
        """N-grams of each length: numbers of their first tokens, length, what they contribute."""
        if self._model.ngrams is None:
            return
        terms = self._model.ngrams.terms(X)
        row = np.repeat(np.arange(len(X)), np.diff(terms.starts))
        number = np.cumsum(X != PAD).reshape(X.shape) - 1
        last = number[row, terms.ends]
        for length in np.unique(terms.orders).tolist():
            here = terms.orders == length
            yield last[here] - length + 1, length, self._model.evidence[terms.features[here]]


def span_shares(first: np.ndarray, length: int, values: np.ndarray, n_tokens: int) -> np.ndarray:
    """Share the value of each span, there only where all its tokens are, among its tokens.

    A span is a unanimity game: its tokens share it equally (Shapley, A Value for n-Person Games,
    1953).

    Parameters
    ----------
    first : ndarray of shape (n_spans,), int
        Number of each span's first token.
    length : int
        Tokens of a span.
    values : ndarray of shape (n_spans, n_outputs)
        What each span contributes.
    n_tokens : int
        Number of tokens of all rows.

    Returns
    -------
    ndarray of shape (n_tokens, n_outputs), float64
        Sum of the shares of each token.
    """
    shares = np.zeros((n_tokens, values.shape[1]))
    for offset in range(length):
        for m in range(values.shape[1]):
            shares[:, m] += np.bincount(
                first + offset, weights=values[:, m] / length, minlength=n_tokens
            )
    return shares


def span_interactions(
    first: np.ndarray, length: int, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairwise Shapley interactions within spans.

    Two of the k tokens of a unanimity game of value g interact with g / (k - 1): Grabisch &
    Roubens, An axiomatic approach to the concept of interaction among players in cooperative
    games, 1999, definition 2.

    Parameters
    ----------
    first, length, values
        Spans as in `span_shares`; a span of one token has none.

    Returns
    -------
    left, right : ndarray of shape (n_pairs,), int
        Numbers of the two tokens; a pair comes once for each span that holds both.
    values : ndarray of shape (n_pairs, n_outputs), float64
        Their interaction.
    """
    pairs = [(i, j) for i in range(length) for j in range(i + 1, length)]
    if not pairs:
        return first[:0], first[:0], values[:0]
    left = np.concatenate([first + i for i, _ in pairs])
    right = np.concatenate([first + j for _, j in pairs])
    return left, right, np.tile(values / (length - 1), (len(pairs), 1))


def deletion_shares(
    first: np.ndarray, length: int, values: np.ndarray, n_tokens: np.ndarray, power: float
) -> np.ndarray:
    """Share the value of each span where absent words are deleted, which changes the divisor.

    The game of a span f of k tokens among the n of a row is v(S) = g(f) / |S| ** power where S
    holds f, else 0. Its tokens are alike, and so are all others, which only dilute it.

    Parameters
    ----------
    first, length, values
        Spans as in `span_shares`.
    n_tokens : ndarray of shape (n_samples,), int
        Tokens of each row.
    power : float
        1 for a mean over words, 0.5 for a sum divided by the root of their number.

    Returns
    -------
    ndarray of shape (n_tokens.sum(), n_outputs), float64
        Sum of the shares of each token.
    """
    lengths, row_length = np.unique(n_tokens, return_inverse=True)
    inside, outside = np.transpose([_deletion_share(length, int(n), power) for n in lengths])
    row = np.repeat(np.arange(len(n_tokens)), n_tokens)
    span_row = row[first]
    inside, outside = inside[row_length[span_row]], outside[row_length[span_row]]
    shares = span_shares(
        first, length, values * (length * (inside - outside))[:, None], int(n_tokens.sum())
    )
    for m in range(values.shape[1]):
        everyone = np.bincount(span_row, outside * values[:, m], minlength=len(n_tokens))
        shares[:, m] += everyone[row]
    return shares


@cache
def _deletion_share(length: int, n_tokens: int, power: float) -> tuple[float, float]:
    """Shapley values of a token of the span and of any other, for a span of value 1."""
    if n_tokens < length:
        return 0.0, 0.0
    sizes = np.arange(length, n_tokens, dtype=np.float64)
    others = joining_weights(length, n_tokens - 1 - length, n_tokens)
    change = (sizes + 1.0) ** -power - sizes**-power
    outside = float(others @ change) if len(sizes) else 0.0
    return (n_tokens**-power - (n_tokens - length) * outside) / length, outside


def joining_weights(size: int, n_others: int, n_players: int) -> np.ndarray:
    """Weights with which a player joins a coalition of `size` given players and q others.

    Entry q is C(n_others, q) s! (n - 1 - s)! / n! for s = size + q and n players: the probability
    that in a random order just those come before, summed over which q of the others they are.
    """
    if n_others < 0:
        return np.empty(0)
    q = np.arange(n_others)
    s = size + q
    first = 1 / n_players
    for k in range(size):  # s! (n - 1 - s)! / n! for s = size
        first *= (k + 1) / (n_players - 1 - k)
    return first * np.cumprod(
        np.concatenate([[1.0], (n_others - q) * (s + 1) / ((q + 1) * (n_players - 1 - s))])
    )
