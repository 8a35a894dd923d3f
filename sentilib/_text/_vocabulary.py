"""Which words get an id: chosen by their counts, or given by the user."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from sentilib._ids import FIRST_WORD, OOV, PAD
from sentilib._text._scan import Scanner
from sentilib._text._words import WordTable

_NO_WORD = re.compile("[\0\n\ud800-\udfff]")


class Vocabulary(NamedTuple):
    """Words with ids, and stop words, in a table for the kernels."""

    words: list[str]  # by id, from FIRST_WORD on
    table: WordTable  # the words, then stop words
    ids: np.ndarray  # int32 (table.size,): id of each word of the table, -1 for a stop word

    @classmethod
    def of(cls, table: WordTable, stop_words: Iterable[str]) -> "Vocabulary":
        """Give a table's words their ids; a stop word among them keeps its id but is never met."""
        words = table.words()
        stop_table = WordTable.of(sorted(stop_words))
        table, _ = table.merged(stop_table)
        ids = np.arange(FIRST_WORD, FIRST_WORD + table.size, dtype=np.int32)
        ids[table.find(stop_table)] = -1
        return cls(words, table, ids)

    @property
    def numbered(self) -> dict[str, int]:
        """Id of each word."""
        return {word: number for number, word in enumerate(self.words, FIRST_WORD)}

    def ids_of(self, counts: WordTable) -> np.ndarray:
        """Id of each of these counted words: OOV where it has none, -1 for stop words."""
        ids = np.full(counts.size, OOV, dtype=np.int32)
        places = counts.find(self.table)
        ids[places[places >= 0]] = self.ids[places >= 0]
        return ids

    def document_frequency(self, counts: WordTable) -> np.ndarray:
        """By id, how many of the counted documents hold the word."""
        frequency = np.zeros(FIRST_WORD + len(self.words), dtype=np.int64)
        places = counts.find(self.table)[: len(self.words)]
        found = places >= 0
        frequency[FIRST_WORD:][found] = counts.document_counts[places[found]]
        return frequency


def choose_words(
    counts: WordTable,
    stop_words: Iterable[str],
    *,
    least: Any,
    most: Any,
    limit: int | None,
) -> np.ndarray:
    """Numbers of the words that at least and at most so many documents hold.

    They come by falling term count, ties in alphabetical order, up to the limit.
    """
    term_counts, document_counts = counts.term_counts, counts.document_counts
    kept = (document_counts >= least) & (document_counts <= most)
    places = counts.find(WordTable.of(stop_words))
    kept[places[places >= 0]] = False
    candidates = np.flatnonzero(kept)
    if limit is not None and candidates.size > limit:
        falling = -term_counts[candidates]
        candidates = candidates[falling <= np.partition(falling, limit - 1)[limit - 1]]
    words = counts.words(candidates)
    by_name = np.array(sorted(range(len(words)), key=words.__getitem__), dtype=np.int64)
    by_count = np.argsort(-term_counts[candidates[by_name]], kind="stable")
    return candidates[by_name[by_count][:limit]]


def given_words(vocabulary: Mapping[str, int] | Iterable[str]) -> list[str]:
    """Words of a vocabulary parameter in the order of their ids."""
    if isinstance(vocabulary, Mapping):
        by_id = {int(number): word for word, number in vocabulary.items()}
        expected = range(FIRST_WORD, FIRST_WORD + len(vocabulary))
        if by_id.keys() != set(expected):
            raise ValueError(
                f"The ids of a vocabulary of {len(vocabulary)} words must be {expected.start} to "
                f"{expected.stop - 1}, each once: {PAD} stands for padding and {OOV} for unknown "
                f"words. Got ids from {min(by_id, default=None)} to {max(by_id, default=None)}. "
                "To have the ids set for you, pass a list of words."
            )
        words = [by_id[number] for number in expected]
    elif isinstance(vocabulary, str):
        raise ValueError("vocabulary must be a mapping or an iterable of words, not a string.")
    else:
        words = list(vocabulary)
        if isinstance(vocabulary, set | frozenset):
            words = sorted(words)
    check_words("vocabulary", words)
    if not words:
        raise ValueError("vocabulary is empty.")
    word, count = Counter(words).most_common(1)[0]
    if count > 1:
        raise ValueError(f"vocabulary holds {word!r} twice.")
    return words


def check_words(parameter: str, words: Iterable[object]) -> None:
    """Refuse what can be no word, and what the kernels could not tell from another word."""
    for word in words:
        if not isinstance(word, str) or not word or _NO_WORD.search(word):
            raise ValueError(f"{parameter} holds {word!r}, which is no word.")


def unmatchable(words: list[str], scanner: Scanner) -> list[str]:
    """Words that no document can match, since tokenizing does not give them back."""
    tokens = scanner.tokens(words)
    strange = [word for word, found in zip(words, tokens, strict=True) if found != [word]]
    if strange:  # some symbols are emoji only if a variation selector follows, which is not kept
        tokens = scanner.tokens([re.sub("([^\u200d])", "\\1\ufe0f", word) for word in strange])
    return [word for word, found in zip(strange, tokens, strict=False) if found != [word]]


def folded(words: Iterable[str], scanner: Scanner) -> set[str]:
    """Words as tokens: folded as documents are; what is not one token is left out."""
    words = list(words)
    check_words("stop_words", words)
    return {found[0] for found in scanner.tokens(words) if len(found) == 1} if words else set()
