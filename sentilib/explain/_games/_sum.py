"""The game of a classifier: a sum of simpler ones."""

from typing import Any

import numpy as np

from sentilib._conv_classifier import ConvSentimentClassifier
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._ngrams import NgramGame
from sentilib.explain._games._windows import LocalGames
from sentilib.explain._games._words import WordGame


class SumOfGames:
    """What a classifier's margin adds up: single words or windows of them, and n-grams.

    Shapley values and interactions are linear in games: those of the sum are sums.

    Parameters
    ----------
    model : BaselineModel
        Around a classifier for which there are exact values.
    """

    def __init__(self, model: BaselineModel):
        is_conv = isinstance(model.classifier, ConvSentimentClassifier)
        self._games: list[Any] = [LocalGames(model) if is_conv else WordGame(model)]
        if model.ngrams is not None:
            self._games.append(NgramGame(model))

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
        values, *others = (game.shapley(X) for game in self._games)
        for other in others:
            values += other
        return values

    def interactions(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairwise Shapley interactions.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Valid ids.

        Returns
        -------
        left, right : ndarray of shape (n_pairs,), int64
            Numbers of the tokens of all rows; a pair may come several times, to be added up.
        values : ndarray of shape (n_pairs, n_outputs), float64
            Their interaction.
        """
        parts = [game.interactions(X) for game in self._games]
        left, right, values = map(np.concatenate, zip(*parts, strict=True))
        return left, right, values
