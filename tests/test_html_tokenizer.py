"""HTMLTokenizer: what its parameters do, what it refuses, and how it fits in with scikit-learn."""

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer

from sentilib import HTMLTokenizer

REVIEWS = [
    "A <b>master</b>piece!<br /><br />I loved it.",
    "Not a masterpiece. I didn't love it, I <3 popcorn",
    "Caf&eacute; scenes, café scenes: it's fine",
    "",
    "<script>no words</script>",
]


@pytest.fixture(scope="module")
def imdb():
    """Raw reviews, where SENTILIB_DATA says where they are."""
    folder = os.environ.get("SENTILIB_DATA")
    if not folder:
        pytest.skip("SENTILIB_DATA names no folder with train.parquet")
    return pd.read_parquet(Path(folder) / "train.parquet")["text"].tolist()


class TestVocabulary:
    def test_ids_follow_the_term_count_then_the_alphabet(self):
        tokenizer = HTMLTokenizer().fit(["b b c a", "d c a é", "b"])
        assert tokenizer.vocabulary_ == {"b": 2, "a": 3, "c": 4, "d": 5, "é": 6}
        assert list(tokenizer.vocabulary_) == ["b", "a", "c", "d", "é"]

    def test_document_frequency_is_by_id(self):
        tokenizer = HTMLTokenizer().fit(["b b c a", "d c a", "b"])
        assert tokenizer.document_frequency_.tolist() == [0, 0, 2, 2, 2, 1]
        assert tokenizer.n_documents_ == 3

    def test_max_features_keeps_the_most_frequent_words(self):
        tokenizer = HTMLTokenizer(max_features=2).fit(["b b b c c a a"])
        assert tokenizer.vocabulary_ == {"b": 2, "a": 3}
        assert tokenizer.transform(["b c"])[0, :3].tolist() == [2, 1, 0]

    def test_max_features_none_keeps_all(self):
        words = [f"w{k}" for k in range(40_000)]
        assert len(HTMLTokenizer(max_features=None).fit([" ".join(words)]).vocabulary_) == 40_000

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"min_df": 2},
            {"min_df": 0.3},
            {"max_df": 0.5},
            {"max_df": 2},
            {"min_df": 0.2, "max_df": 0.7},
            {"max_features": 3},
            {"stop_words": ["a", "the"]},
            {"stop_words": "english"},
            {"min_df": 2, "max_features": 2, "stop_words": ["the"]},
        ],
        ids=str,
    )
    def test_the_limits_are_those_of_count_vectorizer(self, options):
        texts = ["the cat sat", "the cat and the dog", "a dog", "a bird the fish", "one cat a day"]
        peer = CountVectorizer(token_pattern=r"\w+", **options)
        counts = peer.fit_transform(texts)
        tokenizer = HTMLTokenizer(**options).fit(texts)
        if "max_features" not in options:  # ties are cut in another order
            assert set(tokenizer.vocabulary_) == set(peer.vocabulary_)
        found = dict(
            zip(peer.get_feature_names_out(), np.asarray((counts > 0).sum(0))[0], strict=True)
        )
        for word in set(tokenizer.vocabulary_) & set(found):
            number = tokenizer.vocabulary_[word]
            assert tokenizer.document_frequency_[number] == found[word]

    def test_a_given_list_sets_the_ids(self):
        tokenizer = HTMLTokenizer(vocabulary=["it", "loved"], max_length=4)
        assert tokenizer.transform(["I loved it"]).tolist() == [[1, 3, 2, 0]]
        assert tokenizer.vocabulary_ == {"it": 2, "loved": 3}

    def test_a_given_mapping_sets_the_ids(self):
        tokenizer = HTMLTokenizer(vocabulary={"it": 3, "loved": 2}, max_length=4)
        assert tokenizer.fit_transform(["I loved it"]).tolist() == [[1, 2, 3, 0]]
        assert list(tokenizer.vocabulary_) == ["loved", "it"]

    def test_a_given_set_is_sorted(self):
        tokenizer = HTMLTokenizer(vocabulary={"c", "a", "b"}).fit(["x"])
        assert tokenizer.vocabulary_ == {"a": 2, "b": 3, "c": 4}

    def test_a_given_vocabulary_and_stop_words_can_be_changed_before_a_fit(self):
        tokenizer = HTMLTokenizer(vocabulary=["good"], max_length=2)
        assert tokenizer.transform(["good bad"]).tolist() == [[2, 1]]
        tokenizer.set_params(vocabulary=["bad"])
        assert tokenizer.transform(["good bad"]).tolist() == [[1, 2]]
        tokenizer.set_params(stop_words=["good"])
        assert pickle.loads(pickle.dumps(tokenizer)).transform(["good bad"]).tolist() == [[2, 0]]
        assert tokenizer.transform(["good bad"]).tolist() == [[2, 0]]
        assert tokenizer.vocabulary_ == {"bad": 2}
        with pytest.raises(NotFittedError):
            tokenizer.set_params(vocabulary=None).transform(["good"])

    @pytest.mark.filterwarnings("ignore:.*can match no token")
    @pytest.mark.parametrize(
        "changed",
        [
            {"normalization": "NFKC"},
            {"lowercase": False},
            {"strip_accents": "unicode"},
            {"punctuation": "split"},
            {"unspaced": "keep"},
        ],
    )
    def test_a_given_vocabulary_follows_all_parameters_that_are_set_later(self, changed):
        words = ["Caf\u0301e", "\ufb01lm", "e\u0301", "\u4e2d\u6587", "!", "the"]
        document = " ".join([*words, "film", "\xe9", "e"])
        tokenizer = HTMLTokenizer(vocabulary=words, stop_words=["The"], max_length=12)
        tokenizer.transform([document])
        fresh = clone(tokenizer).set_params(**changed)
        tokenizer.set_params(**changed)
        assert (tokenizer.transform([document]) == fresh.transform([document])).all()
        assert tokenizer.vocabulary_ == fresh.vocabulary_

    def test_a_given_vocabulary_is_still_counted_in_fit(self):
        tokenizer = HTMLTokenizer(vocabulary=["b", "absent", "a"]).fit(["a b", "b b c"])
        assert tokenizer.document_frequency_.tolist() == [0, 0, 2, 0, 1]
        assert tokenizer.n_documents_ == 2

    def test_anothers_vocabulary_can_be_given(self):
        fitted = HTMLTokenizer().fit(REVIEWS)
        given = HTMLTokenizer(vocabulary=fitted.vocabulary_)
        np.testing.assert_array_equal(given.transform(REVIEWS), fitted.transform(REVIEWS))

    @pytest.mark.slow
    @settings(max_examples=300, deadline=None)
    @example("e‹\u0301日é")
    @example("e'\u0301é")
    @given(st.text("aAé'’-▶©↔#1\u20e3\ufe0f\u200d😀👍🏽🇩🇪日e\u0301ŉİ½ .<&"))
    def test_every_learnt_vocabulary_can_be_given(self, text):
        for punctuation in ("drop", "split", "token"):
            for strip_accents in (None, "unicode"):
                options = {"punctuation": punctuation, "strip_accents": strip_accents}
                fitted = HTMLTokenizer(max_length=9, **options).fit(["anchor", text])
                given = HTMLTokenizer(vocabulary=fitted.vocabulary_, max_length=9, **options)
                np.testing.assert_array_equal(given.transform([text]), fitted.transform([text]))

    @pytest.mark.parametrize(
        ("vocabulary", "message"),
        [
            ({"a": 1, "b": 2}, "must be 2 to 3, each once"),
            ({"a": 0.5, "b": 1}, "must be 2 to 3, each once"),
            ({"a": None, "b": "c"}, "must be 2 to 3, each once. .* ids from None to None"),
            ({"a": 2, "b": 4}, "must be 2 to 3"),
            ({"a": 2, "b": 2}, "must be 2 to 3"),
            (["a", "b", "a"], "contains 'a' more than once"),
            ([], "vocabulary is empty"),
            ({}, "vocabulary is empty"),
            ("words", "not a string"),
            (["a", 3], "contains 3, which is not a word"),
            (["a", ""], "contains '', which is not a word"),
            (["a", "\ud800"], "which is not a word"),
            (["a", "\0a"], "which is not a word"),
        ],
    )
    def test_a_given_vocabulary_is_checked(self, vocabulary, message):
        for method in ("fit", "transform"):
            with pytest.raises(ValueError, match=message):
                getattr(HTMLTokenizer(vocabulary=vocabulary), method)(["a"])

    def test_a_given_vocabulary_needs_no_fit_to_give_words_back(self):
        words = HTMLTokenizer(vocabulary=["a", "b"]).inverse_transform([[3, 1, 2, 0]])
        assert [list(row) for row in words] == [["b", "[OOV]", "a"]]

    @pytest.mark.parametrize("method", ["fit", "transform"])
    def test_words_that_can_match_nothing_are_named_where_the_user_called(self, method):
        message = r"2 words .* match no token, such as 'Good'"
        with pytest.warns(UserWarning, match=message) as caught:
            getattr(HTMLTokenizer(vocabulary=["Good", "bad", "well-made"]), method)(["x"])
        assert caught[0].filename == __file__


