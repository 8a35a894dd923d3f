"""ConvSentimentClassifier: its Keras model and its closed form."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from sentilib import _backend
from sentilib._classifier import (
    PAD,
    BaseSentimentClassifier,
    glorot_uniform,
    last_token,
    uniform_embedding,
)

_EPSILON = 1e-3  # of the batch normalization, Keras's default
_POSITIONS_AT_ONCE = 2**15  # keeps the working set of a prediction near the caches


class ConvSentimentClassifier(BaseSentimentClassifier):
    """CNN."""

    _parameter_constraints: dict = {
        **BaseSentimentClassifier._parameter_constraints,
        "filters": ["array-like"],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions({"average", "max"})],
    }

    def __init__(
        self,
        embedding_dim=16,
        filters=(28, 16, 8),
        kernel_size=3,
        *,
        pooling="average",
        momentum=0.9,
        dropout=0.2,
        mask_padding=True,
        epochs=3,
        batch_size="auto",
        learning_rate="auto",
        optimizer="adam",
        class_weight=None,
        validation_fraction=0.1,
        early_stopping=False,
        patience=2,
        warm_start=False,
        callbacks=None,
        device="auto",
        precision="auto",
        random_state=None,
        verbose=0,
    ):
        self.embedding_dim = embedding_dim
        self.filters = filters
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.momentum = momentum
        self.dropout = dropout
        self.mask_padding = mask_padding
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def _architecture(self):
        return (
            self.embedding_dim,
            tuple(self.filters),
            self.kernel_size,
            self.pooling,
            self.momentum,
            self.dropout,
            self.mask_padding,
        )

    def _auto_batch_size(self, n_samples, on_gpu):
        return int(np.clip(2 ** int(np.log2(max(1, n_samples / 48))), 8, 1024 if on_gpu else 128))

    def _auto_learning_rate(self, batch_size):
        return 1e-3 * max(1.0, batch_size / 32) ** 0.5

    def _initial_weights(self, vocabulary_size, n_classes, rng):
        weights = [uniform_embedding(rng, vocabulary_size, self.embedding_dim)]
        channels = self.embedding_dim
        for n_filters in self.filters:
            kernel = glorot_uniform(rng, self.kernel_size, channels, n_filters)
            gamma, beta, mean, variance = np.zeros((4, n_filters), dtype=np.float32)
            weights += [kernel, gamma + 1, beta, mean, variance + 1]
            channels = n_filters
        return [
            *weights,
            glorot_uniform(rng, channels, n_classes),
            np.zeros(n_classes, dtype=np.float32),
        ]

    def _build_model(self, vocabulary_size, n_classes, policy):
        keras = _backend.import_keras()
        layers, ops = keras.layers, keras.ops
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        mask = ops.not_equal(ids, PAD) if self.mask_padding else None
        x = layers.Embedding(vocabulary_size, self.embedding_dim, dtype=policy, name="embedding")(
            ids
        )
        x = layers.Dropout(self.dropout, dtype=policy, name="embedding_dropout")(x)
        if mask is not None:
            is_token = ops.expand_dims(ops.cast(mask, x.dtype), -1)
            x = x * is_token
        for i, n_filters in enumerate(self.filters, start=1):
            # A bias would be lost in the batch normalization that follows.
            x = layers.Conv1D(
                n_filters,
                self.kernel_size,
                padding="same",
                use_bias=False,
                dtype=policy,
                name=f"convolution_{i}",
            )(x)
            x = layers.BatchNormalization(
                momentum=self.momentum, epsilon=_EPSILON, dtype=policy, name=f"normalization_{i}"
            )(x, mask=mask)
            x = layers.ReLU(dtype=policy, name=f"relu_{i}")(x)
            if mask is not None:
                x = x * is_token  # padding looks to the next block as the border does
        if self.pooling == "max":
            x = layers.GlobalMaxPooling1D(dtype=policy, name="pooling")(x)
        elif mask is not None:
            x = ops.sum(x, axis=1) / ops.maximum(ops.sum(is_token, axis=1), 1)
        else:
            x = layers.GlobalAveragePooling1D(dtype=policy, name="pooling")(x)
        x = layers.Dropout(self.dropout, dtype=policy, name="latent_dropout")(x)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
        return keras.Model(ids, logits, name="conv_sentiment")

    def _encode(self, X, rows):
        return X, last_token(X)

    def _model_input(self, encoded, rows):
        X, ends = encoded
        return X[rows, : self._width(ends[rows], X.shape[1])]

    def _width(self, ends, n_tokens):
        """Trim a batch to its longest row, where padding is masked."""
        return max(int(ends.max()), 1) if self.mask_padding else n_tokens

    def _closed_form(self):
        """Embedding, then kernel and bias of each block with its normalization folded in."""
        embedding, *blocks = (w.astype(np.float64) for w in self._weights[:-2])
        folded = []
        for kernel, gamma, beta, mean, variance in zip(*[iter(blocks)] * 5, strict=True):
            scale = gamma / np.sqrt(variance + _EPSILON)
            folded.append((kernel * scale, beta - mean * scale))
        return embedding, folded

    def _latent(self, X):
        ends = last_token(X)
        latent = np.empty((len(X), self._weights[-2].shape[0]))
        order = np.argsort(ends, kind="stable")
        start = 0
        while start < len(X):
            # Rows of like length together, so that little padding is computed.
            width = self._width(ends[order[start:start+1]], X.shape[1])
            n_rows = max(1, _POSITIONS_AT_ONCE // width)
            rows = order[start : start + n_rows]
            latent[rows] = self._pooled(X[rows, : self._width(ends[rows], X.shape[1])])
            start += n_rows
        return latent

    def _pooled(self, ids):
        embedding, blocks = self._inference
        x = embedding[ids]
        is_token = (ids != PAD)[..., None] if self.mask_padding else np.ones((1, ids.shape[1], 1))
        x *= is_token
        for kernel, bias in blocks:
            x = _convolve(x, kernel)
            x += bias
            np.maximum(x, 0, out=x)
            x *= is_token
        if self.pooling == "max":
            return x.max(axis=1)
        return x.sum(axis=1) / np.maximum(is_token.sum(axis=1), 1)

    def _logits(self, X):
        kernel, bias = self._weights[-2:]
        return self._latent(X) @ kernel.astype(np.float64) + bias


def _convolve(x, kernel):
    """Convolve along axis 1 with zeros beyond the border; the output is as long as the input."""
    size, _, n_filters = kernel.shape
    n_tokens = x.shape[1]
    out = np.zeros((*x.shape[:2], n_filters))
    for tap in range(size):
        shift = tap - (size - 1) // 2  # output i reads input i + shift
        low, high = max(0, -shift), min(n_tokens, n_tokens - shift)
        if low < high:
            out[:, low:high] += x[:, low + shift : high + shift] @ kernel[tap]
    return out
