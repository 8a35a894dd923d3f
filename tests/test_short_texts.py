"""Texts of which a model knows little or nothing: the prior, and what draws them towards it."""

import numpy as np
import pytest
import scipy.sparse

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib._training._batches import with_unknown_row
from sentilib.datasets import make_reviews

UNKNOWN = ["xyzzy " * n for n in (1, 3, 30, 90)]


@pytest.fixture(scope="module")
def data():
    texts, labels = make_reviews(1200, length=60, random_state=0)
    rows = np.flatnonzero((labels == labels[0]) | (np.arange(1200) % 2 == 0))  # two thirds
    tokenizer = HTMLTokenizer(max_length=100, max_features=300)
    return tokenizer, tokenizer.fit_transform([texts[k] for k in rows]), labels[rows]


@pytest.fixture(scope="module", params=[DenseSentimentClassifier, ConvSentimentClassifier])
def fitted(request, data):
    _, X, y = data
    return request.param(random_state=0).fit(X, y)


def log_prior(fitted, y):
    share = (y == fitted.classes_[1]).mean()
    return np.log(share / (1 - share))


def test_texts_without_known_words_get_the_prior(data, fitted):
    tokenizer, X, y = data
    assert (X == 1).any()
    prior = log_prior(fitted, y)
    assert abs(prior) > 0.5
    assert fitted.decision_function(tokenizer.transform([""])) == pytest.approx(prior, abs=1e-6)
    others = []  # the CNN's training draws them near it, not to it: by how much depends on the seed
    if isinstance(fitted, ConvSentimentClassifier):
        others = [ConvSentimentClassifier(random_state=seed).fit(X, y) for seed in (1, 2)]
    found = [f.decision_function(tokenizer.transform(UNKNOWN)) - prior for f in (fitted, *others)]
    apart = np.sqrt(np.mean(np.square(found), axis=0))
    assert (apart < (0.35 if others else 1e-5)).all()
    np.testing.assert_allclose(
        fitted.to_keras()(tokenizer.transform(UNKNOWN)),
        fitted.tables_.logits(tokenizer.transform(UNKNOWN)),
        atol=1e-5,
    )


def test_known_words_lose_weight_among_unknown_ones(data, fitted):
    _, X, y = data
    rows = X[np.argsort(fitted.decision_function(X))[[0, -1]]]
    found = []
    for n in (100, 50, 20, 5, 0):
        few = np.where((np.arange(X.shape[1]) < n) | (rows == 0), rows, 1)
        found.append(np.abs(fitted.decision_function(few) - log_prior(fitted, y)))
    if isinstance(fitted, DenseSentimentClassifier):
        assert (np.diff(found, axis=0) < 0.1).all()
    assert (found[0] > 2 * found[3]).all()


def test_short_texts_are_not_as_sure_as_long_ones(data, fitted):
    _, X, y = data
    margins = [
        np.abs(fitted.decision_function(np.where(np.arange(100) < n, X, 0))).mean()
        for n in (1, 5, 20, 100)
    ]
    assert np.all(np.diff(margins) > 0)
    assert margins[-1] > 3 * (margins[0] - abs(log_prior(fitted, y)))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_prior_of_a_stream_counts_all_its_parts(data, n_classes):
    _, X, _ = data
    labels = np.arange(200) % n_classes
    labels[:50] = 0
    model = DenseSentimentClassifier(random_state=0)
    for part in (slice(0, 100), slice(100, 200)):
        model.partial_fit(X[part], labels[part], classes=range(n_classes))
    proba = model.predict_proba(np.zeros((1, X.shape[1]), dtype=int))[0]
    np.testing.assert_allclose(proba, np.bincount(labels) / 200, rtol=1e-5)


def test_weights_of_rows_and_classes_are_in_the_prior(data):
    _, X, y = data
    model = DenseSentimentClassifier(class_weight="balanced", epochs=1, random_state=0)
    proba = model.fit(X[:200], y[:200]).predict_proba(np.ones((1, X.shape[1]), dtype=int))
    np.testing.assert_allclose(proba, 0.5, atol=1e-5)


def test_a_row_of_unknown_words_has_no_evidence():
    ids = np.array([[2, 3, 4, 7], [5, 6, 0, 0]], dtype=np.int32)
    bag = scipy.sparse.csr_array(np.arange(12.0).reshape(4, 3))  # two columns of evidence per row
    labels, weight = np.array([1, 1], dtype=np.int32), np.array([1, 2], dtype=np.float32)
    lengths = set()
    for seed in range(30):
        x, y, w = with_unknown_row((ids, bag), labels, weight, np.random.default_rng(seed))
        np.testing.assert_array_equal(x[0][:2], ids)
        np.testing.assert_array_equal(x[1].toarray(), np.vstack([bag.toarray(), np.zeros((2, 3))]))
        n = int(x[0][2].sum())
        assert x[0][2].tolist() == [1] * n + [0] * (4 - n)
        assert (x[0].dtype, y.tolist()) == (np.int32, [1, 1, 1])
        assert w.dtype == np.float32
        assert w[2] == pytest.approx(1.5)
        lengths.add(n)
        wide = np.pad(ids, [(0, 0), (0, 60)])  # as batches are padded for JAX
        padded = with_unknown_row((wide, bag), labels, weight, np.random.default_rng(seed))[0][0]
        np.testing.assert_array_equal(padded, np.pad(x[0], [(0, 0), (0, 60)]))
    assert lengths == {1, 2, 3, 4}


@pytest.mark.parametrize("kind", [DenseSentimentClassifier, ConvSentimentClassifier])
def test_neutral_tokens_follow_the_length_of_the_training_rows(kind):
    for length, n_neutral in [(4, 1), (40, 4), (300, 32), (1000, 32)]:
        X = np.full((6, length), 2)
        model = kind(epochs=1, embedding_dim=2).fit(X, [0, 1] * 3)
        assert model.tables_.n_neutral == n_neutral
        assert model.tables_.ngrams.n_neutral == n_neutral / 4
    X[:, 4:] = 0
    tables = model.partial_fit(X, [0, 1] * 3).tables_
    assert (tables.n_neutral, tables.ngrams.n_neutral) == (32, 8)
