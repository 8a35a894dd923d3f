"""Raw training reviews to a vocabulary, and to token ids.

sentilib parses HTML; no peer does. All keep 30,000 words; contenders that return rows of ids keep
512 tokens per review. Text is passed as a list of str.
"""

import pytest
from _peers import THREADS, hugging_face_tokenizer, text_batches, text_vectorization, vectorized
from _report import Comparison
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from sentilib import HTMLTokenizer

N_WORDS, N_TOKENS = 30_000, 512
FIT, TRANSFORM, BOTH = "fit of the vocabulary", "transform", "fit_transform"
ONE_THREAD = "sentilib, one thread"

COMPARISONS = [
    Comparison(TRANSFORM, "CountVectorizer", 12),
    Comparison(TRANSFORM, "HashingVectorizer"),
    Comparison(TRANSFORM, "Keras TextVectorization", 4),
    Comparison(TRANSFORM, "Hugging Face tokenizers", 12),
    Comparison(TRANSFORM, "CountVectorizer", 6, product=ONE_THREAD),
    Comparison(FIT, "CountVectorizer", 10),
    Comparison(FIT, "Keras TextVectorization"),
    Comparison(FIT, "Hugging Face tokenizers", 10),
    Comparison(FIT, "CountVectorizer", 6, product=ONE_THREAD),
    Comparison(BOTH, "CountVectorizer"),
]


def product(n_jobs=THREADS):
    # Punctuation marks are tokens, as in Hugging Face's tokenizer; other peers drop them.
    return HTMLTokenizer(N_WORDS, N_TOKENS, n_jobs=n_jobs)


# ---------------------------------------------------------------------------- fit


def bench_fit_sentilib(measure, train):
    measure(FIT, "sentilib", lambda: product().fit(train.text), rounds=5)


def bench_fit_sentilib_one_thread(measure, train):
    measure(FIT, ONE_THREAD, lambda: product(1).fit(train.text), rounds=5)


def bench_fit_count_vectorizer(measure, train):
    vectorizer = CountVectorizer(max_features=N_WORDS)
    measure(FIT, "CountVectorizer", lambda: vectorizer.fit(train.text), rounds=1)


def bench_fit_keras_text_vectorization(measure, train):
    def adapt():
        layer = text_vectorization(N_WORDS, N_TOKENS)
        layer.adapt(text_batches(train.text))

    measure(FIT, "Keras TextVectorization", adapt, rounds=1)


def bench_fit_hugging_face(measure, train):
    pytest.importorskip("tokenizers")

    def fit():
        tokenizer, trainer = hugging_face_tokenizer(N_WORDS)
        tokenizer.train_from_iterator(train.text, trainer, length=len(train.text))

    measure(FIT, "Hugging Face tokenizers", fit, rounds=1)


# ---------------------------------------------------------------------------- transform


@pytest.fixture(scope="module")
def fitted(train):
    """Fit the tokenizer."""
    return product().fit(train.text)


def bench_transform_sentilib(measure, fitted, train):
    fitted.set_params(n_jobs=THREADS)
    measure(TRANSFORM, "sentilib", lambda: fitted.transform(train.text), rounds=10)


def bench_transform_sentilib_one_thread(measure, fitted, train):
    fitted.set_params(n_jobs=1)
    measure(TRANSFORM, ONE_THREAD, lambda: fitted.transform(train.text), rounds=5)


@pytest.fixture(scope="module")
def count_vectorizer(train):
    """Fit the vectorizer."""
    return CountVectorizer(max_features=N_WORDS).fit(train.text)


def bench_transform_count_vectorizer(measure, count_vectorizer, train):
    measure(TRANSFORM, "CountVectorizer", lambda: count_vectorizer.transform(train.text), rounds=2)


def bench_transform_hashing_vectorizer(measure, train):
    vectorizer = HashingVectorizer(norm=None)
    measure(TRANSFORM, "HashingVectorizer", lambda: vectorizer.transform(train.text), rounds=1)


@pytest.fixture(scope="module")
def text_vectorization_layer(train):
    """Adapt the Keras layer."""
    layer = text_vectorization(N_WORDS, N_TOKENS)
    layer.adapt(text_batches(train.text))
    return layer


def bench_transform_keras_text_vectorization(measure, text_vectorization_layer, train):
    def transform():
        # The batches are not joined, which saves the peer a copy.
        return list(vectorized(train.text, text_vectorization_layer).as_numpy_iterator())

    measure(TRANSFORM, "Keras TextVectorization", transform, rounds=3)


@pytest.fixture(scope="module")
def hugging_face(train):
    """Fit the tokenizer."""
    pytest.importorskip("tokenizers")
    tokenizer, trainer = hugging_face_tokenizer(N_WORDS)
    tokenizer.train_from_iterator(train.text, trainer, length=len(train.text))
    return tokenizer


def bench_transform_hugging_face(measure, hugging_face, train):
    # Without offsets, and without a matrix of the encodings, which would double its time.
    measure(
        TRANSFORM,
        "Hugging Face tokenizers",
        lambda: hugging_face.encode_batch_fast(train.text),
        rounds=1,
    )


# ---------------------------------------------------------------------------- both at once


def bench_fit_transform_sentilib(measure, train):
    measure(BOTH, "sentilib", lambda: product().fit_transform(train.text), rounds=5)


def bench_fit_transform_count_vectorizer(measure, train):
    vectorizer = CountVectorizer(max_features=N_WORDS)
    measure(BOTH, "CountVectorizer", lambda: vectorizer.fit_transform(train.text), rounds=1)
