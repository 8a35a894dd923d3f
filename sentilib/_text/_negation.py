"""Negations, and the words in their scope, which are tokens of their own."""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from sentilib._ids import OOV
from sentilib._text._kernels import NEGATED
from sentilib._text._scan import Scanner
from sentilib._text._words import WordTable, check_words

_VERBS = """ai are ca could dare did do does had has have is might must need ought sha should was
were wo would""".split()
_ENGLISH = (
    *"cannot hardly neither never no nobody none nor not nothing nowhere without".split(),
    *(verb + ending for verb in _VERBS for ending in ("n't", "nt")),
)


def negation_table(negations: str | Collection[str], folding: Mapping[str, Any]) -> WordTable:
    """Return the words that begin a scope, folded like documents; raise ValueError for others.

    Parameters
    ----------
    negations : "english" or collection of str
        Words, as a parameter of the tokenizer.
    folding : mapping of str to value
        Parameters of `Scanner`.
    """
    if negations == "english":
        forms = str.lower, str.capitalize, str.upper  # of which folding makes one
        return _table(tuple(form(word) for word in _ENGLISH for form in forms), **folding)
    check_words("negations", negations)
    if not negations:
        raise ValueError(
            'negations is empty: pass words such as "not", or negation_scope=0 to mark no words.'
        )
    return _table(tuple(negations), **folding)


@lru_cache(maxsize=16)  # since a table is needed for each document that is read alone
def _table(words: tuple[str, ...], **folding: Any) -> WordTable:
    tokens = Scanner(**folding).tokens(list(words))
    for word, found in zip(words, tokens, strict=True):
        if len(found) != 1:
            raise ValueError(
                f"negations contains {word!r:.60}, which is read as {len(found)} tokens, {found}. "
                "Each negation must be one token."
            )
    return WordTable.of(dict.fromkeys(token for (token,) in tokens))


def negated(words: Iterable[str]) -> set[str]:
    """Return what words are in the scope of a negation."""
    return {word + NEGATED for word in words}


def plain_words(words: list[str], scanner: Scanner) -> list[str]:
    """Return what words are outside the scope of a negation, if the scanner marks such scopes."""
    return [word.removesuffix(NEGATED) for word in words] if scanner.negation_scope else words


def ids_without_negation(
    words: WordTable, ids: np.ndarray, table: WordTable, ids_of_table: np.ndarray
) -> None:
    """Give unknown words in the scope of a negation the ids that they have outside, in place."""
    unknown = np.flatnonzero(ids == OOV)
    texts = words.words(unknown)
    is_negated = np.array([text.endswith(NEGATED) for text in texts], dtype=bool)
    places = table.find(WordTable.of(t.removesuffix(NEGATED) for t in texts if t.endswith(NEGATED)))
    ids[unknown[is_negated]] = np.append(ids_of_table, np.int32(OOV))[places]  # the last for -1
