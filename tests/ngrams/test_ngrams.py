import pickle
from collections import Counter

import numpy as np
import pytest

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib._ngrams import _evidence, _lookup_kernels
from sentilib._ngrams._bags import RowsOf, bags, merged_rows
from sentilib._ngrams._dictionary import (
    NgramDictionary,
    _empty_lines,
    evidence_size,
    n_evidence_columns,
)
from sentilib._ngrams._evidence import cross_fitting_folds
from sentilib._ngrams._keys import EMPTY, key_of, number_of, split
from sentilib._ngrams._ratios import Counts, Ratios, count_by_class, log_count_ratios, weighted
from sentilib.datasets import make_reviews


@pytest.fixture
def ids():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 9, (400, 30)).astype(np.int32)  # some padding and unknown words inside
    X[:, 20:] *= rng.random((400, 1)) > 0.5
    X[7] = 0
    return X


def ngrams_of(row, least, most):
    """Every n-gram of known words, as tuples, by a plain loop."""
    return [
        tuple(row[k : k + n].tolist())
        for n in range(least, most + 1)
        for k in range(len(row) - n + 1)
        if (row[k : k + n] > 1).all()
    ]


def names(ngrams):
    """What each number of a dictionary stands for."""
    found = []
    for key in ngrams.keys.tolist():
        before, word = split(key)
        assert key_of(before, word) == key
        longer = before < 0
        found.append((*found[number_of(before)], word) if longer else (before, word)[before == 0 :])
    return found


@pytest.mark.parametrize("ngram_range", [(1, 2), (1, 4), (2, 3), (3, 3)])
def test_terms_are_the_ngrams_that_a_plain_loop_finds(ids, ngram_range):
    ngrams = NgramDictionary(ngram_range, 2, 10**6).learn(ids)
    known = names(ngrams)
    rows = Counter(g for row in ids for g in set(ngrams_of(row, 2, ngram_range[1])))
    assert {g for g in known if len(g) > 1} == {g for g, df in rows.items() if df >= 2}
    assert len(set(known)) == len(known)
    terms = ngrams.terms(ids)
    for i, row in enumerate(ids):
        part = slice(terms.starts[i], terms.starts[i + 1])
        expected = Counter(g for g in ngrams_of(row, *ngram_range) if g in set(known))
        assert Counter(known[f] for f in terms.features[part]) == expected
        for feature, end, order in zip(
            terms.features[part], terms.ends[part], terms.orders[part], strict=True
        ):
            assert tuple(row[end - order + 1 : end + 1].tolist()) == known[feature]


def test_bags_sums_and_counts_agree_with_the_terms(ids):
    ngrams = NgramDictionary((1, 3), 2, 10**6).learn(ids)
    terms, size = ngrams.terms(ids), evidence_size(ids, 5.0)
    counts = np.zeros((len(ids), len(ngrams)))
    np.add.at(counts, (np.repeat(np.arange(len(ids)), np.diff(terms.starts)), terms.features), 1)
    bag = bags(terms, len(ngrams) + 5, size)
    np.testing.assert_allclose(bag.toarray()[:, :-5], counts / size[:, None], rtol=1e-6)
    table = np.random.default_rng(1).normal(size=(len(ngrams), 3))
    np.testing.assert_allclose(ngrams.sums(ids, table), counts @ table)
    labels, weight = np.arange(len(ids)) % 3, np.linspace(1, 2, len(ids))
    for n_classes in (2, 3):
        classes, folds = labels % n_classes, np.arange(len(ids)) // 7 % 4
        found = count_by_class(terms, len(ngrams), classes, folds, weight, n_classes)
        dense = np.zeros((len(ngrams), n_classes, 4))
        dense[found.ngrams, found.classes] = found.by_fold.T
        cells = (classes[:, None, None] == np.arange(n_classes)[:, None]) * (
            folds[:, None, None] == np.arange(4)
        )
        expected = np.einsum("rn,r,rcf->ncf", counts, weight, cells)
        np.testing.assert_allclose(dense, expected, rtol=1e-12)
        assert n_classes == 2 or found.by_fold.sum(axis=0).all()


