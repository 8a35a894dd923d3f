"""Confident learning: the paper's formulas, and labels that were flipped on purpose."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.preprocessing import normalize

from sentilib import HTMLTokenizer
from sentilib.datasets import make_reviews
from sentilib.inspection import find_label_issues
from sentilib.inspection._measures._confident_learning import calibrated, confident_joint
from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._out_of_fold import _without, folds
from sentilib.inspection._measures._second_opinions import second_opinions

pandas = pytest.importorskip("pandas")


def evaluation_of(proba, given):
    proba = np.array(proba)
    return Evaluation.of(np.arange(proba.shape[1]), np.array(given), proba)


def test_the_confident_joint_follows_equation_1_by_hand():
    #        given 0 (t_0 = 0.65)        given 1 (t_1 = 0.7)
    proba = [[0.9, 0.1], [0.8, 0.2], [0.25, 0.75], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]]
    proba[1:2] = [[0.8, 0.2]]
    given = [0, 0, 0, 1, 1, 1]
    counts, thresholds, off_diagonal = confident_joint(evaluation_of(proba, given))
    np.testing.assert_allclose(thresholds, [0.65, 0.7])
    # Row 3 reaches no threshold (0.4 < 0.65, 0.6 < 0.7); row 2 is given 0, confidently 1.
    assert counts.tolist() == [[2, 1], [0, 2]]
    assert off_diagonal.tolist() == [False, False, True, False, False, False]
    # Equation 3: rows scaled to 3 reviews each, then to a sum of 1.
    np.testing.assert_allclose(calibrated(counts, np.array(given)), [[2 / 6, 1 / 6], [0, 3 / 6]])


def test_of_two_labels_above_their_thresholds_the_likelier_counts():
    proba = [[0.5, 0.45, 0.05], [0.1, 0.5, 0.4], [0.3, 0.36, 0.34], [0.2, 0.2, 0.6]]
    counts, thresholds, _ = confident_joint(evaluation_of(proba, [0, 1, 2, 2]))
    np.testing.assert_allclose(thresholds, [0.5, 0.5, 0.47])
    assert counts.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_label_that_nobody_was_given_draws_nobody():
    counts, thresholds, _ = confident_joint(
        evaluation_of([[0.2, 0.3, 0.5], [0.3, 0.6, 0.1]], [0, 1])
    )
    assert thresholds[2] == np.inf
    assert counts[:, 2].sum() == 0


@pytest.fixture(scope="module")
def noisy():
    return make_reviews(
        1500, length=60, label_noise=0.1, negation=0, return_X_y=False, random_state=0
    )


@pytest.fixture(scope="module")
def ids(noisy):
    return np.asarray(LogisticBag().fit_words(noisy.data))


class LogisticBag(LogisticRegression):
    """Logistic regression on counts of ids: quick, and deterministic."""

    def fit_words(self, texts):
        return HTMLTokenizer(max_length=80).fit_transform(texts)

    @staticmethod
    def bags(ids):
        ids = np.asarray(ids)
        counts = np.zeros((len(ids), 600))
        np.add.at(counts, (np.repeat(np.arange(len(ids)), ids.shape[1]), ids.ravel() % 600), 1)
        return np.sqrt(counts[:, 2:])

    def fit(self, X, y, sample_weight=None):
        return super().fit(self.bags(X), y, sample_weight)

    def predict_proba(self, X):
        return super().predict_proba(self.bags(X))


@pytest.fixture(scope="module")
def model():
    return LogisticBag(C=0.3, max_iter=500)


@pytest.fixture(scope="module")
def table(model, ids, noisy):
    return find_label_issues(model, ids, noisy.target, random_state=0)


def test_flipped_labels_come_first(table, noisy):
    score = 1 - table["label_quality"].sort_index()
    assert average_precision_score(noisy.flipped, score) > 0.7  # random: 0.10
    issues = table["is_issue"].sort_index().to_numpy()
    assert noisy.flipped[issues].mean() > 0.5
    assert 0.5 < issues.sum() / noisy.flipped.sum() < 2


def test_a_row_says_what_was_given_and_what_is_likelier(table, noisy):
    by_row = table.sort_index()
    np.testing.assert_array_equal(by_row["given"], noisy.target)
    quality = by_row["label_quality"].to_numpy()
    np.testing.assert_allclose(quality, by_row["self_confidence"])  # so it is with two classes
    agreed = (by_row["given"] == by_row["suggested"]).to_numpy()
    assert (quality[agreed] >= 0.5).all() and (quality[~agreed] <= 0.5).all()
    assert table["label_quality"].is_monotonic_increasing
    assert np.sum(table.attrs["joint"]) == pytest.approx(1)


def test_a_random_state_repeats_the_folds(model, ids, noisy, table):
    again = find_label_issues(model, ids, noisy.target, random_state=0)
    pandas.testing.assert_frame_equal(table, again)
    other = find_label_issues(model, ids, noisy.target, random_state=1)
    assert not np.allclose(
        other["self_confidence"].sort_index(), table["self_confidence"].sort_index()
    )


@pytest.mark.parametrize("groups", [None, np.arange(60) % 20])
def test_folds_follow_the_random_state(groups):
    y = np.arange(60) % 3

    def held_out(random_state):
        made = folds(y, cv=4, groups=groups, random_state=random_state)
        return [test.tolist() for _, test in made]

    assert held_out(0) == held_out(0) == held_out(np.random.RandomState(0))
    assert held_out(0) != held_out(1)


def test_the_filters_agree_with_their_definitions(model, ids, noisy, table):
    tables = {
        name: find_label_issues(model, ids, noisy.target, filter_by=name, random_state=0)
        .sort_index()["is_issue"]
        .to_numpy()
        for name in ("prune_by_class", "both", "confident_joint")
    }
    by_rate = table.sort_index()["is_issue"].to_numpy()
    np.testing.assert_array_equal(tables["both"], tables["prune_by_class"] & by_rate)
    expected = np.rint(np.array(table.attrs["joint"]) * len(noisy.target))
    assert by_rate.sum() == expected.sum() - np.trace(expected)
    counts = np.array(table.attrs["confident_joint"])
    assert tables["confident_joint"].sum() == counts.sum() - np.trace(counts)


def test_groups_lie_in_one_fold_each(model, ids, noisy):
    seen = []

    class Watching(LogisticBag):
        def fit(self, X, y):
            seen.append(set(map(bytes, np.ascontiguousarray(X))))
            return super().fit(X, y)

    find_label_issues(
        Watching(C=0.3, max_iter=500), ids, noisy.target, cv=3, groups=noisy.movie, random_state=0
    )
    assert len(seen) == 3
    for trained in seen:
        inside = np.array([bytes(row) in trained for row in np.ascontiguousarray(ids)])
        assert not set(noisy.movie[inside]) & set(noisy.movie[~inside])


@pytest.mark.parametrize(("punctuation", "n_reads"), [("token", 1), ("split", 2)])
def test_a_pipeline_reads_the_text_once_for_all_folds(
    dense, noisy, monkeypatch, punctuation, n_reads
):
    pipe = clone(dense).set_params(tokenizer__punctuation=punctuation)
    calls = []
    original = HTMLTokenizer.fit_transform
    monkeypatch.setattr(
        HTMLTokenizer,
        "fit_transform",
        lambda self, X, y=None: calls.append(len(X)) or original(self, X, y),
    )
    monkeypatch.setattr(HTMLTokenizer, "transform", lambda self, X: pytest.fail("read again"))
    found = find_label_issues(pipe, noisy.data[:300], noisy.target[:300], cv=2, random_state=0)
    assert calls == [300] * n_reads  # the second time with marks, for the second opinions
    assert len(found) == 300


@pytest.fixture(scope="module")
def rows():
    texts, y = make_reviews(90, length=40, n_classes=3, random_state=0)
    return HTMLTokenizer(max_length=80, punctuation="token").fit_transform(texts), y


class TestSecondOpinions:
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_one_is_logistic_regression_on_naive_bayes_weighted_ngrams(self, rows, n_classes):
        ids, y = rows[0], np.minimum(rows[1], n_classes - 1)
        words = [[f"w{k}" for k in row if k] for row in ids]
        held = scipy.sparse.hstack(
            [
                CountVectorizer(
                    ngram_range=(1, 3), binary=True, min_df=2, dtype=float, analyzer="word"
                ).fit_transform(" ".join(document) for document in documents)
                for documents in (words, [document[-50:] for document in words])
            ]
        ).tocsr()
        scores = []
        for k in range(n_classes)[n_classes == 2 :]:
            inside = y[:60] == k
            counts = [held[:60][rows].toarray().sum(axis=0) for rows in (inside, ~inside)]
            shares = [(1 + count) / (1 + count).sum() for count in counts]
            ratio = np.log(shares[0]) - np.log(shares[1])
            train, test = (normalize(held[part] @ scipy.sparse.diags_array(ratio)) for part in
                           (slice(60), slice(60, None)))  # fmt: skip
            plain = LogisticRegression(C=10, max_iter=300, tol=1e-3).fit(train, inside)
            scores.append(plain.predict_proba(test)[:, 1])
        scores = np.column_stack(scores)
        expected = scores / scores.sum(axis=1, keepdims=True)
        if n_classes == 2:
            expected = np.hstack([1 - scores, scores])
        model, bags = second_opinions(ids)[0]
        model.fit(bags[:60], y[:60])
        np.testing.assert_allclose(model.predict_proba(bags[60:]), expected, atol=1e-3)

    def test_the_other_reads_principal_directions_of_word_counts(self, rows):
        ids, y = rows
        model, topics = second_opinions(ids)[1]
        counts = CountVectorizer(min_df=2).fit_transform(
            " ".join(f"w{k}" for k in row if k) for row in ids
        )
        weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray()
        # All directions together keep all angles between reviews.
        assert topics.shape[1] >= len(ids) - 1
        np.testing.assert_allclose(topics @ topics.T, weighted @ weighted.T, atol=0.02)
        assert model.fit(topics, y).predict_proba(topics).shape == (90, 3)

    @pytest.mark.slow
    def test_probabilities_of_all_are_averaged(self, dense, noisy):
        X, y, folds = noisy.data[:200], noisy.target[:200], list(KFold(2).split(np.empty(200)))
        pipe = clone(dense).set_params(classifier__epochs=20)
        alone = find_label_issues(pipe, X, y, cv=KFold(2), second_opinion=False).sort_index()
        together = find_label_issues(pipe, X, y, cv=KFold(2)).sort_index()
        ids = clone(pipe[0]).set_params(punctuation="token").fit_transform(X)

        def ask(folds):
            probabilities = [
                cross_val_predict(model, read, y, cv=folds, method="predict_proba")
                for model, read in second_opinions(ids)
            ]
            own = [proba[np.arange(200), y] for proba in probabilities]
            return np.mean([alone["self_confidence"], *own], axis=0)

        trusted = ask(folds) >= 0.15
        assert not trusted.all()
        expected = ask([(train[trusted[train]], test) for train, test in folds])
        np.testing.assert_allclose(together["self_confidence"], expected)

    def test_a_class_that_all_doubt_stays_in_training(self):
        y, doubted = np.array([0, 0, 0, 1]), np.array([True, False, False, True])
        rows = np.arange(4)
        assert _without(rows, doubted, y).tolist() == [0, 1, 2, 3]
        assert _without(rows, doubted & (y == 0), y).tolist() == [1, 2, 3]

    @pytest.mark.parametrize("texts", [["good film"] * 4, ["a", "b", "c", "d"]])
    def test_reviews_with_hardly_a_word_are_read(self, texts):
        ids = HTMLTokenizer().fit_transform(texts)
        for model, read in second_opinions(ids):
            proba = model.fit(read, [0, 1, 0, 1]).predict_proba(read)
            np.testing.assert_allclose(proba, 0.5, atol=1e-6)

    def test_it_finds_more_than_a_model_of_one_epoch(self, dense, noisy):
        pipe = clone(dense).set_params(classifier__epochs=1)
        found = [
            average_precision_score(
                noisy.flipped[:600],
                -find_label_issues(
                    pipe,
                    noisy.data[:600],
                    noisy.target[:600],
                    cv=2,
                    second_opinion=opinion,
                    random_state=0,
                ).sort_index()["label_quality"],
            )
            for opinion in (False, True)
        ]
        assert found[1] > found[0]

    def test_what_reads_no_ids_is_asked_alone(self, model, ids, noisy):
        X, y = ids[:200], noisy.target[:200]
        tables = [
            find_label_issues(model, X, y, cv=KFold(2), second_opinion=opinion)
            for opinion in (False, True)
        ]
        pandas.testing.assert_frame_equal(*tables)


def test_three_classes_of_strings(ids):
    rng = np.random.RandomState(0)
    truth = rng.randint(3, size=300)
    X = np.where(
        rng.uniform(size=(300, 12)) < 0.6, truth[:, None] + 2, rng.randint(2, 9, (300, 12))
    )
    y = np.array(["bad", "fair", "good"])[truth]
    y[:15] = "fair"
    wrong = np.zeros(300, dtype=bool)
    wrong[:15] = truth[:15] != 1
    found = find_label_issues(LogisticBag(), X, y, random_state=0)
    score = 1 - found["label_quality"].sort_index()
    assert average_precision_score(wrong, score) > 0.9
    assert set(found["suggested"]) == {"bad", "fair", "good"}


def test_a_frozen_model_is_asked_as_it_is_and_alone(dense, held_out, monkeypatch):
    X, y = held_out
    monkeypatch.setattr(type(dense[-1]), "fit", lambda *args: pytest.fail("fitted again"))
    monkeypatch.setattr(LogisticRegression, "fit", lambda *args: pytest.fail("second opinion"))
    found = find_label_issues(FrozenEstimator(dense), X, y).sort_index()
    proba = dense.predict_proba(X)
    np.testing.assert_allclose(found["self_confidence"], proba[np.arange(len(y)), y])
    few = find_label_issues(FrozenEstimator(dense), X[:3], [0, 1, 1])  # too few for ten folds
    assert sorted(few.index) == [0, 1, 2]


def test_a_frozen_model_knows_labels_that_nobody_was_given(dense_of_three, three_reviews):
    X, y = three_reviews.data[400:], three_reviews.target[400:]
    rows = np.flatnonzero(y < 2)
    model = FrozenEstimator(dense_of_three)
    found = find_label_issues(model, [X[row] for row in rows], y[rows])
    assert 2 in set(found["suggested"]) and np.shape(found.attrs["joint"]) == (3, 3)


def test_a_splitter_and_repeats_are_used(model, ids, noisy):
    X, y = ids[:200], noisy.target[:200]
    one = find_label_issues(model, X, y, cv=KFold(4))
    two = find_label_issues(model, X, y, cv=KFold(4), n_repeats=2)
    pandas.testing.assert_frame_equal(one, two)  # the same folds twice


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([1, 1, 1, 1], {}, "single class"),
        ([0, 1, 0], {}, "got 4 reviews and 3 labels"),
        ([0, 1, 0, 1], {}, "cv=10 folds need at least 10 reviews of each class"),
        (
            [0, 1, 0, 1],
            {"cv": 1},
            "'cv' parameter of find_label_issues must be an int in the range",
        ),
        ([0, 1, 0, 1], {"filter_by": "all"}, "'filter_by' parameter .* must be a str among"),
        ([0, 1, 0, 1], {"n_repeats": 0}, "'n_repeats' parameter .* must be an int in the range"),
        ([0, 1, 0, 1], {"cv": 2, "groups": [1, 1, 1, 1]}, "2 groups of each class"),
        ([0, 1, 0, np.nan], {}, "1 missing values"),
    ],
)
def test_bad_input_says_what_to_do(model, ids, y, options, message):
    with pytest.raises(ValueError, match=message):
        find_label_issues(model, ids[:4], y, **options)