class TestOptions:
    @pytest.mark.parametrize(
        ("punctuation", "expected"),
        [
            ("drop", ["dont", "wellmade", "10", "am", "rock", "n", "roll"]),
            ("split", ["don't", "well", "made", "10", "a", "m", "rock", "n", "roll"]),
            (
                "token",
                "don't well - made , $ 10 a . m . rock ' n ' roll ! !".split(" "),
            ),
        ],
    )
    def test_punctuation(self, punctuation, expected):
        text = "don't well-made, $10 a.m. rock 'n' roll!!"
        assert HTMLTokenizer(punctuation=punctuation).tokenize(text) == expected

    def test_lowercase_folds_every_script(self):
        text = "STRASSE Straße ΣΊΣΥΦΟΣ σίσυφος İSTANBUL ЖУК ﬁn"
        assert HTMLTokenizer().tokenize(text) == [
            "strasse", "strasse", "σίσυφοσ", "σίσυφοσ", "i\u0307stanbul", "жук", "fin",
        ]  # fmt: skip
        assert HTMLTokenizer(lowercase=False).tokenize("STRASSE Straße") == ["STRASSE", "Straße"]

    @pytest.mark.parametrize("strip_accents", ["ascii", "unicode"])
    @pytest.mark.parametrize(
        "text", ["crème brûlée", "cre\u0300me bru\u0302le\u0301e", "ÀÉÎ ñ ç ø"]
    )
    def test_strip_accents_is_that_of_count_vectorizer(self, strip_accents, text):
        peer = CountVectorizer(strip_accents=strip_accents, token_pattern=r"\w+").build_analyzer()
        assert HTMLTokenizer(strip_accents=strip_accents).tokenize(text) == peer(text)

    def test_accents_stay_by_default_with_their_letter(self):
        text = "e\u0301te\u0301 naïve हिन्दी"
        assert HTMLTokenizer().tokenize(text) == ["été", "naïve", "हिन्दी"]
        assert HTMLTokenizer(normalization=None).tokenize(text) == text.split()

    def test_typographic_apostrophes_are_apostrophes(self):
        assert HTMLTokenizer().tokenize("don’t don't don&rsquo;t") == ["don't"] * 3
        assert HTMLTokenizer(punctuation="split").tokenize("‘tis") == ["tis"]

    def test_cjk_characters_are_a_token_each(self):
        assert HTMLTokenizer().tokenize("日本語ok カナ 한국어") == [
            "日", "本", "語", "ok", "カ", "ナ", "한국어",
        ]  # fmt: skip

    def test_emoji_are_tokens(self):
        text = "good👍🏽bad👎 👨‍👩‍👧‍👦🇩🇪🇫🇷 1️⃣2️⃣#️⃣ ❤️❤ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ©️ © 🙂‍↔️"
        assert HTMLTokenizer(punctuation="split").tokenize(text) == [
            "good", "👍🏽", "bad", "👎", "👨‍👩‍👧‍👦", "🇩🇪", "🇫🇷", "1⃣", "2⃣", "#⃣", "❤", "❤",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "©", "🙂‍↔",
        ]  # fmt: skip

    def test_stop_words_leave_no_trace(self):
        tokenizer = HTMLTokenizer(stop_words=["The", "IT’s"], max_length=4)
        ids = tokenizer.fit_transform(["The film it's good", "the end"])
        assert tokenizer.vocabulary_ == {"end": 2, "film": 3, "good": 4}
        assert ids.tolist() == [[3, 4, 0, 0], [2, 0, 0, 0]]
        assert tokenizer.transform(["THE unknown film"]).tolist() == [[1, 3, 0, 0]]
        assert tokenizer.tokenize("It's the film") == ["film"]

    def test_a_stop_word_in_a_given_vocabulary_is_a_stop_word(self):
        tokenizer = HTMLTokenizer(vocabulary=["the", "film"], stop_words=["the"], max_length=3)
        assert tokenizer.transform(["the film ends"]).tolist() == [[3, 1, 0]]

    @pytest.mark.parametrize(
        ("padding", "truncating", "short", "long"),
        [
            ("post", "pre", [2, 3, 0, 0], [4, 5, 6, 7]),
            ("pre", "pre", [0, 0, 2, 3], [4, 5, 6, 7]),
            ("post", "post", [2, 3, 0, 0], [2, 3, 4, 5]),
            ("pre", "post", [0, 0, 2, 3], [2, 3, 4, 5]),
            ("post", "middle", [2, 3, 0, 0], [2, 3, 6, 7]),
            ("pre", "middle", [0, 0, 2, 3], [2, 3, 6, 7]),
        ],
    )
    def test_padding_and_truncating_are_those_of_pad_sequences(
        self, padding, truncating, short, long
    ):
        tokenizer = HTMLTokenizer(
            max_length=4, padding=padding, truncating=truncating, vocabulary=list("abcdef")
        )
        assert tokenizer.transform(["a b", "a b c d e f"]).tolist() == [short, long]
        assert tokenizer.fit_transform(["a b", "a b c d e f"]).tolist() == [short, long]

    @pytest.mark.parametrize("max_length", [40, 999])
    @pytest.mark.parametrize("truncating", ["pre", "post", "middle"])
    @pytest.mark.parametrize(
        "art",
        ["!" * 99, "--- === " * 20, "😀👍🏽" * 30, "⣿⣷⠿ ░▒▓█\n" * 20, "’*#" * 40, "$+`^©" * 20],
    )
    def test_marks_neither_displace_nor_outweigh_the_words(self, art, truncating, max_length):
        review = "a dull film , with a good end"
        long = [f"{art} {review} {art}", f"{review} {art}", f"{art} {review} {art} {review}"]
        documents = [review, *long]
        learns_marks = HTMLTokenizer(max_length=max_length, truncating=truncating)
        knows_none = clone(learns_marks).fit([review])
        for tokenizer, ids in [
            (learns_marks, learns_marks.fit_transform(documents)),
            (knows_none, knows_none.transform(documents)),
            (knows_none, knows_none.transform(knows_none._read(documents))),
        ]:
            words = tokenizer.inverse_transform(ids)
            kept = [[w for w in row if w[0].isalpha() or w == ","] for row in words]
            assert kept == [review.split()] * 3 + [review.split() * 2]
            assert [len(row) for row in words] == [8, 24, 16, 32]

    def test_eight_marks_in_a_row_stay(self):
        tokenizer = HTMLTokenizer(max_length=30)
        ids = tokenizer.fit_transform(["a!!!!!!!!", "a!!!!!!!!! b!", "3⃣3⃣" * 5 + " 1 2 3 4 5"])
        assert [len(row) for row in tokenizer.inverse_transform(ids)] == [9, 11, 15]

    @pytest.mark.parametrize(
        "text", ["แก" * 20, "เก" * 20, "日" * 20, "ḷ " * 20, "7 " * 20, "ab " * 20]
    )
    def test_letters_of_no_script_are_marks(self, text):
        tokenizer = HTMLTokenizer(max_length=9)
        for ids in (tokenizer.fit_transform([text]), tokenizer.fit(["x"]).transform([text])):
            assert (ids > 0).all()

    def test_statistics_of_documents(self):
        tokenizer = HTMLTokenizer(max_length=4, stop_words=["the"]).fit(["a bad film!", "the end"])
        found = tokenizer.document_statistics(
            iter(["", "!", "good 😀 the end!!!", "a bad b c d e"])
        )
        assert found.length.tolist() == [0, 1, 6, 6]
        assert found.truncated.tolist() == [False, False, True, True]
        assert found.unknown_share.tolist() == [0, 0, 0, 1]
        tokenizer.set_params(max_length=6, n_jobs=2)
        found = tokenizer.document_statistics(["", "!", "good 😀 the end!!!", "a bad b c d e"])
        assert found.truncated.tolist() == [False] * 4
        assert found.unknown_share.tolist() == [0, 0, 2 / 3, 4 / 6]
        with pytest.raises(NotFittedError):
            HTMLTokenizer().document_statistics(["a"])

    def test_a_warning_of_documents_that_are_cut_or_unknown_is_a_choice(self):
        documents = ["a good film", "a bad film", "une nuit", "a film a film"]
        tokenizer = HTMLTokenizer(max_length=3, vocabulary=["a", "film", "good", "bad"])
        ids = tokenizer.transform(documents)  # warnings are errors
        tokenizer.set_params(warn=True)
        for read in (tokenizer.transform, tokenizer.fit_transform):
            with pytest.warns(UserWarning) as caught:
                np.testing.assert_array_equal(read(documents), ids)
            assert [str(warning.message) for warning in caught] == [
                "1 of 4 documents are longer than max_length=3.",
                "1 of 4 documents consist mostly of unknown words.",
            ]
            assert {warning.filename for warning in caught} == {__file__}
        tokenizer.transform(documents[:2])
        assert tokenizer.document_statistics(documents).truncated.sum() == 1  # without a warning

    def test_the_matrix_is_int32_contiguous_and_of_constant_width(self):
        tokenizer = HTMLTokenizer(max_length=7).fit(REVIEWS)
        for ids in (tokenizer.transform(REVIEWS[:1]), tokenizer.fit_transform(REVIEWS)):
            assert ids.dtype == np.int32
            assert ids.flags.c_contiguous
            assert ids.shape[1] == 7


