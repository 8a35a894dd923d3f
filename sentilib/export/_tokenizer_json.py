"""to_tokenizer_json: a fitted tokenizer as a file of Hugging Face's tokenizers."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sentilib._files import atomic_write
from sentilib._html_tokenizer import HTMLTokenizer
from sentilib._ids import OOV, OOV_WORD, PAD
from sentilib._pipelines import Parts
from sentilib._text import _unicode
from sentilib._text._kernels import IS_MARK, MAX_RUN
from sentilib._text._normalization import CHILLUS

_PAD_WORD = "[PAD]"  # like OOV_WORD, no token has this name: brackets are tokens of their own
_JOINER, _QUOTE = "\u200d", '"'
_TAGS = np.r_[0xE0020:0xE0080]  # in flags of emoji
_STYLES = "\ufe0e\ufe0f"


def to_tokenizer_json(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted tokenizer as a ``tokenizer.json``, which other languages read.

    Hugging Face's tokenizers (Rust, Python, JavaScript, ...) compute the same ids from text without
    markup: the file contains the vocabulary, the normalization, one regular expression for tokens,
    padding and truncation. It does not remove tags or decode references such as ``&amp;``.

    Parameters
    ----------
    estimator : estimator
        Fitted `HTMLTokenizer`, or a pipeline or search that contains one as its first step.
    path : str or path-like
        File to write, usually ``tokenizer.json``.

    Raises
    ------
    TypeError
        If the estimator contains no tokenizer, or steps before it.
    ValueError
        If a parameter of the tokenizer has no equivalent: `strip_accents`, `stop_words`,
        `negation_scope` and ``truncating="middle"``.
    NotFittedError
        If the tokenizer is not fitted.

    See Also
    --------
    to_onnx : The model that reads the ids.

    Notes
    -----
    The ids are those of the tokenizer with ``markup=None``, except for

    - characters that only one of the two libraries' versions of Unicode knows;
    - more than eight marks in a row that contain single skin tones, single regional letters or
      stray combining marks;
    - symbols such as "™" that U+FE0F makes an emoji, if `punctuation` is not "token" or if other
      parts of an emoji follow;
    - gershayim (U+05F4) between other letters than Hebrew ones;
    - invisible characters before a quote in a Hebrew word, or between the parts of an emoji;
    - U+0345 where it is not part of a Greek letter, and more than 30 combining marks in a row.

    Examples
    --------
    >>> import os, tempfile
    >>> import tokenizers
    >>> from sentilib import HTMLTokenizer
    >>> from sentilib.export import to_tokenizer_json
    >>> tokenizer = HTMLTokenizer(max_length=6).fit(["A superb film!", "A <b>bad</b> film."])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "tokenizer.json")
    ...     to_tokenizer_json(tokenizer, path)
    ...     read_again = tokenizers.Tokenizer.from_file(path)
    >>> read_again.encode("A superb plot!").ids
    [2, 7, 1, 4, 0, 0]
    >>> tokenizer.transform(["A superb plot!"])
    array([[2, 7, 1, 4, 0, 0]], dtype=int32)
    """
    tokenizer = _tokenizer(estimator)
    words, ids = tokenizer._vocabulary.table.words(), (tokenizer._vocabulary.ids & ~IS_MARK)
    vocabulary = {_PAD_WORD: PAD, OOV_WORD: OOV, **dict(zip(words, ids.tolist(), strict=True))}
    width = tokenizer.max_length
    content = {
        "version": "1.0",
        "truncation": {
            "direction": {"pre": "Left", "post": "Right"}[tokenizer.truncating],
            "max_length": width,
            "strategy": "LongestFirst",
            "stride": 0,
        },
        "padding": {
            "strategy": {"Fixed": width},
            "direction": {"pre": "Left", "post": "Right"}[tokenizer.padding],
            "pad_to_multiple_of": None,
            "pad_id": PAD,
            "pad_type_id": 0,
            "pad_token": _PAD_WORD,
        },
        "added_tokens": [],
        **_rules(tokenizer, words),
        "post_processor": None,
        "decoder": None,
        # Whole words only: no word contains the prefix of their continuations.
        "model": {
            "type": "WordPiece",
            "unk_token": OOV_WORD,
            "continuing_subword_prefix": "\0",
            "max_input_chars_per_word": max(map(len, words)),
            "vocab": vocabulary,
        },
    }
    with atomic_write(Path(path)) as stream:
        stream.write(json.dumps(content, ensure_ascii=False).encode())


