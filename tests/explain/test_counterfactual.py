"""Counterfactuals: the fewest words, against all sets of words of short reviews."""

from itertools import combinations

import numpy as np
import pytest
from games import PLACES, random_conv, random_dense
from sklearn.pipeline import make_pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews
from sentilib.explain import counterfactual


def masked(row, tokens):
    changed = np.array(row)
    changed[np.flatnonzero(changed)[list(tokens)]] = 1
    return changed


def fewest_by_brute_force(classifier, row):
    """Return the size of the smallest set of tokens that changes the class, None without one."""
    n = np.count_nonzero(row)
    before = classifier.predict([row])[0]
    for size in range(1, n + 1):
        sets = [masked(row, tokens) for tokens in combinations(range(n), size)]
        if (classifier.predict(sets) != before).any():
            return size
    return None


def balanced(classifier, X):
    """Shift the logits so that no class leads on average, in a model with random weights."""
    tables = classifier.tables_
    tables.bias[:] -= tables.logits(X).mean(axis=0)
    return classifier


def check(classifier, X, found):
    """Check what holds for every model: the words change the class, as it says."""
    before = classifier.predict(X)
    np.testing.assert_array_equal(found.before, before)
    for k, tokens in enumerate(found.positions):
        if tokens is None:
            assert found.after[k] == before[k] and not found.is_minimal[k]
            continue
        assert classifier.predict([masked(X[k], tokens)])[0] == found.after[k] != before[k]
        assert found.lower_bound[k] <= len(tokens) == len(found.words[k])
        assert found.is_minimal[k] == (found.lower_bound[k] == len(tokens))


@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 3), (2, 4)])
def test_the_words_of_a_dense_model_are_the_fewest(ngram_range, n_classes, mask_padding):
    rng = np.random.default_rng(0)
    drawn = np.where(rng.random((32, 12)) < 0.2, 0, rng.integers(1, 10, (32, 12)))
    X = np.array([*PLACES, *drawn], dtype=np.int32)
    classifier = random_dense(
        n_classes=n_classes,
        ngrams_of=None if ngram_range == (1, 1) else X,
        ngram_range=ngram_range,
        mask_padding=mask_padding,
    )
    found = counterfactual(balanced(classifier, X), X)
    check(classifier, X, found)
    expected = [fewest_by_brute_force(classifier, row) for row in X]
    assert [None if t is None else len(t) for t in found.positions] == expected
    assert len({n for n in expected if n is not None}) > 2 and None in expected
    assert found.is_minimal.tolist() == [n is not None for n in expected]
    limited = counterfactual(classifier, X, max_words=2)
    assert [t is not None for t in limited.positions] == [n in (1, 2) for n in expected]
    lengths = np.count_nonzero(X, axis=1)
    none = np.array([n is None for n in expected])
    np.testing.assert_array_equal(found.lower_bound[none], lengths[none] + 1)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("pooling", ["average", "max"])
def test_the_words_of_a_cnn_are_as_many_as_proven(pooling, n_classes):
    X = np.array(PLACES, dtype=np.int32)
    classifier = balanced(random_conv(n_classes=n_classes, ngrams_of=X, pooling=pooling), X)
    expected = [fewest_by_brute_force(classifier, row) for row in X]
    for max_checked, all_proven in ((0, False), (60, False), (1000, True)):
        found = counterfactual(classifier, X, max_checked=max_checked)
        check(classifier, X, found)
        for tokens, bound, n in zip(found.positions, found.lower_bound, expected, strict=True):
            assert n is None or bound <= n
            assert tokens is None or n <= len(tokens)
        if all_proven:
            assert [None if t is None else len(t) for t in found.positions] == expected
            assert found.is_minimal.tolist() == [n is not None for n in expected]


@pytest.fixture(scope="module")
def reviews():
    return make_reviews(700, length=60, random_state=0)


@pytest.fixture(scope="module")
def dense(reviews):
    texts, labels = reviews
    classifier = DenseSentimentClassifier(random_state=0, epochs=2)
    pipe = make_pipeline(HTMLTokenizer(max_length=64), classifier)
    return pipe.fit(texts[:500], np.array(["bad", "good"])[labels[:500]])


def test_two_hundred_reviews_change_without_these_words_and_no_fewer(dense, reviews):
    texts = reviews[0][500:]
    found = counterfactual(dense, texts)
    ids = dense[0].transform(texts)
    check(dense[1], ids, found)
    sizes = np.array([0 if t is None else len(t) for t in found.positions])
    assert (sizes > 0).mean() > 0.9 and sizes.max() > 4  # more than are tried at first
    for row in np.flatnonzero((sizes == 2) | (sizes == 3))[:20]:
        n = np.count_nonzero(ids[row])
        fewer = [masked(ids[row], t) for t in combinations(range(n), int(sizes[row]) - 1)]
        assert (dense[1].predict(fewer) == found.before[row]).all()
    row = int(np.flatnonzero(sizes == 1)[0])
    sentence = f"Without “{found.words[row][0]}” (1 word), the prediction is {found.after[row]}"
    assert repr(found).splitlines()[0] == found.sentence(0)
    assert found.sentence(row).startswith(sentence)
    assert repr(found).endswith("... and 190 more reviews")
    visible = dense[0].visible_text(texts[row])
    assert found.words[row][0] in visible


def test_a_review_whose_class_stays_says_so(dense):
    found = counterfactual(dense, ["qqqq"], max_words=3)
    assert found.positions == [None] and found.lower_bound.tolist() == [2]
    assert found.sentence(0).startswith("The prediction stays ")
    with pytest.raises(TypeError, match="fitted DenseSentimentClassifier or"):
        counterfactual(HTMLTokenizer(), ["a"])
    with pytest.raises(ValueError, match="max_words"):
        counterfactual(dense, ["a"], max_words=0)


def test_a_trained_cnn_needs_no_more_words_than_it_says(reviews):
    texts, labels = reviews
    pipe = make_pipeline(
        HTMLTokenizer(max_length=64), ConvSentimentClassifier(random_state=0, epochs=1)
    ).fit(texts[:300], labels[:300])
    found = counterfactual(pipe, texts[500:530], max_checked=70)
    check(pipe[1], pipe[0].transform(texts[500:530]), found)
    assert found.is_minimal.any()
