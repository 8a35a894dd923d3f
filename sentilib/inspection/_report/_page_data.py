"""Data that the scripts of pages read as JSON: columns of numbers, heat-maps, class names."""

import base64
from typing import Any

import numpy as np

from sentilib._pages import _heat_map
from sentilib._pipelines import Reviews
from sentilib.explain._counterfactual import counterfactuals_of
from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._heat_maps import HeatMap

MAX_REMOVED = 20  # words per review, without which the prediction is another one
_STEPS = 100  # resolution of a heat-map's values


def names_and_legends(classes: np.ndarray) -> dict[str, Any]:
    """Return the data of every script: names of the classes, legends, levels of colour."""
    names = [str(label) for label in classes.tolist()]
    return {
        "classes": names,
        "legends": [_heat_map.legend(names, k) for k in range(len(names))],
        "levels": _heat_map.LEVELS,
    }


def columns(
    reviews: Reviews,
    evaluation: Evaluation,
    cluster: np.ndarray | None,
    points: np.ndarray | None,
    issues: np.ndarray,
) -> dict[str, dict[str, str]]:
    """Return packed columns with one number per review, for the list and the latent space.

    Parameters
    ----------
    reviews, evaluation
        Reviews and their predictions.
    cluster : ndarray of shape (n_samples,), int, or None
        Cluster of each review.
    points : ndarray of shape (n_samples, 3) or None
        Projected latent space.
    issues : ndarray of int
        Indices of likely label errors.
    """
    n = len(reviews)
    is_issue = np.zeros(n)
    is_issue[issues] = 1
    found = {
        "truth": (evaluation.truth, "u2"),
        "predicted": (evaluation.predicted, "u2"),
        "probability": (evaluation.proba.max(axis=1), "f4"),
        "loss": (evaluation.loss, "f4"),
        "length": (reviews.length, "u4"),
        "oov_count": (reviews.oov_count, "u2"),
        "truncated": (reviews.truncated, "u1"),
        "quality": (evaluation.label_quality, "f4"),
        "issue": (is_issue, "u1"),
        "cluster": (np.zeros(n) if cluster is None else cluster % 256, "u1"),
    }
    if points is not None:
        largest = max(float(np.abs(points).max()), 1e-12)
        for axis, values in zip("xyz", points.T, strict=True):
            found[axis] = (values / largest * 32767, "i2")
    return {name: packed(np.asarray(values), kind) for name, (values, kind) in found.items()}


def packed(values: np.ndarray, kind: str) -> dict[str, str]:
    """Return a column of numbers as little-endian bytes in base64.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers; values outside the type's range are clipped.
    kind : {"u1", "u2", "u4", "i2", "f4", "f8"}
        NumPy type.
    """
    dtype = np.dtype("<" + kind)
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    text = base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()
    return {"type": kind, "base64": text}


def zoom(points: np.ndarray) -> float:
    """Return the magnification at which all but the outermost points fill the canvas."""
    reach = np.abs(points).max(axis=1)
    return float(np.clip(reach.max() / max(np.quantile(reach, 0.98), 1e-12), 1, 8))


def toward_class(evaluation: Evaluation) -> np.ndarray:
    """Return the class of each heat-map: the second of two classes, otherwise the predicted one."""
    if len(evaluation.classes) == 2:
        return np.ones(len(evaluation), dtype=np.int64)
    return evaluation.predicted


def removals(reviews: Reviews, rows: np.ndarray, values: np.ndarray) -> dict[int, Any]:
    """Return the words whose removal flips the prediction: numbers, class, if fewer may suffice.

    `values` are the Shapley values of the words. The entry of a review is None if it is proven that
    more than `MAX_REMOVED` are needed.
    """
    if not len(rows):
        return {}
    try:
        found = counterfactuals_of(reviews, rows, MAX_REMOVED, 0, values)
    except TypeError:  # the decision of a stack does not follow from the words' contributions
        return {}
    parts = reviews.parts
    numbers = {label: k for k, label in enumerate(parts.classes.tolist())}
    entries: dict[int, Any] = {}
    for row, tokens, after, bound, is_minimal in zip(
        rows.tolist(), found.positions, found.after.tolist(), found.lower_bound.tolist(),
        found.is_minimal.tolist(), strict=True,
    ):  # fmt: skip
        if tokens is not None:
            entries[row] = [tokens.tolist(), numbers[after], int(not is_minimal)]
        elif bound > MAX_REMOVED:
            entries[row] = None
    return entries


def compact_heat_map(heat_map: HeatMap, toward: int) -> list[Any]:
    """Return pieces, steps, class, size of a step, numbers of cut texts, unknown words."""
    largest = float(np.abs(heat_map.values).max(initial=0.0))
    step = largest / _STEPS or 1.0
    steps = np.rint(heat_map.values / step).astype(int).tolist()
    size = float(f"{step:.4g}")
    return [heat_map.pieces, steps, toward, size, heat_map.cut, heat_map.unknown]
