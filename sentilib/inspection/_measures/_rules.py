"""The best rule of a single feature: one word, one pair of words, or the length."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse

from sentilib.inspection._measures._statistics import combined_interval

if TYPE_CHECKING:
    from sentilib._text._readings import Readings


class Rule(NamedTuple):
    """A rule that tells one class from the others, and its balanced accuracy on other reviews."""

    label: int  # index of the class
    text: str
    accuracy: float
    low: float
    high: float


def best_rule(
    readings: "Readings",
    rows: np.ndarray,
    truth: np.ndarray,
    n_learnt: int,
    confidence_level: float,
) -> Rule | None:
    """Find the best rule on the first rows, and measure it on the others.

    Parameters
    ----------
    readings : Readings
        Documents.
    rows : ndarray of shape (n_rows,), int
        The documents to look at, in this order.
    truth : ndarray of shape (n_rows,), int
        Class of each.
    n_learnt : int
        Number of rows that the rule is chosen on.
    confidence_level : float
        Confidence level of the interval.

    Returns
    -------
    Rule or None
        None if there is no word, or no class has members and others in both parts.
    """
    lengths = readings.lengths[rows]
    if not lengths.any():
        return None
    presence, names = _words_and_pairs(readings, rows)
    best: tuple[float, int, str, np.ndarray] | None = None
    for label in np.unique(truth).tolist():
        member = truth == label
        if any(len(np.unique(part)) < 2 for part in (member[:n_learnt], member[n_learnt:])):
            continue
        score, column, holds = _best_column(presence[:n_learnt], member[:n_learnt])
        if best is None or score > best[0]:
            found = presence[:, [column]].toarray()[:, 0] > 0
            text = f"{'with' if holds else 'without'} {names(column)!r}"
            best = score, label, text, found == holds
        score, threshold, longer = _best_threshold(lengths[:n_learnt], member[:n_learnt])
        if score > best[0]:
            text = f"of {'more than' if longer else 'at most'} {threshold} words"
            best = score, label, text, (lengths > threshold) == longer
    if best is None:
        return None
    _, label, text, chosen = best
    member, chosen = truth[n_learnt:] == label, chosen[n_learnt:]
    hits = int((chosen & member).sum()), int((~chosen & ~member).sum())
    sizes = int(member.sum()), int((~member).sum())
    return Rule(label, text, *combined_interval((0.5, 0.5), hits, sizes, confidence_level))


def _words_and_pairs(
    readings: "Readings", rows: np.ndarray
) -> tuple[scipy.sparse.csc_array, "_Names"]:
    """Return which documents contain each word and each pair of neighbours, and their names."""
    n_words, lengths = len(readings.words), readings.lengths[rows]
    starts = np.cumsum(readings.lengths)[rows] - lengths
    shift = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    numbers = readings.numbers[np.arange(lengths.sum()) + shift].astype(np.int64)
    n_rows, rows = len(rows), np.repeat(np.arange(len(rows)), lengths)
    pairs, of_pair = np.unique(numbers[:-1] * n_words + numbers[1:], return_inverse=True)
    inside = rows[:-1] == rows[1:]
    columns = np.concatenate([numbers, n_words + of_pair.reshape(-1)[inside]])
    rows = np.concatenate([rows, rows[:-1][inside]])
    presence = scipy.sparse.csc_array(
        (np.ones(len(rows)), (rows, columns)), shape=(n_rows, n_words + len(pairs))
    )
    presence.sum_duplicates()
    presence.data[:] = 1
    return presence, _Names(readings.words, pairs)


class _Names:
    """Names of words and pairs by column."""

    def __init__(self, words: np.ndarray, pairs: np.ndarray) -> None:
        self._words, self._pairs = words, pairs

    def __call__(self, column: int) -> str:
        n = len(self._words)
        if column < n:
            return str(self._words[column])
        return " ".join(str(self._words[k]) for k in divmod(int(self._pairs[column - n]), n))


def _best_column(presence: scipy.sparse.csc_array, member: np.ndarray) -> tuple[float, int, bool]:
    """Return the balanced accuracy of the best column, the column, whether it must be present."""
    inside = presence.T @ member.astype(np.float64) / member.sum()
    outside = presence.T @ (~member).astype(np.float64) / (~member).sum()
    lead = inside - outside
    column = int(np.abs(lead).argmax())
    return 0.5 + abs(lead[column]) / 2, column, bool(lead[column] >= 0)


def _best_threshold(lengths: np.ndarray, member: np.ndarray) -> tuple[float, int, bool]:
    """Return the balanced accuracy of the best threshold, it, and whether members are longer."""
    values = np.unique(lengths)
    shares = [
        np.searchsorted(np.sort(part), values, side="right") / len(part)
        for part in (lengths[member], lengths[~member])
    ]
    lead = shares[1] - shares[0]  # of members that are longer
    k = int(np.abs(lead).argmax())
    return 0.5 + abs(lead[k]) / 2, int(values[k]), bool(lead[k] >= 0)
