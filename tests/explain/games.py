"""Classifiers with random weights, which need no training, and games solved by brute force."""

from math import factorial

import numpy as np

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier
from sentilib._ngrams._dictionary import Ngrams

PLACES = [  # tokens, padding after, before, between and at the borders; one word alone; none
    [5, 6, 7, 8, 9, 3, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 5, 1, 1, 4, 2, 0, 0, 0, 0],
    [3, 0, 0, 0, 0, 7, 8, 0, 4, 0, 0, 2],
    [5, 5, 0, 5, 5, 2, 2, 0, 0, 0, 9, 9],
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
    [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
]


def random_dense(
    n_ids=30, n_columns=12, n_classes=2, *, units=6, dim=4, ngrams_of=None, **parameters
):
    """DenseSentimentClassifier as if it had been fitted, without n-grams or with those of X."""
    rng = np.random.default_rng(0)
    shapes = [(n_ids, dim), (dim, units), units, (units, n_classes), n_classes]
    classifier = DenseSentimentClassifier(dim, units, **parameters)
    shapes[3:3] = _ngram_shapes(classifier, ngrams_of, n_classes)
    weights = [rng.normal(size=shape) for shape in shapes]
    return _fitted(classifier, weights, n_columns)


def random_conv(
    n_ids=30, n_columns=12, n_classes=2, *, filters=(5, 4, 3), dim=4, ngrams_of=None, **parameters
):
    """ConvSentimentClassifier as if it had been fitted, with a normalization that matters."""
    rng = np.random.default_rng(0)
    classifier = ConvSentimentClassifier(dim, filters, **parameters)
    size = classifier.kernel_size
    weights = [rng.normal(size=(n_ids, dim))]
    for n_in, n_out in zip((dim, *filters), filters, strict=False):
        kernel = rng.normal(size=(size, n_in, n_out)) / np.sqrt(size * n_in)
        gamma, variance = rng.uniform(0.5, 2, (2, n_out))
        weights += [kernel, gamma, rng.normal(size=n_out), rng.normal(size=n_out), variance]
    weights += [rng.normal(size=s) for s in _ngram_shapes(classifier, ngrams_of, n_classes)]
    weights += [rng.normal(size=(filters[-1], n_classes)), rng.normal(size=n_classes)]
    return _fitted(classifier, weights, n_columns)


def _ngram_shapes(classifier, ngrams_of, n_classes):
    classifier._ngrams = None
    if ngrams_of is None:
        return []
    classifier._ngrams = Ngrams(classifier.ngram_range, 1, 1000).learn(ngrams_of)
    return [(len(classifier._ngrams), 1 if n_classes == 2 else n_classes)] * 2


def _fitted(classifier, weights, n_columns):
    classifier._weights = [w.astype(np.float32) for w in weights]
    classifier._seen = np.ones(len(weights[0]), dtype=bool)
    classifier.vocabulary_size_ = len(weights[0])
    classifier.n_features_in_ = n_columns
    classifier.classes_ = np.arange(len(weights[-1]))
    classifier._use_tables(classifier._closed_form(), np.float64)
    return classifier


def outputs_of_coalitions(output, row, baseline):
    """Outputs of all 2^n coalitions of a row's words; bit i of a coalition is word i."""
    places = np.flatnonzero(row)
    coalitions = np.arange(2 ** len(places))
    present = (coalitions[:, None] >> np.arange(len(places))) & 1 == 1
    rows = np.tile(row, (len(coalitions), 1))
    rows[:, places] = np.where(present, row[places], baseline)
    outputs = output(rows)
    return outputs.reshape(len(rows), -1), present.sum(axis=1)


def brute_force(output, row, baseline):
    """Shapley values (n_tokens, n_outputs) and interactions (n_tokens, n_tokens, n_outputs)."""
    v, size = outputs_of_coalitions(output, row, baseline)
    n = int(np.count_nonzero(row))
    values, pairs = np.zeros((n, v.shape[1])), np.zeros((n, n, v.shape[1]))
    coalitions = np.arange(len(v))
    for i in range(n):
        s = coalitions[coalitions >> i & 1 == 0]
        weights = [factorial(k) * factorial(n - k - 1) / factorial(n) for k in size[s]]
        values[i] = weights @ (v[s | 1 << i] - v[s])
        for j in range(i):
            t = s[s >> j & 1 == 0]
            weights = [factorial(k) * factorial(n - k - 2) / factorial(n - 1) for k in size[t]]
            both = 1 << i | 1 << j
            pairs[i, j] = weights @ (v[t | both] - v[t | 1 << i] - v[t | 1 << j] + v[t])
            pairs[j, i] = pairs[i, j]
    return values, pairs