class TestTexts:
    def test_offsets_cut_the_visible_text(self):
        tokenizer = HTMLTokenizer()
        text = "<p>Caf&eacute;<br>l’<i>é</i>té 👍🏽 STRAẞE"
        tokens, offsets, visible = tokenizer.tokenize_with_offsets(text)
        assert tokens == ["café", "l'été", "👍🏽", "strasse"]
        assert [visible[a:b] for a, b in offsets] == ["Café", "l’été", "👍🏽", "STRAẞE"]
        assert visible == tokenizer.visible_text(text)

    def test_offsets_follow_the_tokens_when_stop_words_go(self):
        tokens, offsets, visible = HTMLTokenizer(stop_words=["the"]).tokenize_with_offsets(
            "The end"
        )
        assert tokens == ["end"]
        assert [visible[a:b] for a, b in offsets] == ["end"]

    def test_no_token_has_no_offset(self):
        tokens, offsets, _ = HTMLTokenizer().tokenize_with_offsets(" <br>")
        assert tokens == []
        assert offsets.shape == (0, 2)

    def test_tokens_are_what_transform_reads(self):
        tokenizer = HTMLTokenizer(max_length=20).fit(REVIEWS)
        ids = tokenizer.transform(REVIEWS)
        for row, text in zip(ids, REVIEWS, strict=True):
            expected = [tokenizer.vocabulary_[token] for token in tokenizer.tokenize(text)]
            assert row[: len(expected)].tolist() == expected
            assert not row[len(expected) :].any()

    def test_inverse_transform_gives_the_words_back(self):
        tokenizer = HTMLTokenizer(max_length=20, padding="pre").fit(REVIEWS)
        words = tokenizer.inverse_transform(tokenizer.transform(REVIEWS))
        assert [list(row) for row in words] == [tokenizer.tokenize(text) for text in REVIEWS]

    def test_inverse_transform_shows_unknown_words(self):
        tokenizer = HTMLTokenizer(max_length=3).fit(["known"])
        words = tokenizer.inverse_transform(tokenizer.transform(["unknown known"]))
        assert [list(row) for row in words] == [["[OOV]", "known"]]

    @pytest.mark.parametrize(
        ("ids", "message"),
        [
            ([[0, 3]], "between 0 and 2, got 0 to 3"),
            ([[-1]], "between 0 and 2, got -1"),
            ([[1.0]], "integer ids.*float64"),
            ([1, 2], "2D array"),
        ],
    )
    def test_inverse_transform_refuses_what_is_no_id(self, ids, message):
        with pytest.raises(ValueError, match=message):
            HTMLTokenizer().fit(["one"]).inverse_transform(ids)


