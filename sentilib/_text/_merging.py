"""Counts of words that several tokenizers have learnt, as those of one."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sentilib._compiled._states import snapshot
from sentilib._sklearn import check_fitted

if TYPE_CHECKING:
    from sentilib._text._words import WordTable

# Parameters that determine how words are counted
_READING = (
    "markup", "normalization", "lowercase", "strip_accents", "punctuation", "unspaced",
    "negation_scope", "negations",
)  # fmt: skip
_MAX_DOCUMENTS = 2**31 - 1  # that a table of words can count


def merged_counts(own: Any, tokenizers: Iterable[Any]) -> tuple["WordTable", int]:
    """Return the sum of the counts of tokenizers, and of this one if it is fitted."""
    if hasattr(tokenizers, "fit"):
        raise TypeError("Expected an iterable of fitted tokenizers, got one. Pass [tokenizer].")
    n_documents = 0
    tables: list[WordTable] = []  # each larger than the next, so that a word is copied few times
    for tokenizer in _with(own, tokenizers):
        table = tokenizer._counts
        n_documents += tokenizer.n_documents_
        while tables and tables[-1].size <= table.size:
            table = tables.pop().merged(table)[0]
        tables.append(table)
    if not tables:
        raise ValueError("There are no counts to merge: tokenizers is empty.")
    if n_documents > _MAX_DOCUMENTS:
        raise ValueError(
            f"The tokenizers have seen {n_documents:,} documents, but counts end at "
            f"{_MAX_DOCUMENTS:,}. Count a sample of the corpus."
        )
    table = tables.pop()
    while tables:
        table = tables.pop().merged(table)[0]
    return table, n_documents


def _with(own: Any, tokenizers: Iterable[Any]) -> Iterable[Any]:
    """Yield snapshots of this tokenizer, if it has counts, and of the others, which must fit."""
    before = snapshot(own)
    if hasattr(before, "_counts"):
        yield before
    for k, tokenizer in enumerate(tokenizers):
        if not isinstance(tokenizer, type(own)):
            raise TypeError(
                f"Expected fitted tokenizers, but number {k} is a {type(tokenizer).__name__}."
            )
        check_fitted(tokenizer)
        other = snapshot(tokenizer)
        if not hasattr(other, "_counts"):
            raise ValueError(
                f"Tokenizer {k} has a given vocabulary and no counts. Fit it on its documents."
            )
        for name in _READING:
            if getattr(own, name) != getattr(other, name):
                raise ValueError(
                    f"Tokenizer {k} has {name}={getattr(other, name)!r}, but this one "
                    f"{getattr(own, name)!r}: they count different words."
                )
        yield other
