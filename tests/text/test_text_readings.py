"""What is kept of documents that are read once: ids, words and places of each."""

import tracemalloc
from html import escape

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentilib import HTMLTokenizer
from sentilib.datasets import make_reviews

KNOWN = ["the film is good", "a <b>café</b> &amp; the 👍🏽 fi<i>lm</i>", "It's <3"]
documents = st.lists(
    st.one_of(
        st.text("ab é<>&/\n!'👍\u0301\xad日", max_size=30),
        st.lists(
            st.sampled_from(
                "The film café <br> <p> <div> </div> <script>x</script> it's unknown &eacute; !"
                ' 日本 STRASSE e\u0301 &#769; ไม่ดี ﬁlm צה"ל \ud83d'.split(" ")
            ),
            max_size=30,
        ).map(" ".join),
    ),
    min_size=1,
    max_size=8,
)
options = st.fixed_dictionaries(
    {
        "max_length": st.sampled_from([1, 3, 8, 64]),
        "max_features": st.sampled_from([2, None]),
        "normalization": st.sampled_from(["NFC", "NFKC", None]),
        "punctuation": st.sampled_from(["drop", "split", "token"]),
        "unspaced": st.sampled_from(["split", "keep"]),
        "decode_error": st.just("replace"),
        "strip_accents": st.sampled_from([None, "unicode", "ascii"]),
        "lowercase": st.booleans(),
        "stop_words": st.sampled_from([None, "english", ["film", "!", "CAFÉ"]]),
        "vocabulary": st.sampled_from([None, ["film", "the", "é"], {"café": 2, "is": 3}]),
        "padding": st.sampled_from(["pre", "post"]),
        "truncating": st.sampled_from(["pre", "post", "middle"]),
    }
)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@pytest.mark.filterwarnings("ignore:.* words of the vocabulary can match no token")
@given(documents, options, st.sampled_from([1, 3]))
def test_readings_agree_with_transform_and_tokenize(texts, options, n_threads):
    tokenizer = HTMLTokenizer(**options).fit(KNOWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sentilib._text._documents._BLOCK_SIZE", 16)
        readings = tokenizer._read(texts, n_threads)
    np.testing.assert_array_equal(tokenizer.transform(readings), tokenizer.transform(texts))
    assert len(readings) == len(texts)
    for row, text in enumerate(texts):
        tokens, offsets, visible = readings[row]
        expected = tokenizer.tokenize_with_offsets(text)
        assert (tokens, visible) == (expected[0], expected[2])
        np.testing.assert_array_equal(offsets, expected[1], strict=True)
        assert visible == readings.visible_text(row) == tokenizer.visible_text(text)
        assert readings.lengths[row] == len(tokens)
        for token, (start, end) in zip(tokens, offsets, strict=True):
            # cut out alone, a symbol may lack the selector behind it that made it an emoji
            assert token in tokenizer.tokenize(escape(visible[start:end] + visible[end : end + 1]))


def test_words_that_fit_never_saw_keep_their_spelling():
    tokenizer = HTMLTokenizer(max_length=5, stop_words=["the"]).fit(KNOWN)
    readings = tokenizer._read(["The GOOD stranger", "<p>a stranger, the film"], 1)
    assert readings[0].tokens == ["good", "stranger"]
    assert readings[1].tokens == ["a", "stranger", ",", "film"]
    assert readings.words[readings.numbers].tolist() == readings[0].tokens + readings[1].tokens
    number = tokenizer.vocabulary_
    assert tokenizer.transform(readings).tolist() == [
        [number["good"], 1, 0, 0, 0],
        [number["a"], 1, 1, number["film"], 0],
    ]


def test_reading_leaves_the_tokenizer_as_it_was():
    tokenizer = HTMLTokenizer().fit(KNOWN)
    words, n_words = list(tokenizer.vocabulary_), tokenizer._vocabulary.table.size
    tokenizer._read(["entirely new words"], 1)
    assert tokenizer._vocabulary.table.size == n_words
    assert list(tokenizer.vocabulary_) == words
    assert tokenizer.transform(["entirely"])[0, 0] == 1


def test_set_output_holds_for_readings_too():
    pandas = pytest.importorskip("pandas")
    tokenizer = HTMLTokenizer(max_length=3).set_output(transform="pandas").fit(KNOWN)
    pandas.testing.assert_frame_equal(
        tokenizer.transform(tokenizer._read(KNOWN, 1)), tokenizer.transform(KNOWN)
    )


def test_readings_take_little_more_memory_than_their_text():
    texts, _ = make_reviews(2000, length=200, random_state=0)
    tokenizer = HTMLTokenizer().fit(texts)
    tokenizer._read(texts[:9], 1)  # what is loaded once is not counted
    tracemalloc.start()
    readings = tokenizer._read(texts, 2)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    n_tokens, n_bytes = readings.lengths.sum(), sum(map(len, readings.texts))
    assert n_tokens > 400_000
    assert kept < 12 * n_tokens + n_bytes + 100 * len(texts) + 2**20
