"""Shapley values by sampling orders of words, for models and outputs without a closed form."""

import numpy as np

from sentilib._conv_classifier import ConvSentimentClassifier
from sentilib._ids import PAD
from sentilib.explain._games._baseline import BaselineModel


class PermutationSampling:
    """Antithetic sampling: words replace the baseline in a random order, and in its reverse.

    The mean change of the output when a word comes in estimates its Shapley value without bias,
    and the values of a row always add up. Mitchell et al., Sampling Permutations for Shapley Value
    Estimation, JMLR 2022, section 2.2 and 3.1.

    A walk reuses what does not change: of a CNN only the units are computed anew that see the
    incoming word; of a Dense model contributions are summed up.

    Parameters
    ----------
    model : BaselineModel
        Around any classifier.
    n_permutations : int
        Random orders a row, each walked in both directions.
    seed : int
        Determines, with the row's number, the orders.
    """

    def __init__(self, model: BaselineModel, n_permutations: int, seed: int):
        self._model = model
        self._n_permutations = n_permutations
        self._seed = seed
        if model.ngrams is not None and model.baseline_is_word:
            self._logits = self._predicted_logits
        elif isinstance(model.classifier, ConvSentimentClassifier):
            self._logits = self._conv_logits
            from sentilib._tables._conv_kernels import Network

            self._network = Network.of(*model.classifier._inference[:2])
        else:
            self._logits = self._dense_logits

    def shapley(self, X: np.ndarray, first_row: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Shapley values of all tokens of all rows, and their standard errors.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns), int32
            Valid ids.
        first_row : int, default=0
            Number of the first row, which goes into its random orders.

        Returns
        -------
        values, errors : ndarray of shape (n_tokens, n_outputs), float64
            In the unit of the output.
        """
        n_tokens = int((X != PAD).sum())
        values, errors = np.zeros((2, n_tokens, self._model.n_outputs))
        start = 0
        for number, row in enumerate(X, first_row):
            places = np.flatnonzero(row != PAD)
            rng = np.random.default_rng([self._seed, number])
            samples = np.empty((self._n_permutations, len(places), self._model.n_outputs))
            for sample in samples:
                order = rng.permutation(len(places))
                sample[:] = 0
                for walk in (order, order[::-1]):
                    outputs = self._outputs(row, places, walk)
                    sample[walk] += np.diff(outputs, axis=0) / 2
            part = slice(start, start + len(places))
            values[part] = samples.mean(axis=0)
            errors[part] = samples.std(axis=0, ddof=1) / np.sqrt(self._n_permutations)
            start += len(places)
        return values, errors

    def _outputs(self, row: np.ndarray, places: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Give the outputs after 0, 1, ... words have come in: (n_tokens + 1, n_outputs)."""
        return self._model.of_logits(self._logits(row, places, order))

    def _predicted_logits(
        self, row: np.ndarray, places: np.ndarray, order: np.ndarray
    ) -> np.ndarray:
        """Predict each step: a baseline that is a word may form n-grams with its neighbours."""
        rows = np.tile(row, (len(places) + 1, 1))
        step = np.empty(len(places), dtype=np.int64)
        step[order] = np.arange(1, len(places) + 1)
        absent = step > np.arange(len(rows))[:, None]
        rows[:, places] = np.where(absent, self._model.baseline, row[places])
        return self._model.classifier._logits(rows)

    def _dense_logits(self, row: np.ndarray, places: np.ndarray, order: np.ndarray) -> np.ndarray:
        table, baseline = self._model.words, self._model.baseline
        padding = 0 if self._model.masks_padding else len(row) - len(places)
        fixed = padding * table[PAD]
        divisor = np.full(len(places) + 1, max(len(places) + padding, 1))
        if self._model.deletes:
            changes = table[row[places[order]]]
            divisor = np.maximum(np.arange(len(places) + 1), 1)
        else:
            changes = table[row[places[order]]] - table[baseline]
            fixed = fixed + len(places) * table[baseline]
        sums = np.concatenate([[np.zeros(table.shape[1])], np.cumsum(changes, axis=0)]) + fixed
        logits = self._head(sums / divisor[:, None])
        return logits + self._ngram_logits(row, places, order)

    def _ngram_logits(self, row: np.ndarray, places: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Logits of n-grams after each step; each is there once its last word has come in."""
        if self._model.ngrams is None:
            return np.zeros(1)
        n_tokens, table = len(places), self._model.ngram_evidence()
        terms = self._model.ngrams.terms(row[None])
        step = np.zeros(len(row), dtype=np.int64)
        step[places[order]] = np.arange(1, n_tokens + 1)
        arrival = step[terms.ends]
        for back in range(1, int(terms.orders.max(initial=1))):
            longer = terms.orders > back
            arrival[longer] = np.maximum(arrival[longer], step[terms.ends[longer] - back])
        sums = np.zeros((n_tokens + 1, table.shape[1]))
        np.add.at(sums, arrival, table[terms.features])
        present = np.full(n_tokens + 1, n_tokens)
        if self._model.baseline == PAD:
            present = np.arange(n_tokens + 1)
        evidence = np.cumsum(sums, axis=0) / np.sqrt(np.maximum(present, 1))[:, None]
        return self._model.ngram_logits(evidence)

    def _conv_logits(self, row: np.ndarray, places: np.ndarray, order: np.ndarray) -> np.ndarray:
        from sentilib.explain._games import _window_kernels

        model, network = self._model, self._network
        low, high = 0, len(row)
        if model.masks_padding:
            low, high = (places[0], places[-1] + 1) if len(places) else (0, 1)
        words = np.ascontiguousarray(row[low:high])
        is_token = words != PAD
        latent = np.empty((len(places) + 1, network.channels[-1]))
        takes_max = model.classifier.pooling == "max"
        _window_kernels.walk(
            words,
            np.where(is_token, model.baseline, PAD).astype(np.int32),
            is_token.astype(np.float64) if model.masks_padding else np.ones(len(words)),
            places[order] - low,
            model.deletes,
            takes_max,
            *network,
            np.zeros((network.channels[-1], 0)),
            np.zeros(len(words) * int(network.channels.sum())),
            latent,
        )
        if not takes_max:
            divisor = len(places) if model.masks_padding else len(row)
            counts = np.arange(len(places) + 1) if model.deletes else np.full(len(latent), divisor)
            latent /= np.maximum(counts, 1)[:, None]
        logits = self._head(latent[:, : model.classifier._weights[-2].shape[0]])
        return logits + self._ngram_logits(row, places, order)

    def _head(self, latent: np.ndarray) -> np.ndarray:
        kernel, bias = self._model.classifier._weights[-2:]
        return latent @ kernel.astype(np.float64) + bias