def _tokenizer(estimator: Any) -> Any:
    """Return the fitted tokenizer of an estimator, if the file can represent it."""
    parts = None if isinstance(estimator, HTMLTokenizer) else Parts.of(estimator)
    tokenizer = estimator if parts is None else parts.tokenizer
    if tokenizer is None or (parts is not None and parts.front):
        raise TypeError(
            "to_tokenizer_json writes an HTMLTokenizer, alone or as the first step of a pipeline, "
            f"got {type(estimator).__name__}."
        )
    tokenizer._check_vocabulary()
    for name, supported in (("strip_accents", [None]), ("stop_words", [None]),
                            ("truncating", ["pre", "post"]), ("negation_scope", [0])):  # fmt: skip
        value = getattr(tokenizer, name)
        if value not in supported:
            raise ValueError(
                f"tokenizer.json has no equivalent of {name}={value!r}. Fit an HTMLTokenizer with "
                f"{name}={supported[0]!r}, or read the documents by HTMLTokenizer."
            )
    return tokenizer


def _rules(tokenizer: Any, words: list[str]) -> dict[str, Any]:
    """Return what prepares and splits a text."""
    kinds = _unicode.rules(tokenizer.lowercase, None, tokenizer.punctuation, tokenizer.unspaced)
    of = _Characters(kinds[0].character_class)
    return {
        "normalizer": {"type": "Sequence", "normalizers": _normalizers(tokenizer, words, of)},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": of.token},
            "behavior": "Removed",
            "invert": True,
        },
    }


def _normalizers(tokenizer: Any, words: list[str], of: "_Characters") -> list[dict[str, Any]]:
    """Return the steps that fold a text; those that lead to no known word are left out."""
    known = "\n".join(words)
    steps = []
    if tokenizer.normalization is not None:
        steps += [
            _replace(f"{base}\u0d4d{_JOINER}", chillu)
            for base, chillu in CHILLUS.items()
            if chillu in known
        ]
        steps.append({"type": tokenizer.normalization})
    if tokenizer.punctuation != "drop":  # an apostrophe joins only what follows it at once
        steps.append(_replace(f"(?<=[{of.quotes}])(?:{of.ignored})+", " ", regex=True))
    steps.append(_replace(f"(?:{of.ignored})+", "", regex=True))
    steps += [
        _replace(character, fold)
        for character, fold in _unicode.APOSTROPHES.items()
        if character != fold
    ]
    if tokenizer.lowercase:
        steps.append({"type": "Lowercase"})
        steps += [_replace(c, fold) for c, fold in _unlike_lowercase() if fold in known]
    steps.append(_replace(f"[^{of.all}]+", " ", regex=True))
    steps.append(_replace(of.surplus, "", regex=True))
    return steps


def _replace(pattern: str, content: str, *, regex: bool = False) -> dict[str, Any]:
    kind = "Regex" if regex else "String"
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def _unlike_lowercase() -> Iterable[tuple[str, str]]:
    """Yield the characters that are lower case, but not folded, with their folds."""
    for character in map(chr, [*range(0xD800), *range(0xE000, 0x20000)]):
        if character.lower() == character != character.casefold():
            yield character, character.casefold()


