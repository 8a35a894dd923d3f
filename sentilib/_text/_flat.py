"""Visible text of HTML in one pass and without a tree, in linear time and memory.

Two readings differ in what begins markup. The lenient one is for text that people typed: markup is
what cannot be anything else, and whatever would hide the rest of a document is text. The strict
one follows the HTML5 standard's tokenization; it stands in for a parser where a tree would be too
costly. Neither moves text as a tree's construction does: text that stands in a table, outside its
cells, stays where it is written.

Every character is passed a bounded number of times: patterns never backtrack, what a search passed
is either skipped afterwards or never searched again, and an attribute that contains "<" is sought
in a stretch of bounded length only.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from html.entities import html5
from typing import NamedTuple

# Elements without visible text of their own. The text inside <noscript>, <iframe>, <video> and
# similar elements is a fallback that current browsers do not show.
HIDDEN = frozenset(
    """
    audio canvas datalist head iframe meter noembed noframes noscript progress rp script style
    template title video
    """.split()
)
# Elements whose start and end tags separate words: blocks, table cells, list items, controls and
# pictures. All others are inline: <b>wo</b>rd is one word.
PARTING = frozenset(
    """
    address article aside audio blockquote body br button canvas caption center col colgroup dd
    details dialog dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2
    h3 h4 h5 h6 header hgroup hr html iframe image img input legend li listing main marquee menu
    meter nav object ol optgroup option p plaintext pre progress rt search section select summary
    svg table tbody td textarea tfoot th thead tr ul video xmp
    """.split()
)
_CELLS = frozenset("caption col colgroup tbody td tfoot th thead tr".split())
_ELEMENTS = PARTING.union(
    HIDDEN,
    """
    a abbr acronym applet area b base basefont bdi bdo bgsound big blink cite code data del dfn em
    font i ins kbd keygen label link map mark math menuitem meta multicol nextid nobr output
    param picture q rb rtc ruby s samp selectedcontent slot small source spacer span strike strong
    sub sup time track tt u var wbr
    """.split(),
)
# Elements whose content is no markup. Inside pictures and formulas there are none.
_RAW_HIDDEN = frozenset("iframe noembed noframes noscript script style title".split())
_RAW_SHOWN = frozenset("textarea xmp".split())
_CONTAINERS = HIDDEN - {"head", "iframe", "noembed", "noframes", "noscript"}

_MAX_STRETCH = 2000  # number of characters of a tag with "<" or an open quote in its attributes

_BLANK = r"[ \t\n\f\r]"
_NOT = r"[^ \t\n\f\r/>"
ATTRIBUTE = re.compile(
    rf"{_NOT}]{_NOT}=]*+(?:{_BLANK}*+={_BLANK}*+"
    rf"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^ \t\n\f\r>"'][^ \t\n\f\r>]*+)?+)?+"""
)
_STRICT_TAG = re.compile(
    rf"<(/?)([a-zA-Z]{_NOT}]*+)((?:{_BLANK[:-1]}/]++|{ATTRIBUTE.pattern})*+)(>?)"
)
# An attribute without a value counts only if it is one of those that need none: <i think so> is
# no tag.
_FLAGS = (
    "allowfullscreen|async|auto(?:focus|play)|border|checked|clear|compact|contenteditable|controls"
    "|crossorigin|declare|default|defer|disabled|download|draggable|formnovalidate|hidden|inert"
    "|ismap|item(?:scope|prop)|loop|multiple|muted|nohref|nomodule|noresize|noshade|novalidate"
    "|nowrap|open|playsinline|readonly|required|reversed|selected|sortable|(?:aria-|data-|_)[^"
    r" \t\n\f\r\"'<>/=]++"
)


def _lenient_tag(less: str) -> re.Pattern[str]:
    return re.compile(
        rf"<(/?)([a-zA-Z][a-zA-Z0-9]*+(?:[-:.][-\w.:]*+)?+)((?:{_BLANK[:-1]}/]++"
        rf"(?:(?:[^ \t\n\f\r\"'<>/=]++{_BLANK}*+={_BLANK}*+"
        rf"""(?:"[^"{less}]*+"|'[^'{less}]*+'|[^ \t\n\f\r"'<>`]++)|(?i:{_FLAGS}))"""
        rf"(?={_BLANK[:-1]}/>]))?+)*+)>"
    )


