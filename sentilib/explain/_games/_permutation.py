"""Sampled Shapley values, for models and outputs without a closed form."""

import numpy as np

from sentilib._ids import PAD
from sentilib.explain._games._sum import SumOfGames


class PermutationSampling:
    """Antithetic permutation sampling: words are added in a random order and in its reverse.

    The mean change of the output when a word is added is an unbiased estimate of its Shapley
    value, and the values of a row always add up to its output. Mitchell et al., Sampling
    Permutations for Shapley Value Estimation, JMLR 2022, sections 2.2 and 3.1.

    Parameters
    ----------
    game : SumOfGames
        Game to sample.
    n_permutations : int
        Number of random orders per row; each is used in both directions.
    seed : int
        Controls the orders, together with the index of the row.
    """

    def __init__(self, game: SumOfGames, n_permutations: int, seed: int):
        self._game = game
        self._n_permutations = n_permutations
        self._seed = seed

    def shapley(self, X: np.ndarray, first_row: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Compute Shapley values of all tokens of all rows, and their standard errors.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Valid ids.
        first_row : int, default=0
            Index of the first row, which seeds its random orders.

        Returns
        -------
        values, errors : ndarray of shape (n_tokens, n_outputs), float64
            Values and standard errors in the unit of the output.
        """
        n_tokens, n_outputs = int((X != PAD).sum()), self._game.model.n_outputs
        values, errors = np.zeros((2, n_tokens, n_outputs))
        start = 0
        for number, row in enumerate(X, first_row):
            places = np.flatnonzero(row != PAD)
            rng = np.random.default_rng([self._seed, number])
            samples = np.empty((self._n_permutations, len(places), n_outputs))
            for sample in samples:
                order = rng.permutation(len(places))
                sample[:] = 0
                for walk in (order, order[::-1]):
                    outputs = self._game.model.of_logits(self._game.walk(row, places, walk))
                    sample[walk] += np.diff(outputs, axis=0) / 2
            part = slice(start, start + len(places))
            values[part] = samples.mean(axis=0)
            errors[part] = samples.std(axis=0, ddof=1) / np.sqrt(self._n_permutations)
            start += len(places)
        return values, errors