def test_rows_of_a_bag_are_those_of_its_index_and_columns_can_be_left_out(ids):
    starts = np.arange(len(ids) + 1) * ids.shape[1]
    whole = merged_rows(starts, ids.ravel(), np.ones(len(ids)), 300)
    rows_of, rng = RowsOf(whole), np.random.default_rng(2)
    for n in (7, 300, 0, 12):  # the arrays of an earlier result are used again
        rows = rng.integers(len(ids), size=n)
        np.testing.assert_array_equal(rows_of(rows).toarray(), whole.toarray()[rows])
    some = merged_rows(starts, ids.ravel(), np.ones(len(ids)), 300, first=4)
    expected = whole.toarray()
    expected[:, :4] = 0
    np.testing.assert_array_equal(some.toarray(), expected)
    assert some.indices.min() == 4


@pytest.mark.parametrize("n_classes", [2, 3])
def test_evidence_is_each_count_times_the_ratio_of_its_fold(ids, n_classes):
    ngrams = NgramDictionary((1, 2), 2, 10**6).learn(ids)
    bag = bags(ngrams.terms(ids), len(ngrams), evidence_size(ids, 5.0))
    rng = np.random.default_rng(0)
    n_columns = n_evidence_columns(n_classes)
    table = rng.normal(size=(2, len(ngrams), n_columns)) * (rng.random((len(ngrams), 1)) < 0.5)
    ratios = Ratios.of_table(table[0])
    values = np.ascontiguousarray(table[:, ratios.ngrams, ratios.columns])
    ratios = ratios._replace(values=values)
    folds = rng.integers(2, size=len(ids))
    evidence = weighted(bag, folds, ratios).toarray()
    expected = bag.toarray()[:, None] * table.transpose(0, 2, 1)[folds]
    np.testing.assert_allclose(evidence, expected.reshape(-1, len(ngrams)), rtol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_ratios_without_a_fold_are_those_of_the_other_folds(n_classes):
    rng = np.random.default_rng(0)
    by_fold = rng.integers(0, 9, size=(50, 4, n_classes)).astype(float)
    earlier = rng.integers(0, 9, size=(50, n_classes)).astype(float)
    counts = by_fold.sum(axis=1) + earlier
    held, total = 40, counts.sum(axis=0)  # the last ones are not in these rows
    by_fold[held:] = 0
    listed = Counts.of_table(np.ones((held, n_classes)))
    listed = listed._replace(by_fold=by_fold[:held].transpose(1, 0, 2).reshape(4, -1))
    of_folds = log_count_ratios(listed, earlier[:held].ravel(), total, 2.0)
    of_all = log_count_ratios(*Counts.of_table(counts).in_one_fold(), total, 2.0)
    assert len(of_folds.values) == 4
    for fold in range(5):
        inside = counts - by_fold[:, fold] if fold < 4 else counts
        share = inside.sum(axis=0) / inside.sum()
        if n_classes == 2:
            odds = (inside + 4 * share)[:, 1] / (inside + 4 * share)[:, 0]
            expected = (np.log(odds) - np.log(share[1] / share[0]))[:, None]
        else:
            expected = np.log((inside + 6 * share) / (6 * share))
        ratios = of_folds if fold < 4 else of_all
        ratios = ratios._replace(values=ratios.values[fold % 4 :]).table()
        np.testing.assert_allclose(ratios, expected[: len(ratios)], atol=1e-6)


def test_ratios_of_several_classes_are_those_of_naive_bayes():
    """They differ from log-probabilities of n-grams only by a constant of all classes."""
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 9, size=(30, 4)).astype(float)
    share = counts.sum(axis=0) / counts.sum()
    ratios = log_count_ratios(*Counts.of_table(counts).in_one_fold(), counts.sum(axis=0), 2.0)
    joint = np.log(counts + 8 * share) - np.log((counts + 8 * share).sum(axis=1, keepdims=True))
    shift = joint - np.log(share) - ratios.table()
    np.testing.assert_allclose(shift, shift[:, :1] * np.ones(4), atol=1e-6)


def test_a_limit_keeps_the_most_frequent_ngrams_and_what_they_go_on_from(ids):
    everything = NgramDictionary((1, 3), 1, 10**6).learn(ids)
    limited = NgramDictionary((1, 3), 1, 40).learn(ids)
    kept = [g for g in names(limited) if len(g) > 1]
    assert len(kept) == 40
    assert all(g[:-1] in kept for g in kept if len(g) == 3)
    rows = Counter(g for row in ids for g in set(ngrams_of(row, 2, 3)))
    left_out = set(names(everything)) - set(names(limited))
    assert min(rows[g] for g in kept) >= max(rows[g] for g in left_out)


