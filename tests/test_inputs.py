"""What the classifiers take and refuse: matrices, labels, groups and weights."""

import re
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import tensorflow as tf
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib._ids import as_training_ids
from sentilib.datasets import make_reviews

CLASSIFIERS = [DenseSentimentClassifier, ConvSentimentClassifier]
TEXTS, Y = make_reviews(120, length=30, random_state=0)
IDS = HTMLTokenizer(max_length=40).fit_transform(TEXTS)


@pytest.fixture(scope="module")
def fitted():
    return DenseSentimentClassifier(epochs=1, random_state=0).fit(IDS, Y)


@pytest.fixture(params=CLASSIFIERS, ids=lambda cls: cls.__name__)
def classifier(request):
    return request.param(epochs=1, random_state=0)


def calls(model, X):
    """Return each call by which a user passes X to a fitted classifier."""
    methods = "predict", "predict_proba", "predict_log_proba", "decision_function", "transform"
    return [
        lambda: clone(model).fit(X, Y),
        lambda: clone(model).partial_fit(X, Y, classes=[0, 1]),
        lambda: model.score(X, Y),
        *(lambda method=method: getattr(model, method)(X) for method in methods),
    ]


SECRET = "a sentence of the review"
OBJECTS = np.array([SECRET, *TEXTS[1:]], dtype=object)
TEXT_CONTAINERS = {
    "list": list(OBJECTS),
    "tuple": tuple(OBJECTS),
    "str array": OBJECTS.astype(str),
    "object array": OBJECTS,
    "column of objects": OBJECTS[:, None],
    "list of one-element lists": [[text] for text in OBJECTS],
    "list of words": [text.split() for text in OBJECTS],
    "None first": [None, *OBJECTS[1:]],
    "NaN first": np.array([np.nan, *OBJECTS[1:]], dtype=object),
    "bytes": [text.encode() for text in OBJECTS],
    "Series": pd.Series(OBJECTS),
    "string Series": pd.Series(OBJECTS, dtype="string"),
    "categorical Series": pd.Series(OBJECTS, dtype="category"),
    "DataFrame": pd.DataFrame({"text": OBJECTS}),
    "DataFrame of text and number": pd.DataFrame({"number": range(120), "text": OBJECTS}),
    "polars Series": pl.Series(list(OBJECTS)),
    "polars DataFrame": pl.DataFrame({"text": list(OBJECTS)}),
    "pyarrow array": pa.array(list(OBJECTS)),
    "pyarrow chunked array": pa.chunked_array([list(OBJECTS)]),
    "pyarrow table": pa.table({"text": list(OBJECTS)}),
}


