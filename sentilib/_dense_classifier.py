"""DenseSentimentClassifier: its Keras model and its closed forms."""

from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils._param_validation import Interval

from sentilib import _backend
from sentilib._classifier import (
    PAD,
    BaseSentimentClassifier,
    glorot_uniform,
    uniform_embedding,
)


class DenseSentimentClassifier(BaseSentimentClassifier):
    def __init__(
        self,
        embedding_dim=16,
        hidden_units=28,
        *,
        dropout=0.2,
        mask_padding=True,
        epochs=5,
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
        self.hidden_units = hidden_units
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

    _parameter_constraints: dict = {
        **BaseSentimentClassifier._parameter_constraints,
        "hidden_units": [Interval(Integral, 1, None, closed="left")],
    }

    def _architecture(self):
        return self.embedding_dim, self.hidden_units, self.dropout

    def _auto_batch_size(self, n_samples, on_gpu):
        return int(np.clip(2 ** int(np.log2(max(1, n_samples / 48))), 8, 2048 if on_gpu else 512))

    def _auto_learning_rate(self, batch_size):
        return 1e-3 * max(1.0, batch_size / 32) ** 0.5

    def _initial_weights(self, vocabulary_size, n_classes, rng):
        d, h = self.embedding_dim, self.hidden_units
        return [
            uniform_embedding(rng, vocabulary_size, d),
            glorot_uniform(rng, d, h),
            np.zeros(h, dtype=np.float32),
            glorot_uniform(rng, h, n_classes),
            np.zeros(n_classes, dtype=np.float32),
        ]

    def _build_model(self, vocabulary_size, n_classes, policy):
        keras = _backend.import_keras()
        layers, ops = keras.layers, keras.ops
        ids = keras.Input((None,), dtype="int32", name="token_ids")
        x = layers.Embedding(vocabulary_size, self.embedding_dim, dtype=policy, name="embedding")(ids)
        x = layers.Dropout(self.dropout, dtype=policy, name="embedding_dropout")(x)
        x = layers.Dense(self.hidden_units, activation="relu", dtype=policy, name="hidden")(x)
        if self.mask_padding:
            mask = ops.cast(ops.expand_dims(ops.not_equal(ids, PAD), -1), x.dtype)
            x = ops.sum(x * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1)
        else:
            x = layers.GlobalAveragePooling1D(dtype=policy, name="average")(x)
        x = layers.Dropout(self.dropout, dtype=policy, name="latent_dropout")(x)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
        return keras.Model(ids, logits, name="dense_sentiment")

    def _build_training_model(self, vocabulary_size, n_classes, policy):
        keras = _backend.import_keras()
        layers, ops = keras.layers, keras.ops
        shape = (vocabulary_size, self.embedding_dim), self.hidden_units, self.dropout

        class VocabularyAverage(layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                (rows, dim), units, rate = shape
                self.embedding = self.add_weight(shape=(rows, dim), name="embedding")
                self.kernel = self.add_weight(shape=(dim, units), name="kernel")
                self.bias = self.add_weight(shape=(units,), name="bias")
                self.dropout = layers.Dropout(rate)
                self.built = True

            def call(self, bags, training=False):
                table = self.dropout(self.embedding, training=training)
                table = ops.relu(ops.matmul(table, self.kernel) + self.bias)
                return ops.matmul(bags, table)

            def compute_output_shape(self, bags_shape):
                return (bags_shape[0], shape[1])

        bags = keras.Input((vocabulary_size,), sparse=True, dtype="float32", name="bags")
        x = VocabularyAverage(dtype="float32", name="vocabulary_average")(bags)
        x = layers.Dropout(self.dropout, name="latent_dropout")(x)
        logits = layers.Dense(n_classes, dtype="float32", name="logits")(x)
        return keras.Model(bags, logits, name="dense_sentiment_training")

    def _encode(self, X, vocabulary_size):
        bags = self._bags(X, vocabulary_size, np.float32)
        bags.sum_duplicates()
        return bags

    def _model_input(self, encoded, rows):
        return encoded[rows]

    def _bags(self, X, n_columns, dtype):
        if self.mask_padding:
            is_token = X != PAD
            n_tokens = is_token.sum(axis=1)
            ids = X[is_token]
        else:
            n_tokens = np.full(len(X), X.shape[1])
            ids = X.ravel()
        starts = np.concatenate([[0], np.cumsum(n_tokens)])
        shares = np.repeat(1 / np.maximum(n_tokens, 1), n_tokens).astype(dtype)
        return scipy.sparse.csr_array((shares, ids, starts), shape=(len(X), n_columns))

    def _closed_form(self):
        embedding, kernel, bias, *_ = (w.astype(np.float64) for w in self._weights)
        return np.maximum(embedding @ kernel + bias, 0)

    def _latent(self, X):
        return self._bags(X, self.vocabulary_size_, np.float64) @ self._inference

    def _logits(self, X):
        kernel, bias = self._weights[-2:]
        return self._latent(X) @ kernel.astype(np.float64) + bias