class TestPartialFit:
    def test_a_stream_gives_what_one_fit_gives(self):
        generator = np.random.default_rng(0)
        texts = [" ".join(f"w{k}" for k in generator.zipf(1.5, 40) % 999) for _ in range(300)]
        whole = HTMLTokenizer(max_features=150, min_df=2, max_df=0.6).fit(texts)
        stream = HTMLTokenizer(max_features=150, min_df=2, max_df=0.6)
        for start in range(0, 300, 70):
            assert stream.partial_fit(texts[start : start + 70]) is stream
        assert list(stream.vocabulary_.items()) == list(whole.vocabulary_.items())
        np.testing.assert_array_equal(stream.document_frequency_, whole.document_frequency_)
        assert stream.n_documents_ == whole.n_documents_ == 300
        np.testing.assert_array_equal(stream.transform(texts), whole.transform(texts))

    def test_it_goes_on_after_fit_and_fit_forgets_it(self):
        tokenizer = HTMLTokenizer().fit(["a b"]).partial_fit(["b c"])
        assert tokenizer.vocabulary_ == {"b": 2, "a": 3, "c": 4}
        assert tokenizer.fit(["z"]).vocabulary_ == {"z": 2}
        assert tokenizer.n_documents_ == 1

    def test_it_goes_on_after_pickling(self):
        tokenizer = pickle.loads(pickle.dumps(HTMLTokenizer().fit(["a b"])))
        assert tokenizer.partial_fit(["b c"]).vocabulary_ == {"b": 2, "a": 3, "c": 4}

    def test_chunks_without_words_are_part_of_the_stream(self):
        tokenizer = HTMLTokenizer(min_df=2).partial_fit(["<br>"]).partial_fit(["a b"])
        assert tokenizer.vocabulary_ == {}
        assert tokenizer.transform(["a"])[0, 0] == 1
        assert tokenizer.partial_fit(["b"]).vocabulary_ == {"b": 2}
        assert tokenizer.n_documents_ == 3

    def test_a_given_vocabulary_is_counted_on(self):
        tokenizer = HTMLTokenizer(vocabulary=["b", "a"]).partial_fit(["a"]).partial_fit(["a b"])
        assert tokenizer.document_frequency_.tolist() == [0, 0, 1, 2]


