"""Tokenizers that counted parts of a corpus are merged to the one that counts it as a whole."""

import pickle
import random

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sentilib import HTMLTokenizer
from sentilib._text import _merging
from sentilib.datasets import make_reviews

TEXTS = [*make_reviews(300, length=40, random_state=0)[0], "ångström 👍🏽 <b>wo</b>rd don't"]
PARTS = [TEXTS[:3], TEXTS[3:150], TEXTS[150:151], TEXTS[151:]]


def counted(texts, **parameters):
    """Return a tokenizer as it comes from another process."""
    return pickle.loads(pickle.dumps(HTMLTokenizer(**parameters).partial_fit(texts)))


@pytest.mark.parametrize(
    "parameters",
    [{}, {"max_features": 50}, {"min_df": 40, "max_df": 0.9, "stop_words": "english"}],
    ids=str,
)
def test_the_vocabulary_is_that_of_one_fit_in_every_order_and_grouping(parameters):
    whole = HTMLTokenizer(**parameters).fit(TEXTS)
    parts = [counted(part, **parameters) for part in PARTS]
    empty = HTMLTokenizer(**parameters)
    merges = [clone(empty).merge(part for part in parts)]
    for seed in range(5):
        a, b, c, d = random.Random(seed).sample(parts, 4)
        merges.append(clone(empty).merge([d, clone(empty).merge([clone(empty).merge([a, b]), c])]))
        merges.append(pickle.loads(pickle.dumps(a)).merge([b]).merge([c, d]))
    for merged in merges:
        assert list(merged.vocabulary_.items()) == list(whole.vocabulary_.items())
        np.testing.assert_array_equal(merged.document_frequency_, whole.document_frequency_)
        assert merged.n_documents_ == len(TEXTS)
        np.testing.assert_array_equal(merged.transform(TEXTS), whole.transform(TEXTS))
        merged.partial_fit(TEXTS[:9])  # counting goes on
        assert merged.vocabulary_ == clone(empty).fit([*TEXTS, *TEXTS[:9]]).vocabulary_


def test_merged_tokenizers_remain_as_they_are():
    parts = [counted(part) for part in PARTS]
    before = [pickle.dumps(part.document_frequency_) for part in parts]
    merged = HTMLTokenizer().merge(parts)
    merged.merge(parts)
    assert [pickle.dumps(part.document_frequency_) for part in parts] == before
    assert merged.n_documents_ == 2 * len(TEXTS)


def test_a_given_vocabulary_gets_the_counts_of_all_parts():
    vocabulary = ["film", "the", "nowhere"]
    parts = [counted(part, vocabulary=vocabulary) for part in PARTS]
    merged = HTMLTokenizer(vocabulary=vocabulary).merge(parts)
    expected = HTMLTokenizer(vocabulary=vocabulary).fit(TEXTS)
    np.testing.assert_array_equal(merged.document_frequency_, expected.document_frequency_)


def test_what_cannot_be_merged_is_named_and_nothing_changes(monkeypatch):
    tokenizer = counted(PARTS[0])
    before = tokenizer.vocabulary_
    for others, error, match in [
        ([counted(PARTS[1], lowercase=False)], ValueError, "lowercase=False, but this one True"),
        ([counted(PARTS[1], markup=None)], ValueError, "markup=None"),
        ([HTMLTokenizer()], NotFittedError, "not fitted"),
        ([HTMLTokenizer(vocabulary=["film"])], ValueError, "no counts"),
        ([counted(PARTS[1]), PARTS[1]], TypeError, "number 1 is a list"),
        (tokenizer, TypeError, "got one"),
    ]:
        with pytest.raises(error, match=match):
            tokenizer.merge(others)
    assert tokenizer.vocabulary_ is before and tokenizer.n_documents_ == 3
    with pytest.raises(ValueError, match="no counts to merge"):
        HTMLTokenizer().merge([])
    monkeypatch.setattr(_merging, "_MAX_DOCUMENTS", 5)
    with pytest.raises(ValueError, match="counts end at 5"):
        tokenizer.merge([counted(PARTS[0])])