class TestMatrices:
    @pytest.mark.parametrize("name", TEXT_CONTAINERS)
    def test_text_in_any_container_is_named_and_never_quoted(self, fitted, name):
        X = TEXT_CONTAINERS[name]
        for call in calls(fitted, X):
            with pytest.raises(ValueError, match=r"contains text.*Put an HTMLTokenizer") as caught:
                call()
            assert "sentence" not in str(caught.value) and len(str(caught.value)) < 400

    @pytest.mark.parametrize("name", TEXT_CONTAINERS)
    def test_an_explainer_of_a_bare_classifier_names_text_too(self, fitted, name):
        with pytest.raises(ValueError, match=r"contains text, but .*HTMLTokenizer") as caught:
            TokenShapExplainer(fitted)(TEXT_CONTAINERS[name])
        assert "sentence" not in str(caught.value)

    @pytest.mark.parametrize("name", TEXT_CONTAINERS)
    def test_validation_texts_are_told_apart_from_training_texts(self, fitted, name):
        with pytest.raises(ValueError, match=r"X_val contains text.*Pipeline does not transform"):
            clone(fitted).fit(IDS, Y, X_val=TEXT_CONTAINERS[name], y_val=Y)

    def test_texts_in_the_place_of_labels_are_cut_off_in_messages(self, fitted):
        texts = OBJECTS[np.arange(120) % 40]
        for call in (
            lambda: clone(fitted).partial_fit(IDS, texts, classes=[0, 1]),
            lambda: clone(fitted).partial_fit(IDS, texts, classes=texts[1:30]),
            lambda: clone(fitted).fit(IDS, Y.astype(str), X_val=IDS, y_val=texts),
        ):
            with pytest.raises(ValueError, match=r"labels that .*\.\.\.") as caught:
                call()
            assert len(str(caught.value)) < 1200

    @pytest.mark.parametrize("vectorizer", [TfidfVectorizer, CountVectorizer])
    def test_a_sparse_matrix_is_refused_once_and_for_good(self, fitted, vectorizer):
        X = vectorizer().fit_transform(TEXTS)
        for sparse in (X, scipy.sparse.coo_array(X)):
            for call in (*calls(fitted, sparse), lambda X=sparse: TokenShapExplainer(fitted)(X)):
                with pytest.raises(TypeError, match=r"sparse matrix.*by HTMLTokenizer") as caught:
                    call()
                assert "toarray" not in str(caught.value)

    def test_values_that_are_no_ids_name_what_they_may_be(self, fitted):
        X = TfidfVectorizer(max_features=40).fit_transform(TEXTS).toarray()
        for call in (*calls(fitted, X), lambda: TokenShapExplainer(fitted)(X)):
            with pytest.raises(ValueError, match="TF-IDF values and embeddings are none"):
                call()

    @pytest.mark.parametrize(
        "convert",
        [
            list,
            tuple,
            lambda rows: np.array(rows, dtype=object),
            pd.Series,
            lambda rows: [np.array(row) for row in rows],
        ],
    )
    def test_rows_of_different_lengths_are_named(self, fitted, convert):
        X = convert([[2, 3, 4], [5]] * 60)
        for call in calls(fitted, X):
            with pytest.raises(ValueError, match=r"rows with 1 to 3 ids.*padded with 0"):
                call()

    @pytest.mark.parametrize("make", [iter, pl.LazyFrame, tf.data.Dataset.from_tensor_slices])
    def test_what_is_no_container_is_named_by_its_type(self, fitted, make):
        X = make(IDS)
        for call in calls(fitted, X):
            with pytest.raises(TypeError, match=f"X is of type {type(X).__name__}, but Dense"):
                call()

    @pytest.mark.parametrize("convert", [np.ndarray.tolist, pd.DataFrame, pl.DataFrame, list])
    def test_ids_come_in_any_usual_container(self, fitted, convert):
        ids = convert(IDS)
        model = clone(fitted).fit(ids, Y)
        np.testing.assert_array_equal(model.predict_proba(ids), fitted.predict_proba(IDS))


