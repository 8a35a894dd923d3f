"""Reviews in any container, in any pipeline: read once, and alike for everyone who asks."""

import json
import re
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sentilib import DenseSentimentClassifier, HTMLTokenizer, TokenShapExplainer
from sentilib._pipelines import Parts, Reviews, documents, read_reviews
from sentilib._text import _html
from sentilib._text._scan import Scanner
from sentilib.datasets import make_reviews
from sentilib.explain import faithfulness, sampling_agreement
from sentilib.inspection import (
    TrainingHistoryDisplay,
    compare,
    error_table,
    find_leaks,
    report,
)

TEXTS, LABELS = make_reviews(240, length=40, random_state=0)
HELD_OUT, Y = [f"<div>{text}</div>" for text in TEXTS[200:]], LABELS[200:]  # for the HTML parser
N = len(HELD_OUT)


def fit(**options):
    options = {"max_length": 30} | options
    pipe = make_pipeline(
        HTMLTokenizer(**options), DenseSentimentClassifier(epochs=2, random_state=0)
    )
    return pipe.fit(TEXTS[:200], LABELS[:200])


@pytest.fixture(scope="module")
def pipe():
    return fit()


@pytest.fixture(scope="module")
def ids(pipe):
    return pipe[0].transform(HELD_OUT)


@pytest.fixture(scope="module")
def explained(pipe):
    return TokenShapExplainer(pipe).explain(HELD_OUT)


@pytest.fixture(scope="module")
def table(pipe):
    return error_table(pipe, HELD_OUT, Y)


@pytest.fixture(scope="module")
def search(pipe):
    grid = {"densesentimentclassifier__epochs": [2]}
    return GridSearchCV(pipe, grid, cv=2).fit(TEXTS[:200], LABELS[:200])


def with_pyarrow(make):
    return lambda texts: make(pytest.importorskip("pyarrow"), texts)


def with_polars(make):
    return lambda texts: make(pytest.importorskip("polars"), texts)


COLUMNS = {
    "list": list,
    "tuple": tuple,
    "generator": lambda texts: (text for text in texts),
    "array of str": np.array,
    "array of objects": lambda texts: np.array(texts, dtype=object),
    "array of one column": lambda texts: np.array(texts, dtype=object)[:, None],
    "Series": lambda texts: pd.Series(texts, index=range(N, 0, -1)),
    "Series of categories": lambda texts: pd.Series(texts, dtype="category"),
    "frame": lambda texts: pd.DataFrame({"text": texts}),
    "pyarrow array": with_pyarrow(lambda pyarrow, texts: pyarrow.array(texts)),
    "pyarrow chunks": with_pyarrow(
        lambda pyarrow, texts: pyarrow.chunked_array([texts[:9], texts[9:]])
    ),
    "pyarrow table": with_pyarrow(lambda pyarrow, texts: pyarrow.table({"text": texts})),
    "polars series": with_polars(lambda polars, texts: polars.Series(texts)),
    "polars frame": with_polars(lambda polars, texts: polars.DataFrame({"text": texts})),
}
TABLES = {
    "pandas": lambda columns: pd.DataFrame(columns),
    "pyarrow": with_pyarrow(lambda pyarrow, columns: pyarrow.table(columns)),
    "polars": with_polars(lambda polars, columns: polars.DataFrame(columns)),
}


