"""Baselines of the report: their figures are those of scikit-learn's own models."""

import numpy as np
import pytest
import scipy.stats
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline

from sentilib._pipelines import read_reviews
from sentilib.inspection import compare, report
from sentilib.inspection._measures._evaluation import evaluate
from sentilib.inspection._measures._training_data import read_training_data
from sentilib.inspection._report._baselines import baselines


def compared(estimator, X, y, X_train=None, y_train=None):
    reviews = read_reviews(estimator, X)
    training = read_training_data(reviews, X_train, y_train, None)
    lines = []
    found = baselines(reviews, evaluate(reviews, y), training, 0.9, lines.append)
    return found, lines


@pytest.fixture(scope="module")
def training(reviews):
    rows = np.flatnonzero((reviews.target[:1200] == 1) | (np.arange(1200) % 3 == 0))
    return [reviews.data[row] for row in rows], reviews.target[rows]


def test_they_are_scikit_learn_s_models_of_the_training_reviews(dense, held_out, training):
    X, y = held_out
    found, lines = compared(dense, X, y, *training)
    assert lines == [f"Fitting TF-IDF + LogisticRegression to {len(training[1]):,} reviews"]
    linear = make_pipeline(
        TfidfVectorizer(
            tokenizer=dense[0].tokenize, token_pattern=None, lowercase=False, ngram_range=(1, 2),
            sublinear_tf=True, dtype=np.float32,
        ),
        LogisticRegression(C=10.0, max_iter=1000),
    ).fit(*training)  # fmt: skip
    frequent = DummyClassifier().fit(*training)
    models = {"DenseSentimentClassifier": dense, "Most frequent class: 1": frequent,
              "TF-IDF + LogisticRegression": linear}  # fmt: skip
    assert [row["name"] for row in found["rows"]] == list(models)
    for row, model in zip(found["rows"], models.values(), strict=True):
        assert row["accuracy"] == accuracy_score(y, model.predict(X))
        assert row["loss"] == pytest.approx(log_loss(y, model.predict_proba(X)), abs=1e-5)
        assert row["accuracy_interval"][0] < row["accuracy"] < row["accuracy_interval"][1]
    right = dense.predict(X) == y
    for row, model in zip(found["comparisons"], [frequent, linear], strict=True):
        other = model.predict(X) == y
        test = scipy.stats.ttest_1samp(right.astype(int) - other, 0).confidence_interval(0.9)
        assert (row["low"], row["high"]) == pytest.approx((test.low, test.high))
        assert row["difference"] == pytest.approx(right.mean() - other.mean())
        assert (row["only_model"], row["only_other"]) == (
            (right > other).sum(),
            (right < other).sum(),
        )
    assert row["pvalue"] == compare(dense, linear, X, y).pvalue < 1


def test_without_training_reviews_it_is_the_most_frequent_class_of_the_evaluated_ones(
    dense, held_out
):
    found, lines = compared(dense, *held_out)
    (_, row), share = found["rows"], np.bincount(held_out[1]).max() / len(held_out[1])
    assert row["accuracy"] == share and lines == []
    assert found["note"].startswith("The most frequent class is that of the evaluated reviews.")


@pytest.mark.parametrize(
    ("X_train", "y_train", "reason"),
    [(["good", "bad"], [1, 1], "one label only"), (["", "<br>"], [0, 1], "have no words")],
)
def test_what_cannot_be_learnt_from_is_said(dense, held_out, X_train, y_train, reason):
    found, _ = compared(dense, *held_out, X_train, y_train)
    assert len(found["rows"]) == 2 and reason in found["note"]


def test_ids_are_words_too(dense, held_out, training):
    X, y = held_out
    found, _ = compared(
        dense[1], dense[0].transform(X), y, dense[0].transform(training[0]), training[1]
    )
    assert len(found["rows"]) == 3 and found["rows"][2]["accuracy"] > 0.7


def test_the_page_says_whether_the_model_is_worth_it(dense, held_out, training, tmp_path, capsys):
    path = tmp_path / "r.html"
    report(dense, *held_out, path=path, n_explained=0, X_train=training[0], y_train=training[1],
           verbose=1)  # fmt: skip
    page = path.read_text(encoding="utf-8")
    assert "<h3>Beside it: TF-IDF + LogisticRegression</h3>" in page
    assert "<b>The model is more often right.</b>" in page  # than the most frequent class
    assert "Fitting TF-IDF + LogisticRegression to" in capsys.readouterr().out
