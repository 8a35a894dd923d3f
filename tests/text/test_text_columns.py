"""Columns in Arrow's format are read from their buffers, with the results of a list of strings."""

import re
import struct
import sys

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sentilib._text._utf8_kernels as utf8_kernels
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline

from sentilib import (
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
    predict_proba_in_chunks,
)
from sentilib._text._columns import TextColumn
from sentilib._text._documents import as_documents
from sentilib.datasets import make_reviews
from sentilib.inspection import error_table

TEXTS = [
    "A <b>good</b> film, really good",
    "ångström café \u00ad",  # Latin-1
    "你好 ﬁlm e\u0301 👍🏽",  # changed by normalization
    "",
    "It&rsquo;s <div>ok</div> " + 40 * "word ",
    "<table><tr><td>a<td>b</table> &notin; <3",  # left to a parser
] * 3

try:
    pa.array([], pa.string_view()).cast(pa.large_string())
    READS_VIEWS = True
except pa.ArrowNotImplementedError:
    READS_VIEWS = False  # by this version of pyarrow; such columns are read as lists
VIEWS = {"string_view", "sliced view", "polars", "polars DataFrame"}
needs_views = pytest.mark.skipif(not READS_VIEWS, reason="this pyarrow cannot convert views")

COLUMNS = {
    "string": lambda texts: pa.array(texts),
    "large_string": lambda texts: pa.array(texts, pa.large_string()),
    "string_view": lambda texts: pa.array(texts, pa.string_view()),
    "chunked": lambda texts: pa.chunked_array([texts[:7], [], texts[7:]], pa.string()),
    "sliced": lambda texts: pa.array(["cut", *texts, "cut"])[1:-1],
    "sliced view": lambda texts: pa.array(["cut", *texts, "cut"], pa.string_view())[1:-1],
    "table": lambda texts: pa.table({"text": texts}),
    "polars": pl.Series,
    "polars DataFrame": lambda texts: pl.DataFrame({"text": texts}),
    "pandas str": lambda texts: pd.Series(texts, dtype=pd.StringDtype("pyarrow")),
    "pandas Arrow": lambda texts: pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
    "pandas DataFrame": lambda texts: pd.DataFrame({"text": texts}, dtype="string[pyarrow]"),
    "pandas Index": lambda texts: pd.Index(texts, dtype="string[pyarrow]"),
    "datasets": lambda texts: datasets.Dataset.from_dict({"text": texts})["text"],
    "datasets, in another order": lambda texts: (
        datasets.Dataset.from_dict({"text": texts[::-1]}).select(range(len(texts))[::-1])["text"]
    ),
    "Dataset": lambda texts: datasets.Dataset.from_dict({"text": texts}),
}  # fmt: skip


def views(*words, data=b"x" * 20):
    buffers = [None, pa.py_buffer(b"".join(words)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string_view(), len(words), buffers)


def assert_judged_as_by_python(documents):
    def expected(document):
        try:
            text = document.decode()
        except UnicodeDecodeError:
            return utf8_kernels.INVALID
        if text.isascii():
            return utf8_kernels.ASCII
        return utf8_kernels.LATIN if max(text) < "\u0100" else utf8_kernels.UNICODE

    data = np.frombuffer(b"".join(documents), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, documents)])
    joined = np.empty(len(data) + len(documents), dtype=np.uint8)
    kinds = np.empty(len(documents), dtype=np.uint8)
    utf8_kernels.join(data, offsets, joined, kinds)
    assert kinds.tolist() == list(map(expected, documents))
    assert joined.tobytes() == b"".join(document + b"\xff" for document in documents)


@pytest.fixture(scope="module")
def tokenizer():
    return HTMLTokenizer(max_length=30).fit(TEXTS)


@pytest.fixture(scope="module")
def pipe():
    reviews, labels = make_reviews(120, length=30, random_state=0)
    tokenizer = HTMLTokenizer(max_length=40)
    model = DenseSentimentClassifier(epochs=1, random_state=0)
    return make_pipeline(tokenizer, model).fit(reviews, labels)