INVALID = [
    ("one string", ValueError, "got one string. Put a single document in a list"),
    (b"one string", ValueError, "got one string"),
    (["fine", None], TypeError, "Document 1 is None of type NoneType"),
    ([float("nan")], TypeError, "Document 0 is nan of type float"),
    (["fine", "fine", b"bytes"], TypeError, "Document 2 is b'bytes' of type bytes"),
    (["fine", 3], TypeError, "Document 1 is 3 of type int"),
    ([["nested"]], TypeError, "Document 0 is .* of type list"),
    (pd.Series(["fine", None], dtype=object), TypeError, "Document 1 is None"),
    (pd.Series(["fine", pd.NA], dtype="string"), TypeError, "Document 1 is <NA>"),
    ([], ValueError, "There are no documents"),
    (np.array([], dtype=object), ValueError, "There are no documents"),
    (iter([]), ValueError, "There are no documents"),
    (3, TypeError, "iterable of documents.* got int"),
    (None, TypeError, "iterable of documents.* got NoneType"),
    ({"a": "b"}, TypeError, "iterable of documents.* got dict"),
    (np.array([["a", "b"]]), ValueError, r"one column, got an array of shape \(1, 2\)"),
    (pd.DataFrame({"title": ["a"], "body": ["b"]}), ValueError, "2 columns: title, body. Select"),
    (pl.LazyFrame({"body": ["b"]}), TypeError, r"LazyFrame, which has no rows yet: collect\(\)"),
    (np.array("a"), ValueError, r"shape \(\)"),
    (["fine", "bad \udc80 here"], ValueError, r"Document 1 contains a lone surrogate.*position 4"),
    (["fine"] * 5 + ["<b>\ud800"], ValueError, "Document 5 contains a lone surrogate"),
]


