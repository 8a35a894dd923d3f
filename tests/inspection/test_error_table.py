"""error_table: figures that agree with the model's, words that agree with its margin."""

from collections import Counter

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer, TokenShapExplainer
from sentilib.inspection import error_table

pandas = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def table(dense, reviews):
    return error_table(dense, reviews.data[1200:], reviews.target[1200:], n_explained=50)


def test_it_has_a_row_a_review_by_falling_loss(table, dense, held_out):
    X, y = held_out
    assert sorted(table.index) == list(range(len(X)))
    assert table["loss"].is_monotonic_decreasing
    by_row = table.sort_index()
    np.testing.assert_array_equal(by_row["truth"], y)
    np.testing.assert_array_equal(by_row["prediction"], dense.predict(X))
    proba = dense.predict_proba(X)
    np.testing.assert_allclose(by_row["probability"], proba.max(axis=1))
    assert by_row["loss"].mean() == pytest.approx(log_loss(y, proba))
    np.testing.assert_allclose(by_row["label_quality"], proba[np.arange(len(y)), y])


def test_lengths_and_unknown_words_are_counted():
    pipe = make_pipeline(
        HTMLTokenizer(max_length=4), DenseSentimentClassifier(epochs=1, random_state=0)
    ).fit(["good film", "bad film"] * 4, [1, 0] * 4)
    texts = ["good strange film", "<b>one two</b> three four five six film", ""]
    found = error_table(pipe, texts, [1, 0, 1]).sort_index()
    assert found["length"].tolist() == [3, 7, 0]
    assert found["oov_count"].tolist() == [1, 3, 0]
    np.testing.assert_allclose(found["oov_rate"], [1 / 3, 3 / 4, 0])
    assert found["truncated"].tolist() == [False, True, False]
    assert found["snippet"].tolist() == ["good strange film", texts[1][3:10] + texts[1][14:], ""]


def test_the_words_are_those_that_move_the_margin_most(table, dense, held_out):
    rows = table.index[:10].tolist()
    explanation = TokenShapExplainer(dense)([held_out[0][row] for row in rows])
    for k, row in enumerate(rows):
        sign = 1 if table.at[row, "prediction"] == 1 else -1
        total = Counter()
        for token, value in zip(explanation.feature_names[k], explanation.values[k], strict=True):
            total[token] += sign * value
        ranked = sorted(total, key=total.get)
        toward = [token for token in ranked[::-1][:5] if total[token] > 0]
        away = [token for token in ranked[:5] if total[token] < 0]
        assert table.at[row, "words_for"].split() == toward
        assert table.at[row, "words_against"].split() == away


def test_only_the_worst_are_explained(table):
    assert table["words_for"].notna().to_numpy().tolist() == [True] * 50 + [False] * (
        len(table) - 50
    )


def test_the_cnn_s_words_come_too(conv, held_out):
    X, y = held_out
    found = error_table(conv, X[:10], y[:10], n_explained=None, n_words=2)
    assert (found["words_for"].str.split().str.len() == 2).all()


def test_three_classes_and_a_data_frame(dense_of_three, three_reviews):
    X, y = three_reviews.data[400:410], three_reviews.target[400:410]
    frame = pandas.DataFrame({"text": X, "stars": np.arange(10)})
    found = error_table(dense_of_three, frame, pandas.Series(y))
    assert found["stars"].tolist() == found.index.tolist()
    proba = dense_of_three.predict_proba(X)[found.index]
    truth = proba[np.arange(10), found["truth"]]
    others = np.sort(np.where(np.arange(3) == found["truth"].to_numpy()[:, None], -1, proba))[:, -1]
    np.testing.assert_allclose(found["label_quality"], (1 + truth - others) / 2)
    assert found["words_for"].str.len().gt(0).all()


def test_ids_and_a_search_do_as_well(dense, held_out, table):
    X, y = held_out
    ids = dense[0].transform(X)
    found = error_table(dense[-1], ids, y, n_explained=3)
    np.testing.assert_allclose(found["loss"], table["loss"])
    assert found["words_for"].iloc[0].startswith("#")
    search = GridSearchCV(dense, {"classifier__epochs": [1]}, cv=2).fit(X[:40], y[:40])
    assert len(error_table(search, X[:10], y[:10])) == 10


def test_one_class_is_enough(dense, held_out):
    X, y = held_out
    rows = np.flatnonzero(y == 0)[:10]
    assert (error_table(dense, [X[row] for row in rows], y[rows])["truth"] == 0).all()


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        (["a", "b"], [0, 5], {}, r"never saw: \[5\]"),
        # Texts and labels in each other's place: a message has the start of a text only.
        (
            ["a", "b"],
            ["a film " * 9, "b"],
            {},
            r"saw: \['a film.{1,37}, 'b'\]. It knows",
        ),
        (["a", "b"], [0], {}, "2 reviews and 1 labels"),
        ([], [], {}, "no reviews"),
        ("a", [0], {}, "got one string. Put a single document in a list"),
        (["a", "b"], [0.0, np.nan], {}, "1 missing values"),
        (["a", "b"], [[0, 1], [1, 0]], {}, "one label per review"),
        (
            ["a"],
            [0],
            {"n_explained": -1},
            "'n_explained' parameter of error_table must be an int in the range",
        ),
        (
            ["a"],
            [0],
            {"n_words": 0},
            "'n_words' parameter of error_table must be an int in the range",
        ),
    ],
)
def test_bad_input_says_what_to_do(dense, X, y, options, message):
    with pytest.raises(ValueError, match=message):
        error_table(dense, X, y, **options)


def test_columns_of_the_reviews_do_not_replace_those_of_the_table(dense, held_out):
    frame = pandas.DataFrame({"text": held_out[0][:5], "loss": 0.0, "stars": 3, "truth": 1})
    with pytest.raises(ValueError, match=r"names that the table needs: \['loss', 'truth'\]"):
        error_table(dense, frame, held_out[1][:5])


def test_estimators_that_cannot_be_inspected_are_refused(dense, held_out):
    X, y = held_out
    with pytest.raises(NotFittedError):
        error_table(make_pipeline(HTMLTokenizer(), DenseSentimentClassifier()), X, y)
    with pytest.raises(TypeError, match="Expected a fitted Pipeline"):
        error_table(DenseSentimentClassifier, X, y)
    from sklearn.svm import LinearSVC

    ids = dense[0].transform(X)
    with pytest.raises(TypeError, match="LinearSVC has no predict_proba"):
        error_table(LinearSVC().fit(ids, y), ids, y)


def test_the_words_of_another_library_s_classifier_are_missing(dense, held_out):
    ids, y = dense[0].transform(held_out[0]), held_out[1]
    other = LogisticRegression(max_iter=5000).fit(ids, y)
    found = error_table(other, ids, y)
    assert "must be a fitted DenseSentimentClassifier" in found.attrs["not_explained"]
    assert found["words_for"].isna().all() and found["words_against"].isna().all()
    assert found["loss"].mean() == pytest.approx(log_loss(y, other.predict_proba(ids)))