def test_learning_on_leaves_old_numbers_as_they_are(ids):
    first = NgramDictionary((1, 3), 2, 10**6).learn(ids[:100])
    second = first.learn(ids[100:])
    assert len(second) > len(first)
    assert names(second)[: len(first)] == names(first)
    assert len(set(names(second))) == len(second)


def test_the_dictionary_is_the_same_whatever_the_number_of_threads(ids, monkeypatch):
    many = np.tile(ids, (4, 1))
    one = NgramDictionary((1, 3), 2, 10**6).learn(many)
    monkeypatch.setattr("sentilib._compiled._threads._n_cores", lambda: 1)
    np.testing.assert_array_equal(NgramDictionary((1, 3), 2, 10**6).learn(many).keys, one.keys)


def test_the_dictionary_is_the_same_whatever_the_number_of_parts(ids, monkeypatch):
    few = NgramDictionary((1, 3), 2, 10**6).learn(ids)
    monkeypatch.setattr("sentilib._ngrams._document_frequency._KEYS_PER_PART", 16)
    np.testing.assert_array_equal(NgramDictionary((1, 3), 2, 10**6).learn(ids).keys, few.keys)


def test_ngrams_are_found_in_buckets_that_overflow(ids):
    ngrams = NgramDictionary((1, 3), 2, 250).learn(ids)
    assert ngrams._n_long() == 250
    expected, missing = ngrams.terms(ids), ngrams.terms(ids[:, ::-1].copy())
    crowded = _empty_lines(64)  # with room for 256 keys
    _lookup_kernels.index(ngrams.keys, ngrams._words, crowded)
    assert (crowded.reshape(64, 8)[:, 7] < 0).sum() > 10
    ngrams._buckets = crowded
    for X, terms in ((ids, expected), (ids[:, ::-1].copy(), missing)):
        for found, wanted in zip(ngrams.terms(X), terms, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_crafted_ngrams_do_not_share_a_bucket():
    """Of pairs whose hashes would agree with a known factor, buckets contain a few each."""
    pairs = np.arange(2, 30_002) + (np.arange(2, 2_002)[:, None] << 32)
    known = np.uint64(11400714819323198485)
    keys = np.sort(pairs[pairs.astype(np.uint64) * known >> np.uint64(52) == 0])
    buckets = _empty_lines(1 << 14)
    _lookup_kernels.index(keys, np.empty(2, dtype=np.int32), buckets)
    n_keys = (buckets.reshape(-1, 8)[:, :4] != EMPTY).sum(axis=1)
    assert len(keys) > 10_000 and (n_keys > 0).sum() > 4_000


def test_ids_beyond_the_dictionary_are_in_no_ngram(ids):
    ngrams = NgramDictionary((1, 3), 2, 10**6).learn(ids)
    table = np.random.default_rng(2).normal(size=(len(ngrams), 2))
    beyond = np.where(ids == 8, 10**6, ids).astype(np.int32)
    unknown = np.where(ids == 8, 1, ids).astype(np.int32)
    np.testing.assert_array_equal(ngrams.sums(beyond, table), ngrams.sums(unknown, table))


@pytest.mark.parametrize("ngram_range", [(1, 4), (2, 3)])
def test_shares_go_to_the_words_of_each_ngram_and_to_its_row(ids, ngram_range):
    many = np.tile(ids, (2, 1))  # enough for several threads
    ngrams = NgramDictionary(ngram_range, 2, 10**6).learn(many)
    rng = np.random.default_rng(3)
    table = rng.normal(size=(len(ngrams), 3))
    kinds, shares = np.arange(len(many)) % 5, rng.normal(size=(5, ngram_range[1], 2))
    terms = ngrams.terms(many)
    expected = np.zeros((*many.shape, 3))
    for row, kind in enumerate(kinds):
        for i in range(terms.starts[row], terms.starts[row + 1]):
            end, order, worth = terms.ends[i], int(terms.orders[i]), table[terms.features[i]]
            own, common = shares[kind, order - 1]
            expected[row, end - order + 1 : end + 1] += own * worth
            expected[row] += common * worth
    values, sums = ngrams.share_out(many, table, kinds, shares)
    np.testing.assert_allclose(values, expected[many != 0], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(sums, ngrams.sums(many, table))


@pytest.mark.parametrize("mask_padding", [True, False])
@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 2)])
def test_logits_are_those_of_the_latent_space(ids, mask_padding, ngram_range):
    y = ids[:, 0] % 3
    classifier = DenseSentimentClassifier(
        ngram_range=ngram_range, mask_padding=mask_padding, epochs=1, random_state=0
    ).fit(ids, y)
    tables = classifier.tables_
    latent, n_units = tables.latent(ids), len(tables.head)
    expected = latent[:, :n_units] @ tables.head + tables.bias
    if ngram_range[1] > 1:
        expected += latent[:, n_units:]
    np.testing.assert_allclose(classifier.decision_function(ids), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ngram_range", [(0, 1), (2, 1), (1.0, 2), (1, "3")])
def test_an_impossible_ngram_range_is_refused(ids, ngram_range):
    with pytest.raises(ValueError, match="ngram_range"):
        DenseSentimentClassifier(ngram_range=ngram_range).fit(ids, np.arange(len(ids)) % 2)


def test_phrases_tell_what_single_words_cannot():
    rng = np.random.default_rng(0)
    X = rng.integers(4, 12, (600, 8)).astype(np.int32)
    y = np.arange(600) % 2
    X[y == 1, 3:5], X[y == 0, 3:5] = (2, 3), (3, 2)  # the same words in another order
    phrases = DenseSentimentClassifier(random_state=0).fit(X[:400], y[:400])
    words = DenseSentimentClassifier(ngram_range=(1, 1), random_state=0).fit(X[:400], y[:400])
    assert phrases.score(X[400:], y[400:]) > 0.95
    assert words.score(X[400:], y[400:]) < 0.65


def test_a_stream_learns_further_ngrams_and_counts_the_old_ones_on(ids):
    y = (ids[:, 0] + ids[:, 1]) % 2
    classifier = DenseSentimentClassifier(random_state=0)
    classifier.partial_fit(ids[:200], y[:200], classes=[0, 1])
    before = len(classifier.tables_.ngrams.dictionary)
    classifier.partial_fit(ids[200:], y[200:])
    dictionary, counts = classifier.tables_.ngrams.dictionary, classifier._trained.stream.counts
    assert len(dictionary) > before
    zeros, ones = np.zeros(len(y), int), np.ones(len(y))
    total = count_by_class(dictionary.terms(ids), len(dictionary), y, zeros, ones, 2)
    total = total.by_fold.reshape(-1, 2)
    # N-grams that the second part brought were not looked for in the first.
    assert (counts <= total + 1e-9).all()
    np.testing.assert_allclose(counts[:before], total[:before])


def test_an_ngram_has_ratios_only_for_classes_in_which_it_occurs(ids):
    """So the cost of many classes grows with the text, not with classes times n-grams."""
    y = np.arange(len(ids)) % 20
    classifier = DenseSentimentClassifier(epochs=1, random_state=0).fit(ids, y)
    weights, dictionary = classifier._trained.weights, classifier.tables_.ngrams.dictionary
    terms = dictionary.terms(ids)
    occurs = np.zeros((len(dictionary), 20), dtype=bool)
    occurs[terms.features, np.repeat(y, np.diff(terms.starts))] = True
    np.testing.assert_array_equal(weights["ngram_ratio"] > 0, occurs)
    assert weights["ngram_deviation"].shape == (len(dictionary), 1)
    np.testing.assert_allclose(classifier.tables_.ngrams.worth.sum(axis=1), 0, atol=1e-5)


def test_many_classes_are_learnt():
    rng = np.random.default_rng(0)
    y = np.arange(1200) % 60
    X = rng.integers(62, 400, size=(1200, 10))
    X[np.arange(1200), rng.integers(10, size=1200)] = 2 + y  # a word of each class
    classifier = DenseSentimentClassifier(random_state=0).fit(X[:900], y[:900])
    assert classifier.score(X[900:], y[900:]) > 0.9


@pytest.mark.parametrize(
    ("kind", "n_classes"),
    [(DenseSentimentClassifier, 2), (DenseSentimentClassifier, 3), (ConvSentimentClassifier, 2)],
)
def test_known_ngrams_keep_their_ratios_in_a_stream_after_a_fit(kind, n_classes):
    reviews, y = make_reviews(1200, length=40, n_classes=n_classes, random_state=0)
    X, y = HTMLTokenizer(max_length=60).fit_transform(reviews), np.asarray(y)
    classifier = kind(random_state=0).fit(X[:600], y[:600])
    score = classifier.score(X[900:], y[900:])
    assert score > 0.7
    ratio = classifier._trained.weights["ngram_ratio"]
    n_known = len(classifier.tables_.ngrams.dictionary)
    for part in np.split(np.arange(600, 900), 3):
        classifier = pickle.loads(pickle.dumps(classifier)).partial_fit(X[part], y[part])
        np.testing.assert_array_equal(classifier._trained.weights["ngram_ratio"][:n_known], ratio)
    assert len(classifier.tables_.ngrams.dictionary) > n_known
    assert classifier.score(X[900:], y[900:]) > score - 0.02


def test_what_only_a_stream_needs_is_kept_only_then(ids):
    y = (ids[:, 0] + ids[:, 1]) % 2
    classifier = DenseSentimentClassifier(epochs=1, random_state=0).fit(ids, y)
    size = len(pickle.dumps(classifier))
    classifier.partial_fit(ids, y)
    assert classifier._trained.stream is not None
    assert classifier._trained.optimizer_state is not None
    in_stream = len(pickle.dumps(classifier))
    classifier.fit(ids, y)
    assert classifier._trained.stream is None and classifier._trained.optimizer_state is None
    assert len(pickle.dumps(classifier)) < size + 1000 < in_stream - 1000


def test_min_df_and_max_features_choose_the_ngrams_of_a_classifier(ids):
    y = (ids[:, 0] + ids[:, 1]) % 2
    frequency = Counter(
        ngram for row in ids for ngram in set(ngrams_of(row, 2, 2))
    )  # rows that contain each pair

    def pairs(**parameters):
        classifier = DenseSentimentClassifier(ngram_range=(1, 2), epochs=1, **parameters)
        dictionary = classifier.fit(ids, y).tables_.ngrams.dictionary
        return {name for name in names(dictionary) if len(name) == 2}

    typical = int(np.median(list(frequency.values())))
    for min_df in (1, typical, typical + 3):
        assert pairs(ngram_min_df=min_df) == {n for n in frequency if frequency[n] >= min_df}
    kept = pairs(ngram_max_features=20)
    assert len(kept) == 20
    assert min(frequency[n] for n in kept) >= max(frequency[n] for n in frequency.keys() - kept)


def test_folds_of_cross_fitting_follow_the_random_state_and_groups():
    groups = np.arange(60) % 12
    for n_rows, of_groups in ((60, None), (60, groups), (3, None), (60, np.full(60, "one"))):
        first, again, other = (
            cross_fitting_folds(n_rows, of_groups, np.random.default_rng(seed))
            for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, again)
        assert n_rows == 3 or (first != other).any()
        assert set(first) == set(range(min(5, n_rows)))
    folds = cross_fitting_folds(60, groups, np.random.default_rng(0))
    assert all(len(set(folds[groups == group])) == 1 for group in groups)


@pytest.mark.parametrize("kind", [DenseSentimentClassifier, ConvSentimentClassifier])
def test_a_fit_hands_its_random_state_and_groups_to_the_folds(kind, ids, monkeypatch):
    y, groups, seen = (ids[:, 0] + ids[:, 1]) % 2, np.arange(len(ids)) // 8, []
    plain = _evidence.cross_fitting_folds

    def spy(n_rows, of_groups, rng):
        folds = plain(n_rows, of_groups, rng)
        if len(folds) == len(ids):
            seen.append((of_groups, folds))
        return folds

    monkeypatch.setattr(_evidence, "cross_fitting_folds", spy)
    classifier = kind(epochs=1)
    for seed in (0, 0, 1):
        classifier.set_params(random_state=seed).fit(ids, y, groups=groups)
    for of_groups, folds in seen:
        np.testing.assert_array_equal(of_groups, groups)
        assert all(len(set(part)) == 1 for part in folds.reshape(-1, 8))
    np.testing.assert_array_equal(seen[0][1], seen[1][1])
    assert (seen[0][1] != seen[2][1]).any()
