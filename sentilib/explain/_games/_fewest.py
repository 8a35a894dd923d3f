"""The fewest words whose removal changes the predicted class of an additive model."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from sentilib._ids import PAD, count_tokens
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._words import WordGame

_ROUNDING = 1e-9  # of margins: a prediction that changes by less does not count as another one
_STATES_AT_ONCE = 2**24
_FIRST_TRY, _GROWTH = 4, 8  # number of removed words that is tried first, and its growth
_NONE = (2**31, 0.0, None)


class Removal(NamedTuple):
    """Tokens of one row whose removal changes the predicted class."""

    tokens: np.ndarray | None  # their numbers, ascending; None if none were found
    lower_bound: int  # no fewer tokens change it


class _Search(NamedTuple):
    """The search for one other class of one row."""

    n_tokens: int
    row: int
    weights: np.ndarray  # of the outputs, whose sum is the lead of the predicted class


def fewest_words(model: BaselineModel, X: np.ndarray, max_words: int | None) -> list[Removal]:
    """Find the fewest tokens whose replacement by the baseline changes the predicted class.

    The lead of the predicted class over another one is a sum of terms, each of a run of at most
    max_n tokens that are all kept. The lowest lead after the removal of exactly k tokens follows
    token by token (Bellman, Dynamic Programming, 1957): all that matters of the tokens before is
    how many of them were removed, and how many of the last ones were kept in a row, up to max_n.

    Parameters
    ----------
    model : BaselineModel
        Dense model, whose baseline is in no n-gram and does not shorten the review.
    X : ndarray of shape (n_samples, n_columns), int32
        Valid ids.
    max_words : int or None
        Max number of removed tokens; None means all.

    Returns
    -------
    list of Removal
        The tokens of each row.
    """
    lengths = count_tokens(X)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    terms = _terms(model, X, bounds)
    base_values, outputs = model.base_values(X), model.outputs(X)
    limits = lengths if max_words is None else np.minimum(lengths, max_words)
    best: list[tuple[int, float, Any]] = [(n + 1, -np.inf, None) for n in limits.tolist()]
    searches = [
        _Search(n, row, weights)
        for row, n in enumerate(lengths.tolist())
        for weights in _directions(outputs[row])
    ]
    searches.sort(key=lambda search: search.n_tokens)
    n_removed = _FIRST_TRY
    while searches:
        for part in _parts(searches, n_removed):
            steps = np.zeros((len(part), part[-1].n_tokens, terms.shape[1]))
            for step, (n, row, weights) in zip(steps, part, strict=True):
                step[:n] = terms[bounds[row] : bounds[row + 1]] @ weights
            starts = np.array([base_values[row] @ weights for _, row, weights in part])
            for (_, row, _), found in zip(part, _lowest(starts, steps, n_removed), strict=True):
                best[row] = min(best[row], found, key=lambda removal: removal[:2])
        # A search that goes on may find more words only.
        searches = [s for s in searches if n_removed < min(limits[s.row], best[s.row][0])]
        n_removed *= _GROWTH
    return [Removal(tokens, n) for n, _, tokens in best]


def _parts(searches: list[_Search], n_removed: int) -> Iterator[list[_Search]]:
    """Yield searches of similar lengths, as many as fit into memory."""
    part: list[_Search] = []
    for search in searches:
        size = (len(part) + 1) * search.n_tokens * (n_removed + 1)
        if part and size > _STATES_AT_ONCE:
            yield part
            part = []
        part.append(search)
    if part:
        yield part


def _terms(model: BaselineModel, X: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return what a kept token adds to the outputs: (n_tokens, max_n, n_outputs).

    Entry r - 1 is the sum of the word and of all n-grams of at most r tokens that end there.
    """
    values = WordGame(model).shapley(X)
    if model.ngrams is None:
        return values[:, None]
    dictionary, n_neutral = model.ngrams.dictionary, model.ngrams.n_neutral
    found = dictionary.terms(X)
    row = np.repeat(np.arange(len(X)), np.diff(found.starts))
    token = (np.cumsum(X != PAD).reshape(X.shape) - 1)[row, found.ends]
    size = np.sqrt(np.maximum(np.diff(bounds) + n_neutral, 1))
    terms = np.zeros((len(values), dictionary.max_n, values.shape[1]))
    terms[:, 0] = values
    np.add.at(
        terms, (token, found.orders - 1), model.ngrams.worth[found.features] / size[row, None]
    )
    return np.cumsum(terms, axis=1)


def _directions(outputs: np.ndarray) -> list[np.ndarray]:
    """Return weights of outputs: the predicted class's lead over each other class."""
    if len(outputs) == 1:
        return [np.array([1.0 if outputs[0] > 0 else -1.0])]
    leads = np.eye(len(outputs))[outputs.argmax()] - np.eye(len(outputs))
    return [lead for lead in leads if lead.any()]


def _lowest(
    starts: np.ndarray, steps: np.ndarray, n_removed: int
) -> list[tuple[int, float, np.ndarray | None]]:
    """Return the fewest tokens that make leads negative: how many, the lead, their numbers.

    Parameters
    ----------
    starts : ndarray of shape (n_searches,)
        Lead if all tokens are removed.
    steps : ndarray of shape (n_searches, n_tokens, max_n)
        What a token adds to the lead if it is the first, second, ... kept one in a row.
    n_removed : int
        Max number of removed tokens; if more are needed, the number is infinite.
    """
    n, n_tokens, max_n = steps.shape
    leads = np.full((n, n_removed + 1, max_n + 1), np.inf)  # by removed tokens, and kept in a row
    leads[:, 0, 0] = starts
    before = np.empty((n_tokens, n, n_removed + 1), dtype=np.int8)  # run that a removal ends
    from_longest = np.empty((n_tokens, n, n_removed + 1), dtype=bool)
    for token in range(n_tokens):
        step = steps[:, token, None]
        before[token] = leads.argmin(axis=2)
        from_longest[token] = leads[..., max_n] < leads[..., max_n - 1]
        after = np.empty_like(leads)
        after[:, 0, 0] = np.inf
        after[:, 1:, 0] = leads.min(axis=2)[:, :-1]
        after[..., 1:max_n] = leads[..., : max_n - 1] + step[..., : max_n - 1]
        after[..., max_n] = np.minimum(leads[..., max_n - 1], leads[..., max_n])
        after[..., max_n] += step[..., max_n - 1]
        leads = after
    lowest = leads.min(axis=2)
    flips = lowest < -_ROUNDING
    every, fewest = np.arange(n), flips.argmax(axis=1)
    found = flips[every, fewest]
    left, run = fewest.copy(), leads.argmin(axis=2)[every, fewest].astype(np.int64)
    is_removed = np.zeros((n, n_tokens), dtype=bool)
    for token in reversed(range(n_tokens)):
        is_removed[:, token] = run == 0
        left -= run == 0
        kept = np.where(run < max_n, run - 1, max_n - 1 + from_longest[token, every, left])
        run = np.where(run == 0, before[token, every, left], kept)
    return [
        (int(k), float(lead), np.flatnonzero(removed)) if is_found else _NONE
        for k, lead, removed, is_found in zip(
            fewest, lowest[every, fewest], is_removed, found, strict=True
        )
    ]