@pytest.mark.parametrize("name", COLUMNS)
def test_ids_and_vocabulary_are_those_of_a_list(tokenizer, name):
    column = COLUMNS[name](TEXTS)
    assert isinstance(as_documents(column), TextColumn) == (READS_VIEWS or name not in VIEWS)
    fitted = HTMLTokenizer(max_length=30)
    np.testing.assert_array_equal(fitted.fit_transform(column), tokenizer.transform(TEXTS))
    assert fitted.vocabulary_ == tokenizer.vocabulary_
    assert HTMLTokenizer().partial_fit(column).vocabulary_ == tokenizer.vocabulary_
    found, expected = map(tokenizer.document_statistics, (column, TEXTS))
    assert all((found[name] == expected[name]).all() for name in expected)


@pytest.mark.parametrize("markup", ["html5", None])
@pytest.mark.parametrize("normalization", ["NFKC", None])
def test_options_of_reading_have_the_same_effect_on_columns(markup, normalization):
    tokenizer = HTMLTokenizer(max_length=30, markup=markup, normalization=normalization)
    expected = tokenizer.fit_transform(TEXTS)
    np.testing.assert_array_equal(tokenizer.fit_transform(pa.array(TEXTS)), expected)


def test_a_column_is_a_sequence_of_its_strings():
    column = as_documents(pa.chunked_array([TEXTS[:7], TEXTS[7:]]))
    assert len(column) == len(TEXTS) and list(column) == TEXTS
    assert [column[k] for k in range(-18, 18)] == TEXTS + TEXTS
    for rows in (slice(3, 9), slice(-4, None), slice(8, 2), slice(None, None, -2), slice(7, 7)):
        assert list(column[rows]) == TEXTS[rows]
    for row in (18, -19):
        with pytest.raises(IndexError):
            column[row]


def test_columns_of_many_short_and_of_long_documents_are_read_in_several_blocks():
    texts = [f"word{k % 999}" for k in range(20_000)] + ["long " * 60_000, "end"] * 3
    expected = HTMLTokenizer(max_length=3).fit_transform(texts)
    for kind in (pa.string(), pa.string_view()):
        column = pa.chunked_array([texts[:9_000], texts[9_000:]], kind)
        np.testing.assert_array_equal(HTMLTokenizer(max_length=3).fit_transform(column), expected)


@pytest.mark.parametrize(
    ("document", "advice"),
    [
        (b"bytes", "Decode bytes"),
        (None, "Drop or fill"),
        (float("nan"), "Drop or fill"),
        (["a text"], "one string per document"),
        (3, "Is this the column of the texts?"),
        (3.5, "Is this the column of the texts?"),
    ],
)
def test_the_error_of_what_is_no_text_advises_what_to_do(tokenizer, document, advice):
    with pytest.raises(TypeError, match=rf"Document 1 is .*{re.escape(advice)}"):
        tokenizer.transform(["a text", document])


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_text_is_refused_as_in_other_containers(tokenizer, name):
    column = COLUMNS[name]([*TEXTS, None])
    with pytest.raises(TypeError, match=r"Document 18 is .* Drop or fill missing documents"):
        tokenizer.transform(column)


@pytest.mark.parametrize("name", ["string", "string_view", "polars", "datasets"])
def test_no_texts_and_no_strings_are_refused_as_in_a_list(tokenizer, name):
    empty = COLUMNS[name](TEXTS)[:0]
    for call in (tokenizer.transform, HTMLTokenizer().fit):
        with pytest.raises(ValueError, match="There are no documents"):
            call(empty)
    with pytest.raises(TypeError, match="Document 0 is 1 of type int"):
        tokenizer.transform({"polars": pl.Series}.get(name, pa.array)([1, 2]))


@pytest.mark.parametrize(
    "column",
    [
        pl.Series(TEXTS, dtype=pl.Categorical),
        pl.Series(TEXTS, dtype=pl.Object),
        pd.Series(TEXTS, dtype="category"),
        pd.Series(TEXTS, dtype=object),
        pd.Series(TEXTS, dtype=pd.StringDtype("python")),
        pa.array(TEXTS).dictionary_encode(),
    ],
    ids=lambda column: f"{type(column).__module__}, {getattr(column, 'dtype', 'dictionary')}",
)
def test_columns_of_other_types_are_read_as_lists(tokenizer, column):
    assert not isinstance(as_documents(column), TextColumn)
    np.testing.assert_array_equal(tokenizer.transform(column), tokenizer.transform(TEXTS))


