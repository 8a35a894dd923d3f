"""Evaluation: predictions of labelled reviews, computed once and shared by all of inspection."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sentilib._pipelines import Reviews
from sentilib._training._rows import checked_labels, listed

_SMALLEST = np.finfo(np.float64).tiny


@dataclass
class Evaluation:
    """True labels and predicted probabilities of reviews.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels in ascending order.
    truth : ndarray of shape (n_samples,), int
        Index of each true label in `classes`.
    proba : ndarray of shape (n_samples, n_classes)
        Predicted probabilities.
    loss : ndarray of shape (n_samples,)
        Cross-entropy of each review in nats, -log p(true label).
    predicted : ndarray of shape (n_samples,), int
        Index of each predicted label in `classes`.
    """

    classes: np.ndarray
    truth: np.ndarray
    proba: np.ndarray
    loss: np.ndarray
    predicted: np.ndarray

    @classmethod
    def of(
        cls,
        classes: np.ndarray,
        y: Any,
        proba: Any,
        log_proba: Any = None,
        predicted: np.ndarray | None = None,
    ) -> "Evaluation":
        """Check labels and probabilities and compute the loss.

        By default, the most probable label is the predicted one.
        """
        proba = np.asarray(proba, dtype=np.float64)
        y = labels(y, len(proba))
        if proba.ndim == 1:
            proba = np.column_stack([1 - proba, proba])
        if proba.ndim != 2 or proba.shape[1] != len(classes):
            raise ValueError(
                f"Expected probabilities of shape ({len(y)}, {len(classes)}), one column per class "
                f"of {listed(classes)}, got shape {proba.shape}."
            )
        if not np.isfinite(proba).all() or proba.min() < 0 or proba.max() > 1 + 1e-6:
            raise ValueError("Probabilities must be between 0 and 1, got values outside.")
        truth = codes(classes, y)
        rows = np.arange(len(y))
        if log_proba is None:
            loss = -np.log(np.maximum(proba[rows, truth], _SMALLEST))
        else:
            loss = -log_proba[rows, truth]
        if predicted is None:
            predicted = proba.argmax(axis=1)
        return cls(classes, truth, proba, loss, predicted)

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether the prediction equals the label."""
        return self.predicted == self.truth

    @cached_property
    def label_quality(self) -> np.ndarray:
        """Normalized margin of the given label: 1 if the model agrees, 0 if it contradicts."""
        rows = np.arange(len(self))
        others = self.proba.copy()
        others[rows, self.truth] = -np.inf
        return (1 + self.proba[rows, self.truth] - others.max(axis=1)) / 2


def evaluate(reviews: Reviews, y: Any) -> Evaluation:
    """Predict reviews and compare the predictions with their labels."""
    y = labels(y, len(reviews))
    classifier, given = reviews.classifier, reviews.given
    predicted = None
    if classifier is not reviews.parts.model:  # may decide by another rule, such as a threshold
        predicted = np.searchsorted(classifier.classes_, classifier.predict(given))
    if hasattr(classifier, "predict_log_proba"):  # exact even if the probability rounds to 0
        with np.errstate(divide="ignore"):
            log_proba = np.asarray(classifier.predict_log_proba(given), dtype=np.float64)
        log_proba = np.maximum(log_proba, np.log(_SMALLEST))
        return Evaluation.of(classifier.classes_, y, np.exp(log_proba), log_proba, predicted)
    proba = classifier.predict_proba(given)
    return Evaluation.of(classifier.classes_, y, proba, predicted=predicted)


def labels(y: Any, n_samples: int, name: str = "y") -> np.ndarray:
    """Return labels or groups as an array, after a check that each review has one.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, 1)
        Labels or groups of one type.
    n_samples : int
        Number of reviews.
    name : str, default="y"
        Name of the parameter, for messages.

    Raises
    ------
    ValueError
        If the shape is wrong, values are missing, or two of them cannot be compared.
    """
    y = np.asarray(checked_labels(y, name))
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    what = "value" if name.startswith("groups") else "label"
    if y.ndim != 1:
        raise ValueError(
            f"{name} must contain one {what} per review, got an array of shape {y.shape}. Of "
            "several labels, inspect one: y[:, k], with a pipeline of the tokenizer and its model."
        )
    if len(y) != n_samples:
        raise ValueError(
            f"{'X_train' if name.endswith('_train') else 'X'} and {name} must be of the same "
            f"length, got {n_samples} reviews and {len(y)} {what}s."
        )
    return y


def codes(classes: np.ndarray, y: np.ndarray, name: str = "y") -> np.ndarray:
    """Return the index of each label in `classes`, after a check that the model knows them.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels in ascending order.
    y : ndarray of shape (n_samples,)
        Labels.
    name : str, default="y"
        Name of the parameter, for messages.

    Raises
    ------
    ValueError
        If y contains other labels.
    """
    names = np.unique(y)
    unknown = names[[label not in classes.tolist() for label in names.tolist()]]
    if len(unknown):
        raise ValueError(
            f"{name} contains labels that the model never saw: {listed(unknown)}. It knows "
            f"{listed(classes)}: drop or relabel those reviews."
        )
    return np.searchsorted(classes, y)


def missing(values: np.ndarray) -> np.ndarray:
    """Return which values of a column from `as_column` are missing."""
    if values.dtype.kind == "O":
        return np.array([value is None for value in values], dtype=bool)
    return values != values  # NaN and NaT
