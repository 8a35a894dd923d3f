"""Small fitted pipelines, one of each kind for a whole test process."""

import os

import pytest
from sklearn.pipeline import Pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews

os.environ.setdefault("MPLBACKEND", "agg")


def fitted(classifier, reviews, n_train):
    pipe = Pipeline([("tokenizer", HTMLTokenizer(max_length=60)), ("classifier", classifier)])
    return pipe.fit(reviews.data[:n_train], reviews.target[:n_train])


@pytest.fixture(scope="session")
def reviews():
    return make_reviews(1500, length=50, random_state=0, return_X_y=False)


@pytest.fixture(scope="session")
def dense(reviews):
    return fitted(DenseSentimentClassifier(random_state=0), reviews, 1200)


@pytest.fixture(scope="session")
def conv(reviews):
    return fitted(ConvSentimentClassifier(random_state=0), reviews, 1200)


@pytest.fixture(scope="session")
def hasty(reviews):
    """CNN of a few reviews, which often disagrees with the others."""
    return fitted(ConvSentimentClassifier(ngram_range=(1, 1), random_state=0), reviews, 200)


@pytest.fixture(scope="session")
def three_reviews():
    return make_reviews(500, length=50, n_classes=3, random_state=0, return_X_y=False)


@pytest.fixture(scope="session")
def dense_of_three(three_reviews):
    return fitted(DenseSentimentClassifier(random_state=0, epochs=3), three_reviews, 400)


@pytest.fixture
def held_out(reviews):
    return reviews.data[1200:], reviews.target[1200:]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.close("all")
