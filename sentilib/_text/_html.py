"""Visible text of HTML, by way of a conformant HTML5 parser."""

from selectolax.lexbor import LexborHTMLParser

# Elements without visible text. What the parser keeps as raw text inside <noscript>, <iframe> and
# the like is a fallback for browsers of another time.
_HIDDEN = frozenset(
    "head title script style template noscript iframe noembed noframes datalist rp".split()
)
# Elements whose start and end part words: blocks, table cells, list items, controls, and pictures,
# which stand between the words around them. All others are inline: <b>wo</b>rd is one word.
_PARTING = frozenset(
    """
    address article aside audio blockquote body br button canvas caption center col colgroup dd
    details dialog dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2
    h3 h4 h5 h6 header hgroup hr html iframe img input legend li listing main marquee menu meter
    nav object ol optgroup option p plaintext pre progress rt search section select summary svg
    table tbody td textarea tfoot th thead tr ul video xmp
    """.split()
)


def visible_text(html: str) -> str:
    """Text that a browser shows, a line feed wherever a parting element starts or ends."""
    node = LexborHTMLParser(html, scripting=True).root
    pieces: list[str] = []
    while node is not None:
        tag = node.tag
        if tag == "-text":
            pieces.append(node.text_content or "")
            child = None
        else:
            if tag in _PARTING:
                pieces.append("\n")
            child = None if tag in _HIDDEN else node.first_child
        if child is not None:
            node = child
            continue
        while node is not None and node.next is None:
            node = node.parent
            if node is not None and node.tag in _PARTING:
                pieces.append("\n")
        node = None if node is None else node.next
    return "".join(pieces)
