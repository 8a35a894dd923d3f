"""What TokenShapExplainer takes, gives and refuses."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from games import PLACES, brute_force, random_conv, random_dense
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sentilib import ConvSentimentClassifier, HTMLTokenizer, TokenShapExplainer
from sentilib.explain import TokenExplanation, sampling_agreement

X = np.array(PLACES, dtype=np.int32)
ROWS = np.random.default_rng(0).integers(0, 30, size=(40, 12)).astype(np.int32)
TEXTS = [
    'I <b>did</b>n&#39;t see it.<br /><br />"Mildly" entertaining, <i>café</i>!',
    "",
    "A film & a half: " + "good " * 9 + "but <script>alert(1)</script> too long",
]


def pipeline(classifier=None, **options):
    tokenizer = HTMLTokenizer(max_length=12, punctuation="split", **options).fit(
        [*TEXTS, "one two three"]
    )
    return make_pipeline(tokenizer, classifier or random_dense(n_ids=40))


class TestWords:
    def test_data_are_the_visible_text_cut_at_the_beginning_of_each_word(self):
        explanation = TokenShapExplainer(pipeline()).explain(TEXTS)
        assert "".join(explanation.data[0]) == 'I didn\'t see it.\n\n"Mildly" entertaining, café!'
        assert explanation.display_data[0] == [
            "I", "didn't", "see", "it", "Mildly", "entertaining", "café"
        ]  # fmt: skip
        assert explanation.feature_names[0] == [
            "i", "didn't", "see", "it", "mildly", "entertaining", "café"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("text", "segments"),
        [
            ('"Superb!" (he said)', ['"Superb!" (', "he ", "said)"]),
            (" *** not it", ["*** not ", "it"]),
            ("<p>- 1, 2 3 4 5 6 7 8 9 10 11 12</p>", None),
        ],
    )
    def test_what_stands_before_the_first_word_is_not_lost(self, text, segments):
        pipe = pipeline()
        explanation = TokenShapExplainer(pipe).explain([text, "<br>- one two three" + " a" * 12])
        assert "".join(explanation.data[0]) == pipe[0].visible_text(text).strip()
        assert segments in (None, explanation.data[0])
        assert explanation.data[1] == ["a "] * 11 + ["a"]  # the head is cut

    def test_an_empty_review_has_a_base_value_only(self):
        pipe = pipeline()
        explanation = TokenShapExplainer(pipe).explain(TEXTS)
        assert explanation.values[1].shape == (0,)
        assert explanation.data[1] == explanation.feature_names[1] == []
        assert explanation.base_values[1] == pipe.decision_function([""])[0]
        assert explanation[1].values.shape == (0,)

    @pytest.mark.parametrize("padding", ["pre", "post"])
    @pytest.mark.parametrize("truncating", ["pre", "post", "middle"])
    def test_words_stay_with_their_values_after_truncation_and_padding(self, padding, truncating):
        pipe = pipeline(padding=padding, truncating=truncating)
        explanation = TokenShapExplainer(pipe, baseline="pad").explain(TEXTS)
        tokens = pipe[0].tokenize(TEXTS[2])
        assert len(tokens) == 16
        kept = {"pre": tokens[-12:], "post": tokens[:12], "middle": tokens[:6] + tokens[-6:]}
        kept = kept[truncating]
        assert explanation.feature_names[2] == kept
        ids = pipe[0].transform(TEXTS)
        for row, names, values in zip(
            ids, explanation.feature_names, explanation.values, strict=True
        ):
            assert [pipe[0].vocabulary_.get(name, 1) for name in names] == row[row > 0].tolist()
            assert len(names) == len(values)

    def test_ids_are_named_by_the_vocabulary_of_the_pipeline(self):
        pipe = pipeline()
        ids = pipe[0].transform(TEXTS)
        names = TokenShapExplainer(pipe).explain(ids).feature_names
        assert names[0] == ["i", "didn't", "see", "it", "mildly", "entertaining", "café"]
        ids[0, :2] = 1, 999
        assert TokenShapExplainer(pipe).explain(ids).feature_names[0][:3] == [
            "[OOV]",
            "999",
            "see",
        ]

    def test_ids_without_a_vocabulary_are_their_own_names(self):
        explanation = TokenShapExplainer(random_dense()).explain(X)
        assert explanation.feature_names[0] == ["5", "6", "7", "8", "9", "3"]

    def test_ids_that_fit_never_saw_are_explained_as_unknown_words(self):
        ids = X.copy()
        ids[0, 0] = 12345
        explanation = TokenShapExplainer(random_dense()).explain(ids)
        assert explanation.values[0][0] == 0
        assert explanation.feature_names[0][0] == "12345"

    def test_a_step_between_may_take_words_out(self):
        def without_it(ids):
            return np.where(ids == pipe[0].vocabulary_["it"], 0, ids)

        pipe = pipeline()
        pipe.steps.insert(1, ("drop", FunctionTransformer(without_it)))
        explainer = TokenShapExplainer(pipe)
        explanation = explainer.explain(TEXTS)
        assert "it" not in explanation.feature_names[0]
        assert len(explanation.values[0]) == 6
        np.testing.assert_allclose(
            explanation.base_values + [values.sum() for values in explanation.values],
            pipe.decision_function(TEXTS),
        )

    def test_documents_come_as_any_iterable(self):
        explainer = TokenShapExplainer(pipeline())
        expected = explainer.explain(TEXTS).values[0]
        for texts in (np.array(TEXTS), np.array(TEXTS, dtype=object), tuple(TEXTS), iter(TEXTS)):
            np.testing.assert_array_equal(explainer.explain(texts).values[0], expected)


def rare_conv():
    """CNN most of whose last units are silent."""
    classifier = random_conv()
    *biases, last = classifier.tables_.biases
    classifier.tables_ = replace(classifier.tables_, biases=(*biases, last - 2))
    return classifier


def assert_agree(agreement, at_least_within=0.9):
    assert agreement.error_ratio == 0 or 0.7 < agreement.error_ratio < 1.4
    assert agreement.within_two_errors > at_least_within
    assert agreement.correlation > 0.8  # 100 orders leave noise


class TestPermutation:
    @pytest.mark.parametrize("baseline", ["oov", "pad", "mean"])
    @pytest.mark.parametrize("mask_padding", [True, False])
    @pytest.mark.parametrize("make", [random_dense, random_conv])
    def test_sampled_values_agree_with_exact_ones(self, make, mask_padding, baseline):
        explainer = TokenShapExplainer(make(mask_padding=mask_padding), baseline=baseline)
        agreement = sampling_agreement(explainer, ROWS, n_permutations=100, random_state=0)
        assert agreement.n_tokens == np.count_nonzero(ROWS)
        assert_agree(agreement)

    @pytest.mark.parametrize("baseline", ["oov", "pad", "mean"])
    def test_sampled_values_of_ngrams_agree_with_exact_ones(self, baseline):
        explainer = TokenShapExplainer(
            random_dense(ngram_range=(1, 3), ngrams_of=X), baseline=baseline
        )
        assert_agree(sampling_agreement(explainer, ROWS, n_permutations=100, random_state=0))

    @pytest.mark.slow
    def test_wrong_values_do_not_agree(self, monkeypatch):
        from sentilib.explain._games._sum import SumOfGames

        def slightly_wrong(self, ids):
            values, outputs = right(self, ids)
            n_tokens = np.count_nonzero(ids, axis=1)
            means = np.repeat([part.mean() for part in np.split(values, n_tokens.cumsum()[:-1])],
                              n_tokens)  # fmt: skip
            return 0.9 * values + 0.1 * means[:, None], outputs  # sums stay

        right = SumOfGames.shapley_and_outputs
        monkeypatch.setattr(SumOfGames, "shapley_and_outputs", slightly_wrong)
        ids = ROWS[ROWS.any(axis=1)]
        few, many = (
            sampling_agreement(
                TokenShapExplainer(random_conv()), ids, n_permutations=n, random_state=0
            )
            for n in (100, 1600)
        )
        assert few.error_ratio > 2
        assert 3 < many.error_ratio / few.error_ratio < 5

    def test_words_that_rarely_matter_do_agree(self):
        explainer = TokenShapExplainer(rare_conv())
        agreement = sampling_agreement(explainer, ROWS, n_permutations=20, random_state=0)
        assert_agree(agreement, at_least_within=0.7)

    @pytest.mark.parametrize(
        ("classifier", "output"),
        [
            (random_conv(pooling="max"), "margin"),
            (random_conv(pooling="max", mask_padding=False, n_classes=3), "margin"),
            (random_conv(filters=(3, 3, 3), kernel_size=5), "margin"),
            (random_conv(), "probability"),
            (random_dense(n_classes=3), "probability"),
        ],
        ids=["max", "max, three classes", "13 words", "probability", "three probabilities"],
    )
    def test_what_has_no_closed_form_is_sampled_without_bias(self, classifier, output):
        def outputs(rows):
            if output == "margin":
                return classifier.decision_function(rows)
            proba = classifier.predict_proba(rows)
            return proba[:, 1] if proba.shape[1] == 2 else proba

        explainer = TokenShapExplainer(
            classifier, output=output, n_permutations=400, random_state=0
        )
        explanation = explainer.explain(X)
        assert explanation.method == "permutation" and not explanation.is_exact
        assert explanation.additivity_error.max() < 1e-12
        for row, values, errors in zip(X, explanation.values, explanation.error_std, strict=True):
            expected, _ = brute_force(outputs, row, 1)
            values, errors = values.reshape(expected.shape), errors.reshape(expected.shape)
            assert (np.abs(values - expected) <= 5 * errors + 1e-3).all()
            assert np.abs(values - expected).max(initial=0) < 0.1

    def test_sampling_follows_its_seed_and_not_its_batches(self):
        def values(**parameters):
            explainer = TokenShapExplainer(random_conv(pooling="max"), **parameters)
            return np.concatenate(explainer.explain(X).values)

        once = values(random_state=0)
        np.testing.assert_array_equal(once, values(random_state=0, batch_size=3))
        assert (once != values(random_state=1)).any()

    def test_more_permutations_make_smaller_errors(self):
        few, many = (
            TokenShapExplainer(
                random_conv(), method="permutation", n_permutations=n, random_state=0
            ).explain(X).error_std[0]
            for n in (10, 1000)
        )  # fmt: skip
        assert 5 < np.linalg.norm(few) / np.linalg.norm(many) < 20


class TestBadInput:
    def test_an_estimator_that_is_not_fitted(self):
        with pytest.raises(NotFittedError):
            TokenShapExplainer(ConvSentimentClassifier())(X)
        with pytest.raises(NotFittedError):
            TokenShapExplainer(make_pipeline(HTMLTokenizer(), random_dense()))(TEXTS)

    @pytest.mark.parametrize(
        ("estimator", "what"),
        [
            (LogisticRegression(), "got LogisticRegression"),
            (make_pipeline(HTMLTokenizer(), LogisticRegression()), "ends in LogisticRegression"),
            (None, "got NoneType"),
        ],
    )
    def test_an_estimator_without_a_classifier_of_this_library(self, estimator, what):
        with pytest.raises(TypeError, match=what):
            TokenShapExplainer(estimator)(X)

    def test_texts_without_a_tokenizer(self):
        with pytest.raises(ValueError, match="no HTMLTokenizer to read it"):
            TokenShapExplainer(random_dense())(TEXTS)

    def test_one_text_alone(self):
        with pytest.raises(ValueError, match="got one string"):
            TokenShapExplainer(pipeline())("A film")

    def test_ids_of_another_width(self):
        with pytest.raises(ValueError, match="expecting 12 features"):
            TokenShapExplainer(random_dense())(X[:, :5])

    def test_a_step_that_changes_the_width(self):
        class Cut(TransformerMixin, BaseEstimator):
            def fit(self, X, y=None):
                return self

            def transform(self, X):
                return X[:, :6]

        pipe = pipeline()
        pipe = Pipeline([pipe.steps[0], ("cut", Cut()), ("classifier", random_dense(n_columns=6))])
        with pytest.raises(ValueError, match="Cut is between tokenizer and classifier"):
            TokenShapExplainer(pipe)(TEXTS)

    @pytest.mark.parametrize(
        ("classifier", "parameters", "reason"),
        [
            (random_conv(pooling="max"), {}, "pooling='max' every word competes"),
            (random_conv(filters=(3, 3, 3), kernel_size=5), {}, r"sees 13 words.*2\*\*13"),
            (random_dense(), {"output": "probability"}, "probabilities are not additive"),
        ],
    )
    def test_exact_values_where_they_are_not_possible(self, classifier, parameters, reason):
        explainer = TokenShapExplainer(classifier, method="exact", **parameters)
        with pytest.raises(ValueError, match=reason):
            explainer(X)
        with pytest.raises(ValueError, match=reason):
            explainer.interactions(X)

    def test_interactions_where_the_baseline_shortens_the_review(self):
        with pytest.raises(ValueError, match="every word interacts with every other"):
            TokenShapExplainer(random_conv(), baseline="pad").interactions(X)

    @pytest.mark.parametrize(
        "parameters",
        [
            {"baseline": "mask"},
            {"baseline": -1},
            {"baseline": 30},
            {"method": "kernel"},
            {"output": "logit"},
            {"n_permutations": 1},
            {"batch_size": 0},
        ],
    )
    def test_parameters_out_of_range(self, parameters):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            TokenShapExplainer(random_dense(), **parameters)(X)

    def test_a_parameter_that_equals_a_valid_one_of_another_type(self):
        explainer = TokenShapExplainer(random_dense(), n_permutations=10)
        explainer(X)
        with pytest.raises(ValueError, match=r"n_permutations.*Got 10\.0"):
            explainer.set_params(n_permutations=10.0)(X)


class TestWithoutShap:
    @pytest.fixture(autouse=True)
    def no_shap(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "shap", None)

    def test_the_numbers_still_come(self):
        explanation = TokenShapExplainer(pipeline())(TEXTS)
        assert isinstance(explanation, TokenExplanation)
        assert len(explanation) == 3 and len(explanation[[0, 2]]) == 2
        assert explanation[-1].feature_names == explanation.feature_names[2]
        assert explanation[:2].feature_names == explanation.feature_names[:2]

    def test_what_needs_shap_says_how_to_install_it(self):
        explanation = TokenShapExplainer(random_dense())(X)
        with pytest.raises(AttributeError, match=r"pip install 'sentilib\[explain\]'"):
            explanation.abs  # noqa: B018
        with pytest.raises(IndexError, match=r"pip install 'sentilib\[explain\]'"):
            explanation[:, 0]


def test_interactions_are_named_by_their_words():
    pipe = pipeline(random_conv(n_ids=40))
    interactions = TokenShapExplainer(pipe).interactions(TEXTS)
    assert len(interactions) == 3
    left, right, i, j, value = interactions.pairs(0, n=1)[0]
    words = ["I", "didn't", "see", "it", "Mildly", "entertaining", "café"]
    assert (words[i], words[j]) == (left, right) and i < j
    matrix = interactions.values[0][0].toarray()
    assert matrix[i, j] == matrix[j, i] == value
    assert np.abs(matrix).max() == abs(value)
    assert interactions.pairs(1) == []


def test_words_of_a_dense_model_do_not_interact():
    for matrices in TokenShapExplainer(random_dense()).interactions(X).values:
        assert matrices[0].nnz == 0
