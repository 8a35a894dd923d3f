"""Subgroups of reviews by features, with loss and accuracy."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib._optional import import_pandas
from sentilib._pipelines import Reviews
from sentilib.inspection._measures._evaluation import Evaluation, missing
from sentilib.inspection._measures._features import (
    names_of,
    quantile_bins,
    resolve_features,
    without_missing,
)
from sentilib.inspection._measures._statistics import mean_interval, share_interval

if TYPE_CHECKING:
    from pandas import DataFrame


def slice_table(
    evaluation: Evaluation,
    features: dict[str, np.ndarray],
    *,
    metric: str = "loss",
    n_bins: int = 4,
    confidence_level: float = 0.95,
) -> "DataFrame":
    """Compute each subgroup's size, loss and accuracy, worst first."""
    pandas = import_pandas("slices")
    rows = []
    for name, values in features.items():
        for text, part in _subgroups(name, values, n_bins):
            loss, correct = evaluation.loss[part], evaluation.correct[part]
            loss_low, loss_high = mean_interval(loss, confidence_level)
            accuracy_low, accuracy_high = share_interval(
                correct.sum(), len(correct), confidence_level
            )
            rows.append(
                {
                    "feature": name,
                    "slice": text,
                    "n_reviews": len(loss),
                    "share": len(loss) / len(evaluation),
                    "loss": loss.mean(),
                    "loss_low": loss_low,
                    "loss_high": loss_high,
                    "accuracy": correct.mean(),
                    "accuracy_low": accuracy_low,
                    "accuracy_high": accuracy_high,
                }
            )
    table = pandas.DataFrame(rows)
    by, ascending = ("loss_low", False) if metric == "loss" else ("accuracy_high", True)
    return table.sort_values(
        by, ascending=ascending, kind="stable", na_position="last"
    ).reset_index(drop=True)


def _subgroups(name: str, values: np.ndarray, n_bins: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each subgroup of a feature: its description and its rows."""
    if values.dtype.kind in "mM":  # dates and times
        moments = values.astype(f"{values.dtype.kind}8[s]")
        numbers, present = without_missing(
            name, np.where(missing(values), np.nan, moments.astype(np.int64))
        )
        codes, limits = quantile_bins(numbers, n_bins)
        for k, (low, high) in enumerate(limits.astype(np.int64).astype(moments.dtype).tolist()):
            yield _between(name, str(low), str(high)), np.flatnonzero(present)[codes == k]
        return
    if values.dtype.kind not in "iuf":
        _, present = without_missing(name, np.where(missing(values), np.nan, 0.0))
        rows = np.flatnonzero(present)
        shown = [str(value).encode(errors="replace").decode() for value in values[rows].tolist()]
        texts = np.array(shown)
        for text in np.unique(texts).tolist():
            yield f"{name} = {text}", rows[texts == text]
        return
    numbers, present = without_missing(name, values)
    rows = np.flatnonzero(present)
    codes, limits = quantile_bins(numbers, n_bins)
    for k, (low, high) in enumerate(limits):
        yield _between(name, f"{low:.4g}", f"{high:.4g}"), rows[codes == k]


def _between(name: str, low: str, high: str) -> str:
    return f"{name} = {low}" if low == high else f"{name} {low} to {high}"


def default_slices(
    reviews: Reviews, evaluation: Evaluation, cluster: np.ndarray | None, data: Any
) -> dict[str, np.ndarray]:
    """Return the features that the report cuts into subgroups."""
    given = resolve_features(("length", "oov_rate", "truncated"), None, len(reviews), reviews)
    if cluster is not None:
        given["cluster"] = cluster.astype(str)
    if data is not None:
        found = resolve_features(map(str, names_of(data)), data, len(reviews))
        given.update({k: values for k, values in found.items() if not missing(values).all()})
    given["label"] = evaluation.classes[evaluation.truth].astype(str)
    return given
