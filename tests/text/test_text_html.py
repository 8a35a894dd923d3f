import time

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentilib._text._flat import HIDDEN, PARTING
from sentilib._text._html import visible_text

# As in html5lib-tests: what stands in the document, and what a browser shows of it; "|" stands for
# one separation or more.
CASES = [
    # inline elements do not part words, blocks do
    ("<b>wo</b>rd", "word"),
    ("wo<b></b>rd", "word"),
    ("<i>wo<b>r</i>d</b>", "word"),
    ("one<br>two<br/>three<br />four</br>five", "one|two|three|four|five"),
    ("one<p>two</p>three", "|one|two|three|".strip("|")),
    ("<div>one</div>two<div>three</div>", "one|two|three"),
    ("wo</div>rd", "word"),
    ("one</p>two", "one|two"),
    ("<ul><li>one<li>two</ul>three", "one|two|three"),
    ("<dl><dt>one<dd>two</dl>", "one|two"),
    ("<h1>one</h1>two", "one|two"),
    ("one<hr>two", "one|two"),
    ("<blockquote>one</blockquote>two", "one|two"),
    ("<spoiler>wo</spoiler>rd", "word"),
    ("<x-custom>wo</x-custom>rd", "word"),
    ("wo<wbr>rd", "word"),
    ("wo&shy;rd", "wo\u00adrd"),
    ("<center>one</center>two", "one|two"),
    ("<details><summary>one</summary>two</details>", "one|two"),
    # what stands between words parts them
    ("one<img alt=hidden>two", "one|two"),
    ("one<input value=hidden>two", "one|two"),
    ("one<button>two</button>three", "one|two|three"),
    ("<select><option>one<option selected>two</select>", "one|two"),
    ("one<textarea>two <b>raw</b> &amp;</textarea>three", "one|two <b>raw</b> &|three"),
    ("one<iframe>two</iframe>three", "one|three"),
    ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "漢|kan"),
    ("one<svg><text>two</text></svg>three", "one|two|three"),
    ("one<math><mi>x</mi></math>", "onex"),
    # tables, also broken ones
    ("<table><tr><td>one<td>two<tr><td>three</table>four", "one|two|three|four"),
    ("<table>one<tr><td>two</table>", "one|two"),
    ("<table><tr>one<td>two</td></tr>three</table>", "onethree|two"),
    ("<table><caption>one</caption><tr><th>two</table>", "one|two"),
    ("wo<td>rd", "word"),
    # what is no text
    ("wo<!-- no -->rd", "word"),
    ("wo<!no>rd<?no?>", "word"),
    ("wo<!-->rd<!--->s", "words"),
    ("a</3 no> b", "a b"),
    ("one<!-- no", "one"),
    ("<script>no()</script>one<script>document.write('<b>no</b>')</script>", "one"),
    ("wo<script>no</script>rd", "word"),
    ("<script><!--<script></script>no</script>--></script>one", "-->one"),
    ("<style>b{no:no}</style>one", "one"),
    ("<title>no</title>one", "one"),
    ("<head><title>no</title><meta content=no></head><body>one</body>", "one"),
    ("<template>no<p>no</p></template>one", "one"),
    ("<noscript>no <b>no</b></noscript>one", "one"),
    ("one<noscript><img src=no>no</noscript>", "one"),
    ("one<noembed>no</noembed><noframes>no</noframes>", "one"),
    ("one<datalist><option>no</datalist>", "one"),
    ("<a href='no' title=\"no > no\">one</a>", "one"),
    ("<a href=no", ""),
    ("one<br", "one"),
    ("<svg><title>no</title></svg>one", "one"),
    ("one<frameset><frame></frameset>", "one"),
    ("<plaintext>one<b>two</plaintext>", "one<b>two</plaintext>"),
    ("<xmp>one<b>two</xmp>three", "one<b>two|three"),
    # text that looks like markup
    ("I <3 it", "I <3 it"),
    ("a < b", "a < b"),
    ("a <b", "a "),
    ("a<>b", "a<>b"),
    ("x<=8.<br>y", "x<=8.|y"),
    ("</", "</"),
    ("1 > 0", "1 > 0"),
    ("<<<<b>one</b>", "<<<one"),
    # character references
    ("one &amp; two", "one & two"),
    ("&lt;b&gt;one&lt;/b&gt;", "<b>one</b>"),
    ("caf&eacute; caf&#233; caf&#xE9; caf&eacute", "café café café café"),
    ("&notit; &not; &notin;", "¬it; ¬ ∉"),
    ("&nosuch; &; &# &#; &#x;", "&nosuch; &; &# &#; &#x;"),
    ("&#150;&#x92;", "–’"),
    ("&#0;&#xD800;&#x110000;", "���"),
    ("&amp;amp;", "&amp;"),
    ("AT&T, R&D", "AT&T, R&D"),
    ("&nbsp;one", "\u00a0one"),
    ("&CounterClockwiseContourIntegral;", "∳"),
    ("&fjlig;", "fj"),
    # white space and control characters
    ("<pre>\none\n  two</pre>", "one\n  two"),
    ("o\0ne<br>", "one"),
    ("o\0ne", "one"),
    ("one\r\ntwo<br>", "one\ntwo"),
    ("\ufeffone<br>", "\ufeffone"),
    ("one\x0c\x1f<br>", "one\x0c\x1f"),
    # whole documents, or none
    ("", ""),
    ("   ", "   "),
    ("<>", "<>"),
    ("<!DOCTYPE html><html><body><p>one</p></body></html>two", "one|two"),
    ("one<body>two<html>three", "onetwothree"),
    ("<b><i><u>", ""),
    ("</b></i>", ""),
]


