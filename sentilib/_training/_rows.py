"""Rows of the training data: labels, weights, groups, and the validation split."""

import sys
from numbers import Number, Real
from typing import Any

import numpy as np
from sklearn.utils import compute_sample_weight

from sentilib._ids import FIRST_WORD
from sentilib._sklearn import check_sample_weight


def checked_weight(sample_weight: Any, X: Any) -> np.ndarray | None:
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


def taken(rows: np.ndarray, *parts: np.ndarray | None) -> list[Any]:
    """Return some rows of each part; a part may be None."""
    return [None if part is None else part[rows] for part in parts]


def total_weight(
    weight: np.ndarray | None, class_weight: Any, y: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """Multiply the weights of rows by those of their classes; the mean of the result is 1.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,) or None
        Weights of rows, as `checked_weight` returns them.
    class_weight : dict, "balanced" or None
        Weights of classes.
    y : ndarray of shape (n_samples,)
        Labels.
    classes : ndarray of shape (n_classes,)
        All labels, sorted, of which `y` may lack some.

    Returns
    -------
    weight : ndarray of shape (n_samples,), float64
        Weight of each row.

    Raises
    ------
    ValueError
        If the weight of a class is no finite, non-negative number, or no row has a weight above 0.
    """
    weight = np.ones(len(y)) if weight is None else _scaled(weight)
    if isinstance(class_weight, dict):
        weight = weight * _scaled(_by_class(class_weight, classes)[np.searchsorted(classes, y)])
    elif class_weight is not None:
        weight = weight * _scaled(compute_sample_weight(class_weight, y))
    if not weight.any():
        raise ValueError(
            f"No row has a weight above 0: class_weight={class_weight!r} must contain a positive "
            "weight for a label of these rows."
        )
    weight = _scaled(weight)
    return weight / weight.mean()


def _by_class(class_weight: dict, classes: np.ndarray) -> np.ndarray:
    """Return the weight of each class; `compute_class_weight` would take the label "1" for 1."""
    for label, weight in class_weight.items():
        number = weight.item() if isinstance(weight, np.generic) else weight  # of Python's range
        if not isinstance(number, Real) or not 0.0 <= number <= sys.float_info.max:  # type: ignore
            raise ValueError(
                f"class_weight must contain finite, non-negative numbers, but has {weight!r} for "
                f"the label {label!r}."
            )
    labels = classes.tolist()
    missing = [label for label in labels if label not in class_weight]
    if missing and (unknown := [label for label in class_weight if label not in labels]):
        raise ValueError(
            f"class_weight has no weight for the labels {missing}, but has weights for {unknown}, "
            "which are no labels."
        )
    return np.array([class_weight.get(label, 1) for label in labels], dtype=np.float64)


def _scaled(weight: np.ndarray) -> np.ndarray:
    """Divide by a power of two, which is exact, so that products and sums cannot overflow."""
    return np.ldexp(weight, -np.frexp(weight.max())[1])


def refuse_balanced(class_weight: Any) -> None:
    """Raise ValueError if the weights of the classes depend on labels that are not all known."""
    if class_weight == "balanced":
        raise ValueError(
            "class_weight='balanced' is not possible in partial_fit, which never sees all labels. "
            "Compute the weights on a large sample and pass them as a dict."
        )


def checked_labels(labels: Any, name: str = "y") -> Any:
    """Validate labels or groups, whatever their type: none is missing, and they can be sorted.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Labels or groups.
    name : str, default="y"
        Name of the parameter, for messages.

    Returns
    -------
    labels : array-like of shape (n_samples,)
        The same labels, as an array unless they are a list: scikit-learn would turn pandas' Int64
        and boolean into floats. An array of objects that are all numbers becomes one of numbers.

    Raises
    ------
    ValueError
        If a label is None, NaN or pandas.NA, or if two labels cannot be compared.
    """
    is_list = isinstance(labels, list | tuple)  # NumPy would turn ["a", nan] into two strings
    values = np.array(labels, dtype=object) if is_list else np.asarray(labels)
    if values.ndim == 0:
        return labels
    if values.dtype.kind == "T":  # NumPy's StringDType, which scikit-learn cannot classify
        values = values.astype(object)
    if values.dtype.kind not in "OfM":
        return values
    flat = values.ravel()
    if values.dtype.kind == "O":
        is_missing = np.array([_is_missing(value) for value in flat], dtype=bool)
    else:
        is_missing = flat != flat
    if is_missing.any():
        raise ValueError(
            f"{name} contains {np.count_nonzero(is_missing)} missing values (None, NaN or NA), the "
            f"first at position {is_missing.argmax()}. Drop these rows, or fill the values."
        )
    if values.dtype.kind != "O":
        return values
    try:
        np.unique(values)
    except TypeError:
        types = sorted({type(value).__name__ for value in values.ravel()})
        raise ValueError(
            f"{name} contains values that cannot be compared, of the types {', '.join(types)}. "
            "Convert them to one type, for example to strings."
        ) from None
    are_numbers = all(isinstance(value, Number | np.bool_) for value in values.ravel())
    return np.array(values.tolist()) if are_numbers else labels if is_list else values


def two_or_more_classes(y: np.ndarray, name: str) -> np.ndarray:
    """Return the classes of rows; raise ValueError if there is only one. Messages use `name`."""
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"y contains one class only ({classes.tolist()[0]!r}) in rows of positive weight, "
            f"but {name} needs at least two classes."
        )
    return classes


def classes_of_stream(classes: Any, known: np.ndarray | None, y: np.ndarray) -> np.ndarray:
    """Return the classes of all calls of `partial_fit`.

    Parameters
    ----------
    classes : array-like or None
        What a call passed; not None in the first one.
    known : ndarray or None
        Classes of the earlier calls, if there were any.
    y : ndarray
        Labels of this call.

    Returns
    -------
    ndarray
        All classes, sorted.

    Raises
    ------
    ValueError
        If there are fewer than two, others than known, or y contains further labels.
    """
    all_classes: Any = known if classes is None else np.unique(checked_labels(classes, "classes"))
    found = listed(all_classes)
    if known is None and len(all_classes) < 2:
        raise ValueError(f"classes={found} has fewer than two classes.")
    if known is not None and not np.array_equal(all_classes, known):
        raise ValueError(
            f"classes={found} differs from the classes of the first call: {listed(known)}."
        )
    if len(unknown := np.setdiff1d(y, all_classes)):
        raise ValueError(
            f"y contains labels that are not among the classes {found}: {listed(unknown)}. "
            "Pass all labels as classes in the first call."
        )
    return all_classes


def listed(labels: np.ndarray) -> str:
    """Return labels for a message: at most ten, and the start of long ones, which may be texts."""
    names = [f"{label!r:.40}" for label in labels[:10].tolist()]
    return f"[{', '.join(names)}{', ...' if len(labels) > 10 else ''}]"


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA is neither true nor false
        return True
    except ValueError:  # an array
        return False


def checked_groups(groups: Any, n_rows: int) -> np.ndarray | None:
    """Validate the group of each row, and return an array."""
    if groups is None:
        return None
    groups = np.asarray(checked_labels(groups, "groups"))
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
    from sklearn.model_selection import StratifiedGroupKFold, train_test_split

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


def known(trained: Any, vectors: Any) -> np.ndarray | None:
    """Return ids that are in range whatever the rows contain: bool (n_ids,), None for none."""
    if trained is not None:
        return trained.seen
    return None if vectors is None else np.ones(len(vectors) + FIRST_WORD, dtype=bool)
