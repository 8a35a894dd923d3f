"""The part of a classifier that weighs the n-grams of a text."""

from functools import partial
from numbers import Integral

import numpy as np
import scipy.sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from sentilib._compiled._threads import in_threads, row_slices
from sentilib._ids import PAD, with_spare_rows
from sentilib._ngrams._dictionary import (
    Ngrams,
    bags,
    count_by_class,
    evidence_size,
    log_count_ratios,
    numbered_anew,
)
from sentilib._sklearn import Interval
from sentilib._training import _backend

# Chosen on folds by movie of IMDB's training reviews, on all of the rest, 2,000 and 500 of it, and
# on parts of the training data of seven public sets of short sentences with up to six classes.
_SMOOTHING = 2.0  # of the counts
_STEP = 20.0  # an n-gram's weight moves that much faster than the other weights
_FOLDS = 5
_SPREADS = 0.1, 5.0  # least and greatest standard deviation of the logits, at their best scale
_DEVIATION, _RATIO = -4, -3  # places among a classifier's weights, before the output layer's


class NgramEvidence:
    """Adds a weight for each n-gram of a row to the logits that a subclass's layers give.

    A row's n-grams are counted, their weights added up and the sum divided by the square root of
    the row's number of tokens. A weight is a log count ratio times a factor that is trained. In
    training, a row's ratios are counted in the other folds: its own label would speak through
    every rare n-gram that it holds, and leave the factors and the layers nothing to learn.

    To `BaseSentimentClassifier` it gives what that asks for; of a subclass it asks

    * `_encode_tokens(X, vocabulary_size)` and `_token_input(encoded, rows)`: what the layers of
      the training model read;
    * `_layer_weights(vocabulary_size, n_classes, rng)`: their first weights;
    * `_layer_tables()`: what it derives from them to predict;
    * `_pooled(X)`: the latent vector of each row;
    * `_first_share(X)`: what share of the factor that suits log count ratios best they start with.
    """

    _ngram_constraints: dict = {
        "ngram_range": [tuple, list],
        "ngram_min_df": [Interval(Integral, 1, None, closed="left")],
        "max_ngrams": [Interval(Integral, 1, 2**29, closed="left")],
    }

    # ------------------------------------------------------------------ training

    def _learn_features(self, X, rows, labels, weight, *, resume, accumulate):
        tokens = self._encode_tokens(X, rows)
        least, most = self._checked_ngram_range()
        if most == 1:
            self._ngrams = None
            return tokens, []
        ngrams = Ngrams((least, most), self.ngram_min_df, self.max_ngrams)
        if resume and self._ngrams is not None:
            ngrams = self._ngrams.with_options(ngrams)
        self._ngrams = ngrams = ngrams.learn(X)
        self._in_stream = accumulate
        held, terms = numbered_anew(ngrams.terms(X), len(ngrams))  # a stream's chunk holds few
        n_classes, n_folds = len(self.classes_), min(_FOLDS, len(X))
        folds = np.random.default_rng(len(X)).permutation(len(X)) % n_folds
        by_fold = count_by_class(
            terms, len(held), folds * n_classes + labels, weight, n_folds * n_classes
        ).reshape(len(held), n_folds, n_classes)
        counts = np.zeros((len(ngrams), n_classes))
        if resume and accumulate:
            counts[: len(self._ngram_counts)] = self._ngram_counts
        counts[held] += by_fold.sum(axis=1)
        self._ngram_counts, total = counts, counts.sum(axis=0)
        n_columns = _n_columns(n_classes)
        ratios = log_count_ratios(counts[held], by_fold, total, _SMOOTHING, n_columns)
        bag = bags(terms, len(held), evidence_size(X))
        del terms, by_fold  # large
        evidence = _weighted(bag, folds, ratios)
        logits = self._ngram_logits(np.column_stack([e.sum(axis=1) for e in evidence]))
        prior = np.bincount(labels, weight, minlength=n_classes) / weight.sum()
        self._first_bias = np.log(prior.clip(1e-9))
        scale = _best_scale(logits, self._first_bias, labels, weight) * self._first_share(X)
        self._first_bias -= scale * logits.mean(axis=0)
        shape, columns = (len(X), self._n_ngram_rows()), held[bag.indices]
        for k, e in enumerate(evidence):
            e.data *= np.float32(scale)
            evidence[k] = scipy.sparse.csr_array((e.data, columns, e.indptr), shape=shape)
        no_folds = np.empty((len(counts), 0, n_classes))
        ratios = log_count_ratios(counts, no_folds, total, _SMOOTHING, n_columns)
        self._ngram_ratio = np.ascontiguousarray(scale * ratios[:, 0].T, dtype=np.float32)
        return tokens, evidence

    def _checked_ngram_range(self):
        least, most = self.ngram_range
        if not (isinstance(least, Integral) and isinstance(most, Integral) and 1 <= least <= most):
            raise ValueError(
                f"ngram_range={self.ngram_range!r} must be two whole numbers (min_n, max_n) with "
                "1 <= min_n <= max_n, such as (1, 3); (1, 1) means no n-grams."
            )
        return least, most

    def _ngram_logits(self, evidence):
        """Logits of sums over n-grams, which for two classes are half the margin each way."""
        return evidence * [[-0.5, 0.5]] if len(self.classes_) == 2 else evidence

    def _n_ngram_rows(self):
        if self._ngrams is None:
            return 0
        rows = with_spare_rows(len(self._ngrams))
        if self._in_stream:  # which grows, and a graph is built for each size
            rows = min(2 ** rows.bit_length(), max(rows, with_spare_rows(self.max_ngrams)))
        return rows

    def _initial_weights(self, vocabulary_size, n_classes, rng):
        *layers, kernel, bias = self._layer_weights(vocabulary_size, n_classes, rng)
        if self._ngrams is None:
            return [*layers, kernel, bias]
        ratio = self._ngram_ratio
        bias += self._first_bias.astype(np.float32)
        return [*layers, np.zeros_like(ratio), ratio, kernel, bias]

    def _resumed_weights(self, fresh):
        weights = super()._resumed_weights(fresh)
        if self._ngrams is not None:
            n_new = len(fresh[_RATIO]) - len(weights[_RATIO])
            weights[_DEVIATION] = np.pad(weights[_DEVIATION], [(0, n_new), (0, 0)])
            weights[_RATIO] = fresh[_RATIO]
        return weights

    def _encode(self, X, rows):
        tokens = self._encode_tokens(X, rows)
        if self._ngrams is None:
            return tokens, []
        bag = bags(self._ngrams.terms(X), self._n_ngram_rows(), evidence_size(X))
        folds = np.zeros(len(X), dtype=np.int64)
        return tokens, _weighted(bag, folds, self._ngram_ratio.T.astype(np.float64)[:, None])

    def _model_input(self, encoded, rows):
        tokens, evidence = encoded
        return self._token_input(tokens, rows), *(e[rows] for e in evidence)

    # ------------------------------------------------------------------ models

    def _add_evidence(self, ids, logits):
        """Add the n-grams' evidence to the logits of a Keras model that reads ids."""
        if self._ngrams is None:
            return logits
        ops = _backend.import_keras().ops
        n_tokens = ops.sum(ops.cast(ops.not_equal(ids, PAD), "float32"), axis=1, keepdims=True)
        sums = self._ngrams.sums_in_graph
        evidence = _ngram_weights(
            len(self.classes_), len(self._ngrams), lambda ids, w, ratio: sums(ids, ratio * w)
        )(ids)
        return evidence / ops.sqrt(ops.maximum(n_tokens, 1)) + logits

    def _training_inputs(self):
        """Keras inputs of the training model for the evidence, a sparse one for each column."""
        keras = _backend.import_keras()
        if self._ngrams is None:
            return []
        rows = self._n_ngram_rows()
        n_columns = _n_columns(len(self.classes_))
        return [
            keras.Input((rows,), sparse=True, dtype="float32", name=f"ngram_evidence_{k}")
            for k in range(n_columns)
        ]

    def _add_training_evidence(self, evidence, logits):
        """Add what comes in through `_training_inputs` to the logits of the training model."""
        if not evidence:
            return logits
        ops = _backend.import_keras().ops

        def sums(evidence, weights, ratio):
            columns = ops.split(weights, len(evidence), axis=1)
            return ops.concatenate(
                [_backend.sparse_matmul(e, w) for e, w in zip(evidence, columns, strict=True)],
                axis=1,
            )

        return _ngram_weights(len(self.classes_), self._n_ngram_rows(), sums)(evidence) + logits

    # ------------------------------------------------------------------ closed form

    def _closed_form(self):
        tables = self._layer_tables()
        if self._ngrams is None:
            return *tables, None
        deviation, ratio = (self._weights[k].astype(np.float64) for k in (_DEVIATION, _RATIO))
        return *tables, ratio * (1 + _STEP * deviation)

    @property
    def _n_features_out(self):
        n_pooled = self._weights[-2].shape[0]
        return n_pooled + (0 if self._ngrams is None else self._weights[_RATIO].shape[1])

    def _latent(self, X):
        pooled = self._pooled(X)
        if self._ngrams is None:
            return pooled
        sums = self._ngrams.sums(X, self._inference[-1])
        return np.hstack([pooled, sums / evidence_size(X)[:, None]])

    def _logits(self, X):
        kernel, bias = (w.astype(np.float64) for w in self._weights[-2:])
        latent = self._latent(X)
        logits = latent[:, : len(kernel)] @ kernel + bias
        if self._ngrams is not None:
            logits += self._ngram_logits(latent[:, len(kernel) :])
        return logits


