"""Both models learn real reviews: a small part of IMDB, with generous bounds."""

import os

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("SENTILIB_DATA"),
        reason="SENTILIB_DATA names no folder with the IMDB reviews",
    ),
]
N_TRAIN, N_TEST = 4_000, 2_000


@pytest.fixture(scope="module")
def ids():
    """Token ids and labels of a random part of train and of test, 250 tokens each."""
    tokenizer = HTMLTokenizer(max_features=10_000, max_length=250)
    parts = []
    for name, size, read in (
        ("train", N_TRAIN, tokenizer.fit_transform),
        ("test", N_TEST, tokenizer.transform),
    ):
        texts, labels = load_imdb(name, download=False, return_X_y=True)
        rows = np.random.default_rng(0).permutation(len(texts))[:size]
        parts += [read([texts[i] for i in rows]), labels[rows]]
    return parts


@pytest.mark.parametrize(
    ("classifier", "least_accuracy", "most_loss"),
    [
        (DenseSentimentClassifier(epochs=2, random_state=0), 0.82, 0.42),
        (ConvSentimentClassifier(random_state=0), 0.78, 0.50),
    ],
    ids=["dense", "conv"],
)
def test_four_thousand_reviews_teach_the_sentiment_of_new_ones(
    ids, classifier, least_accuracy, most_loss, capsys
):
    X, y, X_test, y_test = ids
    proba = classifier.fit(X, y).predict_proba(X_test)
    accuracy, loss = accuracy_score(y_test, proba.argmax(axis=1)), log_loss(y_test, proba)
    with capsys.disabled():
        print(f"\n{type(classifier).__name__}: accuracy {accuracy:.3f}, log loss {loss:.3f}")
    assert accuracy >= least_accuracy
    assert loss <= most_loss
