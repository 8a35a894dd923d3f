"""Metrics of predictions, each with a confidence interval."""

from typing import Any, NamedTuple

import numpy as np
import scipy.stats
from sklearn.utils import check_random_state

from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._statistics import mean_interval, share_interval

_RESAMPLES = 500
_BINS = 15  # of the calibration error
_BLOCK = 65_536  # rows that are computed at a time


class Metric(NamedTuple):
    """A metric and its confidence interval."""

    name: str
    value: float
    low: float
    high: float
    how: str


class CalibrationBin(NamedTuple):
    """Reviews of similar confidence, and the share of correct predictions among them."""

    confidence: float
    accuracy: float
    low: float
    high: float
    n_reviews: int


def confusion(evaluation: Evaluation) -> np.ndarray:
    """Count reviews by true (row) and predicted (column) label."""
    n_classes = len(evaluation.classes)
    codes = evaluation.truth * n_classes + evaluation.predicted
    return np.bincount(codes, minlength=n_classes**2).reshape(n_classes, n_classes)


def metrics(evaluation: Evaluation, confidence_level: float, random_state: object) -> list[Metric]:
    """Compute accuracy, log loss, Brier score, macro F1, AUC and calibration error, with intervals.

    The interval is Wilson's for the accuracy, Student's for means over reviews, DeLong's for the
    AUC, and that of the percentile bootstrap for the others.
    """
    rng = check_random_state(random_state)
    n = len(evaluation)
    correct = int(evaluation.correct.sum())
    brier = _brier_scores(evaluation)
    found = [
        Metric("Accuracy", correct / n, *share_interval(correct, n, confidence_level), "Wilson"),
        Metric(
            "Log loss (nats)",
            float(evaluation.loss.mean()),
            *mean_interval(evaluation.loss, confidence_level),
            "Student",
        ),
        Metric("Brier score", brier.mean(), *mean_interval(brier, confidence_level), "Student"),
    ]
    counts = confusion(evaluation)
    resampled = rng.multinomial(n, counts.ravel() / n, size=_RESAMPLES).reshape(-1, *counts.shape)
    found.append(
        Metric(
            "Macro F1",
            float(_macro_f1(counts[np.newaxis])[0]),
            *_percentiles(_macro_f1(resampled), confidence_level),
            "bootstrap",
        )
    )
    if len(evaluation.classes) == 2 and len(np.unique(evaluation.truth)) == 2:
        score, is_second = evaluation.proba[:, 1], evaluation.truth == 1
        found.append(area_under_curve(score[is_second], score[~is_second], confidence_level))
    confidence = evaluation.proba.max(axis=1)
    bins = np.minimum((confidence * _BINS).astype(np.uint8), _BINS - 1)
    gap = evaluation.correct - confidence
    errors = [_resampled_calibration_error(bins, gap, rng) for _ in range(100 if n else 0)]
    found.append(
        Metric(
            "Expected calibration error",
            _calibration_error(bins, gap),
            *_percentiles(errors, confidence_level),
            "bootstrap",
        )
    )
    return found


def _brier_scores(evaluation: Evaluation) -> np.ndarray:
    scores = np.empty(len(evaluation))
    labels = np.eye(len(evaluation.classes))
    for start in range(0, len(scores), _BLOCK):
        rows = slice(start, start + _BLOCK)
        differences = evaluation.proba[rows] - labels[evaluation.truth[rows]]
        scores[rows] = (differences**2).sum(axis=1) / 2
    return scores


def calibration(evaluation: Evaluation, confidence_level: float) -> list[CalibrationBin]:
    """Compute mean confidence and accuracy in bins of similar size."""
    confidence = evaluation.proba.max(axis=1)
    n_bins = min(10, max(1, len(evaluation) // 20))
    found = []
    for rows in np.array_split(np.argsort(confidence, kind="stable"), n_bins):
        correct = int(evaluation.correct[rows].sum())
        interval = share_interval(correct, len(rows), confidence_level)
        found.append(
            CalibrationBin(confidence[rows].mean(), correct / len(rows), *interval, len(rows))
        )
    return found


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean F1 of the labels that occur, for each of a stack of confusion matrices."""
    hits = np.diagonal(counts, axis1=1, axis2=2)
    total = counts.sum(axis=1) + counts.sum(axis=2)
    scores = 2 * hits / np.maximum(total, 1)
    return scores.sum(axis=1) / np.maximum((total > 0).sum(axis=1), 1)


def area_under_curve(positive: np.ndarray, negative: np.ndarray, confidence_level: float) -> Metric:
    """Compute the AUC with DeLong's interval (1988) from the ranks among the other class."""
    m, n = len(positive), len(negative)
    above = _shares_below(positive, negative)
    below = 1 - _shares_below(negative, positive)
    area = float(above.mean())
    variance = 0.0
    if m > 1 and n > 1:
        variance = above.var(ddof=1) / m + below.var(ddof=1) / n
    half = scipy.stats.norm.ppf(0.5 + confidence_level / 2) * variance**0.5
    return Metric("ROC AUC", area, max(0.0, area - half), min(1.0, area + half), "DeLong")


def _shares_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the share of the others that is below each value; equal ones count half."""
    shares, others = np.empty(len(values)), np.sort(others)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        ranks = np.searchsorted(others, block) + np.searchsorted(others, block, "right")
        shares[start : start + _BLOCK] = ranks / 2 / len(others)
    return shares


def _calibration_error(bins: np.ndarray, gap: np.ndarray) -> float:
    return float(np.abs(np.bincount(bins, weights=gap)).sum() / len(gap))


def _resampled_calibration_error(
    bins: np.ndarray, gap: np.ndarray, rng: np.random.RandomState
) -> float:
    """Draw as many rows with replacement, block by block, and return their calibration error."""
    total = np.zeros(_BINS)
    for start in range(0, len(gap), _BLOCK):
        rows = rng.randint(len(gap), size=min(_BLOCK, len(gap) - start))
        np.add.at(total, bins[rows], gap[rows])
    return float(np.abs(total).sum() / len(gap))


def calibration_error_by_chance(
    evaluation: Evaluation, quantile: float, rng: np.random.RandomState
) -> tuple[float, float]:
    """Return the calibration error, and a quantile of those of a perfectly calibrated model.

    Its correct predictions are drawn with the predicted probabilities (Bröcker & Smith 2007).
    """
    confidence = evaluation.proba.max(axis=1)
    bins = np.minimum((confidence * _BINS).astype(np.uint8), _BINS - 1)
    drawn = [
        _calibration_error(bins, (rng.random_sample(len(confidence)) < confidence) - confidence)
        for _ in range(_RESAMPLES)
    ]
    error = _calibration_error(bins, evaluation.correct - confidence)
    return error, float(np.quantile(drawn, quantile))


def _percentiles(values: Any, confidence_level: float) -> tuple[float, float]:
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
