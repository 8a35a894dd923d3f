import re
import unicodedata

import pytest

from sentilib._text import _unicode
from sentilib._text._unicode import fold_character, rules


def class_of(character, punctuation="split", lowercase=True, strip_accents=None):
    tables, _ = rules(lowercase, strip_accents, punctuation)
    return int(tables.character_class[ord(character)])


@pytest.mark.parametrize(
    ("characters", "expected"),
    [
        ("aZ0éßΩжşﬁ한ℵ②ªǅ߀", _unicode.WORD),
        ("\u0301\u0947\u093e\ufe20", _unicode.MARK),
        ("日本〆々〇ひカㄅ𠮷豈ｶ", _unicode.IDEOGRAPH),
        ("กฮๆອຽកឥကဥꩡᦀꪀ", _unicode.IDEOGRAPH),
        ("เแโใไເໄᦵꪵ", _unicode.PREFIX),
        ("าำะๅາະ\u0e35\u17b6\u102c\u103a", _unicode.MARK),
        ("\u17d2\u1039\u1a60", _unicode.STACKER),
        ("๒໒២၂", _unicode.WORD),
        ('"', _unicode.QUOTE),
        ("\u00ad\u200c\u200d\u2060\ufeff\u202e\ufe0f\ufe0e\U000e0061\u034f", _unicode.IGNORED),
        ("😀🎬❤☺✓⌚⭐🀄🄰🫠\U0001faff", _unicode.EMOJI),
        ("🏻🏿", _unicode.SKIN_TONE),
        ("🇩🇪", _unicode.REGIONAL),
        ("\u20e3", _unicode.KEYCAP),
        ("’＇׳״", _unicode.APOSTROPHE),
        ("—…¿。、€©™→", _unicode.PUNCTUATION),
        ("\u00a0\u3000\u2028\u200b\u0085\ue000\U0010fffd", _unicode.SEPARATOR),
    ],
)
def test_characters_have_their_class(characters, expected):
    assert [class_of(character) for character in characters] == [expected] * len(characters)


@pytest.mark.parametrize(
    ("punctuation", "expected"),
    [
        ("drop", _unicode.IGNORED),
        ("split", _unicode.SEPARATOR),
        ("token", _unicode.STANDALONE),
    ],
)
def test_ascii_punctuation_follows_the_option(punctuation, expected):
    tables, _ = rules(True, None, punctuation)
    assert {int(tables.byte_class[ord(mark)]) for mark in '!"$%&(),-./:;<=>?@[\\]^_`{|}~'} == {
        expected
    }


def test_no_fold_contains_a_space():
    """With marks as tokens, 35 spacing accents (U+00B4, ...) were the token " "."""
    tables, _ = rules(True, "unicode", "token")
    folded = [c for c in map(chr, range(0x30000)) if tables.fold_entry[ord(c)] and not c.isspace()]
    assert len(folded) > 10_000
    assert [c for c in folded if re.search(r"\s", fold_character(c, True, "unicode"))] == []


def test_scripts_without_spaces_can_be_words():
    tables, _ = rules(True, None, "token", "keep")
    for character in "日ひカ𠮷กเาອເາកကᦵ":
        assert tables.character_class[ord(character)] == _unicode.WORD, character
    assert tables.character_class[0x17D2] == _unicode.MARK


def test_the_shortcuts_for_uniform_blocks_agree_with_the_database():
    expected = {_unicode.WORD: {"Lo"}, _unicode.IDEOGRAPH: {"Lo"}, _unicode.SEPARATOR: {"Cs", "Co"}}
    for first, last, uniform_class in _unicode._UNIFORM_BLOCKS:
        characters = [chr(code) for code in range(first, last + 1)]
        assert {class_of(characters[0]), class_of(characters[-1])} == {uniform_class}
        categories = {unicodedata.category(character) for character in characters} - {"Cn"}
        assert categories <= expected[uniform_class], f"{first:X}-{last:X}"
        if uniform_class != _unicode.SEPARATOR:
            assert all(character.casefold() == character for character in characters)


@pytest.mark.parametrize("strip_accents", [None, "unicode", "ascii"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_the_fold_table_holds_every_characters_fold(lowercase, strip_accents):
    tables, growth = rules(lowercase, strip_accents, "split")
    for code in [*range(0xD800), *range(0xE000, 0x20000), *range(0x2F000, 0x30000)]:
        entry = tables.fold_entry[code]
        if entry:
            start, stop = tables.fold_start[entry : entry + 2]
            found = tables.fold_bytes[start:stop].tobytes().decode()
        else:
            found = chr(code)
        expected = fold_character(chr(code), lowercase, strip_accents)
        assert found == expected, f"U+{code:04X}"
        assert len(found.encode()) <= growth * len(chr(code).encode())


@pytest.mark.parametrize(
    ("character", "options", "expected"),
    [
        ("ß", (True, None), "ss"),
        ("İ", (True, None), "i\u0307"),
        ("ς", (True, None), "σ"),
        ("ŉ", (True, None), "ʼn"),
        ("’", (False, None), "'"),
        ("É", (True, "unicode"), "e"),
        ("É", (False, "ascii"), "E"),
        ("ℌ", (True, "unicode"), "h"),
        ("½", (True, "unicode"), "12"),
        ("я", (True, "ascii"), ""),
        ("ﬁ", (True, "ascii"), "fi"),
        ("״", (True, None), '"'),
        ("׳", (True, "unicode"), "'"),
        ("´", (True, "unicode"), ""),
        ("¨", (True, "ascii"), ""),
        ("‾", (False, "unicode"), ""),
    ],
)
def test_folds_are_those_of_unicode(character, options, expected):
    assert fold_character(character, *options) == expected
