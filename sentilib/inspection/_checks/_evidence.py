"""What checks look at, and what they return."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sentilib._pipelines import Reviews
from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._training_data import TrainingData

OK, WARNING, NOT_CHECKED = "ok", "warning", "not checked"


@dataclass
class Evidence:
    """Evaluated reviews, their predictions, and what was found in comparison with training.

    Parameters
    ----------
    reviews, evaluation
        Evaluated reviews and their predictions.
    training : TrainingData or None
        Training reviews.
    leaks : Leaks or None
        Result of `find_leaks` on the training texts and the evaluated ones.
    shift : DataShift or None
        Result of `data_shift` on the same.
    has_groups : bool
        Whether `leaks` contains the groups of both.
    confidence_level : float
        Confidence level of the intervals.
    rng : RandomState
        Source of random choices.
    """

    reviews: Reviews
    evaluation: Evaluation
    training: TrainingData | None
    leaks: Any
    shift: Any
    has_groups: bool
    confidence_level: float
    rng: np.random.RandomState


class Outcome(NamedTuple):
    """Verdict of a check and the figure that it rests on."""

    verdict: str
    value: float
    low: float
    high: float
    figure: str


def outcome(
    warns: bool, figure: str, value: float, low: Any = np.nan, high: Any = np.nan
) -> Outcome:
    """Return the outcome of a check that was made."""
    return Outcome(WARNING if warns else OK, float(value), float(low), float(high), figure)


def not_checked(reason: str) -> Outcome:
    """Return the outcome of a check that could not be made."""
    return Outcome(NOT_CHECKED, np.nan, np.nan, np.nan, reason)


def limits(low: float, high: float, digits: int = 3) -> str:
    """Return an interval as text."""
    return f"[{low:.{digits}f}, {high:.{digits}f}]"
