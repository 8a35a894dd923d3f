"""Visible text of HTML: by a conformant HTML5 parser, or by a scanner that builds no tree."""

import re

from selectolax.lexbor import LexborHTMLParser

from sentilib._text._flat import ATTRIBUTE, HIDDEN, PARTING, flat_text, tags

# A parser's time and memory can grow with the square of the number of tags, or faster: an open
# formatting element is repeated in each further block, with its attributes, and each attribute of
# a tag is compared with all others. These limits keep both in proportion to the document.
_MAX_TAGS = 512
_MAX_ATTRIBUTES = 256
_MAX_REPEATED = 1 << 13
# In these, tags depend on the tree: what they contain cannot be counted without it.
_CONTEXTUAL = re.compile("<(?:svg|math|select|frameset|template)", re.IGNORECASE)
_MAX_CONTEXTUAL = 1024
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
# Within formatting elements, these leave no doubt that an end tag ends them for good.
_SIMPLE = frozenset("abbr br cite img input label q span sub sup wbr".split())


def visible_text(html: str, *, strict: bool = True) -> str:
    """Return the text that a browser shows, with a line feed where an element separates words.

    The strict reading is that of the HTML5 standard; the other one is for text that people typed.
    """
    if "<" not in html and "&" not in html and "\0" not in html:
        return html
    if not strict or not _is_cheap_to_parse(html):
        return flat_text(html, strict=strict)
    node = LexborHTMLParser(html, scripting=True).root
    pieces: list[str] = []
    while node is not None:
        tag = node.tag
        child = None
        if tag == "-text":
            pieces.append(node.text_content or "")
        else:
            if tag in PARTING:
                pieces.append("\n")
            if tag not in HIDDEN:
                child = node.first_child
        if child is not None:
            node = child
            continue
        while node is not None and node.next is None:
            node = node.parent
            if node is not None and node.tag in PARTING:
                pieces.append("\n")
        node = None if node is None else node.next
    return "".join(pieces)


def _is_cheap_to_parse(html: str) -> bool:
    """Return whether a parser's work on the document is bounded by its size."""
    n_tags = html.count("<")
    if n_tags > _MAX_TAGS or (len(html) > _MAX_CONTEXTUAL and _CONTEXTUAL.search(html)):
        return False
    n_open = n_repeated = 0
    closable: list[tuple[str, int]] = []
    for _, _, name, closes, attributes in tags(html, strict=True):
        n_nodes = 1 + sum(1 for _ in ATTRIBUTE.finditer(attributes))
        if n_nodes > _MAX_ATTRIBUTES:
            return False
        if name in _FORMATTING and not closes:
            closable.append((name, n_nodes))
            n_open += n_nodes
            n_repeated = max(n_repeated, n_open)
        elif closable and name == closable[-1][0]:
            n_open -= closable.pop()[1]
        elif name and name not in _FORMATTING and name not in _SIMPLE:
            closable.clear()
    return n_repeated * n_tags <= _MAX_REPEATED + len(html)
