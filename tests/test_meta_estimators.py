"""scikit-learn's meta-estimators around pipelines that read text, and around bare classifiers."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import HalvingRandomSearchCV, cross_validate
from sklearn.multiclass import OneVsOneClassifier
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews

TEXTS, Y = make_reviews(160, length=40, random_state=0)
COLUMN = np.array(TEXTS, dtype=object)[:, None]
FRAME = pd.DataFrame({"text": TEXTS})
AS_ONE_COLUMN = pytest.mark.parametrize(
    "X", [COLUMN, COLUMN.astype(str), FRAME], ids=["object", "str", "frame"]
)


def classifier():
    return DenseSentimentClassifier(epochs=2, batch_size=8, random_state=0)


def text_pipeline():
    return make_pipeline(HTMLTokenizer(max_length=60), classifier())


@pytest.fixture(scope="module")
def fitted():
    return text_pipeline().fit(TEXTS, Y)


@AS_ONE_COLUMN
def test_text_in_one_column_is_the_same_text(fitted, X):
    expected = fitted.predict_proba(TEXTS)
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)
    np.testing.assert_array_equal(clone(fitted).fit(X, Y).predict_proba(X), expected)


@AS_ONE_COLUMN
def test_bagging(X):
    bag = BaggingClassifier(text_pipeline(), n_estimators=2, max_samples=0.8, random_state=0)
    assert bag.fit(X, Y).score(X, Y) > 0.8


@pytest.mark.parametrize("X", [COLUMN, FRAME], ids=["object", "frame"])
def test_stacking_with_passthrough(X):
    # The last model finds the texts behind the predictions of the first ones.
    latent = ColumnTransformer([("text", text_pipeline(), [-1])], remainder="passthrough")
    stack = StackingClassifier(
        [("dense", text_pipeline())],
        make_pipeline(latent, LogisticRegression()),
        cv=2,
        passthrough=True,
    )
    assert stack.fit(X, Y).score(X, Y) > 0.8


@AS_ONE_COLUMN
def test_permutation_importance(fitted, X):
    result = permutation_importance(fitted, X, Y, n_repeats=3, random_state=0)
    assert result.importances_mean.shape == (1,) and result.importances_mean[0] > 0.2


def test_those_that_convert_their_input_to_numbers_follow_the_tokenizer():
    partly = np.where(np.arange(160) < 60, -1, Y)
    training = SelfTrainingClassifier(classifier(), max_iter=2)
    pipe = make_pipeline(HTMLTokenizer(max_length=60), training).fit(COLUMN, partly)
    assert pipe.score(COLUMN, Y) > 0.8
    pipe = make_pipeline(HTMLTokenizer(max_length=60), OneVsOneClassifier(classifier()))
    thirds = np.array(["bad", "good", "none"])[np.where(np.arange(160) % 3, Y, 2)]
    assert set(pipe.fit(COLUMN, thirds).predict(COLUMN)) <= set(thirds)


def test_metadata_routing_takes_weights_to_fit_and_score():
    weight = np.where(Y == 1, 5.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        last = classifier().set_fit_request(sample_weight=True)
        last.set_score_request(sample_weight=True)
        pipe = make_pipeline(HTMLTokenizer(max_length=60), last)
        pipe.fit(TEXTS, Y, sample_weight=weight)
        score = pipe.score(TEXTS, Y, sample_weight=weight)
        cross_validate(pipe, TEXTS, Y, cv=2, params={"sample_weight": weight}, error_score="raise")
    direct = text_pipeline().fit(TEXTS, Y, densesentimentclassifier__sample_weight=weight)
    assert score == np.average(direct.predict(TEXTS) == Y, weights=weight)
    assert score == direct.score(TEXTS, Y, sample_weight=weight) != direct.score(TEXTS, Y)


@pytest.mark.slow
def test_a_halving_search_may_start_with_few_rows():
    search = HalvingRandomSearchCV(
        text_pipeline(),
        {"densesentimentclassifier__dropout": [0.0, 0.1, 0.3]},
        n_candidates=3,
        cv=2,
        min_resources="smallest",
        error_score="raise",
        random_state=1,  # draws both classes; from one class no classifier can learn
    )
    assert search.fit(FRAME, Y).n_resources_ == [8, 24]
