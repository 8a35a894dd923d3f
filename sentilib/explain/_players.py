"""The players of reviews: their tokens, with words and text segments."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from sentilib._ids import OOV, PAD, count_tokens
from sentilib._pipelines import Reviews
from sentilib._text._places import TokenPlaces


class Words(NamedTuple):
    """The players of some reviews as text; each field is a list with one list of str per review."""

    segments: list[list[str]]  # visible text cut at the beginning of each word but the first
    words: list[list[str]]  # as written in the visible text
    tokens: list[list[str]]


class Players(Protocol):
    """The players of reviews, kept as numbers and decoded when someone looks."""

    @property
    def unknown(self) -> frozenset[str]:
        """Tokens that the model does not know."""

    def row(self, row: int) -> tuple[list[str], list[str], list[str]]:
        """Return the segments, words and tokens of a review."""


def players(reviews: Reviews) -> Players:
    """Return the words that `known_ids` stand for."""
    if reviews.reading is None:
        return _PlayersOfIds(reviews)
    return _PlayersOfTexts(reviews)


def words_of(of: Players, rows: Iterable[int]) -> Words:
    """Decode the words of some reviews."""
    result = Words([], [], [])
    kept: dict[str, str] = {}  # equal strings share one object, since most are repeated
    for row in rows:
        segments, words, tokens = of.row(row)
        result.segments.append([kept.setdefault(text, text) for text in segments])
        result.words.append([kept.setdefault(text, text) for text in words])
        result.tokens.append(tokens)
    return result


class _PlayersOfTexts:
    """The players of reviews that were read as text."""

    def __init__(self, reviews: Reviews) -> None:
        self._places: TokenPlaces = reviews.token_places
        self._n_tokens = count_tokens(reviews.known_ids)
        self._n_ids = reviews.parts.model.tables_.n_ids

    def row(self, row: int) -> tuple[list[str], list[str], list[str]]:
        """Return the segments, words and tokens of a review."""
        places = self._places.of(row)
        return places.segments, places.words, places.tokens

    @cached_property
    def unknown(self) -> frozenset[str]:
        """Tokens that the model does not know."""
        reading, ids = self._places.reading, self._places.ids
        if ids is not None:
            found = set()
            for row in np.flatnonzero((ids == OOV).any(axis=1)).tolist():
                tokens = np.array(self._places.of(row).tokens, dtype=object)
                found.update(tokens[ids[row][ids[row] != PAD] == OOV].tolist())
            return frozenset(found)
        is_unknown = (reading.ids == OOV) | (reading.ids >= self._n_ids)
        is_whole = reading.lengths == self._n_tokens
        numbers = reading.numbers
        if not is_whole.all():
            parts = [numbers[np.repeat(is_whole, reading.lengths)]]
            for row in np.flatnonzero(~is_whole).tolist():
                parts.append(reading.numbers_of(row)[self._places.kept(row)])
            numbers = np.concatenate(parts)
        occurs = np.zeros(len(is_unknown), dtype=bool)
        occurs[numbers] = True
        return frozenset(reading.words[occurs & is_unknown].tolist())


class _PlayersOfIds:
    """The players of rows of ids: names of ids, or numbers for those without a name."""

    def __init__(self, reviews: Reviews) -> None:
        is_token = reviews.ids != PAD
        self._names = reviews.names
        self._ids = reviews.ids[is_token]
        self._starts = np.concatenate([[0], np.cumsum(is_token.sum(axis=1))])
        unknown = np.unique(self._ids[reviews.known_ids[is_token] == OOV])
        self.unknown = frozenset(self._named(unknown))

    def row(self, row: int) -> tuple[list[str], list[str], list[str]]:
        """Return the names of a row's ids, three times."""
        names = self._named(self._ids[self._starts[row] : self._starts[row + 1]])
        return names, names, names

    def _named(self, ids: np.ndarray) -> list[str]:
        names: Any = [] if self._names is None else self._names
        return [names[k] if k < len(names) else str(k) for k in ids.tolist()]
