"""Tables: a fitted model as a value."""

import pickle
from dataclasses import fields
from itertools import pairwise, product

import numpy as np
import pytest

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier
from sentilib._tables._conv import ConvTables, moments
from sentilib._tables._dense import DenseTables

CLASSIFIERS = [DenseSentimentClassifier, ConvSentimentClassifier]


@pytest.fixture(scope="module")
def ids():
    rng = np.random.default_rng(0)
    X = rng.integers(1, 40, (300, 20)).astype(np.int32)
    X[np.arange(20) >= rng.integers(0, 21, (300, 1))] = 0
    return X


@pytest.fixture(scope="module", params=list(product(CLASSIFIERS, [(1, 1), (1, 3)], [2, 3])))
def classifier(request, ids):
    kind, ngram_range, n_classes = request.param
    y = np.arange(len(ids)) % n_classes
    return kind(ngram_range=ngram_range, epochs=1, random_state=0).fit(ids, y)


def test_an_estimator_predicts_what_its_tables_compute(classifier, ids):
    logits = classifier.tables_.logits(ids)
    shifted = logits - logits.max(axis=1, keepdims=True)
    proba = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(ids), proba, rtol=1e-12)
    np.testing.assert_array_equal(
        classifier.transform(ids), classifier.tables_.latent(ids).astype(np.float32)
    )
    assert classifier.tables_.n_ids == classifier.vocabulary_size_
    assert classifier.tables_.n_classes == len(classifier.classes_)


def test_tables_come_back_from_their_arrays(classifier, ids, tmp_path):
    for tables in (classifier.tables_, classifier.tables_.exact()):
        np.savez(tmp_path / "tables.npz", **tables.arrays())
        with np.load(tmp_path / "tables.npz", allow_pickle=False) as arrays:
            again = type(tables).from_arrays(dict(arrays))
        np.testing.assert_array_equal(again.logits(ids), tables.logits(ids))
        np.testing.assert_array_equal(again.latent(ids), tables.latent(ids))


def test_a_pickle_of_tables_has_no_derived_arrays(classifier, ids):
    tables = classifier.tables_
    expected = tables.logits(ids)
    assert set(tables.__getstate__()) == {field.name for field in fields(tables)}
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(tables)).logits(ids), expected)


def test_exact_tables_differ_by_rounding_only(classifier, ids):
    exact = classifier.tables_.exact()
    np.testing.assert_allclose(exact.logits(ids), classifier.tables_.logits(ids), atol=1e-5)
    assert exact.exact().logits(ids).tolist() == exact.logits(ids).tolist()


def test_the_absent_word_is_the_weighted_mean_of_the_words(classifier, ids):
    tables = classifier.tables_.exact()
    weights = np.arange(tables.n_ids, dtype=float)
    more = tables.with_absent_word(weights)
    assert more.n_ids == tables.n_ids + 1
    np.testing.assert_allclose(more.words[-1], np.average(tables.words, axis=0, weights=weights))
    np.testing.assert_array_equal(more.logits(ids), tables.logits(ids))


def test_ids_beyond_the_model_are_the_unknown_word(classifier, ids):
    n_ids = classifier.tables_.n_ids
    beyond = np.array([[0, 1, n_ids - 1, n_ids, n_ids + 5]], dtype=np.int32)
    found = classifier.tables_.known(beyond)
    assert found.tolist() == [[0, 1, n_ids - 1, 1, 1]]


def test_tables_of_dense_models_average_words():
    rng = np.random.default_rng(0)
    hidden, head, bias = rng.normal(size=(9, 4)), rng.normal(size=(4, 2)), rng.normal(size=2)
    X = np.array([[2, 3, 3, 0], [0, 0, 0, 0], [5, 0, 8, 1]], dtype=np.int32)
    for masks_padding in (True, False):
        tables = DenseTables(
            head=head, bias=bias, masks_padding=masks_padding, ngrams=None, hidden=hidden
        )
        for row, pooled in zip(X, tables.pooled(X), strict=True):
            words = row[row > 0] if masks_padding else row
            expected = hidden[words].mean(axis=0) if len(words) else np.zeros(4)
            np.testing.assert_allclose(pooled, expected)
        np.testing.assert_allclose(tables.logits(X), tables.pooled(X) @ head + bias)


def activations(ids, embedding, blocks, mask_padding):
    """Output of the last block, rectified and not, and where there are tokens."""
    is_token = (ids != 0)[..., None] if mask_padding else np.ones((*ids.shape, 1), dtype=bool)
    x = embedding[ids] * is_token
    for kernel, bias in blocks:
        before = (len(kernel) - 1) // 2
        padded = np.pad(x, [(0, 0), (before, len(kernel) - 1 - before), (0, 0)])
        taps = [padded[:, k : k + ids.shape[1]] @ tap for k, tap in enumerate(kernel)]
        convolved = (sum(taps) + bias) * is_token
        x = np.maximum(convolved, 0)
    return x, convolved, is_token


@pytest.mark.parametrize("n_tokens", [1, 5, 256, 257, 700])
@pytest.mark.parametrize("filters", [(5,), (7, 3), (12, 4, 6)])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 6])
def test_compiled_convolutions_equal_numpy_ones(kernel_size, filters, n_tokens):
    rng = np.random.default_rng(n_tokens)
    ids = rng.integers(0, 30, (4, n_tokens)).astype(np.int32)
    ids[0, : n_tokens // 2] = 0
    ids[1, n_tokens // 3 :] = 0
    ids[2] = 0
    embedding = rng.normal(size=(30, 6))
    blocks = [
        (rng.normal(size=(kernel_size, n_in, n_out)), rng.normal(size=n_out))
        for n_in, n_out in pairwise((6, *filters))
    ]
    for mask_padding, pooling in product((True, False), ("average", "max")):
        units, convolved, is_token = activations(ids, embedding, blocks, mask_padding)
        if pooling == "max":
            expected = units.max(axis=1)
        else:
            expected = units.sum(axis=1) / np.maximum(is_token.sum(axis=1), 1)
        tables = ConvTables(
            head=np.eye(filters[-1]),
            bias=np.zeros(filters[-1]),
            masks_padding=mask_padding,
            ngrams=None,
            embedding=embedding,
            kernels=tuple(kernel for kernel, _ in blocks),
            biases=tuple(bias for _, bias in blocks),
            pooling=pooling,
        )
        assert tables.receptive_field == 1 + len(filters) * (kernel_size - 1)
        scale = np.abs(expected).max() or 1
        np.testing.assert_allclose(tables.pooled(ids), expected, atol=1e-5 * scale)
        np.testing.assert_allclose(tables.exact().pooled(ids), expected, atol=1e-13 * scale)
        found = moments(ids, embedding, blocks, mask_padding)
        expected = np.hstack([convolved.sum(axis=1), (convolved**2).sum(axis=1)])
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)