class TestInvalid:
    @pytest.mark.parametrize(("bad", "error", "message"), INVALID, ids=range(len(INVALID)))
    @pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_transform", "transform"])
    def test_bad_documents_are_named_and_leave_the_estimator_as_it_was(
        self, method, bad, error, message
    ):
        if not isinstance(bad, list) and hasattr(bad, "__next__"):
            bad = iter([])
        tokenizer = HTMLTokenizer().fit(["a b"])
        before = pickle.dumps(tokenizer)
        with pytest.raises(error, match=re.compile(message, re.DOTALL)):
            getattr(tokenizer, method)(bad)
        assert pickle.dumps(tokenizer) == before
        if method != "transform":
            tokenizer = HTMLTokenizer()
            with pytest.raises(error):
                getattr(tokenizer, method)(bad)
            assert not hasattr(tokenizer, "vocabulary_")

    def test_lone_surrogates_are_replaced_on_request(self):
        tokenizer = HTMLTokenizer(decode_error="replace", max_length=6)
        texts = ["a \ud83d b", "<div>\udc80</div>a", "fine \ud83d\ude00", "\U0001f600", "plain b"]
        ids = tokenizer.fit_transform(texts)
        number = tokenizer.vocabulary_
        a, b, half, face = (number[word] for word in ("a", "b", "\ufffd", "😀"))
        assert ids[0].tolist() == [a, half, b, 0, 0, 0]
        assert ids[1].tolist() == [half, a, 0, 0, 0, 0]
        assert ids[2].tolist() == [number["fine"], face, 0, 0, 0, 0]
        assert (tokenizer.transform(texts) == ids).all()
        tokens, offsets, visible = tokenizer.tokenize_with_offsets("a\ud83d\ude00\ud83db")
        assert visible == tokenizer.visible_text("a\ud83d\ude00\ud83db") == "a😀\ufffdb"
        assert (
            tokens == [visible[start:end] for start, end in offsets] == ["a", "😀", "\ufffd", "b"]
        )
        with pytest.raises(TypeError, match="Document 1 is None"):
            tokenizer.transform(["\ud83d", None])

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_the_index_is_right_in_a_large_corpus(self, n_jobs):
        texts = ["word " * 100] * 9000
        for bad, error in ((None, TypeError), ("\ud800", ValueError)):
            texts[8123] = bad
            for method in ("fit", "fit_transform"):
                with pytest.raises(error, match="Document 8123 "):
                    getattr(HTMLTokenizer(n_jobs=n_jobs), method)(texts)

    @pytest.mark.parametrize("method", ["fit", "fit_transform"])
    @pytest.mark.parametrize("texts", [[""], ["<br>", " ", "<script>x</script>"]])
    def test_documents_without_a_token_are_an_empty_vocabulary(self, method, texts):
        with pytest.raises(ValueError, match="Empty vocabulary: the documents contain no token"):
            getattr(HTMLTokenizer(), method)(texts)

    def test_documents_without_a_token_become_rows_of_padding(self):
        ids = HTMLTokenizer().fit(["a"]).transform(["", " ", "<br>", "\0"])
        assert not ids.any()

    def test_limits_that_leave_nothing_are_named(self):
        with pytest.raises(ValueError, match=r"min_df=2, max_df=1.0 .* none of the 2 distinct"):
            HTMLTokenizer(min_df=2).fit(["a", "b"])
        with pytest.raises(ValueError, match="none of the 1 distinct"):
            HTMLTokenizer(stop_words=["a"]).fit(["a"])

    def test_limits_that_contradict_each_other_are_named(self):
        with pytest.raises(
            ValueError, match=r"max_df=0\.5 corresponds to fewer documents than min_df=2"
        ):
            HTMLTokenizer(min_df=2, max_df=0.5).fit(["a", "b"])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("max_features", 0),
            ("max_features", 1.5),
            ("max_length", 0),
            ("max_length", None),
            ("normalization", "NFD"),
            ("lowercase", "yes"),
            ("strip_accents", "latin"),
            ("punctuation", "keep"),
            ("unspaced", "token"),
            ("stop_words", "german"),
            ("min_df", 0),
            ("min_df", 1.5),
            ("max_df", -1),
            ("vocabulary", 3),
            ("padding", "both"),
            ("truncating", None),
            ("decode_error", "ignore"),
            ("warn", "yes"),
            ("n_jobs", 0.5),
        ],
    )
    def test_bad_parameters_are_named(self, name, value):
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            HTMLTokenizer(**{name: value}).fit(["a"])

    def test_stop_words_must_be_words(self):
        for word in (3, "", "\ud800"):
            with pytest.raises(ValueError, match=r"stop_words contains .* not a word"):
                HTMLTokenizer(stop_words=["a", word]).fit(["b"])

    @pytest.mark.parametrize("method", ["transform", "inverse_transform", "get_feature_names_out"])
    def test_nothing_can_be_asked_before_fit(self, method):
        with pytest.raises(NotFittedError):
            getattr(HTMLTokenizer(), method)(None if method[0] == "g" else ["a"])

    @pytest.mark.parametrize("text", [None, 3, b"a", ["a"]])
    def test_one_text_is_a_string(self, text):
        for method in ("tokenize", "tokenize_with_offsets", "visible_text"):
            with pytest.raises(TypeError, match=f"a string, got {type(text).__name__}"):
                getattr(HTMLTokenizer(), method)(text)

    def test_an_error_in_the_users_generator_comes_through(self):
        def broken():
            yield "fine"
            raise RuntimeError("the source broke")

        tokenizer = HTMLTokenizer(n_jobs=2)
        with pytest.raises(RuntimeError, match="the source broke"):
            tokenizer.fit(broken())
        assert not hasattr(tokenizer, "vocabulary_")

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_ctrl_c_leaves_the_estimator_as_it_was(self, n_jobs):
        tokenizer = HTMLTokenizer(n_jobs=n_jobs).fit(["a b"])
        before = pickle.dumps(tokenizer)

        def endless():
            start = time.perf_counter()
            while time.perf_counter() - start < 30:
                yield "some more words " * 1000

        timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            tokenizer.fit(endless())
        timer.join()
        assert pickle.dumps(tokenizer) == before