class TestNumbersBesideText:
    FRAME = pd.DataFrame(
        {
            "text": TEXTS,
            "age": np.arange(120) % 60 + 18,
            "user": np.random.default_rng(0).integers(0, 5_000_000, 120),
            "when": 1_700_000_000 + np.arange(120),
            "price": np.linspace(0, 9, 120),
            "shop": np.array(["north", "south"])[np.arange(120) % 2],
        }
    )

    def mixed(self, column, how="passthrough", **options):
        parts = [("text", HTMLTokenizer(max_length=40), "text"), ("number", how, [column])]
        return make_pipeline(
            ColumnTransformer(parts, **options), DenseSentimentClassifier(epochs=1, random_state=0)
        )

    @pytest.mark.parametrize(
        ("column", "how"),
        [
            ("user", "passthrough"),
            ("when", "passthrough"),
            ("price", "passthrough"),
            ("age", StandardScaler()),
        ],
    )
    def test_numbers_that_can_be_no_ids_are_refused(self, column, how):
        for method in ("fit", "fit_transform"):
            with pytest.raises(ValueError, match=r"Numbers beside the text.*latent features"):
                getattr(self.mixed(column, how), method)(self.FRAME, Y)

    @pytest.mark.parametrize("container", ["pandas", "polars"])
    @pytest.mark.parametrize("is_verbose", [True, False])
    def test_named_columns_beside_the_positions_are_refused(self, container, is_verbose):
        for column, how in (("age", "passthrough"), ("shop", OneHotEncoder(sparse_output=False))):
            pipe = self.mixed(column, how, verbose_feature_names_out=is_verbose)
            pipe.set_output(transform=container)
            with pytest.raises(ValueError, match=rf"columns beside .*: (number__)?{column}"):
                pipe.fit(self.FRAME, Y)

    def test_named_positions_alone_are_accepted(self):
        titled = self.FRAME.assign(title=[text[:40] for text in TEXTS])
        parts = [(name, HTMLTokenizer(max_length=20), name) for name in ("title", "text")]
        pipe = make_pipeline(ColumnTransformer(parts), DenseSentimentClassifier(epochs=1))
        pipe.set_output(transform="pandas").fit(titled, Y)
        assert list(pipe[-1].feature_names_in_[[0, -1]]) == ["title__token0", "text__token19"]

    def test_a_table_of_ids_with_other_names_is_accepted(self, fitted):
        frame = pd.DataFrame(IDS, columns=[f"word {k}" for k in range(IDS.shape[1])])
        assert clone(fitted).fit(frame, Y).n_features_in_ == IDS.shape[1]

    @pytest.mark.parametrize("largest", [10**6, 5 * 10**6, 2**26 - 1])
    def test_one_id_far_above_the_others_is_refused(self, classifier, largest):
        X = IDS.copy()
        X[3, 5] = largest
        message = rf"contains the id {largest}, but only \d+ distinct ids"
        with pytest.raises(ValueError, match=message):
            classifier.fit(X, Y)
        with pytest.raises(ValueError, match=message):
            classifier.partial_fit(X, Y, classes=[0, 1])
        assert not hasattr(classifier, "classes_")

    def test_ids_of_large_vocabularies_are_in_range(self):
        rng = np.random.default_rng(0)
        one_row = rng.integers(2, 200_000, (1, 50))  # of a stream, row by row
        chunk = rng.zipf(1.2, (500, 200)) % 1_000_000  # of a vocabulary of a million words
        gaps = 40 * np.arange(12_000).reshape(-1, 40)  # a fortieth of half a million words
        for X in (one_row, chunk, gaps):
            np.testing.assert_array_equal(as_training_ids(X), X)

    def test_ids_that_former_training_had_are_in_range(self):
        seen = np.zeros(600_000, dtype=bool)
        seen[::50] = True
        assert as_training_ids(np.array([[599_999, 2]]), seen).max() == 599_999
        assert as_training_ids(np.array([[700_000, 2]]), seen).max() == 700_000
        with pytest.raises(ValueError, match="only 12002 distinct ids"):
            as_training_ids(np.array([[900_001, 2]]), seen)


MISSING = {
    "None": [None, *"ab" * 59, "a"],
    "NaN among strings": np.array([np.nan, *"ab" * 59, "a"], dtype=object),
    "NaN in a list": [np.nan, *"ab" * 59, "a"],
    "NaN": np.array([np.nan, *Y[1:]]),
    "no date": pd.Series([None, *["2024-05-01", "2024-05-02"] * 59, "2024-05-01"]).astype("M8[s]"),
    "NA in Int64": pd.Series([pd.NA, *Y[1:]], dtype="Int64"),
    "NA in boolean": pd.Series([pd.NA, *(Y[1:] == 1)], dtype="boolean"),
    "NA in string": pd.Series([pd.NA, *"ab" * 59, "a"], dtype="string"),
    "null in arrow": pd.Series(pa.array([None, *"ab" * 59, "a"])),
    "null in polars": pl.Series([None, *"ab" * 59, "a"]),
    "None in a category": pd.Series([None, *"ab" * 59, "a"], dtype="category"),
}