def test_without_pyarrow_a_column_of_polars_is_read_as_a_list(tokenizer, monkeypatch):
    column = pl.Series(TEXTS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert isinstance(as_documents(column), list)
    np.testing.assert_array_equal(tokenizer.transform(column), tokenizer.transform(TEXTS))


class TestDamage:
    """Buffers come from files and other libraries, which check neither text nor offsets."""

    @pytest.mark.parametrize(
        "document",
        [b"a\xff", b"\xc3", b"\xed\xa0\xbd", b"\xe0\x80\xaf", b"ok \xf4\x90\x80\x80", b"\x80"],
    )
    def test_bytes_that_are_no_utf8_are_refused_or_replaced(self, document):
        binary = pa.array([b"fine", document], pa.binary())
        columns = [binary.view(pa.string())]
        if READS_VIEWS:
            columns.append(binary.cast(pa.binary_view()).view(pa.string_view()))
        for column in columns:
            with pytest.raises(ValueError, match=r"Document 1 is not valid UTF-8: .* at byte"):
                HTMLTokenizer().fit(column)
            texts = ["fine", document.decode(errors="replace")]
            assert list(as_documents(column)) == texts
            tokenizer = HTMLTokenizer(decode_error="replace")
            expected = tokenizer.fit_transform(texts)
            np.testing.assert_array_equal(tokenizer.fit_transform(column), expected)

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=12) | st.text(max_size=9).map(str.encode), min_size=1))
    def test_exactly_what_python_decodes_is_valid(self, documents):
        assert_judged_as_by_python(documents)

    def test_all_pairs_of_first_bytes_are_judged_as_by_python(self):
        pairs = [bytes([lead, second]) for lead in range(0x80, 0x100) for second in range(256)]
        assert_judged_as_by_python(
            [pair + tail for tail in (b"", b"\x80", b"\x80a") for pair in pairs]
        )
        assert_judged_as_by_python([pair + b"\x80\x80" for pair in pairs])

    @pytest.mark.parametrize("offsets", [[0, 5, 3, 9], [0, 3, 99, 9], [-3, 3, 5, 9], [0, 3, 5, 99]])
    def test_offsets_that_lead_outside_are_refused(self, offsets):
        for kind, width in ((pa.string(), np.int32), (pa.large_string(), np.int64)):
            fine = pa.table({"text": pa.array(["abc", "de", "fghi"], kind)})
            file = pa.BufferOutputStream()
            with pa.ipc.new_stream(file, fine.schema) as stream:
                stream.write_table(fine)
            before, after = (np.array(k, dtype=width).tobytes() for k in ([0, 3, 5, 9], offsets))
            damaged = file.getvalue().to_pybytes().replace(before, after)
            column = pa.ipc.open_stream(damaged).read_all()["text"]
            with pytest.raises(ValueError, match="Arrow array is damaged"):
                HTMLTokenizer().fit(column)

    @needs_views
    @pytest.mark.parametrize(
        "view", [(20, 7, 0), (20, 0, 10**6), (20, 0, -5), (-3, 0, 0)], ids=str
    )  # its length, buffer and offset
    def test_views_that_lead_outside_are_refused(self, view):
        fine = struct.pack("<i12s", 3, b"abc")
        assert HTMLTokenizer().fit(views(fine)).vocabulary_ == {"abc": 2}
        with pytest.raises(ValueError, match="Arrow array is damaged"):
            HTMLTokenizer().fit(views(fine, struct.pack("<i4sii", view[0], b"xxxx", *view[1:])))


class TestUse:
    """Everything behind the tokenizer takes columns too."""

    @pytest.mark.parametrize("name", ["chunked", "polars", "pandas str", "datasets"])
    def test_probabilities_and_explanations_are_those_of_a_list(self, pipe, name):
        texts = make_reviews(30, length=30, random_state=1)[0]
        column, expected = COLUMNS[name](texts), pipe.predict_proba(texts)
        np.testing.assert_array_equal(pipe.predict_proba(column), expected)
        found = predict_proba_in_chunks(pipe, column, chunk_size=7)
        np.testing.assert_array_equal(found, expected)
        explainer = TokenShapExplainer(pipe)
        ours, lists = explainer(column), explainer(texts)
        for row in range(30):
            np.testing.assert_array_equal(ours[row].values, lists[row].values)
            assert list(ours[row].data) == list(lists[row].data)

    def test_tables_of_errors_are_those_of_a_list(self, pipe):
        texts, labels = make_reviews(30, length=30, random_state=1)
        expected = error_table(pipe, texts, labels)
        for name in ("chunked", "polars", "datasets"):
            pd.testing.assert_frame_equal(error_table(pipe, COLUMNS[name](texts), labels), expected)