def pieces(text):
    return [piece for piece in text.replace("|", "\n").strip("\n").split("\n") if piece]


@pytest.mark.parametrize(("html", "expected"), CASES)
def test_visible_text_is_what_a_browser_shows(html, expected):
    visible = visible_text(html)
    assert pieces(visible) == pieces(expected), repr(visible)


def test_the_lists_of_elements_do_not_contradict_each_other():
    assert {*"audio canvas iframe meter progress video".split()} == HIDDEN & PARTING


def reference_text(html):
    """Visible text by another parser of the HTML5 algorithm, walked recursively."""
    # the same view as in a browser that runs scripts
    parser = html5lib.HTMLParser(html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
    tree = parser.parse(html, scripting=True)

    def walk(element):
        parts = element.tag in PARTING if isinstance(element.tag, str) else False
        inner = ""
        if isinstance(element.tag, str) and element.tag not in HIDDEN:
            inner = (element.text or "") + "".join(
                walk(child) + (child.tail or "") for child in element
            )
        return f"\n{inner}\n" if parts else inner

    return walk(tree)


TAGS = (
    "b i p div br hr ul li h1 em a span blockquote pre img font td tr table u nobr button".split()
)
html_texts = st.lists(
    st.one_of(
        st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
        st.sampled_from(
            ["<!-- x -->", "<script>x</script>", "&amp;", "&lt;", "&#65;", "&eacute", " "]
        ),
        st.sampled_from(["one", "two", "3", "<3", "&", "é", "<b class='>'>"]),
    ),
    max_size=12,
).map("".join)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(html_texts)
def test_visible_text_agrees_with_another_conformant_parser(html):
    assert visible_text(html).split() == reference_text(html).split()


@pytest.mark.parametrize(
    "tags",
    ["<div>", "<b>", "<p>", "<table><tr><td>", "<a>", "<font>", "<i><p>", "<ul><li>", "<svg>"],
)
def test_deep_documents_take_neither_recursion_nor_quadratic_time(tags):
    start = time.perf_counter()
    visible = visible_text(tags * 100_000 + "deep" + "</b></div></ul>" * 1000 + "<br>down")
    assert visible.split() == ["deep", "down"]
    assert time.perf_counter() - start < 20


def test_trees_deeper_than_any_browser_builds_lose_levels_but_no_text():
    n = 2000
    html = "<div>one<b>two</b>" * n + "<script>no</script>" + "</div>three" * n
    assert visible_text(html).split() == ["onetwo"] * n + ["three"] * n


def test_many_paragraphs_are_not_deep():
    html = "<p>one<td>two<li>three<b>four</b>" * 2000
    assert visible_text(html).split() == ["onetwo", "threefour"] * 2000


def test_a_tag_that_is_never_closed_costs_linear_time():
    """A pattern that tries every split of a name of 300,000 letters takes an hour."""
    html = "< " * 600 + "<a" + "b" * 300_000
    assert visible_text(html).split() == ["<"] * 600
