"""Hold out rows for early stopping: stratified by label, and by group where groups are given."""

from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split


def validation_split(
    y: np.ndarray, groups: Any, fraction: float, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into a training and a held-out part, each with every class.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.
    groups : array-like of shape (n_samples,) or None
        Movie, product, author, ...: no group comes to lie on both sides.
    fraction : float
        Share of the rows to hold out; with groups about that share.
    random_state : RandomState
        Drawn from once.

    Returns
    -------
    train, held_out : ndarray of int
        Row numbers, ascending.

    Raises
    ------
    ValueError
        If the two sides cannot both hold every class.
    """
    classes, class_sizes = np.unique(y, return_counts=True)
    smaller_side = min(fraction, 1 - fraction) * len(y)
    too_small = ValueError(
        f"The validation set is too small: validation_fraction={fraction} of {len(y)} rows"
        f"{'' if groups is None else f' in {len(np.unique(groups))} groups'} cannot hold all "
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
    groups = np.asarray(groups)
    if groups.shape != (len(y),):
        raise ValueError(
            f"groups must hold one label a row: expected shape ({len(y)},), got {groups.shape}."
        )
    n_splits = max(2, round(1 / fraction))
    if len(np.unique(groups)) < n_splits or class_sizes.min() < n_splits:
        raise too_small
    folds = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    train, held_out = next(folds.split(np.zeros(len(y)), y, groups))
    if any(len(np.unique(y[side])) < len(classes) for side in (train, held_out)):
        raise too_small
    return train, held_out