def _n_columns(n_classes):
    """Weights of an n-gram: one for two classes, whose logits are half of it each way."""
    return 1 if n_classes == 2 else n_classes


def _best_scale(logits, bias, labels, weight):
    """Give the factor at which these logits predict best: Platt scaling, one for all classes."""
    spread = logits.std(axis=0).mean()
    if not spread:
        return 1.0
    centred = logits - logits.mean(axis=0)

    def loss(log_scale):
        log_proba = log_softmax(bias + np.exp(log_scale) * centred, axis=1)
        return -weight @ log_proba[np.arange(len(labels)), labels]

    bounds = np.log(_SPREADS) - np.log(spread)
    return np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)


def _weighted(bag, folds, ratios):
    """Multiply each entry of a bag by the ratio of its n-gram in its row's fold.

    Parameters
    ----------
    bag : csr_array of shape (n_rows, n_ngrams), float32
    folds : ndarray of shape (n_rows,), int
    ratios : ndarray of shape (n_columns, n_folds, n_ngrams), float64

    Returns
    -------
    list of csr_array
        One for each column, which share their indices.
    """
    from sentilib._ngrams import _kernels

    starts, features = bag.indptr.astype(np.int64), bag.indices.astype(np.int32, copy=False)

    def weigh(ratios, data, rows):
        of_rows = starts[rows.start : rows.stop + 1]
        _kernels.weigh(of_rows, features, bag.data, folds[rows], ratios, data)

    matrices = []
    for of_column in np.ascontiguousarray(ratios):
        data = np.empty_like(bag.data)
        in_threads(partial(weigh, of_column, data), row_slices(len(folds)))
        matrices.append(scipy.sparse.csr_array((data, bag.indices, bag.indptr), shape=bag.shape))
    return matrices


def _ngram_weights(n_classes, n_ngrams, sums):
    """Layer from n-grams to logits; `sums(x, weights, ratio)` adds up over the n-grams of x."""
    keras = _backend.import_keras()
    ops = keras.ops
    n_columns = _n_columns(n_classes)

    class NgramWeights(keras.layers.Layer):
        def __init__(self):
            super().__init__(dtype="float32", name="ngram_weights")
            shape = (n_ngrams, n_columns)
            self.deviation = self.add_weight(shape=shape, initializer="zeros", name="deviation")
            self.ratio = self.add_weight(shape=shape, trainable=False, name="log_count_ratio")
            self.built = True

        def call(self, x):
            evidence = sums(x, 1 + _STEP * self.deviation, self.ratio)
            if n_classes == 2:
                return ops.concatenate([-0.5 * evidence, 0.5 * evidence], axis=-1)
            return evidence

        def compute_output_shape(self, shape):
            rows = shape[0][0] if isinstance(shape, list) else shape[0]
            return (rows, n_classes)

    return NgramWeights()
