"""Training reviews beside the evaluated ones, read once for all sections that compare the two."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sentilib._pipelines import Reviews
from sentilib.inspection._measures._evaluation import Evaluation, codes, evaluate, labels


@dataclass
class TrainingData:
    """Reviews that the model was fitted on.

    Parameters
    ----------
    reviews : Reviews
        Reviews as the fitted estimator reads them.
    y : ndarray of shape (n_samples,)
        Labels.
    truth : ndarray of shape (n_samples,), int
        Index of each label among the classes of the model.
    """

    reviews: Reviews
    y: np.ndarray
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Predictions of the training reviews."""
        return evaluate(self.reviews, self.y)


def read_training_data(
    reviews: Reviews, X: Any, y: Any, text_column: str | int | None
) -> TrainingData | None:
    """Read training reviews with the estimator that has read the evaluated ones.

    Parameters
    ----------
    reviews : Reviews
        Evaluated reviews.
    X, y : array-like of shape (n_samples,) or None
        Training reviews and their labels.
    text_column : str, int or None
        Column of reviews of a table.

    Returns
    -------
    TrainingData or None
        None if there are no training reviews.

    Raises
    ------
    ValueError
        If one of X and y is missing, their lengths differ, or y contains unknown labels.
    """
    if X is None and y is None:
        return None
    if X is None or y is None:
        given, other = ("y_train", "X_train") if X is None else ("X_train", "y_train")
        raise ValueError(
            f"{given} was passed without {other}: pass the training reviews and their labels, or "
            "neither."
        )
    training = Reviews.read(reviews.parts, X, text_column=text_column)
    y = labels(y, len(training), "y_train")
    return TrainingData(training, y, codes(reviews.classifier.classes_, y, "y_train"))
