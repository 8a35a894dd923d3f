"""Log-count ratios of n-grams.

S. Wang, C. D. Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification",
ACL 2012, section 2; one class against the rest if there are more than two.
"""

import numpy as np

from sentilib._compiled._threads import in_threads, n_threads
from sentilib._ngrams._dictionary import Terms


def renumbered(terms: Terms, n_ngrams: int) -> tuple[np.ndarray, Terms]:
    """Return the numbers of the n-grams that occur, and terms that index into these."""
    occurs = np.zeros(n_ngrams, dtype=bool)
    occurs[terms.features] = True
    places = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    present = np.flatnonzero(occurs).astype(np.int32)
    return present, terms._replace(features=places[terms.features])


def count_by_class(
    terms: Terms, n_ngrams: int, labels: np.ndarray, weight: np.ndarray, n_classes: int
) -> np.ndarray:
    """Sum the weights of each class's rows for each n-gram: float64 (n_ngrams, n_classes)."""
    from sentilib._ngrams import _counting_kernels

    counts = np.zeros((n_ngrams, n_classes))
    _counting_kernels.count_by_class(
        terms.starts, terms.features, labels.astype(np.int32), weight.astype(np.float64), counts
    )
    return counts


def log_count_ratios(
    counts: np.ndarray, by_fold: np.ndarray, total: np.ndarray, smoothing: float, n_columns: int
) -> np.ndarray:
    """Compute the log ratio of an n-gram's share in a class to its share in the others, by fold.

    Counts are smoothed in proportion to the classes' totals, so that the ratio of an n-gram without
    counts is 0.

    Parameters
    ----------
    counts : ndarray of shape (n_ngrams, n_classes), float64
        Counts of all rows.
    by_fold : ndarray of shape (n_ngrams, n_folds, n_classes), float64
        Counts of the rows of each fold.
    total : ndarray of shape (n_classes,), float64
        Sum over all n-grams of the dictionary, including those that `counts` and `by_fold` omit
        because no row contains them.
    smoothing : float
        Mean number added to a count.
    n_columns : int
        Number of classes whose ratios are computed, the last ones.

    Returns
    -------
    ndarray of shape (n_columns, max(n_folds, 1), n_ngrams), float64
        Ratios of the counts outside each fold; without folds, of all counts.
    """
    from sentilib._ngrams import _counting_kernels

    n_ngrams, n_folds = len(counts), max(by_fold.shape[1], 1)
    ratios = np.empty((n_columns, n_folds, n_ngrams))
    in_threads(
        lambda fold: _counting_kernels.log_count_ratios(
            counts, by_fold, total, smoothing, fold, ratios
        ),
        range(n_folds),
        n_threads(n_ngrams),
    )
    return ratios