_TAG, _WIDE_TAG = _lenient_tag("<"), _lenient_tag("")
_TORN_TAG = re.compile(  # for example with an open quote: ends at the first ">"
    rf"<(/?)([a-zA-Z][a-zA-Z0-9]*+){_BLANK}([^<>=]*+=[^<>]*+)>"
)
_SPACED_TAG = re.compile(  # a slash shows that it is one: "if a < b > c" is text
    rf"<{_BLANK}{{0,3}}+(?:(/){_BLANK}*+([a-zA-Z][a-zA-Z0-9]*+){_BLANK}*+"
    rf"|()([bB][rR]){_BLANK}*+/?+|()([a-zA-Z][a-zA-Z0-9]*+){_BLANK}*+/)>"
)
_DECLARATION = re.compile(
    r"<!(?:\[(?:if|endif|else)|(?:doctype|entity|element|attlist|notation)\b)[^<>]*+>"
    r"|<\?[a-z](?:[^<?]++|\?(?!>))*+\?>|<\?[a-z][^<>]*+>",
    re.IGNORECASE,
)
_COMMENT_END = re.compile("--!?>")
_PAGE = re.compile(r"<(?:!doctype\s++html|html|head)\b", re.IGNORECASE)
_CLOSED_NAME = re.compile(rf"</([a-zA-Z][\w.]*+[-:][-\w.:]*+){_BLANK}*+>")
_SCRIPT_PART = re.compile(rf"<!--(?!-*>)|-->|<(/?)script(?={_BLANK[:-1]}/>])", re.IGNORECASE)
_ENDS = {
    name: re.compile(rf"</{name}(?={_BLANK[:-1]}/>])", re.IGNORECASE | re.ASCII)
    for name in [*_RAW_HIDDEN, *_RAW_SHOWN, "svg", "math"]
}
_REFERENCE = re.compile(r"&(?:#(?:[xX]([0-9a-fA-F]++)|([0-9]++));?|([a-zA-Z][a-zA-Z0-9]*+)(;?))")
# References that may lack their semicolon, and are, or begin, words: "good&not bad", "R&Debut"
_WORDS = frozenset(
    """
    COPY ETH REG THORN acute cent copy curren deg divide eth macr micro not para pound reg sect
    shy thorn times yen
    """.split()
)


class Tag(NamedTuple):
    """Markup, and the text before it, in which references are still encoded."""

    text: str
    literal: bool  # whether "&" in the text is no reference
    name: str  # in lower case; empty for comments and the like, and at the end of the document
    closes: bool
    attributes: str


def flat_text(html: str, *, strict: bool) -> str:
    """Return the visible text, with a line feed where an element separates words."""
    if not strict and "<![CDATA[" in html:
        html = html.replace("<![CDATA[", "").replace("]]>", "")  # most feeds wrap HTML in them
    pieces: list[str] = []
    hidden: list[tuple[str, int]] = []  # open elements whose content is removed at their end
    n_hidden: Counter[str] = Counter()
    n_tables = 0

    def close(name: str) -> None:
        while n_hidden[name]:
            inner, start = hidden.pop()
            n_hidden[inner] -= 1
            if inner == name:
                del pieces[start:]
                return

    for text, literal, name, closes, attributes in tags(html, strict=strict):
        if text:
            text = text if literal or "&" not in text else _decoded(text, strict)
            pieces.append(text.replace("\0", ""))
        if name == "table":
            n_tables = max(n_tables + (-1 if closes else 1), 0)
        parts = name in PARTING and not (strict and name in _CELLS and n_tables == 0)
        parts = parts or (not strict and "-" in name)
        if closes or name == "rt":
            close("rp" if name in ("rt", "ruby") else name)
        if parts:
            pieces.append("\n")
        if not closes and name in _CONTAINERS and not attributes.endswith("/"):
            hidden.append((name, len(pieces)))
            n_hidden[name] += 1
    return "".join(pieces)


def tags(html: str, *, strict: bool) -> Iterator[Tag]:
    """Yield the tags of a document, each with the text before it."""
    markup = _Markup(html, strict)
    start = i = 0
    while (i := html.find("<", i)) >= 0:
        found = markup.at(i)
        if found is None:
            i += 1
            continue
        name, closes, attributes, end = found
        yield Tag(html[start:i], False, name, closes, attributes)
        start = i = end
        if not closes and name in _ENDS:
            i = markup.content_end(name, attributes, end)
            if name in _RAW_SHOWN and i > start:
                yield Tag(html[start:i], name == "xmp", "", False, "")
            start = i
        elif name == "plaintext" and not closes:
            yield Tag(html[start:], True, "", False, "")
            return
    yield Tag(html[start:], False, "", False, "")


