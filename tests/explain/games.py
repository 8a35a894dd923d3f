"""Classifiers with random weights, which need no training, and games solved by brute force."""

from math import factorial

import numpy as np

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier
from sentilib._ngrams._dictionary import NgramDictionary, n_evidence_columns
from sentilib._training._fit import Model

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
    classifier = DenseSentimentClassifier(dim, units, **parameters)
    weights = {
        "embedding": rng.normal(size=(n_ids, dim)),
        "hidden_kernel": rng.normal(size=(dim, units)),
        "hidden_bias": rng.normal(size=units),
    }
    return _fitted(classifier, weights, units, n_columns, n_classes, ngrams_of, rng)


def random_conv(
    n_ids=30, n_columns=12, n_classes=2, *, filters=(5, 4, 3), dim=4, ngrams_of=None, **parameters
):
    """ConvSentimentClassifier as if it had been fitted, with a normalization that matters."""
    rng = np.random.default_rng(0)
    classifier = ConvSentimentClassifier(dim, filters, **parameters)
    size = classifier.kernel_size
    weights = {"embedding": rng.normal(size=(n_ids, dim))}
    for k, (n_in, n_out) in enumerate(zip((dim, *filters), filters, strict=False)):
        weights[f"kernel_{k}"] = rng.normal(size=(size, n_in, n_out)) / np.sqrt(size * n_in)
        weights[f"gamma_{k}"], weights[f"variance_{k}"] = rng.uniform(0.5, 2, (2, n_out))
        weights[f"beta_{k}"], weights[f"mean_{k}"] = rng.normal(size=(2, n_out))
    return _fitted(classifier, weights, filters[-1], n_columns, n_classes, ngrams_of, rng)


def _fitted(classifier, weights, n_units, n_columns, n_classes, ngrams_of, rng):
    dictionary = None
    if ngrams_of is not None:
        dictionary = NgramDictionary(classifier.ngram_range, 1, 1000).learn(ngrams_of)
        shape = len(dictionary), n_evidence_columns(n_classes)
        weights["ngram_deviation"] = rng.normal(size=(len(dictionary), 1))
        weights["ngram_ratio"] = rng.normal(size=shape)
    weights |= {"head": rng.normal(size=(n_units, n_classes)), "bias": rng.normal(size=n_classes)}
    seen = np.ones(len(weights["embedding"]), dtype=bool)
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    classifier._trained = Model(classifier._architecture(), weights, dictionary, seen, None, None)
    classifier.vocabulary_size_ = len(seen)
    classifier.n_features_in_ = n_columns
    classifier.classes_ = np.arange(n_classes)
    classifier.tables_ = classifier._trained.tables().exact()
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
