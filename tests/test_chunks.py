"""Texts are predicted in chunks, with the probabilities of one call."""

import threading
import tracemalloc

import numpy as np
import pytest
import sentilib._tables._word_kernels as _word_kernels
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sentilib import DenseSentimentClassifier, HTMLTokenizer, predict_proba_in_chunks
from sentilib._compiled import _threads
from sentilib._text._scan import Scanner
from sentilib.datasets import make_reviews


@pytest.fixture(scope="module")
def fitted():
    reviews, labels = make_reviews(300, length=30, random_state=0)
    pipe = make_pipeline(
        HTMLTokenizer(), "passthrough", DenseSentimentClassifier(epochs=1, random_state=0)
    )
    return pipe.fit(reviews, labels), reviews


@pytest.mark.parametrize("chunk_size", [1, 7, 300, 10_000])
def test_the_probabilities_are_those_of_one_call(fitted, chunk_size):
    pipe, reviews = fitted
    reviews = reviews[:50]
    expected = pipe.predict_proba(reviews)
    for texts in (reviews, iter(reviews), np.array(reviews, dtype=object)):
        found = predict_proba_in_chunks(pipe, texts, chunk_size=chunk_size)
        np.testing.assert_array_equal(found, expected)


def test_memory_does_not_grow_with_the_number_of_texts(fitted):
    pipe, reviews = fitted
    sizes = []
    for n in (1_000, 8_000):
        texts = (reviews[k % 300] for k in range(n))
        tracemalloc.start()
        predict_proba_in_chunks(pipe, texts, chunk_size=500)
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    probabilities = 2 * 8 * 8_000  # and their concatenation
    assert sizes[1] < sizes[0] + 2 * probabilities < 8_000 * 1024 * 4 / 4


def test_a_fit_in_between_does_not_mix_models(fitted):
    pipe, reviews = fitted
    other = make_pipeline(*(step for _, step in pipe.steps))
    tables = pipe[-1].tables_

    def texts():
        yield from reviews[:5]
        other.steps[-1] = ("other", FunctionTransformer())
        pipe[-1].tables_ = None
        yield from reviews[5:10]

    expected = pipe.predict_proba(reviews[:10])
    try:
        found = predict_proba_in_chunks(other, texts(), chunk_size=5)
    finally:
        pipe[-1].tables_ = tables
    np.testing.assert_array_equal(found, expected)


def test_bad_input(fitted):
    pipe, reviews = fitted
    with pytest.raises(ValueError, match="no documents"):
        predict_proba_in_chunks(pipe, iter([]))
    with pytest.raises(ValueError, match="got one string"):
        predict_proba_in_chunks(pipe, "A superb film")
    with pytest.raises(ValueError, match="chunk_size"):
        predict_proba_in_chunks(pipe, reviews, chunk_size=0)
    with pytest.raises(ValueError, match="estimator"):
        predict_proba_in_chunks(HTMLTokenizer(), reviews)
    with pytest.raises(TypeError, match="Document 1 is None") as raised:
        predict_proba_in_chunks(pipe, [*reviews[:4], "a", None], chunk_size=4)
    assert "from 4 on" in raised.value.__notes__[0]


@pytest.mark.parametrize("n_cores", [3, 6])
def test_each_core_reads_and_each_core_predicts(fitted, monkeypatch, n_cores):
    """Both wait until as many threads as cores are inside at once."""
    pipe, reviews = fitted
    monkeypatch.setattr(_threads, "_n_cores", lambda: n_cores)
    expected = pipe.predict_proba(reviews)
    text = " ".join(reviews) * 30  # more than a block of the scanner
    for owner, name in ((Scanner, "prepare"), (_word_kernels, "means")):
        inside, function = threading.Barrier(n_cores), getattr(owner, name)

        def waiting(*arguments, inside=inside, function=function):
            inside.wait(20)
            return function(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, waiting)
            if owner is Scanner:
                assert len(text) > 2**18
                assert pipe[0].transform([text] * n_cores).shape == (n_cores, 1024)
            else:
                ids = np.resize(pipe[0].transform(reviews), (256 * n_cores, 1024))
                found = pipe[-1].predict_proba(ids)
                np.testing.assert_array_equal(found[: len(reviews)], expected[: len(found)])
