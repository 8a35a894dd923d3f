"""The margin at which the decision of an estimator around a model of two classes changes."""

from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier

from sentilib._classifier import BaseSentimentClassifier
from sentilib._pipelines import Parts
from sentilib._pipelines._distillation import DistilledClassifier
from sentilib._pipelines._parts import last_step
from sentilib._sklearn import positive_label

_FAR = 1e6  # a margin that no model reaches: the decision never changes


def decision_margin(parts: Parts) -> float:
    """Return the margin of the model above which the estimator predicts the second class.

    Parameters
    ----------
    parts : Parts
        Parts of a fitted estimator with exactly one model.

    Returns
    -------
    float
        0 for a model alone.

    Raises
    ------
    TypeError
        If the decision does not follow from the model's margin.
    """
    estimator = _same_decision(parts.classifier)
    if isinstance(estimator, BaseSentimentClassifier):
        return 0.0
    if len(parts.model.classes_) > 2:
        raise _no_meaning(parts, estimator)
    if isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return _threshold_margin(parts, estimator)
    return _margin(parts, estimator, 0.5)


def _same_decision(estimator: Any) -> Any:
    """Return the estimator inside that predicts the same probabilities."""
    estimator = last_step(estimator)
    if isinstance(estimator, DistilledClassifier):
        return _same_decision(estimator.student_)
    if isinstance(estimator, BaggingClassifier | OneVsRestClassifier | VotingClassifier):
        if len(estimator.estimators_) == 1:
            return _same_decision(estimator.estimators_[0])
    return estimator


def _threshold_margin(parts: Parts, estimator: Any) -> float:
    """Return the margin at which a score reaches the threshold of an estimator."""
    inside, method = estimator.estimator_, estimator.response_method
    if method == "auto":
        method = "predict_proba" if hasattr(inside, "predict_proba") else "decision_function"
    is_probability = method == "predict_proba"
    threshold = getattr(estimator, "best_threshold_", None)
    if threshold is None:
        threshold = estimator.threshold
        if threshold == "auto":
            threshold = 0.5 if is_probability else 0.0
    is_second = positive_label(estimator) in (None, estimator.classes_[1])
    if is_probability:
        return _margin(parts, inside, threshold if is_second else 1 - threshold)
    if not isinstance(_same_decision(inside), BaseSentimentClassifier):
        raise _no_meaning(parts, estimator)
    return threshold if is_second else -threshold


def _margin(parts: Parts, estimator: Any, share: float) -> float:
    """Return the margin at which the probability of the second class reaches a share."""
    estimator = _same_decision(estimator)
    if isinstance(estimator, BaseSentimentClassifier):
        with np.errstate(divide="ignore"):
            return float(np.clip(logit(share), -_FAR, _FAR))
    if isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return _margin(parts, estimator.estimator_, share)
    if isinstance(estimator, CalibratedClassifierCV):
        (calibrated,) = estimator.calibrated_classifiers_
        (calibrator,) = calibrated.calibrators
        if isinstance(_same_decision(calibrated.estimator), BaseSentimentClassifier):
            return _reached(calibrator, share)  # of the model's decision_function
    raise _no_meaning(parts, estimator)


def _reached(calibrator: Any, share: float) -> float:
    """Return where the probability of a rising calibrator exceeds a share, by bisection."""
    low, high = -_FAR, _FAR

    def exceeds(margin: float) -> bool:
        found = np.asarray(calibrator.predict(np.array([margin])))
        return bool(found.reshape(len(found), -1)[0, -1] > share)

    if not exceeds(high):
        return high if not exceeds(low) else low
    if exceeds(low):
        return low
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (low, middle) if exceeds(middle) else (middle, high)
    return low


def _no_meaning(parts: Parts, estimator: Any) -> TypeError:
    return TypeError(
        f"The decision of {type(estimator).__name__} does not follow from the margin of the "
        f"{type(parts.model).__name__} inside, so that no words decide. Pass that model or its "
        "pipeline. Known are thresholds, calibrations of two classes, searches, frozen and "
        "distilled estimators, and votes of one."
    )