def data_of(path):
    (text,) = re.findall(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(text)


def assert_same_values(found, expected):
    assert found.feature_names == expected.feature_names
    for values, others in zip(found.values, expected.values, strict=True):
        np.testing.assert_array_equal(values, others)


class TestContainers:
    @pytest.mark.parametrize("convert", COLUMNS.values(), ids=COLUMNS.keys())
    def test_tokenizer_explainer_and_inspection_take_the_same(
        self, convert, pipe, ids, explained, table
    ):
        np.testing.assert_array_equal(pipe[0].transform(convert(HELD_OUT)), ids)
        assert_same_values(TokenShapExplainer(pipe).explain(convert(HELD_OUT)), explained)
        X = convert(HELD_OUT)
        index = X.index if isinstance(X, pd.Series) else range(N)
        pd.testing.assert_frame_equal(
            error_table(pipe, X, Y), table.set_axis(np.array(index)[table["row"]])
        )

    @pytest.mark.parametrize("convert", TABLES.values(), ids=TABLES.keys())
    def test_a_table_may_have_further_columns(self, convert, pipe, explained, table):
        columns = {"stars": np.arange(N), "text": HELD_OUT, "rate": np.linspace(0, 1, N)}
        assert_same_values(TokenShapExplainer(pipe).explain(convert(columns)), explained)
        found = error_table(pipe, convert(columns), Y)
        assert found["stars"].tolist() == found.index.tolist()
        pd.testing.assert_frame_equal(found[table.columns], table)

    @pytest.mark.parametrize(
        "convert",
        [np.asarray, np.ndarray.tolist, pd.DataFrame, lambda ids: ids.astype(float)],
        ids=["array", "lists", "frame", "floats"],
    )
    def test_ids_go_to_the_classifier_of_a_pipeline_or_alone(
        self, convert, pipe, ids, explained, table
    ):
        found = TokenShapExplainer(pipe).explain(convert(ids))
        for values, expected in zip(found.values, explained.values, strict=True):
            np.testing.assert_array_equal(values, expected)
        for estimator in (pipe, pipe[-1]):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="X has feature names")
                found = error_table(estimator, convert(ids), Y)
            np.testing.assert_array_equal(found["loss"], table["loss"])

    def test_ids_are_named_by_the_tokenizer_of_a_pipeline(self, pipe, ids):
        reviews = read_reviews(pipe, ids)
        words = pipe[0].inverse_transform(ids)
        assert [reviews.visible_text(k).split() for k in range(N)] == [
            row.tolist() for row in words
        ]
        assert set(error_table(pipe, ids[:1], Y[:1])["words_for"][0].split()) <= set(words[0])

    @pytest.mark.parametrize(
        ("X", "error", "message"),
        [
            ("one review", ValueError, "got one string"),
            (b"one review", ValueError, "got one string"),
            ({"a": "review"}, TypeError, "got dict"),
            (None, TypeError, "got NoneType"),
            ([], ValueError, "There are no reviews: X is empty"),
            (iter([]), ValueError, "There are no reviews: X is empty"),
            (np.empty((0, 30), dtype=int), ValueError, "There are no reviews: X is empty"),
            (["good", None], TypeError, "Document 1 is None of type NoneType"),
            ([np.nan, "good"], TypeError, "Document 0 is nan of type float"),
            ([b"good"], TypeError, "Document 0 is b'good' of type bytes"),
            ([3, 4], ValueError, r"reads token ids .* an array of shape \(2,\) and type int64"),
            ([["a", "b"], ["c", "d"]], ValueError, "X contains text, but Dense"),
            (sparse.eye_array(30).tocsr(), TypeError, "X is a sparse matrix, but Dense"),
            (np.full((2, 30), -1), ValueError, "Negative values"),
            (np.full((2, 30), 0.5), ValueError, "non-negative integers"),
            (pd.DataFrame({"a": ["x"], "b": ["y"]}), ValueError, "one column of text among"),
            (pd.DataFrame({"a": [None], "b": [1]}), ValueError, "one column of text among"),
        ],
        ids=lambda value: None if isinstance(value, str | type) else type(value).__name__,
    )
    @pytest.mark.parametrize("ask", ["explain", "inspect"])
    def test_what_is_neither_text_nor_ids_is_named(self, ask, X, error, message, pipe):
        if hasattr(X, "__next__"):
            X = iter([])  # for each its own
        with pytest.raises(error, match=message):
            if ask == "explain":
                TokenShapExplainer(pipe).explain(X)
            else:
                read_reviews(pipe, X)

    def test_numbers_where_only_text_will_do(self):
        with pytest.raises(TypeError, match="Expected reviews as text, got a list of numbers"):
            documents([[3, 4], [5, 6]])
        with pytest.raises(TypeError, match="Expected reviews as text, got a ndarray of numbers"):
            find_leaks(np.eye(3))


