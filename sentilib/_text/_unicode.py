"""Classes and folds of Unicode characters, as lookup tables for the kernels.

A character has a class (part of a word, separator, token by itself, ...) and a fold (the UTF-8
bytes that it contributes to its token). Both are computed here, once per combination of options,
from the Unicode database of the running Python; the kernels only look them up.
"""

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np

# Read by the kernels when they are imported.
SEPARATOR = 0  # ends a word: space, control character, unassigned
WORD = 1  # letter or number
END = 2  # the byte 0xFF, never part of UTF-8: end of a document
MULTIBYTE = 3  # first byte of a character beyond ASCII: look at its code point
APOSTROPHE = 4  # part of a word if between two WORD characters, else punctuation
IGNORED = 5  # ignored, does not even end a word: soft hyphen, joiner, punctuation in "drop"
MARK = 6  # combining mark: belongs to the character before it
IDEOGRAPH = 7  # a token by itself: Han, Hiragana, Katakana, Bopomofo, letters of Thai, ...
PUNCTUATION = 8  # beyond ASCII: an emoji if U+FE0F follows, else treated like "!"
STANDALONE = 9  # a punctuation mark that is a token
KEYCAP_BASE = 10  # "#" and "*": an emoji if U+20E3 follows, else treated like "!"
KEYCAP = 11  # U+20E3, after a digit
QUOTE = 12  # the ASCII quote: part of a word if between two Hebrew letters, else like "!"
PREFIX = 13  # like an ideograph, but the next one continues its token: Thai vowel before its letter
STACKER = 14  # combining mark that draws the next ideograph into the token: Khmer coeng
EMOJI = 15
SKIN_TONE = 16  # continues an emoji, or is one
REGIONAL = 17  # two in a row are a flag

_PUNCTUATION_CLASS = {"drop": IGNORED, "split": SEPARATOR, "token": STANDALONE}
APOSTROPHES = {  # and what they contribute to a token; U+05F3 and U+05F4 are those of Hebrew
    "'": "'", "\u2019": "'", "\uff07": "'", "\u05f3": "'", "\u05f4": '"'
}  # fmt: skip
_CATEGORY_CLASS = {
    "L": WORD,
    "N": WORD,
    "M": MARK,
    "P": PUNCTUATION,
    "S": PUNCTUATION,
    "Z": SEPARATOR,
    "C": SEPARATOR,
}
# Blocks as (first, last); only their letters, or only their symbols, change class.
_IDEOGRAPH_BLOCKS = [
    (0x3005, 0x3007),  # iteration mark, closing mark, zero
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3031, 0x303C),
    (0x3041, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # halfwidth Katakana
    (0x16FE0, 0x18DFF),  # Tangut, Khitan, Nushu
    (0x1AFF0, 0x1B2FF),  # historic kana
    (0x2F800, 0x2FA1D),
]
_EMOJI_BLOCKS = [
    (0x231A, 0x231B),
    (0x23E9, 0x23F3),
    (0x25FD, 0x25FE),
    (0x2600, 0x27BF),  # miscellaneous symbols and dingbats
    (0x2B1B, 0x2B1C),
    (0x2B50, 0x2B50),
    (0x2B55, 0x2B55),
    (0x1F000, 0x1FAFF),  # with the code points reserved for future emoji
]
# Scripts whose words are not separated, of which Unicode leaves line breaks to a dictionary: their
# letters are tokens like ideographs, with the vowels and marks around them.
_CLUSTER_BLOCKS = [
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Lanna
    (0xA9E0, 0xA9FF),  # Burmese, extended
    (0xAA60, 0xAADF),  # Burmese, extended; Tai Viet
    (0x11700, 0x1174F),  # Ahom
]
_LEADING_VOWELS = np.r_[
    0x0E40:0x0E45, 0x0EC0:0x0EC5, 0x19B5:0x19B8, 0x19BA, 0xAAB5:0xAAB7, 0xAAB9, 0xAABB:0xAABD
]
_FOLLOWING_VOWELS = np.r_[0x0E30, 0x0E32:0x0E34, 0x0E45, 0x0EB0, 0x0EB2:0x0EB4]
_STACKERS = [0x1039, 0x17D2, 0x1A60]
# Large ranges of characters of one class without a fold, for which no database look-up is needed;
# planes 2 and 3 are reserved for ideographs.
_UNIFORM_BLOCKS = [
    (0x3400, 0x4DBF, IDEOGRAPH),
    (0x4E00, 0x9FFF, IDEOGRAPH),
    (0xAC00, 0xD7A3, WORD),
    (0xD800, 0xF8FF, SEPARATOR),  # surrogates, private use
    (0x20000, 0x2F7FF, IDEOGRAPH),
    (0x2FA20, 0x3FFFD, IDEOGRAPH),
    (0x3FFFE, 0xDFFFF, SEPARATOR),  # unassigned
    (0xE01F0, 0x10FFFF, SEPARATOR),  # unassigned, private use
]
_HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)
_IGNORED_MARKS = np.r_[0x034F, 0x180B:0x1810, 0xFE00:0xFE10, 0xE0100:0xE01F0]  # variation selectors


class Rules(NamedTuple):
    """Lookup tables of one combination of options, in the form that the kernels read."""

    byte_class: np.ndarray  # uint8 (256,)
    character_class: np.ndarray  # uint8, by code point
    fold_entry: np.ndarray  # int32, by code point: 0 where the character does not change
    fold_start: np.ndarray  # int64, by entry, into fold_bytes
    fold_bytes: np.ndarray  # uint8


