"""The words that get an id: chosen by their counts, or passed by the user."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MappingView
from numbers import Real
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from sentilib._compiled._states import is_array, require
from sentilib._ids import FIRST_WORD, OOV, PAD
from sentilib._text._kernels import IS_MARK
from sentilib._text._negation import ids_without_negation, plain_words
from sentilib._text._scan import Scanner
from sentilib._text._words import WordTable, check_words


class Vocabulary(NamedTuple):
    """Words with ids, and stop words, in a table that the kernels read."""

    words: list[str]  # by id, from FIRST_WORD on
    table: WordTable  # the words, then further spellings of some of them, then stop words
    ids: np.ndarray  # int32 (table.size,): id of each word, with the bit of marks; -1: stop word

    @classmethod
    def of(
        cls,
        table: WordTable,
        stop_words: Iterable[str],
        scanner: Scanner,
        spellings: Mapping[str, str] = MappingProxyType({}),
    ) -> "Vocabulary":
        """Assign ids to a table's words; a stop word among them keeps its id but never occurs.

        `spellings` are further spellings, each with its word, whose id it gets.
        """
        words = table.words()
        spelt = WordTable.of(spellings)
        stop_table = WordTable.of(sorted(stop_words))
        table = table.merged(spelt)[0].merged(stop_table)[0]
        ids = np.arange(FIRST_WORD, FIRST_WORD + table.size, dtype=np.int32)
        ids[table.find(spelt)] = ids[table.find(WordTable.of(spellings.values()))]
        ids[table.find(stop_table)] = -1
        return cls(words, table, scanner.with_marks(table, ids))

    def state(self) -> dict[str, Any]:
        """Return plain values from which `from_state` restores the vocabulary."""
        text = self.table.state()["text"]
        return {"text": text, "n_words": len(self.words), "ids": self.ids}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Vocabulary":
        """Return the vocabulary; raise ValueError if its arrays, which may be damaged, misfit."""
        n_lines = np.count_nonzero(state["text"] == ord("\n"))
        counts = np.zeros(n_lines, dtype=np.uint8)
        table = WordTable.from_state(
            {"text": state["text"], "term_counts": counts, "document_counts": counts}
        )
        n_words, ids = state["n_words"], state["ids"]
        require(isinstance(n_words, int) and 0 <= n_words <= table.size, "saved vocabulary")
        require(
            is_array(ids, np.int32, table.size)
            and ((ids == -1) | ((ids >= 0) & (ids & ~IS_MARK < FIRST_WORD + n_words))).all(),
            "saved vocabulary",
        )
        words = table.words(np.arange(n_words))
        require(len(set(words)) == n_words, "saved vocabulary")
        return cls(words, table, ids.copy())

    @property
    def numbered(self) -> dict[str, int]:
        """Id of each word."""
        return {word: number for number, word in enumerate(self.words, FIRST_WORD)}

    def ids_of(self, counts: WordTable, scanner: Scanner) -> np.ndarray:
        """Return the id of each counted word, with the bit of marks; -1 for stop words."""
        ids = np.full(counts.size, OOV, dtype=np.int32)
        places = counts.find(self.table)
        ids[places[places >= 0]] = self.ids[places >= 0]
        if scanner.negation_scope:
            ids_without_negation(counts, ids, self.table, self.ids)
        return scanner.with_marks(counts, ids)

    def document_frequency(self, counts: WordTable) -> np.ndarray:
        """Return the number of counted documents that contain each word, by id."""
        frequency = np.zeros(FIRST_WORD + len(self.words), dtype=np.int64)
        ids = self.ids & ~IS_MARK
        ids[: len(self.words)] = range(FIRST_WORD, len(frequency))  # of stop words too
        places = counts.find(self.table)
        found = (places >= 0) & (ids >= FIRST_WORD)
        np.add.at(frequency, ids[found], counts.document_counts[places[found]])
        return frequency


def choose_words(
    counts: WordTable,
    stop_words: Iterable[str],
    *,
    min_df: Any,
    max_df: Any,
    max_features: int | None,
) -> np.ndarray:
    """Return the numbers of the words that between `min_df` and `max_df` documents contain.

    They are sorted by descending term count, ties alphabetically, and cut to `max_features`.
    """
    term_counts, document_counts = counts.term_counts, counts.document_counts
    kept = (document_counts >= min_df) & (document_counts <= max_df)
    places = counts.find(WordTable.of(stop_words))
    kept[places[places >= 0]] = False
    candidates = np.flatnonzero(kept)
    if max_features is not None and candidates.size > max_features:
        falling = -term_counts[candidates]
        last = np.partition(falling, max_features - 1)[max_features - 1]
        ties = _first_by_name(
            counts, candidates[falling == last], max_features - int((falling < last).sum())
        )
        candidates = np.concatenate([candidates[falling < last], ties])
    words = counts.words(candidates)
    by_name = np.array(sorted(range(len(words)), key=words.__getitem__), dtype=np.int64)
    by_count = np.argsort(-term_counts[candidates[by_name]], kind="stable")
    return candidates[by_name[by_count][:max_features]]


def _first_by_name(counts: WordTable, words: np.ndarray, n: int) -> np.ndarray:
    """Return the n words that come first alphabetically, in no order.

    Eight bytes of all are compared at once, since millions may have the same count.
    """
    found = []
    ends = counts.starts[words + 1]
    place = counts.starts[words]
    while len(words) > n and (place < ends).any():
        chunks = counts.chunks[np.minimum(place, ends - 1)].byteswap().view(np.uint64)
        chunks[place >= ends] = 0
        last = np.partition(chunks, n - 1)[n - 1]
        found.append(words[chunks < last])
        n -= len(found[-1])
        is_last = chunks == last
        words, place, ends = words[is_last], place[is_last] + 1, ends[is_last]
    return np.concatenate([*found, words[:n]])


def given_words(vocabulary: Mapping[str, int] | Iterable[str]) -> list[str]:
    """Return the words of a vocabulary parameter in the order of their ids."""
    if isinstance(vocabulary, str):
        raise ValueError("vocabulary must be a mapping or an iterable of words, not a string.")
    if isinstance(vocabulary, Iterator | MappingView):
        raise ValueError(
            "vocabulary must be a mapping or a collection of words, got a "
            f"{type(vocabulary).__name__}, which cannot be copied. Pass list(vocabulary)."
        )
    words = list(vocabulary)
    check_words("vocabulary", words)
    if not words:
        raise ValueError("vocabulary is empty.")
    if isinstance(vocabulary, Counter):
        return sorted(sorted(words), key=vocabulary.__getitem__, reverse=True)
    if isinstance(vocabulary, Mapping):
        return _by_id(vocabulary)
    word, count = Counter(words).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f"vocabulary contains {word!r:.60} more than once. Each word needs one id."
        )
    return sorted(words) if isinstance(vocabulary, set | frozenset) else words


def _by_id(vocabulary: Mapping[str, int]) -> list[str]:
    """Return the words of a mapping by ascending id, or by CountVectorizer's number of a column."""
    by_id = {number: word for word, number in vocabulary.items()}
    n_words = len(vocabulary)
    for first in (FIRST_WORD, 0):
        if by_id.keys() == set(range(first, first + n_words)):
            return [by_id[number] for number in range(first, first + n_words)]
    numbers = [number for number in by_id if isinstance(number, Real)]
    raise ValueError(
        f"The ids of a vocabulary of {n_words} words must be {FIRST_WORD} to "
        f"{FIRST_WORD + n_words - 1}, each once: {PAD} stands for padding and {OOV} for unknown "
        f"words. Got ids from {min(numbers, default=None)} to {max(numbers, default=None)}. To get "
        "ids assigned, pass a list of words, or a mapping to 0, 1, ... in the order of ids."
    )


