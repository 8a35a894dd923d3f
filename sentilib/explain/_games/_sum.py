"""The game of a fitted model: a sum of simpler games."""

from typing import Any, Protocol

import numpy as np

from sentilib._tables._base import Tables
from sentilib._tables._conv import ConvTables
from sentilib._tables._dense import DenseTables
from sentilib.explain._games._baseline import BaselineModel, is_word
from sentilib.explain._games._ngrams import NgramGame
from sentilib.explain._games._windows import WindowGame
from sentilib.explain._games._words import WordGame


class Game(Protocol):
    """Term of the sum; `X` contains valid ids of shape (n_samples, n_columns), int32."""

    @property
    def worth_a_thread(self) -> int:
        """Number of tokens whose values take longer than starting a thread."""

    def shapley(self, X: np.ndarray) -> np.ndarray:
        """Compute exact values of all tokens of all rows, float64 (n_tokens, n_outputs)."""

    def interactions(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute pairwise interactions: indices of both tokens, and values (n_pairs, n_outputs).

        A pair may occur several times; its values are to be added.
        """

    def walk(self, row: np.ndarray, places: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Compute logits after 0, 1, ... tokens have replaced the baseline, in the given order.

        Parameters
        ----------
        row : ndarray of shape (n_columns,), int32
            Ids of a review.
        places : ndarray of shape (n_tokens,), int
            Columns of the tokens.
        order : ndarray of shape (n_tokens,), int
            Indices of the tokens in the order in which they are added.

        Returns
        -------
        ndarray of shape (n_tokens + 1, n_classes), float64
        """


_LAYERS: dict[type[Tables], Any] = {DenseTables: WordGame, ConvTables: WindowGame}


class SumOfGames:
    """Sum of the games of single words or windows of words, and of n-grams.

    Shapley values and interactions are linear in games, so those of the sum are sums.

    Parameters
    ----------
    model : BaselineModel
        Model whose words can be replaced.
    """

    def __init__(self, model: BaselineModel):
        self.model = model
        self._layers: Game = _LAYERS[type(model.tables)](model)
        self._ngrams = None if model.ngrams is None else NgramGame(model)

    @property
    def _games(self) -> list[Game]:
        return [self._layers] if self._ngrams is None else [self._layers, self._ngrams]

    @property
    def worth_a_thread(self) -> int:
        """Number of tokens whose values take longer than starting a thread."""
        return min(game.worth_a_thread for game in self._games)

    def shapley(self, X: np.ndarray) -> np.ndarray:
        """Compute exact Shapley values, in the unit of the margin (log-odds)."""
        return self.shapley_and_outputs(X)[0]

    def shapley_and_outputs(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute exact values, and the predicted outputs.

        Where predictions are exact, n-grams are looked up once for both.
        """
        values = self._layers.shapley(X)
        if self._ngrams is None:
            return values, self.model.predicted(X)
        of_ngrams, sums = self._ngrams.shapley_and_sums(X)
        values += of_ngrams
        return values, self.model.predicted(X, sums if self.model.predicts_exactly else None)

    def interactions(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute exact pairwise Shapley interactions, in the unit of the margin."""
        parts = [game.interactions(X) for game in self._games]
        left, right, values = map(np.concatenate, zip(*parts, strict=True))
        return left, right, values

    def walk(self, row: np.ndarray, places: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Compute logits after 0, 1, ... tokens have replaced the baseline."""
        if self.model.ngrams is not None and self.model.baseline_is_word:
            # The baseline may form n-grams with the words around it, so each step is predicted.
            rows = np.tile(row, (len(places) + 1, 1))
            step = np.empty(len(places), dtype=np.int64)
            step[order] = np.arange(1, len(places) + 1)
            absent = step > np.arange(len(rows))[:, None]
            rows[:, places] = np.where(absent, self.model.baseline, row[places])
            return self.model.tables.logits(rows)
        logits, *others = (game.walk(row, places, order) for game in self._games)
        for other in others:
            logits += other
        return logits


def why_not_exact(tables: Tables, baseline: Any, output: str) -> str | None:
    """Return why exact values are not possible and what to do, or None if they are."""
    if output == "probability":
        return (
            "probabilities are not additive over words. Use output='margin', or sample with "
            "method='permutation'."
        )
    reason = _LAYERS[type(tables)].why_not_exact(tables)
    if reason is None and tables.ngrams is not None and is_word(baseline):
        return (
            f"the word of baseline={baseline} forms n-grams with its neighbours. Use "
            "baseline='oov', 'pad' or 'mean', or method='permutation'."
        )
    return reason
