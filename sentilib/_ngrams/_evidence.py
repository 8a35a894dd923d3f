"""Evidence of n-grams before training: log-count ratios, scaled by temperature scaling.

In training, the ratios of a row are counted in the other folds (cross-fitting, as in scikit-learn's
`TargetEncoder`): otherwise every rare n-gram of the row would reveal its label, and the trained
factors and the layers would have nothing to learn.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from sentilib._ngrams._bags import bags
from sentilib._ngrams._dictionary import (
    NgramDictionary,
    centred,
    evidence_logits,
    evidence_size,
    n_evidence_columns,
)
from sentilib._ngrams._ratios import (
    Counts,
    count_by_class,
    log_count_ratios,
    renumbered,
    weighted,
)

# Chosen by cross-validation grouped by movie on IMDB's training reviews, with all, 2,000 and 500
# reviews to fit on, and on parts of the training data of seven public sets of short sentences with
# up to six classes.
_SMOOTHING = 2.0  # number added to a count, on average over the classes
_N_FOLDS = 5
_SPREADS = 0.1, 5.0  # min and max standard deviation of the logits at their best scale


class Stream(NamedTuple):
    """State of `partial_fit` between calls: counts of n-grams, which the weights lack."""

    counts: np.ndarray  # float64 (n_ngrams, n_classes), rows of each class by weight
    n_fixed: int  # number of n-grams that keep the ratios of the `fit` before the stream


class Evidence(NamedTuple):
    """N-grams, their log-count ratios and their evidence in the rows that they are learnt from."""

    dictionary: NgramDictionary
    ratio: np.ndarray  # float32 (n_ngrams, n_columns), scaled log-count ratios of all rows
    bag: scipy.sparse.csr_array  # float32 (n_rows * n_columns, n_ngrams), evidence in these rows
    stream: Stream | None


def learn(
    X: np.ndarray,
    labels: np.ndarray,
    weight: np.ndarray,
    *,
    n_classes: int,
    empty: NgramDictionary,
    share: float,
    n_neutral: float,
    folds: np.ndarray,
    known: NgramDictionary | None = None,
    known_ratio: np.ndarray | None = None,
    stream: Stream | None = None,
) -> Evidence:
    """Learn the n-grams of some rows and their log-count ratios.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_tokens), int32
        Ids.
    labels : ndarray of shape (n_rows,), int32
        Number of each row's class.
    weight : ndarray of shape (n_rows,), float64
        Weight of each row.
    n_classes : int
        Number of classes.
    empty : NgramDictionary
        Dictionary whose options are used.
    share : float
        Factor, up to 1, on the best scale of the ratios.
    n_neutral : float
        Number of neutral tokens of each row.
    folds : ndarray of shape (n_rows,), int
        Fold of each row, from 0 on.
    known : NgramDictionary, default=None
        Dictionary to extend.
    known_ratio : ndarray of shape (n_ngrams, n_columns), default=None
        Ratios of its n-grams, scaled.
    stream : Stream, default=None
        Counts from the earlier parts of a stream.

    Returns
    -------
    Evidence
    """
    before = empty if known is None else known.with_options(empty)
    dictionary, terms = before.learn_and_find(X)
    if known is None:
        present = np.arange(len(dictionary), dtype=np.int32)
    else:
        present, terms = renumbered(terms, len(dictionary))  # a stream's part has few
    counts = count_by_class(terms, len(present), labels, folds, weight, n_classes)
    earlier = np.zeros(len(counts.classes))
    total = np.bincount(counts.classes, counts.by_fold.sum(axis=0), minlength=n_classes)
    is_fixed = np.zeros(len(present), dtype=bool)
    if stream is not None:
        total = total + stream.counts.sum(axis=0)
        all_counts = np.zeros((len(dictionary), n_classes))
        all_counts[: len(stream.counts)] = stream.counts
        is_fixed = present < stream.n_fixed
        is_listed = all_counts[present] != 0
        if known_ratio is not None and n_classes > 2:
            is_listed[is_fixed] |= known_ratio[present[is_fixed]] != 0
        counts = counts.including(is_listed)
        pairs = present[counts.ngrams], counts.classes
        earlier = all_counts[pairs]
        all_counts[pairs] += counts.by_fold.sum(axis=0)
    ratios = log_count_ratios(counts, earlier, total, _SMOOTHING)
    has_fixed = is_fixed[ratios.ngrams]
    if known_ratio is not None and has_fixed.any():
        places = present[ratios.ngrams[has_fixed]], ratios.columns[has_fixed]
        ratios.values[:, has_fixed] = known_ratio[places]
    bag = bags(terms, len(present), evidence_size(X, n_neutral))
    del terms  # large
    evidence = weighted(bag, folds, ratios)
    prior = np.log((np.bincount(labels, weight, minlength=n_classes) / weight.sum()).clip(1e-9))
    logits = _logits(evidence, n_classes)
    offset = prior
    if has_fixed.any():  # their ratios are already scaled
        ratios.values[:, ~has_fixed] = 0
        of_fixed = _logits(weighted(bag, folds, ratios), n_classes)
        logits -= of_fixed
        offset = prior + of_fixed - of_fixed.mean(axis=0)
    scale = share * _best_scale(logits, offset, labels, weight)
    columns = evidence.indices
    if is_fixed.any():
        evidence.data *= np.where(is_fixed, 1, scale).astype(np.float32)[columns]
    else:
        evidence.data *= np.float32(scale)
    if known is not None:
        columns = present[columns]
    shape = evidence.shape[0], len(dictionary)
    evidence = scipy.sparse.csr_array((evidence.data, columns, evidence.indptr), shape)
    ratio = np.zeros((len(dictionary), ratios.n_columns), dtype=np.float32)
    if stream is None:
        ratio[present] = scale * log_count_ratios(*counts.in_one_fold(), total, _SMOOTHING).table()
    else:
        n = stream.n_fixed
        counts = Counts.of_table(all_counts[n:])
        ratio[n:] = scale * log_count_ratios(*counts.in_one_fold(), total, _SMOOTHING).table()
        if known_ratio is not None:
            ratio[:n] = known_ratio[:n]
        stream = Stream(all_counts, stream.n_fixed)
    return Evidence(dictionary, ratio, evidence, stream)


def without_ngrams(n_rows: int, n_classes: int) -> Evidence:
    """Return the evidence of no n-gram."""
    n_columns = n_evidence_columns(n_classes)
    bag = scipy.sparse.csr_array((n_rows * n_columns, 0), dtype=np.float32)
    ratio = np.zeros((0, n_columns), dtype=np.float32)
    return Evidence(NgramDictionary((2, 2), 1, 1), ratio, bag, None)


def cross_fitting_folds(
    n_rows: int, groups: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Return a random fold for each row; with groups, all rows of a group are in one fold."""
    if groups is None:
        return rng.permutation(n_rows) % min(_N_FOLDS, n_rows)
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return cross_fitting_folds(n_rows, None, rng)
    return cross_fitting_folds(len(names), None, rng)[codes]


def _logits(evidence: scipy.sparse.csr_array, n_classes: int) -> np.ndarray:
    sums = evidence.sum(axis=1).reshape(-1, n_evidence_columns(n_classes))
    return evidence_logits(centred(sums), n_classes)


def _best_scale(
    logits: np.ndarray, bias: np.ndarray, labels: np.ndarray, weight: np.ndarray
) -> float:
    """Return the factor of the logits that minimizes the log loss: temperature scaling.

    C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    spread = logits.std(axis=0).mean()
    if not spread:
        return 1.0
    centred = logits - logits.mean(axis=0)

    def loss(log_scale: float) -> float:
        log_proba = log_softmax(bias + np.exp(log_scale) * centred, axis=1)
        return -weight @ log_proba[np.arange(len(labels)), labels]

    bounds = np.log(_SPREADS) - np.log(spread)
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
