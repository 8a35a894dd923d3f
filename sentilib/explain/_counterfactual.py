"""counterfactual: the fewest words without which the prediction would be another one."""

from dataclasses import replace
from itertools import combinations
from math import comb
from numbers import Integral
from typing import Any

import numpy as np

from sentilib._compiled._threads import threads
from sentilib._ids import OOV, PAD
from sentilib._pipelines import Parts, Progress, Reviews
from sentilib._sklearn import Interval, validate_params
from sentilib._tables._base import Tables
from sentilib._tables._dense import DenseTables
from sentilib.explain._decisions import decision_margin
from sentilib.explain._explainer import values_of
from sentilib.explain._games._baseline import BaselineModel
from sentilib.explain._games._fewest import Removal, fewest_words
from sentilib.explain._players import players, words_of

_AT_ONCE = 64  # reviews that are predicted together


class Counterfactuals:
    """Words of reviews whose removal changes the prediction, as `counterfactual` returns them.

    Parameters
    ----------
    positions : list of n_samples ndarrays of int, or None
        Positions of the removed words among the words of each review that the classifier reads;
        None if no removal changes the prediction.
    words : list of n_samples lists of str
        The removed words as written in the review.
    before, after : ndarray of shape (n_samples,)
        Predicted class with all words, and without these.
    lower_bound : ndarray of shape (n_samples,), int
        Number of words of which at least so many must be removed; of reviews without
        `positions`, one more than the number of words whose removal was excluded.
    is_minimal : ndarray of shape (n_samples,), bool
        Whether it is proven that no fewer words do.
    """

    def __init__(
        self,
        positions: list[np.ndarray | None],
        words: list[list[str]],
        before: np.ndarray,
        after: np.ndarray,
        lower_bound: np.ndarray,
        is_minimal: np.ndarray,
    ) -> None:
        self.positions = positions
        self.words = words
        self.before = before
        self.after = after
        self.lower_bound = lower_bound
        self.is_minimal = is_minimal

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        from sentilib._pages._page import render

        return render("lines.html", lines=self._lines())

    def _lines(self) -> list[str]:
        lines = [self.sentence(row) for row in range(min(len(self), 10))]
        more = len(self) - len(lines)
        return lines + ([f"... and {more} more reviews"] if more else [])

    def sentence(self, row: int) -> str:
        """Return a sentence about one review.

        Parameters
        ----------
        row : int
            Index of the review.

        Returns
        -------
        str
            Sentence with the words and both classes.
        """
        if self.positions[row] is None:
            return (
                f"The prediction stays {self.before[row]}, whichever "
                f"{self.lower_bound[row] - 1} words are removed."
            )
        n = len(self.words[row])
        few = "" if self.is_minimal[row] else f" (at least {self.lower_bound[row]} are needed)"
        named = ", ".join(f"“{word}”" for word in self.words[row])
        return (
            f"Without {named} ({n} word{'s' if n > 1 else ''}{few}), the prediction is "
            f"{self.after[row]} instead of {self.before[row]}."
        )