class TestEstimators:
    WRAPPED = {
        "search": lambda pipe, search: search,
        "frozen pipeline": lambda pipe, search: FrozenEstimator(pipe),
        "frozen search": lambda pipe, search: FrozenEstimator(search),
        "pipeline of frozen steps": lambda pipe, search: make_pipeline(
            FrozenEstimator(pipe[0]), FrozenEstimator(pipe[1])
        ),
        "pipeline with steps that do nothing": lambda pipe, search: Pipeline(
            [("a", "passthrough"), ("b", pipe[0]), ("c", None), ("d", pipe[1])]
        ),
    }

    @pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
    def test_what_is_around_a_pipeline_changes_nothing(
        self, wrap, pipe, search, explained, table, tmp_path
    ):
        estimator = wrap(pipe, search)
        assert_same_values(TokenShapExplainer(estimator).explain(HELD_OUT), explained)
        pd.testing.assert_frame_equal(error_table(estimator, HELD_OUT, Y), table)
        report(estimator, HELD_OUT, Y, path=tmp_path / "r.html")
        assert len(data_of(tmp_path / "r.html")["maps"]) == N
        assert TrainingHistoryDisplay.from_estimator(estimator).history == pipe[-1].history_

    def test_a_search_or_frozen_classifier_of_ids(self, pipe, ids, explained):
        search = GridSearchCV(pipe[-1], {"epochs": [2]}, cv=2)
        search.fit(pipe[0].transform(TEXTS[:200]), LABELS[:200])
        for estimator in (search, FrozenEstimator(pipe[-1])):
            found = TokenShapExplainer(estimator).explain(ids)
            for values, expected in zip(found.values, explained.values, strict=True):
                np.testing.assert_array_equal(values, expected)

    def test_a_search_that_is_not_fitted_or_has_no_best_estimator(self, pipe, ids):
        grid = {"densesentimentclassifier__epochs": [1]}
        unfitted = GridSearchCV(pipe, grid)
        with pytest.raises(TypeError, match=r"got GridSearchCV\. A search must be"):
            TokenShapExplainer(unfitted).explain(HELD_OUT)
        with pytest.raises(NotFittedError):
            error_table(unfitted, HELD_OUT, Y)
        with pytest.raises(NotFittedError):
            TrainingHistoryDisplay.from_estimator(unfitted)
        search = GridSearchCV(pipe, grid, cv=2, refit=False).fit(TEXTS[:40], LABELS[:40])
        with pytest.raises(TypeError, match="A search must be fitted, with refit=True"):
            TokenShapExplainer(search).explain(HELD_OUT)

    def test_a_pipeline_that_reads_no_text(self, pipe, ids):
        steps = make_pipeline(FunctionTransformer(), pipe[-1])
        with pytest.raises(TypeError, match="first step is an HTMLTokenizer, got FunctionTrans"):
            error_table(steps, ids, Y)

    def test_ids_keep_the_container_that_the_pipeline_was_fitted_on(self, table):
        pipe = fit().set_output(transform="pandas").fit(TEXTS[:200], LABELS[:200])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = error_table(pipe, HELD_OUT, Y)
            reviews = Reviews.read(Parts.of(pipe), HELD_OUT)
        pd.testing.assert_frame_equal(found, table)
        assert reviews.inputs.columns.tolist() == pipe[-1].feature_names_in_.tolist()


