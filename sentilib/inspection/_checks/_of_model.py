"""Checks of the model: overfitting, chance, calibration."""

import numpy as np

from sentilib.inspection._checks._evidence import Evidence, Outcome, limits, not_checked, outcome
from sentilib.inspection._measures._metrics import calibration_error_by_chance
from sentilib.inspection._measures._statistics import combined_interval, mean_interval

MAX_GAP = 0.10  # of the accuracies on training and on evaluated reviews
MAX_CALIBRATION_ERROR = 0.10
CHANCE = 0.99  # quantile of the calibration errors by chance


def overfitting(evidence: Evidence) -> Outcome:
    """Compare the accuracy on training reviews with that on evaluated ones."""
    if evidence.training is None:
        return not_checked("needs training reviews and their labels")
    both = evidence.training.evaluation.correct, evidence.evaluation.correct
    gap, low, high = combined_interval(
        (1.0, -1.0),
        (int(both[0].sum()), int(both[1].sum())),
        (len(both[0]), len(both[1])),
        evidence.confidence_level,
    )
    return outcome(
        low > MAX_GAP,
        f"accuracy {both[0].mean():.3f} on training reviews, {both[1].mean():.3f} on these: gap "
        f"{gap:.3f} {limits(low, high)}",
        gap,
        low,
        high,
    )


def chance(evidence: Evidence) -> Outcome:
    """Compare the accuracy with that of always predicting the most frequent class."""
    evaluation = evidence.evaluation
    truth = evaluation.truth if evidence.training is None else evidence.training.truth
    most_frequent = int(np.bincount(truth, minlength=len(evaluation.classes)).argmax())
    constant = evaluation.truth == most_frequent
    gain = evaluation.correct.astype(float) - constant
    low, high = mean_interval(gain, evidence.confidence_level)
    return outcome(
        not low > 0,
        f"accuracy {evaluation.correct.mean():.3f}, that of always predicting "
        f"{evaluation.classes[most_frequent]} {constant.mean():.3f}: gain {gain.mean():.3f} "
        f"{limits(low, high)}",
        gain.mean(),
        low,
        high,
    )


def miscalibration(evidence: Evidence) -> Outcome:
    """Compare the calibration error with those of a calibrated model on as many reviews."""
    error, by_chance = calibration_error_by_chance(evidence.evaluation, CHANCE, evidence.rng)
    confidence = evidence.evaluation.proba.max(axis=1).mean()
    return outcome(
        error > max(MAX_CALIBRATION_ERROR, by_chance),
        f"expected calibration error {error:.3f}, up to {by_chance:.3f} by chance; mean confidence "
        f"{confidence:.3f}, accuracy {evidence.evaluation.correct.mean():.3f}",
        error,
    )
