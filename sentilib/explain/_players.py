"""The players of reviews: their tokens, with words and text segments."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sentilib._ids import OOV, PAD
from sentilib._pipelines import Reviews

_MAX_NUMERALS = 2**20


class Words(NamedTuple):
    """The players of reviews as text; each field is a list with one list of str per review."""

    segments: list[list[str]]  # visible text cut at the beginning of each word but the first
    words: list[list[str]]  # as written in the visible text
    tokens: list[list[str]]


def players(reviews: Reviews) -> Words:
    """Return the words that `known_ids` stand for."""
    if reviews.reading is None:
        return _names_as_words(reviews.ids, reviews.names)
    result = Words([], [], [])
    kept: dict[str, str] = {}  # equal strings share one object, since most are repeated
    for row in range(len(reviews)):
        places = reviews.places(row)
        result.segments.append([kept.setdefault(text, text) for text in places.segments])
        result.words.append([kept.setdefault(text, text) for text in places.words])
        result.tokens.append(places.tokens)
    return result


def unknown_words(words: Words, ids: np.ndarray) -> frozenset[str]:
    """Return the tokens of the rows of ids that the model does not know."""
    found: set[str] = set()
    for row in np.flatnonzero((ids == OOV).any(axis=1)).tolist():
        unknown = np.flatnonzero(ids[row][ids[row] != PAD] == OOV)
        found.update(words.tokens[row][k] for k in unknown.tolist())
    return frozenset(found)


def _names_as_words(ids: np.ndarray, names: np.ndarray | None) -> Words:
    """Return the names of the ids of each row; an id without a name is written as a number."""
    is_token = ids != PAD
    flat = ids[is_token]
    if names is None:
        names = _numerals(flat)
    bounds = np.concatenate([[0], np.cumsum(is_token.sum(axis=1))]).tolist()
    known = names[np.minimum(flat, len(names) - 1)]
    beyond = np.flatnonzero(flat >= len(names))
    known[beyond] = [str(i) for i in flat[beyond].tolist()]
    tokens = [known[a:b].tolist() for a, b in pairwise(bounds)]
    return Words(tokens, tokens, tokens)


def _numerals(ids: np.ndarray) -> np.ndarray:
    """Return an array whose entry k is the number k as text, for the ids that occur."""
    numerals = np.full(min(int(ids.max(initial=0)) + 1, _MAX_NUMERALS), "", dtype=object)
    occurs = np.zeros(len(numerals), dtype=bool)
    occurs[ids[ids < len(numerals)]] = True
    present = np.flatnonzero(occurs)
    numerals[present] = [str(i) for i in present.tolist()]
    return numerals