@validate_params(
    {
        "estimator": [object],
        "X": [object],
        "max_words": [Interval(Integral, 1, None, closed="left"), None],
        "max_checked": [Interval(Integral, 0, None, closed="left")],
        "text_column": [str, Integral, None],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def counterfactual(
    estimator: Any,
    X: Any,
    *,
    max_words: int | None = None,
    max_checked: int = 2000,
    text_column: str | int | None = None,
    n_jobs: int | None = None,
    verbose: int | bool = 0,
) -> Counterfactuals:
    """Find the fewest words of each review whose removal changes the predicted class.

    A removed word is replaced by the unknown word, as in the explanations with
    ``baseline="oov"``: it contributes nothing by itself, all n-grams that contain it are gone, its
    neighbours do not become neighbours of each other, and the review keeps its length.

    Parameters
    ----------
    estimator : DenseSentimentClassifier, ConvSentimentClassifier or Pipeline
        Fitted estimator, as `TokenShapExplainer` accepts it, whose decision follows from the margin
        of one model: also with another threshold, or calibrated.
    X : iterable of str, DataFrame, or array-like of shape (n_samples, n_tokens), int
        Reviews, or ids as the classifier reads them.
    max_words : int or None, default=None
        Max number of removed words per review; None means all of them.
    max_checked : int, default=2000
        Max number of predictions per review and number of words that prove that no fewer words
        suffice. Only used for the CNN.
    text_column : str or int, default=None
        Column of a DataFrame X that contains the reviews; None means its only column of text.
    n_jobs : int or None, default=None
        Number of threads. None means all cores, or one inside a parallel worker; -1 means all.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    Counterfactuals
        Words, and classes with and without them.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator does not end in a classifier of this library, nor contains exactly one, or
        its decision does not follow from that one's margin, as in a stack.

    See Also
    --------
    TokenShapExplainer : Contribution of every word.

    Notes
    -----
    For the Dense model the words are the fewest possible, by dynamic programming (Bellman, 1957).
    The lead of the predicted class over another one is a sum over words and n-grams, and an n-gram
    counts if all its words are kept. From left to right, the lowest lead after the removal of
    exactly k words depends on what was before only by the number of words removed so far and by
    the number of words kept since the last removal, up to the length of the longest n-gram. The
    smallest k whose lowest lead is negative, over all other classes, is the answer; of several
    sets of k words, the one that makes the lead lowest. Time grows by k times the length.

    For the CNN, words are removed in the order of their Shapley values until the class changes,
    then those that are not needed are put back. This need not be the minimum: all sets of 1, 2, ...
    words are predicted as long as there are at most `max_checked` of a size. If one of them
    suffices, it is the answer, and proven; otherwise `lower_bound` is one more than their size.

    References
    ----------
    S. Wachter, B. Mittelstadt, C. Russell, "Counterfactual Explanations without Opening the Black
    Box", 2017.
    D. Martens, F. Provost, "Explaining Data-Driven Document Classifications", 2014
    (the fewest words whose removal changes the class of a document).

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.explain import counterfactual
    >>> reviews, labels = make_reviews(500, length=40, random_state=0)
    >>> pipe = make_pipeline(
    ...     HTMLTokenizer(max_length=100), DenseSentimentClassifier(random_state=0)
    ... ).fit(reviews, labels)
    >>> found = counterfactual(pipe, ["The plot is superb, but the rest is terrible."])
    >>> found
    Without “superb” (1 word), the prediction is 0 instead of 1.
    """
    progress = Progress(verbose, "counterfactual")
    progress("Reading the reviews")
    parts = Parts.of(estimator)
    parts.check_explained()
    parts.check_fitted()
    decision_margin(parts)
    reviews = Reviews.read(parts, X, n_jobs, text_column)
    with threads(n_jobs):
        progress(f"Searching the fewest words of {len(reviews):,} reviews")
        found = counterfactuals_of(reviews, np.arange(len(reviews)), max_words, max_checked)
    progress.done()
    return found


def counterfactuals_of(
    reviews: Reviews,
    rows: np.ndarray,
    max_words: int | None,
    max_checked: int,
    values: np.ndarray | None = None,
) -> Counterfactuals:
    """Find the fewest words of some reviews that were already read, or explained: `values`."""
    parts, ids = reviews.parts, np.ascontiguousarray(reviews.known_ids[rows])
    tables = _deciding(parts)
    model = BaselineModel(tables, "oov", np.empty(0), "margin")
    if isinstance(tables, DenseTables):
        found = fewest_words(model, ids, max_words)
    else:
        values = values_of(reviews, rows) if values is None else values
        found = [
            _greedy(tables, row, own, max_words, max_checked)
            for row, own in zip(ids, values, strict=True)
        ]
    names = words_of(players(reviews), rows.tolist()).words
    masked = np.stack(
        [_without(row, removal.tokens) for row, removal in zip(ids, found, strict=True)]
    )
    before, after = (parts.classes[tables.logits(X).argmax(axis=1)] for X in (ids, masked))
    return Counterfactuals(
        [removal.tokens for removal in found],
        [
            [] if removal.tokens is None else [words[k] for k in removal.tokens.tolist()]
            for words, removal in zip(names, found, strict=True)
        ],
        before,
        after,
        np.array([removal.lower_bound for removal in found], dtype=np.int64),
        np.array([r.tokens is not None and len(r.tokens) == r.lower_bound for r in found]),
    )


def _deciding(parts: Parts) -> Tables:
    """Return the model with the bias with which its decision is that of the estimator."""
    tables, margin = parts.model.tables_, decision_margin(parts)
    return tables if margin == 0 else replace(tables, bias=tables.bias - np.array([0.0, margin]))


def _without(row: np.ndarray, tokens: Any) -> np.ndarray:
    """Return a row with some tokens replaced by the unknown word."""
    row = row.copy()
    if tokens is not None:
        row[np.flatnonzero(row != PAD)[list(tokens)]] = OOV
    return row


def _greedy(
    tables: Tables, row: np.ndarray, values: np.ndarray, max_words: int | None, max_checked: int
) -> Removal:
    """Remove the words with the largest values, then put back those that are not needed."""
    if tables.masks_padding:
        row = row[: np.flatnonzero(row)[-1] + 1] if row.any() else row[:1]
    before = int(tables.logits(row[None])[0].argmax())
    n = len(values)
    limit = n if max_words is None else min(n, max_words)
    toward = (
        values[:, 0] * (2 * before - 1)
        if values.shape[1] == 1
        else (values[:, before] - values.mean(axis=1))
    )

    def lead(sets: list[Any]) -> np.ndarray:
        logits = tables.logits(np.stack([_without(row, tokens) for tokens in sets]))
        return logits[:, before] - np.delete(logits, before, axis=1).max(axis=1)

    order, removed = np.argsort(-toward, kind="stable"), None
    stop = 1
    while stop <= n:
        sizes = np.arange(stop, min(stop + max(8, stop), n + 1))
        stop = sizes[-1] + 1
        flips = np.flatnonzero(lead([order[:size] for size in sizes]) < 0)
        if len(flips):
            removed = order[: sizes[flips[0]]].tolist()
            break
    for token in reversed(removed or []):
        fewer = [other for other in removed or [] if other != token]
        if fewer and lead([fewer])[0] < 0:
            removed = fewer
    if removed is not None and len(removed) > limit:
        removed = None
    size = 1
    while size < (limit + 1 if removed is None else len(removed)) and comb(n, size) <= max_checked:
        sets = list(combinations(range(n), size))
        leads = np.concatenate(
            [lead(sets[k : k + _AT_ONCE]) for k in range(0, len(sets), _AT_ONCE)]
        )
        if (leads < 0).any():
            return Removal(np.array(sets[int(leads.argmin())]), size)
        size += 1
    return Removal(None if removed is None else np.sort(removed), size)
