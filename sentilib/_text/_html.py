"""Visible text of HTML, extracted by a conformant HTML5 parser."""

import re

from selectolax.lexbor import LexborHTMLParser

# Elements without visible text. The raw text inside <noscript>, <iframe> and similar elements is a
# fallback that current browsers do not show.
_HIDDEN = frozenset(
    "head title script style template noscript iframe noembed noframes datalist rp".split()
)
# Elements whose start and end tags separate words: blocks, table cells, list items, controls and
# pictures. All others are inline: <b>wo</b>rd is one word.
_PARTING = frozenset(
    """
    address article aside audio blockquote body br button canvas caption center col colgroup dd
    details dialog dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2
    h3 h4 h5 h6 header hgroup hr html iframe img input legend li listing main marquee menu meter
    nav object ol optgroup option p plaintext pre progress rt search section select summary svg
    table tbody td textarea tfoot th thead tr ul video xmp
    """.split()
)

# Elements that never nest in themselves, since their start tag closes the open one, or that have no
# content at all: a long sequence of them does not make the tree deep.
_SHALLOW = frozenset(
    """
    area base br col dd dt embed hr img input li link meta optgroup option p param rp rt source
    tbody td tfoot th thead tr track wbr
    """.split()
)
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*+)[^<>]*+>")  # possessive: in linear time
_MAX_DEPTH = 512  # as in Chromium; the parser's time grows with the square of the depth


def visible_text(html: str) -> str:
    """Return the text that a browser shows, with a line feed where an element separates words."""
    if "<" not in html and "&" not in html and "\0" not in html:
        return html
    if html.count("<") > _MAX_DEPTH:
        html = _flattened(html)
    node = LexborHTMLParser(html, scripting=True).root
    pieces: list[str] = []
    while node is not None:
        tag = node.tag
        child = None
        if tag == "-text":
            pieces.append(node.text_content or "")
        else:
            if tag in _PARTING:
                pieces.append("\n")
            if tag not in _HIDDEN:
                child = node.first_child
        if child is not None:
            node = child
            continue
        while node is not None and node.next is None:
            node = node.parent
            if node is not None and node.tag in _PARTING:
                pieces.append("\n")
        node = None if node is None else node.next
    return "".join(pieces)


def _flattened(html: str) -> str:
    """Remove tags that nest too deep; those that separate words become a line feed."""
    depth = 0

    def replace(tag: re.Match[str]) -> str:
        nonlocal depth
        slash, name = tag[1], tag[2].lower()
        if name in _SHALLOW or name in _HIDDEN:
            return tag[0]
        depth += 0 if slash else 1
        replacement = tag[0] if depth <= _MAX_DEPTH else "\n" if name in _PARTING else ""
        depth -= 1 if slash and depth > 0 else 0
        return replacement

    return _TAG.sub(replace, html)
