"""Rows of the training data: weights, groups, and the validation split."""

from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split
from sklearn.utils import compute_sample_weight

from sentilib._sklearn import check_sample_weight


def checked_weight(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    """Validate the weights of rows, and return them as float64."""
    if sample_weight is None:
        return None
    weight = check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weight < 0).any():
        raise ValueError(
            f"sample_weight must contain no negative weight, but its min is {weight.min()}."
        )
    if not weight.any():
        raise ValueError("sample_weight must contain at least one non-zero weight.")
    return weight


def with_class_weight(
    weight: np.ndarray | None, class_weight: Any, y: np.ndarray
) -> np.ndarray | None:
    """Multiply the weights of rows by those of their classes."""
    if class_weight is None:
        return weight
    by_class = compute_sample_weight(class_weight, y)
    return by_class if weight is None else weight * by_class


def refuse_balanced(class_weight: Any) -> None:
    """Raise ValueError if the weights of the classes depend on labels that are not all known."""
    if class_weight == "balanced":
        raise ValueError(
            "class_weight='balanced' is not possible in partial_fit, which never sees all labels. "
            "Compute the weights on a large sample and pass them as a dict."
        )


def checked_groups(groups: Any, n_rows: int) -> np.ndarray | None:
    """Validate the group of each row, and return an array."""
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n_rows,):
        raise ValueError(
            f"groups must contain one label per row: expected shape ({n_rows},), got "
            f"{groups.shape}."
        )
    return groups


def validation_split(
    y: np.ndarray, groups: np.ndarray | None, fraction: float, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into a training set and a validation set, each with every class.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.
    groups : ndarray of shape (n_samples,) or None
        Group of each row, such as its movie; no group is on both sides.
    fraction : float
        Fraction of the rows to hold out; approximate with groups.
    random_state : RandomState
        Generator from which one seed is drawn.

    Returns
    -------
    train, held_out : ndarray of int
        Row numbers in ascending order.

    Raises
    ------
    ValueError
        If the two sides cannot both contain every class.
    """
    classes, class_sizes = np.unique(y, return_counts=True)
    smaller_side = min(fraction, 1 - fraction) * len(y)
    too_small = ValueError(
        f"The validation set is too small: validation_fraction={fraction} of {len(y)} rows"
        f"{'' if groups is None else f' in {len(np.unique(groups))} groups'} cannot contain all "
        f"{len(classes)} classes on both sides. Increase 'validation_fraction' or the size of "
        "your dataset, or pass X_val and y_val."
    )
    if smaller_side < len(classes) or class_sizes.min() < 2:
        raise too_small
    seed = int(random_state.randint(2**31 - 1))
    if groups is None:
        train, held_out = train_test_split(
            np.arange(len(y)), test_size=fraction, stratify=y, random_state=seed
        )
        return np.sort(train), np.sort(held_out)
    n_splits = max(2, round(1 / fraction))
    if len(np.unique(groups)) < n_splits or class_sizes.min() < n_splits:
        raise too_small
    folds = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    train, held_out = next(folds.split(np.zeros(len(y)), y, groups))
    if any(len(np.unique(y[side])) < len(classes) for side in (train, held_out)):
        raise too_small
    return train, held_out