class TestLabels:
    @pytest.mark.parametrize("name", MISSING)
    def test_missing_labels_and_groups_are_counted_and_located(self, name):
        bad = MISSING[name]
        model = DenseSentimentClassifier(epochs=1, random_state=0)
        message = r"^{} contains 1 missing values .*first at position 0"
        for parameter, call in (
            ("y", lambda: model.fit(IDS, bad)),
            ("y", lambda: model.partial_fit(IDS, bad, classes=[0, 1])),
            ("classes", lambda: model.partial_fit(IDS, Y, classes=bad)),
            ("y_val", lambda: model.fit(IDS, Y, X_val=IDS, y_val=bad)),
            ("groups", lambda: model.fit(IDS, Y, groups=bad)),
        ):
            with pytest.raises(ValueError, match=message.format(parameter)):
                call()
        assert not hasattr(model, "classes_")

    def test_labels_and_groups_of_mixed_types_are_named(self, classifier):
        mixed = ["a", 1] * 60
        message = "^{} contains values that cannot be compared, of the types int, str"
        with pytest.raises(ValueError, match=message.format("y")):
            classifier.fit(IDS, np.array(mixed, dtype=object))
        with pytest.raises(ValueError, match=message.format("y")):
            classifier.partial_fit(IDS, mixed, classes=["a", 1])
        with pytest.raises(ValueError, match=message.format("groups")):
            classifier.fit(IDS, Y, groups=mixed)

    @pytest.mark.parametrize(
        ("convert", "classes"),
        [
            (lambda y: y.astype(object), [0, 1]),
            (lambda y: (y == 1).astype(object), [False, True]),
            (lambda y: pd.Series(y, dtype="Int64"), [0, 1]),
            (lambda y: pd.Series(y, dtype="int64[pyarrow]"), [0, 1]),
            (lambda y: pd.Series(y == 1, dtype="boolean"), [False, True]),
            (lambda y: pd.Series(y == 1, dtype="bool[pyarrow]"), [False, True]),
            (lambda y: np.where(y, "good", "bad").astype(np.dtypes.StringDType()), ["bad", "good"]),
            (lambda y: pd.Series(np.where(y, "good", "bad"), dtype="string"), ["bad", "good"]),
            (lambda y: pd.Series(np.where(y, "good", "bad"), dtype="category"), ["bad", "good"]),
            (lambda y: pl.Series(np.where(y, "good", "bad")), ["bad", "good"]),
            (pa.array, [0, 1]),
            (lambda y: pa.chunked_array([np.where(y, "good", "bad").tolist()]), ["bad", "good"]),
        ],
    )
    def test_labels_without_a_missing_one_come_in_any_usual_type(self, fitted, convert, classes):
        model = clone(fitted).fit(IDS, convert(Y))
        assert model.classes_.tolist() == classes
        assert type(model.predict(IDS).tolist()[0]) is type(classes[0])
        np.testing.assert_array_equal(model.predict_proba(IDS), fitted.predict_proba(IDS))

    def test_groups_are_checked_even_if_nothing_is_held_out(self, classifier):
        with pytest.raises(ValueError, match="groups must contain one label per row"):
            classifier.fit(IDS, Y, groups=np.arange(5))


class TestWeights:
    def test_class_weights_of_any_number_type_warn_of_nothing(self, fitted):
        weight = {0: np.float16(1), np.int64(1): np.float32(1)}
        model = clone(fitted).set_params(class_weight=weight).fit(IDS.astype(np.float16), Y)
        np.testing.assert_array_equal(model.predict_proba(IDS), fitted.predict_proba(IDS))

    @pytest.mark.parametrize("ngram_range", [(1, 1), (1, 2)])
    @pytest.mark.parametrize("weight", [-1, -1e-9, np.nan, np.inf, 10**400, None, "2"])
    def test_a_class_weight_that_is_no_weight_is_named(self, ngram_range, weight):
        model = DenseSentimentClassifier(
            epochs=1, ngram_range=ngram_range, class_weight={0: weight, 1: 1}
        )
        message = re.escape(f"but has {weight!r} for the label 0")
        with pytest.raises(ValueError, match=f"finite, non-negative numbers, {message}"):
            model.fit(IDS, Y)
        with pytest.raises(ValueError, match=message):
            model.partial_fit(IDS, Y, classes=[0, 1])

    @pytest.mark.parametrize("ngram_range", [(1, 1), (1, 2)])
    def test_some_row_must_have_a_weight(self, ngram_range):
        model = DenseSentimentClassifier(ngram_range=ngram_range, class_weight={0: 0, 1: 0.0})
        with pytest.raises(ValueError, match="No row has a weight above 0"):
            model.fit(IDS, Y)
        model.set_params(class_weight={0: 0, 1: 1})
        with pytest.raises(ValueError, match="No row has a weight above 0"):
            model.partial_fit(IDS[Y == 0], Y[Y == 0], classes=[0, 1])

    def test_labels_that_look_like_numbers_have_weights_by_their_own_names(self, fitted):
        expected = clone(fitted).set_params(class_weight={0: 1, 1: 9}).fit(IDS, Y)
        model = clone(fitted).set_params(class_weight={"0": 1, "1": 9}).fit(IDS, Y.astype(str))
        np.testing.assert_array_equal(model.predict_proba(IDS), expected.predict_proba(IDS))
        with pytest.raises(ValueError, match=r"for the labels \['0', '1'\], but has .* \[0, 1\]"):
            expected.fit(IDS, Y.astype(str))

    def test_a_part_of_a_stream_may_lack_a_class_that_has_a_weight(self, fitted):
        model = clone(fitted).set_params(class_weight={1: 9, 2: 5})
        model.partial_fit(IDS, Y, classes=[0, 1, 2])
        assert model.predict(IDS).mean() == 1

    def test_a_class_of_weight_zero_is_never_predicted(self, fitted):
        model = clone(fitted).set_params(class_weight={0: 1, 1: 0}, epochs=3)
        assert (model.fit(IDS, Y).predict(IDS) == 0).all()

    @pytest.mark.parametrize("factor", [2.0**1000, 2.0**-1000])
    def test_only_ratios_of_the_largest_and_smallest_weights_matter(self, fitted, factor):
        weight = np.random.default_rng(0).integers(1, 5, len(Y)) * 1.0
        expected = clone(fitted).fit(IDS, Y, sample_weight=weight).predict_proba(IDS)
        by_row = clone(fitted).fit(IDS, Y, sample_weight=factor * weight)
        np.testing.assert_array_equal(by_row.predict_proba(IDS), expected)
        by_both = clone(fitted).set_params(class_weight={0: factor, 1: factor})
        by_both.fit(IDS, Y, sample_weight=factor * weight)
        np.testing.assert_array_equal(by_both.predict_proba(IDS), expected)