class TestInputs:
    @pytest.mark.parametrize(
        "convert",
        [
            tuple,
            np.array,
            lambda texts: np.array(texts, dtype=object),
            lambda texts: np.array(texts, dtype=object)[:, None],
            pd.Series,
            lambda texts: pd.Series(texts, index=range(10, 15), dtype=object),
            lambda texts: pd.Series(texts, dtype="category"),
            pd.Index,
            lambda texts: pd.DataFrame({"text": texts}),
            iter,
            lambda texts: (text for text in texts),
            lambda texts: {k: text for k, text in enumerate(texts)}.values(),
            lambda texts: [np.str_(text) for text in texts],
        ],
    )
    def test_documents_come_in_any_usual_container(self, convert):
        expected = HTMLTokenizer().fit_transform(REVIEWS)
        tokenizer = HTMLTokenizer().fit(convert(REVIEWS))
        np.testing.assert_array_equal(tokenizer.transform(convert(REVIEWS)), expected)
        np.testing.assert_array_equal(HTMLTokenizer().fit_transform(convert(REVIEWS)), expected)

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_a_generator_is_never_held_as_a_whole(self, n_jobs):
        HTMLTokenizer(n_jobs=n_jobs).fit(REVIEWS)
        tracemalloc.start()
        HTMLTokenizer(n_jobs=n_jobs).fit(f"w{k % 10} " + "word " * 2000 for k in range(6000))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 30e6  # of 60 MB of text

    @pytest.mark.slow
    @settings(max_examples=2000, deadline=None)
    @given(st.lists(st.text("aAbé ß<>&br/", max_size=12), min_size=1, max_size=5), st.randoms())
    def test_the_order_of_documents_does_not_matter(self, texts, random):
        texts = ["anchor", *texts]
        shuffled = random.sample(range(len(texts)), len(texts))
        tokenizer = HTMLTokenizer(max_length=8).fit(texts)
        other = HTMLTokenizer(max_length=8).fit([texts[k] for k in shuffled])
        assert list(other.vocabulary_.items()) == list(tokenizer.vocabulary_.items())
        np.testing.assert_array_equal(
            tokenizer.transform(texts)[shuffled], other.transform([texts[k] for k in shuffled])
        )

    @pytest.mark.slow
    @settings(max_examples=2000, deadline=None)
    @given(st.lists(st.text(max_size=12), min_size=1, max_size=9))
    def test_threads_change_nothing(self, texts):
        texts = ["anchor", *texts] * 3
        single, double = HTMLTokenizer(max_length=8), HTMLTokenizer(max_length=8, n_jobs=2)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sentilib._text._documents._BLOCK_SIZE", 16)
            found = double.fit_transform(texts)
            np.testing.assert_array_equal(single.fit_transform(texts), found)
            np.testing.assert_array_equal(double.transform(texts), found)
        assert list(single.vocabulary_.items()) == list(double.vocabulary_.items())
        np.testing.assert_array_equal(single.document_frequency_, double.document_frequency_)

    def test_threads_may_share_a_fitted_tokenizer(self):
        tokenizer = HTMLTokenizer(max_length=8).fit(REVIEWS)
        expected, failures = tokenizer.transform(REVIEWS), []

        def work():
            for _ in range(200):
                if not np.array_equal(tokenizer.transform(REVIEWS), expected):
                    failures.append(1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures


class TestScikitLearn:
    def test_clones_are_equal_and_unfitted(self):
        tokenizer = HTMLTokenizer(max_features=7, vocabulary=None, min_df=1).fit(REVIEWS)
        copy = clone(tokenizer)
        assert copy.get_params() == tokenizer.get_params()
        assert not hasattr(copy, "vocabulary_")

    def test_set_output_names_the_positions(self):
        texts = pd.DataFrame({"text": REVIEWS}, index=list("abcde"))
        frame = HTMLTokenizer(max_length=3).set_output(transform="pandas").fit_transform(texts)
        assert list(frame.columns) == ["token0", "token1", "token2"]
        assert list(frame.index) == list("abcde")
        assert set(frame.dtypes) == {np.dtype("int32")}

    def test_set_output_to_polars_has_the_same_ids(self):
        tokenizer = HTMLTokenizer(max_length=3)
        ids = tokenizer.fit_transform(REVIEWS)
        tokenizer.set_output(transform="polars")
        for frame in (tokenizer.transform(REVIEWS), tokenizer.fit_transform(pl.Series(REVIEWS))):
            assert isinstance(frame, pl.DataFrame)
            assert frame.schema == dict.fromkeys(["token0", "token1", "token2"], pl.Int32)
            np.testing.assert_array_equal(frame.to_numpy(), ids)

    @pytest.mark.slow
    def test_pickles_are_alike_in_every_process(self):
        """Neither the order of sets nor memory never written may show."""
        code = (
            "import hashlib, pickle, sys; from sentilib import HTMLTokenizer;"
            "t = HTMLTokenizer(stop_words='english').fit(['one film two', 'the film']);"
            "print(hashlib.sha256(pickle.dumps(t)).hexdigest())"
        )
        found = {
            subprocess.run(
                [sys.executable, "-c", code],
                env=os.environ | {"PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                timeout=240,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(found) == 1

    @pytest.mark.slow
    def test_it_works_without_keras(self):
        code = (
            "import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None;"
            "from sentilib import HTMLTokenizer;"
            "print(HTMLTokenizer(max_length=2).fit_transform(['a <b>b</b>']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
        assert done.stdout == "[[2 3]]\n"


class TestOnImdb:
    @pytest.mark.slow
    def test_vocabulary_and_counts_equal_those_of_a_regular_expression(self, imdb):
        """An independent path to the same words, on documents of ASCII without entities."""
        texts = [text for text in imdb if text.isascii() and not re.search("&|<(?!br />)", text)]
        assert len(texts) > 20_000
        peer = CountVectorizer(
            preprocessor=lambda text: text.replace("<br />", " ").replace("_", " ").lower(),
            token_pattern=r"[^\W_]+(?:'[^\W_]+)*",
        )
        counts = peer.fit_transform(texts)
        tokenizer = HTMLTokenizer(max_features=None, punctuation="split", n_jobs=2).fit(texts)
        assert set(tokenizer.vocabulary_) == set(peer.vocabulary_)
        frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        for word, column in peer.vocabulary_.items():
            assert tokenizer.document_frequency_[tokenizer.vocabulary_[word]] == frequency[column]
        term_counts = np.asarray(counts.sum(axis=0))[0]
        by_id = [term_counts[peer.vocabulary_[word]] for word in tokenizer.vocabulary_]
        assert by_id == sorted(by_id, reverse=True)