def normalize_words(words: list[str], scanner: Scanner) -> dict[str, str]:
    """Normalize words that no document can match as they are, in place.

    Returns the normalized word of each spelling that was replaced. A word stays as it is if its
    normal form is one of the words too: each id needs its own.
    """
    known, spellings = set(words), {}
    for word in unmatchable(words, scanner):
        normal = scanner.normalized(word)
        if normal not in known and not unmatchable([normal], scanner):
            spellings[word] = normal
            known.add(normal)
    words[:] = [spellings.get(word, word) for word in words]
    return spellings


def unmatchable(words: list[str], scanner: Scanner) -> list[str]:
    """Return the words that no document can match, since they change when tokenized."""
    plain = plain_words(words, scanner)
    tokens = scanner.tokens(plain)
    read = zip(words, plain, tokens, strict=True)
    strange = [word for word, base, found in read if found != [base]]
    styled = [word for word in strange if scanner.normalized(word) == word]
    if styled:  # some symbols are emoji only before a variation selector, which tokens lack
        tokens = scanner.tokens([re.sub("([^\u200d])", "\\1\ufe0f", word) for word in styled])
    emoji = {word for word, found in zip(styled, tokens, strict=False) if found == [word]}
    return [word for word in strange if word not in emoji]


def folded(words: Iterable[str], scanner: Scanner) -> set[str]:
    """Return the words folded like tokens, without those that are not exactly one token."""
    words = list(words)
    check_words("stop_words", words)
    return {found[0] for found in scanner.tokens(words) if len(found) == 1} if words else set()