class _Markup:
    """What begins at a "<"."""

    def __init__(self, html: str, strict: bool) -> None:
        self._html = html
        self._strict = strict
        self._missing: set[re.Pattern[str]] = set()  # patterns that do not occur any more
        self._foreign_end = 0  # end of the picture or formula that was begun last
        self.at = self._strict_at if strict else self._lenient_at

    def content_end(self, name: str, attributes: str, i: int) -> int:
        """Return where the content ends that is no markup and starts at i, after a start tag."""
        if i < self._foreign_end or (not self._strict and attributes.endswith("/")):
            return i
        found = self._script_end(i) if name == "script" else None
        found = found or self._search(_ENDS[name], i)
        end = len(self._html) if self._strict else i
        end = end if found is None else found.start()
        if name in ("svg", "math"):
            self._foreign_end = end
            return i
        return end

    def _script_end(self, i: int) -> re.Match[str] | None:
        """Return the end tag that is not within "<!--" and "<script" of the script itself."""
        commented = nested = False
        parts = () if _SCRIPT_PART in self._missing else _SCRIPT_PART.finditer(self._html, i)
        for part in parts:
            if part[0] == "<!--":
                commented = True
            elif part[0] == "-->":
                commented = nested = False
            elif part[1] and not nested:
                return part
            else:
                nested = commented and not part[1]
        self._missing.add(_SCRIPT_PART)
        return None

    def _search(self, pattern: re.Pattern[str], i: int) -> re.Match[str] | None:
        if pattern in self._missing:
            return None
        found = pattern.search(self._html, i)
        if found is None:
            self._missing.add(pattern)
        return found

    def _comment_end(self, i: int) -> int | None:
        for comment in ("<!-->", "<!--->"):
            if self._html.startswith(comment, i):
                return i + len(comment)
        found = self._search(_COMMENT_END, i + 4)
        return None if found is None else found.end()

    def _strict_at(self, i: int) -> tuple[str, bool, str, int] | None:
        html = self._html
        if tag := _STRICT_TAG.match(html, i):
            slash, name, attributes, complete = tag.groups()
            return (name.lower(), slash != "", attributes, tag.end()) if complete else self._rest
        if html.startswith("<!--", i):
            end = self._comment_end(i)
            return self._rest if end is None else ("", False, "", end)
        if i < self._foreign_end and html.startswith("<![CDATA[", i):
            return "", False, "", i + len("<![CDATA[")
        if html.startswith(("!", "?", "/") if i + 2 < len(html) else ("!", "?"), i + 1):
            end = html.find(">", i + 2) + 1
            return ("", False, "", end) if end else self._rest
        return None

    @property
    def _rest(self) -> tuple[str, bool, str, int]:
        return "", False, "", len(self._html)

    def _lenient_at(self, i: int) -> tuple[str, bool, str, int] | None:
        html = self._html
        stretch = min(i + _MAX_STRETCH, len(html))
        if tag := (
            _TAG.match(html, i)
            or _WIDE_TAG.match(html, i, stretch)
            or _TORN_TAG.match(html, i, stretch)
        ):
            slash, name, attributes = tag.groups()
        elif tag := _SPACED_TAG.match(html, i):
            assert tag.lastindex
            slash, name, attributes = tag[tag.lastindex - 1], tag[tag.lastindex], ""
        elif html.startswith("<!--", i):
            end = self._comment_end(i)
            return None if end is None else ("", False, "", end)
        elif tag := _DECLARATION.match(html, i):
            return "", False, "", tag.end()
        else:
            return None
        name, closes = name.lower(), slash != ""
        if not self._is_element(name, closes, attributes, tag.end()):
            return None
        if name == "title" and i >= self._foreign_end and not self._is_page:
            name = "h1"  # of an XML document
        return name, closes, attributes, tag.end()

    def _is_element(self, name: str, closes: bool, attributes: str, end: int) -> bool:
        if name in _RAW_HIDDEN:
            alone = closes or end <= self._foreign_end or attributes.endswith("/")
            return alone or self._search(_ENDS[name], end) is not None
        if name in _ELEMENTS or end <= self._foreign_end:
            return True
        if "-" not in name and ":" not in name:
            return False
        return closes or attributes.endswith("/") or name in self._closed_names

    @cached_property
    def _is_page(self) -> bool:
        return _PAGE.search(self._html) is not None

    @cached_property
    def _closed_names(self) -> set[str]:
        """Names of elements of one's own, "my-card" or "o:p", that have an end tag."""
        return {name.lower() for name in _CLOSED_NAME.findall(self._html)}


def _decoded(text: str, strict: bool) -> str:
    def referent(reference: re.Match[str]) -> str:
        hexadecimal, decimal, name, semicolon = reference.groups()
        if name is None:
            digits = (hexadecimal or decimal).lstrip("0")
            code = int(digits or "0", 16 if hexadecimal else 10) if len(digits) < 8 else 0
            if 0x80 <= code < 0xA0:
                return bytes([code]).decode("cp1252", errors="ignore") or chr(code)
            return chr(code) if 0 < code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"
        if semicolon and name + semicolon in html5:
            return html5[name + semicolon]
        for size in range(min(len(name), 6), 1, -1):
            if name[:size] in html5 and (strict or name[:size] not in _WORDS):
                return html5[name[:size]] + name[size:] + semicolon
        return reference[0]

    return _REFERENCE.sub(referent, text)