@pytest.mark.parametrize(
    "name",
    [
        "embedding_dim",
        "hidden_units",
        "kernel_size",
        "ngram_min_df",
        "ngram_max_features",
        "epochs",
        "batch_size",
        "n_jobs",
        "random_state",
    ],
)
def test_integers_beyond_any_use_are_refused_by_name(name):
    cls = ConvSentimentClassifier if name == "kernel_size" else DenseSentimentClassifier
    with pytest.raises(ValueError, match=f"The '{name}' parameter"):
        cls(**{name: 10**30}).fit(IDS, Y)


def test_filters_beyond_any_use_are_refused_by_name():
    with pytest.raises(ValueError, match=r"filters=.* one positive integer per block"):
        ConvSentimentClassifier(filters=(8, 10**30)).fit(IDS, Y)


@pytest.mark.parametrize("ngram_range", [(1, 128), (1, 10**30), (10**30, 10**30), (1, 2.5)])
def test_ngrams_beyond_any_use_are_refused_by_name(ngram_range):
    with pytest.raises(ValueError, match=r"ngram_range=.* must be two integers .* <= 127"):
        DenseSentimentClassifier(ngram_range=ngram_range).fit(IDS, Y)


class TestVocabularies:
    def test_words_of_a_counter_get_ids_by_descending_count(self):
        counter = Counter("the film the plot a film the".split())
        tokenizer = HTMLTokenizer(vocabulary=counter, max_length=5).fit(["x"])
        assert tokenizer.vocabulary_ == {"the": 2, "film": 3, "a": 4, "plot": 5}
        assert clone(tokenizer).transform(["A plot"]).tolist() == [[4, 5, 0, 0, 0]]

    def test_columns_of_count_vectorizer_become_ids_in_their_order(self):
        words = CountVectorizer().fit(TEXTS[:9]).vocabulary_
        tokenizer = HTMLTokenizer(vocabulary=words).fit(TEXTS)
        assert tokenizer.vocabulary_ == {word: words[word] + 2 for word in sorted(words)}

    @pytest.mark.parametrize("make", [iter, dict.keys, lambda words: (word for word in words)])
    def test_a_vocabulary_that_can_be_read_only_once_or_not_copied_is_refused(self, make):
        for method in ("fit", "transform"):
            with pytest.raises(ValueError, match=r"cannot be copied.*Pass list\(vocabulary\)"):
                getattr(HTMLTokenizer(vocabulary=make({"a": 2, "b": 3})), method)(["a"])

    def test_words_that_cannot_be_sorted_are_named(self):
        for vocabulary in ({"a", 3}, Counter(["a", 3])):
            with pytest.raises(ValueError, match="contains 3, which is not a word"):
                HTMLTokenizer(vocabulary=vocabulary).fit(["a"])

    @pytest.mark.parametrize("name", ["max_features", "max_length", "min_df", "max_df", "n_jobs"])
    def test_integers_beyond_any_use_are_refused_by_name(self, name):
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            HTMLTokenizer(**{name: 10**30}).fit(["a"])
