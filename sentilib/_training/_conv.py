"""The layers of ConvSentimentClassifier, as a value."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from sentilib._ids import OOV, PAD, last_token
from sentilib._tables._conv import ConvTables, moments
from sentilib._tables._ngram_table import NgramTable
from sentilib._training._architecture import Architecture, Defaults, Layers, Weights
from sentilib._training._backend import backend
from sentilib._training._batches import Encoded
from sentilib._training._first_weights import (
    balanced_output,
    glorot_uniform,
    uniform_embedding,
    with_unseen_words,
)

_TOKENS_OF_STATISTICS = 2**20  # sampled evenly from the rows; enough for means to a relative 0.001


@dataclass(frozen=True)
class ConvArchitecture(Architecture):
    """Embedding, blocks of convolution and batch normalization, pooling and an output layer."""

    embedding_dim: int
    filters: tuple[int, ...]
    kernel_size: int
    pooling: str
    dropout: float
    mask_padding: bool
    n_neutral: float = 0.0
    epsilon: ClassVar[float] = 1e-3  # of the batch normalization, Keras's default

    def textbook(self, n_ids: int, n_classes: int) -> Layers:
        """Build the layers in float32."""
        from sentilib._training._conv_graphs import keras_layers, layers

        return layers(self, n_ids, n_classes, "float32", keras_layers.Dropout)

    def training(self, n_ids: int, n_classes: int, policy: str) -> Layers:
        """Build the layers, with compiled steps for 32 bits."""
        from sentilib._training._conv_graphs import layers
        from sentilib._training._conv_steps import ConvSteps, are_fast
        from sentilib._training._layers import SharedDropout

        built = layers(self, n_ids, n_classes, policy, SharedDropout)
        if policy != "float32" or not are_fast():
            return built
        return built._replace(steps=partial(ConvSteps, self))

    def first_weights(self, n_ids: int, n_classes: int, rng: np.random.Generator) -> Weights:
        """Draw the initial weights."""
        weights = {"embedding": uniform_embedding(rng, n_ids, self.embedding_dim)}
        channels = self.embedding_dim
        for k, n_filters in enumerate(self.filters):
            gamma, beta, mean, variance = np.zeros((4, n_filters), dtype=np.float32)
            weights |= {
                f"kernel_{k}": glorot_uniform(rng, self.kernel_size, channels, n_filters),
                f"gamma_{k}": gamma + 1,
                f"beta_{k}": beta,
                f"mean_{k}": mean,
                f"variance_{k}": variance + 1,
            }
            channels = n_filters
        weights["head"] = balanced_output(channels, n_classes)
        weights["bias"] = np.zeros(n_classes, dtype=np.float32)
        return weights

    def encode(self, X: np.ndarray, n_ids: int) -> Encoded:
        """Find the end of each row: if padding is masked, batches end with their longest row."""
        if not self.mask_padding:
            return Encoded(lambda rows: (X[rows],), None)
        ends = last_token(X)
        width = backend().width

        def batch(rows: np.ndarray) -> tuple:
            return (X[rows, : width(max(int(ends[rows].max()), 1), len(rows))],)

        return Encoded(batch, ends, True)

    def tables(self, weights: Weights, ngrams: NgramTable | None) -> ConvTables:
        """Fold the normalization into the convolutions."""
        blocks = [_folded(weights, k) for k in range(len(self.filters))]
        return ConvTables(
            head=weights["head"].astype(np.float64),
            bias=weights["bias"].astype(np.float64),
            masks_padding=bool(self.mask_padding),
            ngrams=ngrams,
            n_neutral=self.n_neutral if self.mask_padding and self.pooling == "average" else 0.0,
            embedding=weights["embedding"].astype(np.float64),
            kernels=tuple(kernel for kernel, _ in blocks),
            biases=tuple(bias for _, bias in blocks),
            pooling=self.pooling,
        )

    def with_statistics(self, weights: Weights, X: np.ndarray, seen: np.ndarray) -> Weights:
        """Replace batch statistics by those of the trained weights without dropout.

        Moving averages lag behind, and are computed under dropout, which increases the variance:
        some fits were biased by a few points towards one class. Y. Wu, J. Johnson, "Rethinking
        'Batch' in BatchNorm", 2021, section 3.2.
        """
        seen = seen.copy()
        seen[OOV] |= self.mask_padding  # `with_unknown_row` teaches it
        weights = {**weights, "embedding": with_unseen_words(weights["embedding"], seen)}
        X = X[:: max(1, X.size // _TOKENS_OF_STATISTICS)]
        n_positions = np.count_nonzero(X != PAD) if self.mask_padding else X.size
        embedding = weights["embedding"].astype(np.float64)
        blocks: list[tuple[np.ndarray, np.ndarray]] = []
        for k, n_filters in enumerate(self.filters):
            kernel = weights[f"kernel_{k}"].astype(np.float64)
            blocks.append((kernel, np.zeros(n_filters)))
            sums = moments(X, embedding, blocks, self.mask_padding).sum(axis=0)
            mean, square = np.split(sums / max(n_positions, 1), 2)
            weights[f"mean_{k}"] = mean
            weights[f"variance_{k}"] = np.maximum(square - mean**2, 0)
            blocks[-1] = _folded(weights, k)
        return {name: value.astype(np.float32) for name, value in weights.items()}

    def defaults(self, X: np.ndarray, n_classes: int, *, on_gpu: bool) -> Defaults:
        """Return default options for the training data and the device."""
        size = 2 ** int(np.log2(max(1, len(X) / 48)))
        size = int(np.clip(size, 16, 1024 if on_gpu else 128))
        # Convolutions learn fast: they would make up for a smaller share by overfitting.
        return Defaults(size, 2e-3 * max(1.0, size / 128) ** 0.5, 1.0)


def _folded(weights: Weights, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel and the bias of a block that include its normalization."""
    kernel, gamma, beta, mean, variance = (
        weights[f"{name}_{k}"].astype(np.float64)
        for name in ("kernel", "gamma", "beta", "mean", "variance")
    )
    scale = gamma / np.sqrt(variance + ConvArchitecture.epsilon)
    return kernel * scale, beta - mean * scale