class TestReadOnce:
    @pytest.fixture
    def counts(self, monkeypatch):
        """Count how often each document is scanned, and how often it is parsed."""
        scanned, parsed = Counter(), Counter()
        prepare, visible_text = Scanner.prepare, _html.visible_text

        def counting_prepare(self, first, documents, **options):
            scanned.update(documents)
            return prepare(self, first, documents, **options)

        def counting_visible_text(html, **options):
            parsed[html] += 1
            return visible_text(html, **options)

        monkeypatch.setattr(Scanner, "prepare", counting_prepare)
        monkeypatch.setattr(_html, "visible_text", counting_visible_text)
        return scanned, parsed

    @pytest.fixture(params=["list", "frame", "pyarrow array"])
    def X(self, request):
        return COLUMNS[request.param](HELD_OUT)

    def assert_read(self, counts, n_times):
        for count in counts:
            assert count == dict.fromkeys(HELD_OUT, n_times)

    def test_by_the_report(self, pipe, X, counts, tmp_path):
        report(pipe, X, Y, path=tmp_path / "r.html", data={"stars": np.arange(N)})
        self.assert_read(counts, 1)
        assert len(data_of(tmp_path / "r.html")["maps"]) == N

    def test_by_the_table_of_errors(self, pipe, X, counts):
        error_table(pipe, X, Y)
        self.assert_read(counts, 1)

    def test_by_an_explanation(self, pipe, X, counts):
        TokenShapExplainer(pipe).explain(X)
        self.assert_read(counts, 1)

    def test_by_checks_of_an_explanation(self, pipe, counts):
        explainer = TokenShapExplainer(pipe)
        faithfulness(explainer, iter(HELD_OUT), random_state=0)
        self.assert_read(counts, 1)
        sampling_agreement(explainer, iter(HELD_OUT), n_permutations=2, random_state=0)
        self.assert_read(counts, 2)

    def test_by_each_side_of_a_comparison(self, pipe, X, counts, tmp_path):
        compare(pipe, fit(max_features=9), TEXTS[:9], LABELS[:9])
        for count in counts:
            count.clear()
        other = Pipeline([("tokenizer", pipe[0]), ("classifier", pipe[1])])
        compare(pipe, other, X, Y).report(tmp_path / "c.html")
        self.assert_read(counts, 2)

    def test_by_the_search_for_leaks(self, counts):
        leaks = find_leaks(HELD_OUT[:20], HELD_OUT[20:])
        assert leaks.n_train == leaks.n_test == 20
        self.assert_read(counts, 1)


class TestWhatIsRead:
    TEXTS = ["<p>One &lt; two<p>three", "", "<b>One</b> unknown " + "good film " * 30 + "the end"]

    @pytest.mark.parametrize("truncating", ["pre", "post", "middle"])
    def test_lengths_unknown_words_and_snippets(self, truncating):
        pipe = fit(truncating=truncating, max_features=20)
        reviews = read_reviews(pipe, self.TEXTS)
        tokens = [pipe[0].tokenize(text) for text in self.TEXTS]
        known = pipe[0].vocabulary_
        assert reviews.length.tolist() == [len(row) for row in tokens] == [4, 0, 64]
        assert reviews.truncated.tolist() == [False, False, True]
        kept = [
            {"pre": row[-30:], "post": row[:30], "middle": row[:15] + row[15:][-15:]}[truncating]
            for row in tokens
        ]
        assert reviews.oov_count.tolist() == [sum(t not in known for t in row) for row in kept]
        assert [reviews.visible_text(row) for row in range(3)] == [
            pipe[0].visible_text(text) for text in self.TEXTS
        ]
        assert reviews.snippet(0, 15) == "One < two three"
        assert reviews.snippet(0, 14) == "One < two thr…"
        assert reviews.snippet(0, 10) == "One < two…"
        assert reviews.snippet(0, 1) == "…"
        assert reviews.snippet(1, 5) == ""

    def test_normalized_text_and_replaced_surrogates_are_what_all_show(self, tmp_path):
        texts = [f"cafe\u0301 {text} &#769; half \ud83d" for text in HELD_OUT[:12]]
        pipe = fit(decode_error="replace", max_length=512)
        with pytest.raises(ValueError, match="Document 0 contains a lone surrogate"):
            error_table(fit(max_length=64), texts, Y[:12])
        reviews = read_reviews(pipe, texts)
        ids = pipe[0].transform(texts)
        explained = TokenShapExplainer(pipe).explain(texts)
        table = error_table(pipe, texts, Y[:12])
        report(pipe, texts, Y[:12], path=tmp_path / "r.html")
        maps = data_of(tmp_path / "r.html")["maps"]
        for row, text in enumerate(texts):
            visible = pipe[0].visible_text(text)
            assert visible.split()[0] == "café" and visible.rstrip().endswith(" half \ufffd")
            assert reviews.visible_text(row) == visible == "".join(reviews.places(row).pieces)
            assert "".join(explained.data[row]) == visible.strip()
            assert explained.feature_names[row] == pipe[0].tokenize(text)
            assert np.count_nonzero(ids[row]) == len(explained.values[row])
            assert "".join(maps[str(row)][0]) == visible
        for snippet in [*table["snippet"], *find_leaks(texts[:6], texts[:6]).duplicates["snippet"]]:
            assert snippet.startswith("café ")

    def test_ids_alone_are_named_by_their_numbers(self, pipe):
        reviews = read_reviews(pipe[-1], [[5, 1, 0, *[0] * 27], [7] * 30])
        assert reviews.visible_text(0) == "#5 [OOV]"
        assert reviews.snippet(1, 8) == "#7 #7 #…"
        assert reviews.length.tolist() == [2, 30]
        assert reviews.truncated.tolist() == [False, True]

    def test_ids_beyond_the_vocabulary_have_a_number_too(self, pipe):
        n = len(pipe[0].vocabulary_)
        reviews = read_reviews(pipe, [[2, n + 9, 0, *[0] * 27]])
        assert reviews.visible_text(0) == f"{next(iter(pipe[0].vocabulary_))} #{n + 9}"

    def test_a_step_that_moves_words_is_named_where_words_are_explained(self, pipe):
        steps = Pipeline(
            [pipe.steps[0], ("cut", FunctionTransformer(lambda ids: ids[:, :20])), pipe.steps[1]]
        )
        short = DenseSentimentClassifier(epochs=1, random_state=0)
        steps.steps[-1] = ("classifier", short.fit(pipe[0].transform(TEXTS)[:, :20], LABELS))
        message = r"FunctionTransformer is between .* of shape \(40, 30\) into \(40, 20\)"
        found = error_table(steps, HELD_OUT, Y)
        assert len(found) == N and found["words_for"].isna().all()
        assert re.match(message, found.attrs["not_explained"])
        with pytest.raises(ValueError, match=message):
            TokenShapExplainer(steps).explain(HELD_OUT)


