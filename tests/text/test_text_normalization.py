"""Normalization of visible text: what becomes one word, and that it takes linear time."""

import time
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentilib import HTMLTokenizer
from sentilib._text._normalization import _LONG_RUN, _may_combine, may_change, normalized

EVERY_CHARACTER = [chr(code) for code in [*range(0xD800), *range(0xE000, 0x110000)]]


@pytest.mark.parametrize(
    "text", ["café crème", "좋은 영화", "phim rất hay", "የ ጥሩ ፊልም", "ドラマが", "Ångström", "நொ কো"]
)
def test_composed_and_decomposed_spellings_are_one_word(text):
    tokenizer = HTMLTokenizer()
    for form in ("NFC", "NFD"):
        spelt = unicodedata.normalize(form, text)
        tokens, offsets, visible = tokenizer.tokenize_with_offsets(f"a<br>{spelt}")
        assert visible == "a\n" + unicodedata.normalize("NFC", text)
        assert tokens[1:] == tokenizer.tokenize(text)
        assert [visible[a:b].casefold() for a, b in offsets] == tokens
    assert HTMLTokenizer(normalization=None).tokenize("e\u0301") == ["e\u0301"]


@pytest.mark.parametrize(
    "html",
    ["cafe&#769;", "cafe&#x301;", "<b>cafe</b>\u0301", "<div>cafe&#769;</div>", "caf&#101;\u0301"],
)
def test_accents_from_references_and_across_elements_join_their_letter(html):
    assert HTMLTokenizer().tokenize(html) == ["café"]
    with_others = ["plain", html, "<p>a<p>b", html]
    ids = HTMLTokenizer(max_length=2).fit(["café"]).transform(with_others)
    assert ids.tolist() == [[1, 0], [2, 0], [1, 1], [2, 0]]


def test_markup_is_read_before_the_text_is_normalized():
    """A bar after "<" or ">" composes to a sign that ends no tag."""
    assert HTMLTokenizer().tokenize("<b>\u0338good <i>film</i>\u0338") == ["good", "film\u0338"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＧＲＥＡＴ ｆｉｌｍ！", ["great", "film", "!"]),
        ("ﬁlm ſtory Ⅷ x²", ["film", "story", "viii", "x2"]),
        ("𝓰𝓻𝓮𝓪𝓽 𝗳𝗶𝗹𝗺", ["great", "film"]),
        ("ﾃﾞｽ ﾊﾟﾘ", ["デ", "ス", "パ", "リ"]),
        ("good… ™", ["good", ".", ".", ".", "tm"]),
    ],
)
def test_compatibility_forms_are_folded_on_request(text, expected):
    assert HTMLTokenizer(normalization="NFKC").tokenize(text) == expected
    assert HTMLTokenizer().tokenize(text) != expected


def test_stop_words_and_given_words_are_normalized_too():
    decomposed = "cafe\u0301"
    assert HTMLTokenizer(stop_words=[decomposed]).tokenize("le café") == ["le"]
    assert HTMLTokenizer(stop_words=["ﬁlm"], normalization="NFKC").tokenize("a film") == ["a"]
    tokenizer = HTMLTokenizer(vocabulary=["film", decomposed], max_length=3)
    assert tokenizer.transform(["café film"]).tolist() == [[3, 2, 0]]
    assert tokenizer.vocabulary_ == {"film": 2, "café": 3}
    assert tokenizer.vocabulary == ["film", decomposed], "the parameter was changed"
    fitted = HTMLTokenizer(vocabulary=[decomposed, "film", "a"]).fit(["café", "a cafe\u0301", "b"])
    assert fitted.document_frequency_.tolist() == [0, 0, 2, 0, 1]
    learnt = HTMLTokenizer(punctuation="drop", max_length=2).fit(["a<\u0301 bad film"])
    given = HTMLTokenizer(vocabulary=learnt.vocabulary_, punctuation="drop", max_length=2)
    assert (given.transform(["a<\u0301 film"]) == learnt.transform(["a<\u0301 film"])).all()
    both = HTMLTokenizer(vocabulary=[decomposed, "film", "café"], max_length=3)
    with pytest.warns(UserWarning, match="1 words of the vocabulary can match no token"):
        assert both.transform(["café film"]).tolist() == [[4, 3, 0]]


def test_a_fold_that_is_not_normalized_can_be_given_as_a_word():
    (word,) = HTMLTokenizer().fit(["ΐ"]).vocabulary_
    assert not unicodedata.is_normalized("NFC", word)
    assert HTMLTokenizer(vocabulary=[word], max_length=1).transform(["ΐ"]).tolist() == [[2]]


def test_chillus_written_with_a_joiner_are_those_of_one_character():
    """Without the joiner, which is ignored elsewhere, "he" would read "to him"."""
    assert HTMLTokenizer().tokenize("അവന്\u200d അവൻ അവന്") == ["അവൻ", "അവൻ", "അവന്"]


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_texts_that_cannot_change_are_normalized(form):
    below = [c for c in EVERY_CHARACTER if c.isascii() or not may_change(c, form)]
    assert len(below) == {"NFC": 0x100, "NFKC": 0x80}[form]
    assert all(normalized(a + b, form) == a + b for a in below for b in below[::7])


def test_every_character_that_may_start_with_a_mark_is_part_of_a_run():
    starting = [
        c for c in EVERY_CHARACTER if unicodedata.combining(unicodedata.normalize("NFKD", c)[0])
    ]
    assert len(starting) > 800
    assert [c for c in starting if not (_may_combine(c) and _LONG_RUN.fullmatch(c * 31))] == []


@pytest.mark.parametrize(
    ("unit", "form"),
    [
        ("\u0300\u0316", "NFC"),
        ("\u0301\u0323\u0300", "NFC"),
        ("\u0f73", "NFC"),
        ("\u0300\uff9e", "NFKC"),
        ("a\u0301", "NFC"),
        ("\ufdfa", "NFKC"),
    ],
)
def test_normalization_takes_linear_time(unit, form):
    """Sorting 64,000 marks took 9 s, four times as long as 32,000."""
    text = "a" + unit * 30_000
    start = time.process_time()
    assert HTMLTokenizer(normalization=form, n_jobs=1).tokenize(text)
    assert time.process_time() - start < 1.5


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.sampled_from(["NFC", "NFKC"])
)
@example("a" + "\u0316\u0300" * 40, "NFC")
@example("a" + "\u0300\u0316" * 40, "NFC")
def test_visible_text_is_normalized_and_stays_so(text, form):
    tokenizer = HTMLTokenizer(normalization=form)
    visible = tokenizer.visible_text(text.replace("<", "&lt;"))
    assert unicodedata.is_normalized(form, visible)
    assert normalized(visible, form) is visible


def test_documents_that_need_it_are_normalized_wherever_they_are_in_a_block():
    texts = [
        "ascii",
        "e\u0301",
        "<b>x</b> & e&#769;",
        "é",
        "<div>e\u0301</div>",
        "日本",
        "",
        "e\u0301",
    ]
    texts = [texts[k] for k in np.random.default_rng(0).integers(len(texts), size=300)]
    tokenizer = HTMLTokenizer(max_length=4, n_jobs=1)
    ids = tokenizer.fit_transform(texts)
    np.testing.assert_array_equal(ids, np.concatenate([tokenizer.transform([t]) for t in texts]))
    readings = tokenizer._read(texts, 1)
    for row, text in enumerate(texts):
        assert unicodedata.is_normalized("NFC", readings.visible_text(row))
        assert readings[row].tokens == tokenizer.tokenize(text)
