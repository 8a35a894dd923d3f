"""Unicode normalization of texts, in linear time."""

import re
import unicodedata
from typing import Literal

Form = Literal["NFC", "NFKC"] | None

# Malayalam chillus were written as letter, virama and joiner before Unicode 5.1 encoded them; the
# joiner is ignored otherwise, which would leave another word.
_CHILLU = re.compile("([\u0d23\u0d28\u0d30\u0d32\u0d33\u0d15])\u0d4d\u200d")
CHILLUS = dict(
    zip("\u0d23\u0d28\u0d30\u0d32\u0d33\u0d15", map(chr, range(0x0D7A, 0x0D80)), strict=True)
)
# Runs in which all characters might be combining marks (the last two become such), whose sorting
# takes quadratic time. Unicode's stream-safe format cuts them by U+034F, which is ignored.
_MAX_MARKS = 30
_LONG_RUN = re.compile(rf"(?:[^\w\s\0-\u02ff]|[\uff9e\uff9f]){{{_MAX_MARKS + 1},}}")
_CUT = "\u034f"


def may_change(text: str, form: Form) -> bool:
    """Return whether a text beyond ASCII may not be normalized; NFC keeps all of Latin-1."""
    if form != "NFC":
        return form is not None
    try:
        text.encode("latin-1")  # fast: Python stores such texts as Latin-1
    except UnicodeEncodeError:
        return True
    return False


def normalized(text: str, form: Form) -> str:
    """Return a text in a Unicode normalization form, "NFC" or "NFKC"; the same text if it is."""
    if form is None or text.isascii():
        return text
    if "\u0d4d\u200d" in text:
        text = _CHILLU.sub(lambda chillu: CHILLUS[chillu[1]], text)
    if unicodedata.is_normalized(form, text):
        return text
    return unicodedata.normalize(form, _LONG_RUN.sub(_stream_safe, text))


def _stream_safe(run: re.Match[str]) -> str:
    """Cut sequences of combining marks."""
    pieces = []
    n_marks = 0
    for character in run[0]:
        n_marks = n_marks + 1 if _may_combine(character) else 0
        if n_marks > _MAX_MARKS:
            pieces.append(_CUT)
            n_marks = 1
        pieces.append(character)
    return "".join(pieces)


def _may_combine(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or character in "\uff9e\uff9f"
