"""Token ids to a fitted model, and raw text to a fitted model.

sentilib and plain Keras learn from the same ids of the same reviews (10,000 words, 250 tokens) and
are scored on the same reviews of other movies, with another seed in each turn. Plain Keras traces
its training step before the clock starts, except where small fits are compared, because a grid
search builds a model for each. sentilib's time is that of the whole `fit`.
"""

import functools

import pytest
from _peers import (
    SAME_LAYERS,
    THREADS,
    FastText,
    keras_cnn,
    keras_dense,
    tfidf_regression,
    warmed_up,
)
from _report import Comparison
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer

DENSE_EPOCHS, CNN_EPOCHS = 5, 3  # of the reference models
LEARNING_RATE_512 = 5e-3  # of plain Keras with batches of 512
N_SMALL = 200

DENSE = "Dense, ids to the accuracy of the reference"
DENSE_512 = f"Dense, {DENSE_EPOCHS} epochs of batches of 512"
CNN = "CNN, ids to the accuracy of the reference"
SMALL_DENSE = f"Dense, a later fit on {N_SMALL} reviews"
SMALL_CNN = f"CNN, a later fit on {N_SMALL} reviews"
FROM_TEXT = "raw text to fitted model"

COMPARISONS = [
    Comparison(DENSE, "plain Keras, batch 32", 6, any_setting=True),
    Comparison(DENSE_512, "plain Keras", 3, accuracy_loss=0.003),
    Comparison(CNN, "plain Keras, batch 32", 3, any_setting=True),
    Comparison(SMALL_DENSE, "plain Keras", 4),
    Comparison(SMALL_CNN, "plain Keras", 4),
    Comparison(FROM_TEXT, "TF-IDF (1, 1) + LogisticRegression"),
    Comparison(FROM_TEXT, "TF-IDF (1, 2) + LogisticRegression"),
    Comparison(FROM_TEXT, "fastText, bigrams"),
]


def plain_keras(measure, task, contender, ids, build, epochs, batch_size):
    """Time the epochs of a traced model and note its accuracy."""
    import keras

    keras.utils.set_random_seed(measure.turn)
    model = warmed_up(build(), ids.X, ids.y, batch_size)
    measure(
        task,
        contender,
        lambda: model.fit(ids.X, ids.y, batch_size=batch_size, epochs=epochs, verbose=0),
        rounds=1,
        warm_up=False,
    )
    predicted = model.predict(ids.X_val, batch_size=1024, verbose=0).argmax(axis=1)
    measure.note(accuracy=accuracy_score(ids.y_val, predicted))


def product(measure, task, contender, ids, classifier):
    """Time a fit of a classifier and note its accuracy."""
    classifier.set_params(random_state=measure.turn)
    classifier.fit(ids.X[:64], ids.y[:64])  # traces the graph if no fit came before
    measure(task, contender, lambda: classifier.fit(ids.X, ids.y), rounds=1, warm_up=False)
    measure.note(accuracy=classifier.score(ids.X_val, ids.y_val))


# ---------------------------------------------------------------------------- Dense


def bench_dense_keras(measure, ids):
    plain_keras(measure, DENSE, "plain Keras, batch 32", ids, keras_dense, DENSE_EPOCHS, 32)


@pytest.mark.parametrize("epochs", range(1, DENSE_EPOCHS + 1))
def bench_dense_sentilib(measure, ids, epochs):
    classifier = DenseSentimentClassifier(epochs=epochs, **SAME_LAYERS)
    product(measure, DENSE, f"sentilib, same layers, epochs={epochs}", ids, classifier)


@pytest.mark.parametrize("most", [2, 4])
def bench_dense_sentilib_with_ngrams(measure, ids, most):
    classifier = DenseSentimentClassifier(epochs=1, ngram_range=(1, most))
    product(measure, DENSE, f"sentilib, n up to {most}, epochs=1", ids, classifier)


def bench_dense_512_keras(measure, ids):
    # The example's learning rate, 1e-3, suits batches of 32: five epochs with it would end at 0.81.
    build = functools.partial(keras_dense, learning_rate=LEARNING_RATE_512)
    plain_keras(measure, DENSE_512, "plain Keras", ids, build, DENSE_EPOCHS, 512)


