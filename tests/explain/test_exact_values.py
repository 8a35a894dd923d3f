"""Exact Shapley values are those of brute force over all coalitions of words."""

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
from sentilib.datasets import make_reviews
from sentilib.explain._additive import deletion_shares, span_interactions, span_shares

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
    assert explainer.is_exact_ and explainer.method_ == "exact"
    assert explainer.additivity_error_.shape == (len(ids),)
    assert explainer.additivity_error_.max() < tolerance
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
def test_dense_values_with_ngrams_are_exact(n_classes, mask_padding, baseline):
    classifier = random_dense(
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


def test_a_baseline_that_is_a_word_forms_ngrams_and_is_sampled():
    classifier = random_dense(ngram_range=(1, 3), ngrams_of=X)
    with pytest.raises(ValueError, match="forms n-grams with its neighbours"):
        TokenShapExplainer(classifier, baseline=7, method="exact").explain(X)
    explainer = TokenShapExplainer(classifier, baseline=7, n_permutations=300, random_state=0)
    explanation = explainer.explain(X)
    assert explainer.method_ == "permutation"
    for row, values, errors in zip(X, explanation.values, explanation.error_std, strict=True):
        expected, _ = brute_force(classifier.decision_function, row, 7)
        assert (np.abs(values - expected[:, 0]) <= 5 * errors + 1e-3).all()


def test_the_mean_word_of_a_cnn_is_the_mean_embedding():
    classifier = random_conv()
    with_mean = random_conv(n_ids=31)
    weights = [w.copy() for w in classifier._weights]
    with_mean._weights = weights
    weights[0] = np.vstack([weights[0], weights[0][2:].mean(axis=0, dtype=np.float64)])
    with_mean._inference = with_mean._closed_form()
    found = TokenShapExplainer(classifier, baseline="mean").explain(X)
    for row, values in zip(X, found.values, strict=True):
        expected, _ = brute_force(with_mean.decision_function, row, 30)
        np.testing.assert_allclose(values, expected[:, 0], rtol=0, atol=1e-6)  # a float32 mean


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
    assert_same_as_brute_force(TokenShapExplainer(classifier), ids, 1)


@pytest.mark.parametrize("number", [0, 1], ids=["Dense", "CNN"])
def test_values_add_up_to_the_margin_of_the_pipeline(trained, number):
    reviews, _, models = trained
    pipe, _ = models[number]
    explainer = TokenShapExplainer(pipe)
    explanation = explainer.explain(reviews)
    sums = explanation.base_values + [values.sum() for values in explanation.values]
    np.testing.assert_allclose(sums, pipe.decision_function(reviews), rtol=0, atol=1e-12)
    assert explainer.additivity_error_.max() < 1e-12


@pytest.mark.parametrize("make", [random_dense, random_conv])
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


def test_a_word_that_is_the_baseline_gets_exactly_zero():
    values = TokenShapExplainer(random_conv()).explain(X).values
    assert (values[1][X[1][X[1] > 0] == 1] == 0).all()


def test_values_follow_a_new_fit_of_the_classifier():
    classifier = random_dense()
    explainer = TokenShapExplainer(classifier)
    explainer.explain(X)
    classifier._weights = [-w for w in classifier._weights]
    classifier._inference = classifier._closed_form()
    assert_same_as_brute_force(explainer, X, 1)


def test_values_that_do_not_add_up_are_an_error(monkeypatch):
    from sentilib.explain._additive import AdditiveGame

    shapley = AdditiveGame.shapley
    monkeypatch.setattr(AdditiveGame, "shapley", lambda self, ids: shapley(self, ids) * 1.001)
    with pytest.raises(RuntimeError, match="Shapley values of row 0 add up to"):
        TokenShapExplainer(random_dense()).explain(X)


class TestSpans:
    """n-grams, as games: worth something where all their words are."""

    FIRST = [np.array([0, 1, 2, 5]), np.array([0, 3]), np.array([1, 2])]
    LENGTH = (1, 2, 4)
    N = 7

    def game(self, divisor):
        rng = np.random.default_rng(0)
        values = [rng.normal(size=(len(first), 2)) for first in self.FIRST]

        def output(rows):
            present = rows == 2
            total = np.zeros((len(rows), 2))
            for first, length, value in zip(self.FIRST, self.LENGTH, values, strict=True):
                for start, worth in zip(first, value, strict=True):
                    total += present[:, start : start + length].all(axis=1)[:, None] * worth
            return total / divisor(present.sum(axis=1))[:, None]

        return values, output

    def test_shares_with_a_fixed_divisor(self):
        values, output = self.game(lambda n: np.full(len(n), 3.0))
        expected, pairs = brute_force(output, np.full(self.N, 2), 1)
        found, found_pairs = np.zeros((self.N, 2)), np.zeros((self.N, self.N, 2))
        for first, length, value in zip(self.FIRST, self.LENGTH, values, strict=True):
            found += span_shares(first, length, value / 3, self.N)
            left, right, interaction = span_interactions(first, length, value / 3)
            np.add.at(found_pairs, (left, right), interaction)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            found_pairs + found_pairs.swapaxes(0, 1), pairs, rtol=0, atol=1e-12
        )

    @pytest.mark.parametrize("power", [1, 0.5])
    def test_shares_where_absent_words_are_deleted(self, power):
        values, output = self.game(lambda n: np.maximum(n, 1) ** power)
        expected, _ = brute_force(output, np.full(self.N, 2), 1)
        found = sum(
            deletion_shares(
                np.r_[first, first + self.N],
                length,
                np.r_[value, value],
                np.full(2, self.N),
                power,
            )
            for first, length, value in zip(self.FIRST, self.LENGTH, values, strict=True)
        )
        np.testing.assert_allclose(found[: self.N], expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[self.N :], expected, rtol=0, atol=1e-12)