@cache
def rules(
    lowercase: bool, strip_accents: str | None, punctuation: str, unspaced: str = "split"
) -> tuple[Rules, int]:
    """Return the tables for these options, and the max factor by which a fold lengthens UTF-8."""
    byte_class, character_class = _classes(punctuation, unspaced)
    entry, start, folded, growth = _folds(lowercase, strip_accents)
    vanishes = (entry > 0) & (np.diff(start, append=start[-1])[entry] == 0)
    character_class[vanishes & (character_class == WORD)] = IGNORED
    character_class[vanishes & np.isin(character_class, (IDEOGRAPH, PREFIX))] = SEPARATOR
    character_class[vanishes & (character_class >= EMOJI)] = SEPARATOR
    return Rules(byte_class, character_class, entry, start, folded), growth


def fold_character(character: str, lowercase: bool, strip_accents: str | None) -> str:
    """Return what a character contributes to its token."""
    if character in APOSTROPHES:
        return APOSTROPHES[character]
    folded = character.casefold() if lowercase else character
    if strip_accents is None:
        return folded
    is_word = character.isalnum()
    folded = unicodedata.normalize("NFKD", folded)
    folded = folded.casefold() if lowercase else folded  # compatibility capitals, as in U+210C
    return "".join(
        part
        for part in folded
        if not unicodedata.combining(part)
        and (character.isspace() or not part.isspace())  # a spacing accent is an accent
        and (part.isascii() or strip_accents == "unicode")
        and (not is_word or unicodedata.category(part)[0] in "LNM")
    )


def _classes(punctuation: str, unspaced: str) -> tuple[np.ndarray, np.ndarray]:
    mark = _PUNCTUATION_CLASS[punctuation]
    character_class = _base_classes().copy()
    if unspaced == "keep":
        character_class[np.isin(character_class, (IDEOGRAPH, PREFIX))] = WORD
        character_class[_FOLLOWING_VOWELS] = WORD
        character_class[_STACKERS] = MARK
    if punctuation == "drop":
        for apostrophe in APOSTROPHES:
            character_class[ord(apostrophe)] = IGNORED

    ascii_class = character_class[:128]
    ascii_class[ascii_class == PUNCTUATION] = mark
    ascii_class[[ord("#"), ord("*")]] = KEYCAP_BASE
    byte_class = np.full(256, MULTIBYTE, dtype=np.uint8)
    byte_class[:128] = ascii_class
    byte_class[0xFF] = END
    if punctuation != "drop":  # the byte's class is that of a quote after other than Hebrew letters
        ascii_class[ord('"')] = QUOTE
    return byte_class, character_class


@cache
def _base_classes() -> np.ndarray:
    codes = _code_points()
    categories = map(unicodedata.category, map(chr, codes))
    classes = np.zeros(0x110000, dtype=np.uint8)
    classes[codes] = [
        IGNORED if category == "Cf" else _CATEGORY_CLASS[category[0]] for category in categories
    ]
    for first, last, uniform_class in _UNIFORM_BLOCKS:
        classes[first : last + 1] = uniform_class
    for first, last in _IDEOGRAPH_BLOCKS:
        block = classes[first : last + 1]
        block[block == WORD] = IDEOGRAPH
    for first, last in _CLUSTER_BLOCKS:
        for code in range(first, last + 1):
            if unicodedata.category(chr(code))[0] == "L":
                classes[code] = IDEOGRAPH
    classes[_LEADING_VOWELS] = PREFIX
    classes[_FOLLOWING_VOWELS] = MARK
    classes[_STACKERS] = STACKER
    for first, last in _EMOJI_BLOCKS:
        for code in range(first, last + 1):
            if unicodedata.category(chr(code)) in ("So", "Cn"):
                classes[code] = EMOJI
    classes[0x1F1E6:0x1F200] = REGIONAL
    classes[0x1F3FB:0x1F400] = SKIN_TONE
    classes[0x20E3] = KEYCAP
    classes[0x200B] = SEPARATOR  # zero-width space: a format character that separates words
    classes[_IGNORED_MARKS] = IGNORED
    classes[[ord(apostrophe) for apostrophe in APOSTROPHES]] = APOSTROPHE
    return classes


@cache
def _folds(
    lowercase: bool, strip_accents: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    codes = _code_points()
    if strip_accents is not None:
        codes.extend(_HANGUL_SYLLABLES)
    entry = np.zeros(0x110000, dtype=np.int32)
    start, folded, growth = [0, 0], bytearray(), 1
    for character in map(chr, codes):
        if _stays(character, lowercase, strip_accents):
            continue
        contribution = fold_character(character, lowercase, strip_accents).encode()
        entry[ord(character)] = len(start) - 1
        folded += contribution
        start.append(len(folded))
        growth = max(growth, -(-len(contribution) // len(character.encode())))
    if strip_accents == "ascii":  # non-ASCII characters without an entry contribute nothing
        nothing = len(start) - 1
        start.append(len(folded))
        beyond = entry[128:]
        beyond[beyond == 0] = nothing
    return (
        entry,
        np.array(start, dtype=np.int64),
        np.frombuffer(bytes(folded) or b"\0", dtype=np.uint8).copy(),
        growth,
    )


def _stays(character: str, lowercase: bool, strip_accents: str | None) -> bool:
    """Return whether no option except "ascii" changes this character; fast, as it runs for all."""
    if (lowercase and character.casefold() != character) or character in APOSTROPHES:
        return False
    return strip_accents is None or (
        unicodedata.is_normalized("NFKD", character) and not unicodedata.combining(character)
    )


def _code_points() -> list[int]:
    """List code points, without the large ranges of one class."""
    codes = np.ones(0x110000, dtype=bool)
    for first, last, _ in _UNIFORM_BLOCKS:
        codes[first : last + 1] = False
    return np.flatnonzero(codes).tolist()