class _Characters:
    """Classes of characters, and what is made of them, as parts of regular expressions.

    They contain neither named classes nor escapes for letters, on which dialects differ.
    """

    def __init__(self, classes: np.ndarray) -> None:
        unicode = _unicode
        tags = np.zeros(len(classes), dtype=bool)
        tags[_TAGS] = True
        hebrew = np.zeros(len(classes), dtype=bool)
        hebrew[0x591:0x600] = True
        is_ignored = (classes == unicode.IGNORED) & ~tags
        is_ignored[ord(_JOINER)] = False
        bang = int(classes[ord("!")])  # of marks: a token, a separator or ignored
        is_mark = np.isin(classes, (unicode.PUNCTUATION, unicode.QUOTE, unicode.STANDALONE,
                                    unicode.KEYCAP_BASE, unicode.APOSTROPHE))  # fmt: skip

        def set_of(*kinds: int) -> str:
            return _set(np.isin(classes, kinds))

        word, cluster = set_of(unicode.WORD), set_of(unicode.IDEOGRAPH, unicode.PREFIX)
        follows = set_of(unicode.MARK, unicode.STACKER)
        emoji, tone, flag = (
            set_of(kind) for kind in (unicode.EMOJI, unicode.SKIN_TONE, unicode.REGIONAL)
        )
        keycap, bases = set_of(unicode.KEYCAP), set_of(unicode.KEYCAP_BASE)
        self.quotes = _set(
            np.isin(np.arange(len(classes)), [ord(_QUOTE), *map(ord, _unicode.APOSTROPHES)])
        )
        all_tags = _set(tags)
        ignored = [
            f"[{_set(is_ignored)}]",
            f"{_JOINER}(?![{emoji}])",
            f"(?<![{emoji}{tone}{all_tags}{_STYLES}])[{all_tags}]+",
        ]
        if bang == unicode.IGNORED:
            ignored += [
                f"[{_set(is_mark & (classes != unicode.KEYCAP_BASE))}]",
                f"[{bases}](?![{_STYLES}]?{keycap})",
            ]
        self.ignored = "|".join(ignored)
        self.all = _set((classes != unicode.SEPARATOR) | tags)

        base = f"[{bases}]{keycap}"
        tail = f"[{tone}{all_tags}]"
        joined = f"[{emoji}]{tail}{{0,7}}(?:{_JOINER}[{emoji}]{tail}?){{0,3}}"
        mark = f"|[{_set(is_mark)}]" if bang == unicode.STANDALONE else ""
        unit = f"(?:{base}|{joined}|[{flag}][{flag}]{mark})"
        # A look-behind from each mark on: what a run has beyond its first tokens.
        starts = f"(?=[{bases}{emoji}{flag}{_set(is_mark)}])"
        more = f"(?:(?:{unit}|[{tone}{flag}]) ?)*"
        self.surplus = f"{starts}(?<=(?:{unit} ?){{{MAX_RUN}}}){unit} ?{more}"
        within = [f"[{word}{follows}]"]
        if bang != unicode.IGNORED:
            within.append(f"\\x27(?=[{word}])")
            letter = _set((classes == unicode.WORD) & hebrew)
            within.append(f"(?<=[{_set(hebrew)}])\\x22(?=[{letter}])")
        glue = set_of(unicode.PREFIX, unicode.STACKER)
        inside = f"(?:[{follows}]|(?<=[{glue}])[{cluster}])" if cluster else f"[{follows}]"
        tokens = [f"[{word}](?:{'|'.join(within)})*{keycap}?"]
        if cluster:
            tokens.append(f"[{cluster}]{inside}*{keycap}?")
        tokens += [base, f"[{emoji}{tone}](?:{tail}|{_JOINER}[{emoji}])*", f"[{flag}][{flag}]?"]
        self.token = "|".join(tokens) + mark


def _set(is_in: np.ndarray) -> str:
    """Return the ranges of the characters of a mask, to be written within brackets."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]])))
    ranges = []
    for first, last in zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True):
        ranges.append(_escaped(first) + (f"-{_escaped(last)}" if last > first else ""))
    return "".join(ranges)


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x80 and not chr(code).isalnum() else chr(code)