def bench_dense_512_sentilib(measure, ids):
    # The same model at the same rate: padding is a word, and the learning rate is constant.
    classifier = DenseSentimentClassifier(
        epochs=DENSE_EPOCHS,
        batch_size=512,
        learning_rate=LEARNING_RATE_512,
        learning_rate_schedule="constant",
        mask_padding=False,
        **SAME_LAYERS,
    )
    product(measure, DENSE_512, "sentilib", ids, classifier)


# ---------------------------------------------------------------------------- CNN


def bench_cnn_keras(measure, ids):
    plain_keras(measure, CNN, "plain Keras, batch 32", ids, keras_cnn, CNN_EPOCHS, 32)


@pytest.mark.parametrize("epochs", range(1, CNN_EPOCHS + 1))
def bench_cnn_sentilib(measure, ids, epochs):
    classifier = ConvSentimentClassifier(epochs=epochs, **SAME_LAYERS)
    product(measure, CNN, f"sentilib, same layers, epochs={epochs}", ids, classifier)


def bench_cnn_sentilib_with_ngrams(measure, ids):
    product(measure, CNN, "sentilib, epochs=1", ids, ConvSentimentClassifier(epochs=1))


# ---------------------------------------------------------------------------- small fits


@pytest.mark.parametrize(
    ("task", "build", "epochs"),
    [(SMALL_DENSE, keras_dense, DENSE_EPOCHS), (SMALL_CNN, keras_cnn, CNN_EPOCHS)],
    ids=["dense", "cnn"],
)
def bench_small_fit_keras(measure, ids, task, build, epochs):
    X, y = ids.X[:N_SMALL], ids.y[:N_SMALL]
    measure(
        task,
        "plain Keras",
        lambda: build().fit(X, y, batch_size=32, epochs=epochs, verbose=0),
        rounds=3,
    )


@pytest.mark.parametrize(
    ("task", "classifier"),
    [
        (SMALL_DENSE, DenseSentimentClassifier(epochs=DENSE_EPOCHS, random_state=0, **SAME_LAYERS)),
        (SMALL_CNN, ConvSentimentClassifier(epochs=CNN_EPOCHS, random_state=0, **SAME_LAYERS)),
    ],
    ids=["dense", "cnn"],
)
def bench_small_fit_sentilib(measure, ids, task, classifier):
    X, y = ids.X[:N_SMALL], ids.y[:N_SMALL]
    measure(task, "sentilib", lambda: classifier.fit(X, y), rounds=3)


# ---------------------------------------------------------------------------- raw text


def bench_from_text_sentilib(measure, by_movie):
    train, held_out = by_movie
    pipe = make_pipeline(
        HTMLTokenizer(n_jobs=THREADS), DenseSentimentClassifier(random_state=measure.turn)
    )
    measure(FROM_TEXT, "sentilib", lambda: pipe.fit(train.text, train.label), rounds=1)
    measure.note(accuracy=pipe.score(held_out.text, held_out.label))


@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 2)], ids=["1, 1", "1, 2"])
def bench_from_text_tfidf(measure, by_movie, ngram_range):
    train, held_out = by_movie
    pipe = tfidf_regression(ngram_range)
    measure(
        FROM_TEXT,
        f"TF-IDF {ngram_range} + LogisticRegression",
        lambda: pipe.fit(train.text, train.label),
        rounds=1,
        warm_up=False,
    )
    measure.note(accuracy=pipe.score(held_out.text, held_out.label))


def bench_from_text_fasttext(measure, by_movie):
    pytest.importorskip("fasttext")
    train, held_out = by_movie
    model = measure(
        FROM_TEXT,
        "fastText, bigrams",
        lambda: FastText(seed=measure.turn).fit(train.text, train.label),
        rounds=1,
    )
    positive = model.predict_proba(held_out.text)[:, 1] > 0.5
    measure.note(accuracy=accuracy_score(held_out.label, positive))
