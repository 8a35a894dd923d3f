"""Text that people type, and readings without a tree."""

import html as standard_html
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from test_text_html import CASES, html_texts, pieces
from test_text_linear import random_document

from sentilib import HTMLTokenizer
from sentilib._text._flat import flat_text
from sentilib._text._html import visible_text

# One text a line. "{{markup}}" is what must be hidden, "{{markup|text}}" what must become text.
_MARKED = re.compile(r"\{\{(.*?)(?:\|([^|]*?))?\}\}(?!\})", re.DOTALL)
_LINES = Path(__file__).with_name("typed_texts.txt").read_text(encoding="utf-8").splitlines()
TYPED = [
    (_MARKED.sub(r"\1", line), _MARKED.sub(lambda marked: marked[2] or "", line))
    for line in (line.replace(r"\n", "\n") for line in _LINES)
]


def letters(text):
    return Counter("".join(text.split()))


def test_nothing_that_people_type_is_lost_and_no_markup_is_left():
    assert len(TYPED) >= 200
    found = [(text, HTMLTokenizer().visible_text(text).split()) for text, _ in TYPED]
    assert found == [(text, expected.split()) for text, expected in TYPED]


def test_the_standard_loses_much_of_it():
    n_lost = sum(
        bool(letters(expected) - letters(HTMLTokenizer(markup="html5").visible_text(text)))
        for text, expected in TYPED
    )
    assert n_lost > 80


def test_without_markup_a_text_is_taken_as_it_is():
    tokenizer = HTMLTokenizer(markup=None)
    for text, _ in TYPED:
        assert tokenizer.visible_text(text) == text
    assert tokenizer.tokenize("a<br>b &amp; c") == ["a", "<", "br", ">", "b", "&", "amp", ";", "c"]
    assert tokenizer.fit(["a<br>", "", "&amp;"]).vocabulary_.keys() >= {"br", "amp", "<", "&"}


# What the lenient reading makes of documents of which the standard shows something else
DIFFERENT = {
    "<spoiler>wo</spoiler>rd": "<spoiler>wo</spoiler>rd",
    "<x-custom>wo</x-custom>rd": "wo|rd",
    "wo<td>rd": "wo|rd",
    "wo</div>rd": "wo|rd",
    "wo<!no>rd<?no?>": "wo<!no>rd",
    "a</3 no> b": "a</3 no> b",
    "one<!-- no": "one<!-- no",
    "<title>no</title>one": "no|one",
    "<a href=no": "<a href=no",
    "one<br": "one<br",
    "one<frameset><frame></frameset>": "one",
    "a <b": "a <b",
    "&notit; &not; &notin;": "&notit; ¬ ∉",
    "one\r\ntwo<br>": "one\r|two",
    "<table><tr>one<td>two</td></tr>three</table>": "one|two|three",
    "one<body>two<html>three": "one|two|three",
    "<svg><title>no</title></svg>one": "one",
}


@pytest.mark.parametrize(("html", "expected"), CASES)
def test_all_other_documents_read_as_in_a_browser(html, expected):
    visible = flat_text(html, strict=False)
    assert pieces(visible) == pieces(DIFFERENT.get(html, expected)), repr(visible)


@pytest.mark.parametrize(("html", "expected"), CASES)
def test_the_strict_reading_without_a_tree_shows_the_same_letters_as_a_browser(html, expected):
    if "frameset" not in html:
        assert letters(flat_text(html, strict=True)) == letters(expected.replace("|", ""))


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(html_texts)
def test_what_a_browser_shows_is_not_lost(html):
    assert not letters(visible_text(html)) - letters(flat_text(html, strict=False))
    assert letters(visible_text(html)) == letters(flat_text(html, strict=True))


PREFIXES = {
    "comments": "<!-- <div> -->",
    "scripts": "<script>'<div>' < 1</script>",
    "Word": "<o:p/></o:p>",
    "anchors": "<a name=x>",
    "headings": "<h1>",
    "sounds": "<bgsound>",
    "blocks": "<div>",
    "formatting": "<b>",
    "attributes": "<i title='<div>'></i>",
    "less": "< ",
}


@pytest.mark.parametrize("markup", ["lenient", "html5"])
@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<table><tr><td>one<td>two</table>", "one two"),
        ('<label title="x>y">z', "z"),
        ("<b>wo</b>rd<p>one<li>two", "word one two"),
        ("one<textarea><b>two</b></textarea>three<!-- <b -->", "one <b>two</b> three"),
        ("<a href='<a>'>li</a>nk</p><style><p></style>&lt;&eacute", "link <é"),
    ],
)
def test_long_documents_neither_lose_text_nor_leak_attributes(html, expected, prefix, markup):
    visible = HTMLTokenizer(markup=markup).visible_text(prefix * 600 + html)
    shown = "< " * 600 if prefix == "< " else ""
    assert visible.split() == (shown + expected).split()


def test_escaped_once_too_often():
    document = "I don&amp;#39;t like it &lt;br /&gt;Tom &amp;amp; Jerry, caf&amp;eacute;"
    tokenizer = HTMLTokenizer()
    assert tokenizer.visible_text(document).startswith("I don&#39;t like it <br />Tom")
    assert tokenizer.tokenize(standard_html.unescape(document)) == (
        "i don't like it tom & jerry , café".split()
    )


@pytest.mark.parametrize("markup", ["lenient", "html5"])
def test_threads_offsets_and_single_documents_agree_on_fuzzed_text(markup):
    check_fuzzed(300, markup)


def check_fuzzed(n, markup, seed=0):
    """Read random documents, whole and torn, in threads and one by one."""
    choose = random.Random(seed)
    documents = []
    for k in range(n):
        size = choose.choice([10, 60, 300, 1500])
        html = random_document(seed + k, size)[: choose.randint(1, 2 * size)]
        documents.append(choose.choice(["", choose.choice(TYPED)[0]]) + html)
    tokenizer = HTMLTokenizer(markup=markup, n_jobs=2, max_features=None, max_length=64)
    ids = tokenizer.fit_transform(documents)
    single = HTMLTokenizer(markup=markup, n_jobs=1, max_length=64, vocabulary=tokenizer.vocabulary_)
    scanner = single._reader().scanner
    for k, document in enumerate(documents):
        tokens, offsets, visible = single.tokenize_with_offsets(document)
        assert visible == single.visible_text(document)
        assert "\0" not in visible
        cut = [visible[start:end] for start, end in offsets]
        assert [token for words in scanner.tokens([*cut, ""]) for token in words] == tokens
        if k % 10 == 0:
            np.testing.assert_array_equal(single.transform([document])[0], ids[k])
