"""The layers of DenseSentimentClassifier, as a value."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from sentilib._ids import FIRST_WORD, OOV, count_tokens
from sentilib._ngrams._bags import RowsOf, merged_rows
from sentilib._ngrams._dictionary import centred
from sentilib._ngrams._document_frequency import Tokens
from sentilib._tables._dense import DenseTables
from sentilib._tables._ngram_table import NgramTable
from sentilib._training._architecture import Architecture, Defaults, Layers, Weights
from sentilib._training._batches import Encoded
from sentilib._training._first_weights import (
    balanced_output,
    glorot_uniform,
    uniform_embedding,
    with_unseen_words,
)

_LONG = 100  # tokens, on average over the rows


@dataclass(frozen=True)
class DenseArchitecture(Architecture):
    """Embedding, a layer of ReLU units, an average over the words and an output layer."""

    embedding_dim: int
    hidden_units: int
    dropout: float
    mask_padding: bool
    n_neutral: float = 0.0
    vector_dims: int = 0  # number of the last dimensions that pretrained vectors gave

    def textbook(self, n_ids: int, n_classes: int) -> Layers:
        """Build the layers position by position."""
        from sentilib._training._dense_graphs import textbook

        return textbook(self, n_ids, n_classes)

    def training(self, n_ids: int, n_classes: int, policy: str) -> Layers:
        """Build layers that are applied to the vocabulary, once per batch."""
        from sentilib._training._dense_graphs import training

        return training(self, n_ids, n_classes)

    def first_weights(self, n_ids: int, n_classes: int, rng: np.random.Generator) -> Weights:
        """Draw the initial weights."""
        return {
            "embedding": uniform_embedding(rng, n_ids, self.embedding_dim),
            "hidden_kernel": glorot_uniform(rng, self.embedding_dim, self.hidden_units),
            "hidden_bias": np.zeros(self.hidden_units, dtype=np.float32),
            "head": balanced_output(self.hidden_units, n_classes),
            "bias": np.zeros(n_classes, dtype=np.float32),
        }

    def encode(self, X: np.ndarray, n_ids: int) -> Encoded:
        """Count the words of each row, as fractions of the row: a sparse matrix (n_rows, n_ids)."""
        if self.mask_padding:  # unknown words only count, see `with_statistics`
            tokens, first = Tokens.of(X), FIRST_WORD
            n_tokens = count_tokens(X) + self.n_neutral
        else:
            n_tokens, first = np.full(len(X), X.shape[1]), 0
            tokens = Tokens(np.arange(len(X) + 1) * X.shape[1], X.ravel())
        rows_of = RowsOf(merged_rows(*tokens, 1 / np.maximum(n_tokens, 1), n_ids, first))
        return Encoded(lambda rows: (rows_of(rows),), None)

    def tables(self, weights: Weights, ngrams: NgramTable | None) -> DenseTables:
        """Apply the hidden layer to the vocabulary."""
        embedding, kernel, hidden_bias, head, bias = (
            weights[name].astype(np.float64)
            for name in ("embedding", "hidden_kernel", "hidden_bias", "head", "bias")
        )
        hidden = embedding @ kernel + hidden_bias
        return DenseTables(
            head=head,
            bias=bias,
            masks_padding=bool(self.mask_padding),
            ngrams=ngrams,
            n_neutral=self.n_neutral if self.mask_padding else 0.0,
            hidden=np.maximum(hidden, 0),
        )

    def with_statistics(self, weights: Weights, X: np.ndarray, seen: np.ndarray) -> Weights:
        """Find an embedding of the unknown word near the mean that contributes to no class.

        Training ignores unknown words: of what it never saw, a model cannot tell the class.
        """
        embedding = with_unseen_words(weights["embedding"], seen)
        n_own = self.embedding_dim - self.vector_dims
        of_vectors = weights["embedding"][~seen, n_own:]  # known without training
        embedding[~seen, n_own:] = of_vectors
        if not self.mask_padding:
            return {**weights, "embedding": embedding}
        kernel, bias, head = (
            weights[name].astype(np.float64) for name in ("hidden_kernel", "hidden_bias", "head")
        )

        def contribution(word: np.ndarray) -> np.ndarray:
            return np.maximum(word @ kernel + bias, 0) @ centred(head)

        words = np.flatnonzero(seen[FIRST_WORD:]) + FIRST_WORD
        mean = embedding[words].sum(axis=0, dtype=np.float64) / max(len(words), 1)
        is_finite = np.isfinite(contribution(mean)).all()  # else, training stops with a message
        embedding[OOV] = least_squares(contribution, mean).x if is_finite else mean
        embedding[~seen, :n_own] = embedding[OOV, :n_own]
        return {**weights, "embedding": embedding}

    def defaults(self, X: np.ndarray, n_classes: int, *, on_gpu: bool) -> Defaults:
        """Return default options for the training data and the device."""
        n_tokens = count_tokens(X).mean()
        # With several classes, short rows need more steps; long ones would be overrated by them.
        needs_more = n_classes > 2 and n_tokens <= _LONG
        min_steps, min_size, rate = (96, 32, 7e-3) if needs_more else (48, 16, 5e-3)
        size = 2 ** int(np.log2(max(1, len(X) / min_steps)))  # at least these steps per epoch
        size = int(np.clip(size, min_size, 2048 if on_gpu else 256))
        # Training adds the rest of the scale where it helps; with short texts, this should be more.
        share = np.clip(0.05 * np.sqrt(n_tokens), 0.3, 0.75)
        return Defaults(size, rate * max(1.0, size / 256) ** 0.5, float(share))
