"""Raw test reviews to probabilities, and the exactness of the fast paths.

Models that are compared for speed have 10,000 words, 250 tokens and the reference's layers.
sentilib's tokenizer parses HTML; no peer does.
"""

import keras
import numpy as np
import pytest
from _peers import (
    N_TOKENS,
    N_WORDS,
    SAME_LAYERS,
    THREADS,
    FastText,
    PythonTokenizer,
    give_weights,
    keras_cnn,
    keras_dense,
    text_batches,
    text_vectorization,
    tfidf_regression,
    vectorized,
)
from _report import Comparison
from scipy.special import softmax
from sklearn.pipeline import Pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer

DENSE, CNN = "raw text to probabilities, Dense", "raw text to probabilities, CNN"
SAME = "sentilib, the same outputs"
PLAIN, PLAIN_PYTHON = "plain Keras, TextVectorization", "plain Keras, Python tokenizer"

COMPARISONS = [
    Comparison(DENSE, "TF-IDF (1, 1) + LogisticRegression", 10),
    Comparison(DENSE, "TF-IDF (1, 2) + LogisticRegression", 10),
    Comparison(DENSE, "fastText, bigrams"),
    Comparison(DENSE, PLAIN),
    Comparison(DENSE, PLAIN, product=SAME),
    Comparison(CNN, PLAIN, 2),
    Comparison(CNN, PLAIN, 2, product=SAME),
    Comparison(CNN, PLAIN_PYTHON, 2),
]
BATCH_SIZE = 512  # in which plain Keras predicts fastest
MOST_DIFFERENCE = 1e-5  # of probabilities from those of Keras


@pytest.fixture(scope="module")
def tokenizer(train):
    """Fit a tokenizer of the reference's size."""
    return HTMLTokenizer(N_WORDS, N_TOKENS, n_jobs=THREADS).fit(train.text)


@pytest.fixture(scope="module")
def classifiers(tokenizer, train):
    """Fit the default models, and models equal to plain Keras: no n-grams, padding is a word."""
    X = tokenizer.transform(train.text)
    return {
        (kind, default): kind(
            epochs=1, random_state=0, **({} if default else SAME_LAYERS | {"mask_padding": False})
        ).fit(X, train.label)
        for kind in (DenseSentimentClassifier, ConvSentimentClassifier)
        for default in (True, False)
    }


@pytest.fixture(scope="module")
def plain_models(classifiers):
    """Build models in plain Keras with the weights of the unmasked classifiers."""
    return {
        kind: give_weights(build(), classifiers[kind, False])
        for kind, build in (
            (DenseSentimentClassifier, keras_dense),
            (ConvSentimentClassifier, keras_cnn),
        )
    }


@pytest.mark.parametrize("default", [True, False], ids=["default", "same outputs"])
@pytest.mark.parametrize(
    ("task", "kind"), [(DENSE, DenseSentimentClassifier), (CNN, ConvSentimentClassifier)]
)
def bench_predict_sentilib(
    measure, tokenizer, classifiers, plain_models, test, task, kind, default
):
    classifier = classifiers[kind, default]
    pipe = Pipeline([("tokenizer", tokenizer), ("classifier", classifier)])
    measure(task, "sentilib" if default else SAME, lambda: pipe.predict_proba(test.text), rounds=3)
    if measure.turn == 0:
        keras_model = classifier.to_keras() if default else plain_models[kind]
        X = tokenizer.transform(test.text)
        theirs = softmax(keras_model.predict(X, BATCH_SIZE, verbose=0).astype(float), axis=1)
        difference = np.abs(classifier.predict_proba(X) - theirs).max()
        measure.note(**{"largest difference from Keras's probabilities": difference})
        assert difference <= MOST_DIFFERENCE


@pytest.fixture(scope="module")
def layer(train):
    """Adapt a Keras layer."""
    layer = text_vectorization(N_WORDS, N_TOKENS)
    layer.adapt(text_batches(train.text))
    return layer


@pytest.mark.parametrize(
    ("task", "kind"), [(DENSE, DenseSentimentClassifier), (CNN, ConvSentimentClassifier)]
)
def bench_predict_keras(measure, layer, plain_models, test, task, kind):
    model = plain_models[kind]

    def predict():
        logits = model.predict(vectorized(test.text, layer, BATCH_SIZE), verbose=0)
        return keras.ops.softmax(logits)

    measure(task, PLAIN, predict, rounds=2)


@pytest.fixture(scope="module")
def python_tokenizer(train):
    """Fit the tokenizer of the IMDB example."""
    return PythonTokenizer().fit(train.text)


def bench_predict_keras_python_tokenizer(measure, python_tokenizer, plain_models, test):
    model = plain_models[ConvSentimentClassifier]

    def predict():
        logits = model.predict(python_tokenizer.transform(test.text), BATCH_SIZE, verbose=0)
        return keras.ops.softmax(logits)

    measure(CNN, PLAIN_PYTHON, predict, rounds=1)


@pytest.fixture(scope="module")
def tfidf(train):
    """Fit TF-IDF with logistic regression."""
    return {n: tfidf_regression((1, n)).fit(train.text, train.label) for n in (1, 2)}


@pytest.mark.parametrize("n", [1, 2])
def bench_predict_tfidf(measure, tfidf, test, n):
    pipe, ngram_range = tfidf[n], (1, n)
    contender = f"TF-IDF {ngram_range} + LogisticRegression"
    measure(DENSE, contender, lambda: pipe.predict_proba(test.text), rounds=1)


@pytest.fixture(scope="module")
def fasttext_model(train):
    """Fit a fastText model."""
    pytest.importorskip("fasttext")
    return FastText().fit(train.text, train.label)


def bench_predict_fasttext(measure, fasttext_model, test):
    contender = "fastText, bigrams"
    measure(DENSE, contender, lambda: fasttext_model.predict_proba(test.text), rounds=2)