class TestHeatMaps:
    def test_a_type_error_is_not_taken_for_a_classifier_without_words(
        self, pipe, monkeypatch, tmp_path
    ):
        def broken(self, parts, ids):
            raise TypeError("a bug")

        monkeypatch.setattr(TokenShapExplainer, "_values", broken)
        with pytest.raises(TypeError, match="a bug"):
            report(pipe, HELD_OUT, Y, path=tmp_path / "r.html")
        assert list(tmp_path.iterdir()) == []

    def test_a_classifier_of_another_library_has_none(self, pipe, ids, tmp_path):
        other = make_pipeline(pipe[0], LogisticRegression(max_iter=2000).fit(ids, Y))
        assert "ends in LogisticRegression" in Parts.of(other).why_not_explained()
        report(other, HELD_OUT, Y, path=tmp_path / "r.html")
        page = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert "There are no heat-maps: estimator must be a fitted" in page
        assert error_table(other, HELD_OUT, Y)["words_for"].isna().all()
        with pytest.raises(TypeError, match="ends in LogisticRegression"):
            TokenShapExplainer(other).explain(HELD_OUT)

    def test_words_that_a_step_takes_out_lose_their_colour_only(self, pipe, tmp_path):
        word = pipe[0].vocabulary_["the"]
        without = FunctionTransformer(lambda ids: np.where(ids == word, 0, ids))
        steps = Pipeline([pipe.steps[0], ("drop", without), pipe.steps[1]])
        report(steps, HELD_OUT, Y, path=tmp_path / "r.html")
        maps = data_of(tmp_path / "r.html")["maps"]
        assert len(maps) == N
        for row, (pieces, steps_of_colour, *_) in maps.items():
            assert "".join(pieces) == pipe[0].visible_text(HELD_OUT[int(row)])
            assert "the" not in map(str.lower, pieces[1::2])
            assert len(pieces) == 2 * len(steps_of_colour) + 1
