"""One raw review to its probability; each round uses another test review."""

import itertools

import keras
import pytest
from _peers import (
    N_TOKENS,
    N_WORDS,
    SAME_LAYERS,
    FastText,
    PythonTokenizer,
    give_weights,
    keras_cnn,
    keras_dense,
    tfidf_regression,
)
from _report import Comparison
from sklearn.pipeline import make_pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer

N_REVIEWS = 200  # a turn
DENSE, CNN = "one review, Dense", "one review, CNN"
PREDICT, CALL = "plain Keras, model.predict", "plain Keras, model(x)"

COMPARISONS = [
    Comparison(DENSE, PREDICT, 50, within_seconds=1e-3),
    Comparison(DENSE, CALL),
    Comparison(DENSE, "TF-IDF (1, 1) + LogisticRegression"),
    Comparison(DENSE, "fastText, bigrams"),
    Comparison(CNN, PREDICT, 10),
    Comparison(CNN, CALL),
]
MODELS = {
    DENSE: (DenseSentimentClassifier, keras_dense),
    CNN: (ConvSentimentClassifier, keras_cnn),
}


@pytest.fixture
def one_by_one(measure, test):
    """Return a function that times `predict` on single reviews."""
    first = N_REVIEWS * measure.turn

    def run(task, contender, predict):
        texts = itertools.cycle(test.text)
        for _ in range(first % len(test.text)):
            next(texts)
        for _ in range(20):
            predict(next(texts))
        measure(task, contender, predict, rounds=N_REVIEWS, setup=lambda: ((next(texts),), {}))

    return run


@pytest.fixture(scope="module")
def pipelines(train):
    """Fit a tokenizer of the reference's size and both classifiers."""
    tokenizer = HTMLTokenizer(N_WORDS, N_TOKENS)
    X = tokenizer.fit_transform(train.text)
    return {
        task: make_pipeline(
            tokenizer, kind(epochs=1, random_state=0, **SAME_LAYERS).fit(X, train.label)
        )
        for task, (kind, _) in MODELS.items()
    }


@pytest.mark.parametrize("task", MODELS)
def bench_latency_sentilib(one_by_one, pipelines, task):
    pipe = pipelines[task]
    one_by_one(task, "sentilib", lambda text: pipe.predict_proba([text]))


@pytest.fixture(scope="module")
def plain(train, pipelines):
    """Return the Python tokenizer of the IMDB example, and models in plain Keras."""
    tokenizer = PythonTokenizer().fit(train.text)
    return tokenizer, {
        task: give_weights(build(), pipelines[task][-1]) for task, (_, build) in MODELS.items()
    }


@pytest.mark.parametrize("task", MODELS)
def bench_latency_keras_predict(one_by_one, plain, task):
    tokenizer, models = plain
    model = models[task]

    def predict(text):
        return keras.ops.softmax(model.predict(tokenizer.transform([text]), verbose=0))

    one_by_one(task, PREDICT, predict)


@pytest.mark.parametrize("task", MODELS)
def bench_latency_keras_call(one_by_one, plain, task):
    tokenizer, models = plain
    model = models[task]

    def predict(text):
        # Converted to NumPy, which the other contenders return.
        logits = model(tokenizer.transform([text]), training=False)
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits))

    one_by_one(task, CALL, predict)


@pytest.fixture(scope="module")
def tfidf(train):
    """Fit TF-IDF with logistic regression."""
    return tfidf_regression((1, 1)).fit(train.text, train.label)


def bench_latency_tfidf(one_by_one, tfidf):
    contender = "TF-IDF (1, 1) + LogisticRegression"
    one_by_one(DENSE, contender, lambda text: tfidf.predict_proba([text]))


@pytest.fixture(scope="module")
def fasttext_model(train):
    """Fit a fastText model."""
    pytest.importorskip("fasttext")
    return FastText().fit(train.text, train.label)


def bench_latency_fasttext(one_by_one, fasttext_model):
    one_by_one(DENSE, "fastText, bigrams", fasttext_model.predict_one)
