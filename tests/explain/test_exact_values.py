"""Exact Shapley values are those of brute force over all coalitions of words."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from games import PLACES, brute_force, random_conv, random_dense
from sklearn.pipeline import make_pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib._ngrams._dictionary import NgramDictionary
from sentilib._pipelines import Parts
from sentilib.datasets import make_reviews
from sentilib.explain._games._deletion import deletion_share

X = np.array(PLACES, dtype=np.int32)
IDS = {"oov": 1, "pad": 0, 7: 7}
CNNS = [  # filters, kernel_size
    ((5, 4, 3), 3),
    ((4,), 5),
    ((3,), 1),
    ((3, 5), 4),
    ((4, 4), 2),
    ((2, 3), 5),
    ((8, 4, 4, 4), 3),
    ((3,), 10),
]


def assert_same_as_brute_force(explainer, ids, baseline, tolerance=1e-12):
    classifier = explainer.estimator
    explanation = explainer.explain(ids)
    assert explanation.is_exact and explanation.method == "exact"
    assert explanation.additivity_error.shape == (len(ids),)
    assert explanation.additivity_error.max() < tolerance
    blank = np.where(ids, baseline, 0)
    np.testing.assert_allclose(
        explanation.base_values, classifier.decision_function(blank), atol=tolerance
    )
    for row, values in zip(ids, explanation.values, strict=True):
        expected, _ = brute_force(classifier.decision_function, row, baseline)
        assert len(values) == np.count_nonzero(row)
        np.testing.assert_allclose(values.reshape(expected.shape), expected, rtol=0, atol=tolerance)


def assert_interactions_of_brute_force(explainer, ids, baseline):
    found = explainer.interactions(ids)
    for row, matrices in zip(ids, found.values, strict=True):
        _, expected = brute_force(explainer.estimator.decision_function, row, baseline)
        for k, matrix in enumerate(matrices):
            np.testing.assert_allclose(matrix.toarray(), expected[..., k], rtol=0, atol=1e-12)


@pytest.mark.parametrize("baseline", IDS)
@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_dense_values_are_exact(n_classes, mask_padding, baseline):
    classifier = random_dense(n_classes=n_classes, mask_padding=mask_padding)
    explainer = TokenShapExplainer(classifier, baseline=baseline)
    assert_same_as_brute_force(explainer, X, IDS[baseline])
    if baseline != "pad":
        assert_interactions_of_brute_force(explainer, X, IDS[baseline])


@pytest.mark.parametrize("baseline", IDS)
@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize(("filters", "kernel_size"), CNNS)
def test_cnn_values_and_interactions_are_exact(filters, kernel_size, mask_padding, baseline):
    n_classes = 3 if kernel_size == 3 else 2
    classifier = random_conv(
        n_classes=n_classes, filters=filters, kernel_size=kernel_size, mask_padding=mask_padding
    )
    explainer = TokenShapExplainer(classifier, baseline=baseline)
    assert_same_as_brute_force(explainer, X, IDS[baseline])
    if baseline != "pad" and len(filters) < 4:
        assert_interactions_of_brute_force(explainer, X, IDS[baseline])


@pytest.mark.parametrize("baseline", ["oov", "pad"])
@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("model", [random_dense, random_conv])
def test_values_with_ngrams_are_exact(model, n_classes, mask_padding, baseline):
    classifier = model(
        n_classes=n_classes, mask_padding=mask_padding, ngram_range=(1, 3), ngrams_of=X
    )
    explainer = TokenShapExplainer(classifier, baseline=baseline)
    assert_same_as_brute_force(explainer, X, IDS[baseline])
    if baseline == "oov":
        assert_interactions_of_brute_force(explainer, X, IDS[baseline])
        assert np.abs(explainer.interactions(X).values[0][0].toarray()).max() > 0
    else:
        with pytest.raises(ValueError, match="every word interacts"):
            explainer.interactions(X)


@pytest.mark.parametrize("model", [random_dense, random_conv])
def test_a_baseline_that_is_a_word_forms_ngrams_and_is_sampled(model):
    classifier = model(ngram_range=(1, 3), ngrams_of=X)
    with pytest.raises(ValueError, match="forms n-grams with its neighbours"):
        TokenShapExplainer(classifier, baseline=7, method="exact").explain(X)
    explainer = TokenShapExplainer(classifier, baseline=7, n_permutations=300, random_state=0)
    explanation = explainer.explain(X)
    assert explanation.method == "permutation"
    for row, values, errors in zip(X, explanation.values, explanation.error_std, strict=True):
        expected, _ = brute_force(classifier.decision_function, row, 7)
        assert (np.abs(values - expected[:, 0]) <= 5 * errors + 1e-3).all()


def test_the_mean_word_of_a_cnn_is_the_mean_embedding():
    classifier, with_mean = random_conv(), random_conv(n_ids=31)
    embedding = classifier.tables_.embedding
    embedding = np.vstack([embedding, embedding[2:].mean(axis=0)])
    with_mean.tables_ = replace(classifier.tables_, embedding=embedding)
    found = TokenShapExplainer(classifier, baseline="mean").explain(X)
    for row, values in zip(X, found.values, strict=True):
        expected, _ = brute_force(with_mean.decision_function, row, 30)
        np.testing.assert_allclose(values, expected[:, 0], rtol=0, atol=1e-12)


def test_the_mean_word_of_a_dense_model_is_a_random_word():
    classifier = random_dense()
    explanation = TokenShapExplainer(classifier, baseline="mean").explain(X)
    each = [TokenShapExplainer(classifier, baseline=k).explain(X) for k in range(2, 30)]
    for row in range(len(X)):
        expected = np.mean([e.values[row] for e in each], axis=0)
        np.testing.assert_allclose(explanation.values[row], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        explanation.base_values, np.mean([e.base_values for e in each], axis=0), atol=1e-12
    )


def test_the_mean_word_is_weighted_by_document_frequency():
    tokenizer = HTMLTokenizer(max_length=12).fit(["a good film", "a film", "bad"])
    classifier = random_dense(n_ids=6)
    found = TokenShapExplainer(make_pipeline(tokenizer, classifier), baseline="mean").explain(X[:1])
    each = [
        TokenShapExplainer(classifier, baseline=k).explain(X[:1]).values[0] for k in range(2, 6)
    ]
    frequency = tokenizer.document_frequency_[2:]
    assert frequency.tolist() == [2, 2, 1, 1]
    np.testing.assert_allclose(found.values[0], frequency @ each / 6, rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def trained():
    reviews, labels = make_reviews(400, length=40, random_state=0)
    tokenizer = HTMLTokenizer(max_length=12, max_features=200)
    ids = tokenizer.fit_transform(reviews)
    return (
        reviews,
        ids,
        [
            (make_pipeline(tokenizer, classifier), classifier.fit(ids, labels))
            for classifier in (
                DenseSentimentClassifier(random_state=0, epochs=2),
                ConvSentimentClassifier(random_state=0, epochs=2),
            )
        ],
    )


@pytest.mark.parametrize("number", [0, 1], ids=["Dense", "CNN"])
def test_trained_models_are_exact_on_truncated_reviews(trained, number):
    reviews, _, models = trained
    pipe, classifier = models[number]
    ids = np.array(pipe[0].transform(reviews[:2]))
    assert ids.all()
    ids[:, :2] = 0
    exact = copy.copy(classifier)
    exact.tables_ = exact.tables_.exact()  # a CNN predicts in float32
    assert_same_as_brute_force(TokenShapExplainer(exact), ids, 1)


@pytest.mark.parametrize("number", [0, 1], ids=["Dense", "CNN"])
def test_values_add_up_to_the_margin_of_the_pipeline(trained, number):
    reviews, _, models = trained
    pipe, _ = models[number]
    explainer = TokenShapExplainer(pipe)
    explanation = explainer.explain(reviews)
    sums = explanation.base_values + [values.sum() for values in explanation.values]
    margins = pipe.decision_function(reviews)
    tolerance = [1e-12, 1e-6][number]  # a CNN predicts in float32
    np.testing.assert_allclose(sums, margins, rtol=tolerance, atol=tolerance)
    error = np.abs(sums - margins) / np.maximum(1, np.abs(margins))
    np.testing.assert_allclose(explanation.additivity_error, error, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "make",
    [random_dense, random_conv, lambda **options: in_single_precision(random_conv(**options))],
)
def test_values_do_not_depend_on_the_other_rows_nor_on_batches_nor_threads(make):
    rng = np.random.default_rng(0)
    classifier = make(n_columns=120)
    ids = rng.integers(2, 30, size=(300, 120)).astype(np.int32)
    ids[np.arange(120) >= rng.integers(0, 121, size=(300, 1))] = 0
    whole = TokenShapExplainer(classifier).explain(ids)
    for parameters in ({"batch_size": 7}, {"n_jobs": 2}):
        again = TokenShapExplainer(classifier, **parameters).explain(ids)
        for one, other in zip(whole.values, again.values, strict=True):
            np.testing.assert_array_equal(one, other)
    alone = TokenShapExplainer(classifier).explain(ids[5:6])
    np.testing.assert_array_equal(alone.values[0], whole.values[5])


def in_single_precision(classifier):
    """Let a classifier predict in float32, as a trained CNN does."""
    classifier.tables_ = replace(classifier.tables_, precision=np.float32)
    return classifier


@pytest.mark.parametrize(("filters", "size"), CNNS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_values_have_the_precision_of_the_predictions(filters, size, n_classes):
    options = {"filters": filters, "kernel_size": size, "n_classes": n_classes, "n_columns": 90}
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 30, size=(40, 90)).astype(np.int32)
    ids[np.arange(90) >= rng.integers(1, 91, size=(40, 1))] = 0
    double = TokenShapExplainer(random_conv(**options)).explain(ids)
    single = TokenShapExplainer(in_single_precision(random_conv(**options))).explain(ids)
    differences = [np.abs(a - b).max() for a, b in zip(single.values, double.values, strict=True)]
    assert 0 < max(differences) < 1e-6
    assert single.additivity_error.max() < 1e-6


@pytest.mark.parametrize("method", ["exact", "permutation"])
def test_large_units_that_cancel_each_other_are_no_fault(method):
    classifier, size = random_conv(filters=(5, 4, 4)), 1000.0
    tables = classifier.tables_
    head, kernel, bias = tables.head.copy(), tables.kernels[-1].copy(), tables.biases[-1].copy()
    head[:, 1] = head[:, 0] + [size, -size, size, -size]
    kernel[:, :, 1], bias[1] = kernel[:, :, 0] * (1 + 1 / size), bias[0]
    kernel[:, :, 3], bias[3] = kernel[:, :, 2] * (1 - 0.5 / size), bias[2]
    kernels, biases = (*tables.kernels[:-1], kernel), (*tables.biases[:-1], bias)
    classifier.tables_ = replace(tables, head=head, kernels=kernels, biases=biases)
    in_single_precision(classifier)
    explanation = TokenShapExplainer(classifier, method=method, random_state=0).explain(X)
    assert 1e-5 < explanation.additivity_error.max() < 1e-3


@pytest.mark.parametrize("precision", ["double", "single"])
def test_a_word_that_is_the_baseline_gets_exactly_zero(precision):
    classifier = random_conv() if precision == "double" else in_single_precision(random_conv())
    values = TokenShapExplainer(classifier).explain(X).values
    assert (values[1][X[1][X[1] > 0] == 1] == 0).all()


def test_values_follow_a_new_fit_of_the_classifier():
    classifier = random_dense()
    explainer = TokenShapExplainer(classifier)
    explainer.explain(X)
    classifier.tables_ = replace(classifier.tables_, hidden=-classifier.tables_.hidden)
    assert_same_as_brute_force(explainer, X, 1)


def test_values_that_do_not_add_up_are_an_error(monkeypatch):
    from sentilib.explain._games._sum import SumOfGames

    right = SumOfGames.shapley_and_outputs

    def wrong(self, ids):
        values, outputs = right(self, ids)
        return values * 1.001, outputs

    monkeypatch.setattr(SumOfGames, "shapley_and_outputs", wrong)
    with pytest.raises(RuntimeError, match="Shapley values of row 0 add up to"):
        TokenShapExplainer(random_dense()).explain(X)


@pytest.mark.parametrize("ngram_range", [(1, 3), (2, 3)])
@pytest.mark.parametrize("n_columns", [1, 3])
def test_what_is_distributed_is_the_sum_that_is_predicted(ngram_range, n_columns):
    ids = np.random.default_rng(0).integers(0, 6, size=(50, 12)).astype(np.int32)
    dictionary = NgramDictionary(ngram_range).learn(ids)
    table = np.random.default_rng(1).normal(size=(len(dictionary), n_columns))
    kinds, shares = np.zeros(50, dtype=np.int64), np.ones((1, 3, 2))
    _, sums = dictionary.share_out(ids, table, kinds, shares)
    np.testing.assert_array_equal(sums, dictionary.sums(ids, table))


@pytest.mark.parametrize("length", [1, 2, 4])
@pytest.mark.parametrize("power", [1, 0.5])
@pytest.mark.parametrize("n_neutral", [0.0, 5.0])
def test_shares_of_a_span_where_absent_words_are_deleted(length, power, n_neutral):
    n = 7

    def output(rows):
        present = rows == 2
        divisor = np.maximum(present.sum(axis=1) + n_neutral, 1) ** power
        return present[:, 1 : 1 + length].all(axis=1) / divisor

    expected, _ = brute_force(output, np.full(n, 2), 1)
    inside, outside = deletion_share(length, n, power, n_neutral)
    found = np.full(n, outside)
    found[1 : 1 + length] = inside
    np.testing.assert_allclose(found, expected[:, 0], rtol=0, atol=1e-12)


def test_base_values_are_those_of_each_row_of_absent_words():
    rng = np.random.default_rng(0)
    ids = rng.integers(2, 30, size=(200, 12)).astype(np.int32)
    ids[rng.random(ids.shape) < rng.random((200, 1))] = 0  # with gaps, and whole
    ids[::2] = np.sort(ids[::2] == 0, axis=1)[:, ::-1] == 0
    ids = np.vstack([ids, X])
    for classifier in (random_conv(), random_conv(mask_padding=False), random_dense()):
        explanation = TokenShapExplainer(classifier).explain(ids)
        expected = classifier.decision_function(np.minimum(ids, 1))
        np.testing.assert_allclose(explanation.base_values, expected, rtol=0, atol=1e-12)


def test_values_do_not_depend_on_what_was_explained_before():
    """A game keeps the workspaces of its kernel."""
    classifier = random_conv(n_columns=900)
    ids = np.random.default_rng(0).integers(1, 30, (3, 900)).astype(np.int32)
    ids[1, 400:] = ids[2, 100:900:7] = 0
    game = TokenShapExplainer(classifier)._game(Parts.of(classifier))
    one_by_one = [game.shapley(row[None]) for row in ids]
    for array in game._layers._idle[0]:
        array[:] = np.nan
    np.testing.assert_array_equal(np.concatenate(one_by_one), game.shapley(ids))


def test_base_values_of_rows_without_gaps_are_computed_once(monkeypatch):
    classifier = random_conv(n_columns=40)
    model = TokenShapExplainer(classifier)._game(Parts.of(classifier)).model
    ids = np.full((4, 40), 3, dtype=np.int32)
    ids[1, 20:] = ids[2, :5] = ids[3, 7] = 0
    expected = classifier.decision_function(np.minimum(ids, 1))[:, None]
    n_computed = []
    monkeypatch.setattr(
        model, "outputs", lambda rows, f=model.outputs: n_computed.append(len(rows)) or f(rows)
    )
    for _ in range(2):
        np.testing.assert_allclose(model.base_values(ids), expected, rtol=0, atol=1e-14)
    narrower = np.ascontiguousarray(ids[:, :30])
    np.testing.assert_allclose(
        model.base_values(narrower)[:, 0],
        classifier.tables_.logits(np.minimum(narrower, 1)) @ [-1, 1],
        rtol=0,
        atol=1e-14,
    )
    assert n_computed == [4, 1, 4]
