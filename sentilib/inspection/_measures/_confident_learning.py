"""Confident learning: Northcutt, Jiang & Chuang (2021), equations 1 to 3 and section 3.2."""

import numpy as np

from sentilib.inspection._measures._evaluation import Evaluation

FILTERS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_joint")


def confident_joint(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count reviews by given label and by the label that the model is confident of.

    Returns
    -------
    counts : ndarray of shape (n_classes, n_classes), int
        Equation 1: number of reviews with given label i whose probability of j reaches the
        threshold of j; if several labels reach theirs, the most probable one counts.
    thresholds : ndarray of shape (n_classes,)
        Equation 2: mean probability of each label over the reviews that were given it; infinite
        for a label that no review was given.
    off_diagonal : ndarray of shape (n_samples,), bool
        Whether a review is counted off the diagonal.
    """
    proba, given = evaluation.proba, evaluation.truth
    n_classes = proba.shape[1]
    thresholds = np.array(
        [proba[given == k, k].mean() if (given == k).any() else np.inf for k in range(n_classes)]
    )
    confident = np.where(proba >= thresholds, proba, -1.0)
    likely = confident.argmax(axis=1)
    counted = confident.max(axis=1) >= 0
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (given[counted], likely[counted]), 1)
    return counts, thresholds, counted & (likely != given)


def calibrated(counts: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Scale the counts' rows to the given labels' frequencies and their sum to 1 (equation 3)."""
    filled = counts.astype(np.float64)
    empty = filled.sum(axis=1) == 0
    filled[empty, empty] = 1.0  # without a confident review, no evidence against the label
    sizes = np.bincount(given, minlength=len(counts))
    joint = filled / filled.sum(axis=1, keepdims=True) * sizes[:, np.newaxis]
    return joint / joint.sum()


def prune(
    evaluation: Evaluation, joint: np.ndarray, off_diagonal: np.ndarray, filter_by: str
) -> np.ndarray:
    """Return which reviews are issues (section 3.2, methods 2 to 5)."""
    if filter_by == "confident_joint":
        return off_diagonal
    proba, given = evaluation.proba, evaluation.truth
    n_classes = proba.shape[1]
    expected = np.rint(joint * len(given)).astype(np.int64)
    by_class = np.zeros(len(given), dtype=bool)
    by_rate = np.zeros(len(given), dtype=bool)
    for i in range(n_classes):
        rows = np.flatnonzero(given == i)
        n_wrong = expected[i].sum() - expected[i, i]
        by_class[rows[np.argsort(proba[rows, i], kind="stable")[:n_wrong]]] = True
        for j in range(n_classes):
            if j != i:
                margin = proba[rows, j] - proba[rows, i]
                by_rate[rows[np.argsort(-margin, kind="stable")[: expected[i, j]]]] = True
    if filter_by == "both":
        return by_class & by_rate
    return by_class if filter_by == "prune_by_class" else by_rate


def likely_issues(evaluation: Evaluation) -> np.ndarray:
    """Return the indices of likely label errors, most likely first."""
    if len(np.unique(evaluation.truth)) < 2:
        return np.empty(0, dtype=np.int64)
    counts, _, off_diagonal = confident_joint(evaluation)
    joint = calibrated(counts, evaluation.truth)
    rows = np.flatnonzero(prune(evaluation, joint, off_diagonal, "both"))
    return rows[np.argsort(evaluation.label_quality[rows], kind="stable")]
