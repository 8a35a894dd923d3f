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

from sentilib._ngrams._bags import bags, weighted
from sentilib._ngrams._dictionary import (
    NgramDictionary,
    evidence_logits,
    evidence_size,
    n_evidence_columns,
)
from sentilib._ngrams._ratios import count_by_class, log_count_ratios, renumbered

# Chosen by cross-validation grouped by movie on IMDB's training reviews, with all, 2,000 and 500
# reviews to fit on, and on parts of the training data of seven public sets of short sentences with
# up to six classes.
_SMOOTHING = 2.0  # of the counts
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
    bias: np.ndarray  # float64 (n_classes,), logits of a row without evidence
    bags: list[scipy.sparse.csr_array]  # float32 (n_rows, n_ngrams), evidence by column of ratio
    stream: Stream


def learn(
    X: np.ndarray,
    labels: np.ndarray,
    weight: np.ndarray,
    *,
    n_classes: int,
    empty: NgramDictionary,
    share: float,
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
    dictionary = (empty if known is None else known.with_options(empty)).learn(X)
    present, terms = renumbered(dictionary.terms(X), len(dictionary))  # a stream's part has few
    n_folds, n_columns = int(folds.max()) + 1, n_evidence_columns(n_classes)
    by_fold = count_by_class(
        terms, len(present), folds * n_classes + labels, weight, n_folds * n_classes
    ).reshape(len(present), n_folds, n_classes)
    counts = np.zeros((len(dictionary), n_classes))
    n_fixed = 0
    if stream is not None:
        counts[: len(stream.counts)] = stream.counts
        n_fixed = stream.n_fixed
    counts[present] += by_fold.sum(axis=1)
    total = counts.sum(axis=0)
    ratios = log_count_ratios(counts[present], by_fold, total, _SMOOTHING, n_columns)
    fixed = present < n_fixed
    if n_fixed and known_ratio is not None:
        ratios[:, :, fixed] = known_ratio[present[fixed]].T[:, None]
    bag = bags(terms, len(present), evidence_size(X))
    del terms, by_fold  # large
    evidence = weighted(bag, folds, ratios)
    prior = np.log((np.bincount(labels, weight, minlength=n_classes) / weight.sum()).clip(1e-9))
    logits = _logits(evidence, n_classes)
    if n_fixed:  # their ratios are already scaled
        ratios[:, :, ~fixed] = 0
        of_fixed = _logits(weighted(bag, folds, ratios), n_classes)
        logits -= of_fixed
        of_fixed -= of_fixed.mean(axis=0)
        scale = share * _best_scale(logits, prior + of_fixed, labels, weight)
    else:
        scale = share * _best_scale(logits, prior, labels, weight)
    factor = np.float32(scale)
    if n_fixed:
        factor = np.where(fixed, 1, scale).astype(np.float32)[bag.indices]
    columns, shape = present[bag.indices], (len(X), len(dictionary))
    for k, e in enumerate(evidence):
        e.data *= factor
        evidence[k] = scipy.sparse.csr_array((e.data, columns, e.indptr), shape)
    no_folds = np.empty((len(counts), 0, n_classes))
    ratio = scale * log_count_ratios(counts, no_folds, total, _SMOOTHING, n_columns)[:, 0].T
    if n_fixed and known_ratio is not None:
        ratio[:n_fixed] = known_ratio[:n_fixed]
    return Evidence(
        dictionary,
        np.ascontiguousarray(ratio, dtype=np.float32),
        prior - scale * logits.mean(axis=0),
        evidence,
        Stream(counts, n_fixed),
    )


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


def _logits(evidence: list[scipy.sparse.csr_array], n_classes: int) -> np.ndarray:
    return evidence_logits(np.column_stack([e.sum(axis=1) for e in evidence]), n_classes)


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
