import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentilib._text import _markup
from sentilib._text._documents import joined
from sentilib._text._flat import flat_text
from sentilib._text._html import visible_text


def reveal(documents):
    """Visible text of each document as the kernel gives it, or None where it is unsure."""
    raw = np.frombuffer(joined(documents, b"\xff" * _markup.STRIDE), dtype=np.uint8)
    starts, marks = (np.empty(len(documents), dtype=kind) for kind in (np.int64, np.uint8))
    _markup.reveal(raw, starts, marks)
    texts = [raw[start:].tobytes().split(b"\xff")[0] for start in starts]
    return [
        None if mark == _markup.LEFT else text.decode()
        for text, mark in zip(texts, marks, strict=True)
    ]


SURE = [
    ("plain text, that's all", "plain text, that's all"),
    ("", ""),
    ("a < b & c <3 AT& T <", "a < b & c <3 AT& T <"),
    ("x<", "x<"),
    ("x</", "x</"),
    ("x&", "x&"),
    ("a<br>b<br/>c<BR />d</br>e", "a\nb\nc\nd\ne"),
    ("<p>a</p>b<hr>c", "\na\nb\nc"),
    ("<b>wo</b>rd</i>s<u>", "words"),
    ('<a href="x>y">lin</a>k', "link"),
    ("<a href='x\">y' \n title = z/ / b==c>lin</a k=v>k", "link"),
    ("<a b==>c<br/ >d<i / x=y>e", "c\nde"),
    ("<font\tcolor=red>x</font\n>", "x"),
    ("&amp;&lt;&gt;&quot;&apos;&nbsp;", "&<>\"'\u00a0"),
    ("&#38; &#x26; &#X1f600; &#233; &#8217; &#160;", "& & 😀 é ’ \u00a0"),
    ("&amp;amp; &lt;b&gt;", "&amp; <b>"),
    ("&; && &", "&; && &"),
]
UNSURE = [
    "<div>x</div>",
    "a<x>b",
    "a</hr>b",
    "a<br",
    "a<br b",
    "a<br b=",
    "a<br b='x>",
    "a<b<i>c",
    "a<br\v>",
    "<a =b>c",
    "<a b=>c",
    "<i/x>c",
    "<i think>c",
    "<br clear>",
    "<a b='<'>c",
    "<a b='c'd>e",
    "<a b=c'd>e",
    "<a b=c`d>e",
    "<a b'=c>e",
    "a< br />b",
    "a<\n/ b>b",
    "a</3",
    "a<!-- b -->",
    "a<?php",
    "a\0b",
    "a<abbrevs>",
    "<fontcolor>",
    "AT&T",
    "&amp",
    "&amp x",
    "&Amp;",
    "&eacute;",
    "&nbsp1;",
    "&#;",
    "&#x;",
    "&#38",
    "&#150;",
    "&#0;",
    "&#9;",
    "&#127;",
    "&#xD800;",
    "&#x110000;",
    "&#99999999;",
    "&#000000038;",
    "&#3a;",
    "&1",
]


@pytest.mark.parametrize(("html", "expected"), SURE)
def test_simple_markup_is_revealed(html, expected):
    assert reveal([html]) == [expected]
    assert visible_text(html).strip("\n").replace("\n\n", "\n") == expected.strip("\n")
    assert flat_text(html, strict=False) == flat_text(html, strict=True) == expected


@pytest.mark.parametrize("html", UNSURE)
def test_all_other_markup_is_left_to_slower_readings(html):
    assert reveal([html]) == [None]


@pytest.mark.parametrize("html", [*(html for html, _ in SURE), *UNSURE])
def test_documents_do_not_touch_each_other(html):
    (expected,) = reveal([html])
    for before, after in itertools.product((0, 1, 30, 31, 32, 33, 65), repeat=2):
        long = "x" * before + html + "y" * after
        texts = [long, html, "", "z" * after, html]
        found = reveal(texts)
        assert found[1:] == [expected, "", "z" * after, expected]
        if expected is not None and after and not html.endswith(("<", "&", "/")):
            assert found[0] == "x" * before + expected + "y" * after


markup = st.lists(
    st.one_of(
        st.sampled_from(
            "<br> <br/> <BR\t/> <p> </p> <P/> <hr> </hr> </br> <b> </b> <i> </i> <a> </a> <font>"
            " </font> <a_href='x>y'> <b_c=d> <em => <i/a/> <span_a=\"> </span_x> <u"
            " <u_ <a_b=' > / = \" ' _ `"
            " <div> </div> <table> <td> <pre> <script> </script> < <3 </ </3 <! <!-- --> <?"
            " & &amp; &lt; &gt; &quot; &apos; &nbsp; &am &amp &eacute; &#39; &#x1F600; &#150; &#8 ;"
            " &# \0 é 日 don ' t \ufe0f \u20e3 # \u200d 👍 🏽 x".replace("_", "\n").split(" ")
        ),
        st.text(max_size=3),
    )
).map("".join)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(st.lists(markup, min_size=1, max_size=3))
@example(["wo<br>rd & <3 </p>x<p>y", "<a><p>x</a>y</p>z", "<b><i>1<p>2</b>3</i>4"])
def test_what_is_revealed_is_what_all_other_readings_show(documents):
    for html, text in zip(documents, reveal(documents), strict=True):
        if text is not None:
            assert text.split() == visible_text(html).split()
            assert text == flat_text(html, strict=False) == flat_text(html, strict=True)
