"""Subgroups of reviews that a model serves worst."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib._optional import import_pandas
from sentilib._sklearn import StrOptions
from sentilib.inspection._measures._clusters import find_clusters
from sentilib.inspection._measures._evaluation import Evaluation, Reviews, evaluate, read_reviews
from sentilib.inspection._measures._features import quantile_bins, resolve_features, without_missing
from sentilib.inspection._measures._parameters import check_parameters
from sentilib.inspection._measures._statistics import mean_interval, share_interval

if TYPE_CHECKING:
    from pandas import DataFrame


@check_parameters(metric=[StrOptions({"loss", "accuracy"})])
def slices(
    estimator: Any,
    X: Any,
    y: Any,
    features: str | Iterable[str] = ("length", "oov_rate", "truncated", "cluster"),
    *,
    data: Any = None,
    metric: str = "loss",
    n_bins: int = 4,
    clusterer: Any = None,
    confidence_level: float = 0.95,
    random_state: Any = None,
) -> "DataFrame":
    """Find the subgroups of reviews with the worst loss or accuracy.

    A numeric feature is cut at its quantiles; other features, and numbers with few distinct
    values, give a subgroup for each value. Worst first, by the end of the interval that speaks
    for the model's mercy: a subgroup leads the table only if it is bad even at the friendly end
    of its interval, so that tiny ones do not win by chance.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Fitted, from HTMLTokenizer to a classifier; or a classifier of token ids.
    X : array-like of shape (n_samples,), DataFrame, or ids of shape (n_samples, n_tokens)
        Reviews; a DataFrame has one column of text, and its others may be features.
    y : array-like of shape (n_samples,)
        Labels.
    features : str or iterable of str, default=("length", "oov_rate", "truncated", "cluster")
        Names: "length", "oov_count", "oov_rate", "truncated", "cluster" (of the latent space) or
        columns of `data`.
    data : DataFrame or mapping of str to array-like of shape (n_samples,), default=None
        Further features, numeric or not.
    metric : {"loss", "accuracy"}, default="loss"
        What "worst" means.
    n_bins : int, default=4
        Subgroups of a numeric feature.
    clusterer : clusterer, default=None
        What finds the clusters; None is KMeans.
    confidence_level : float, default=0.95
        Of the intervals: Student's of mean losses, Wilson's of accuracies. They are not corrected
        for the number of subgroups.
    random_state : int, RandomState instance or None, default=None
        For a clusterer that has none of its own.

    Returns
    -------
    DataFrame
        A row a subgroup: `feature`, `slice`, `n_reviews`, `share`, `loss` (nats), `loss_low`,
        `loss_high`, `accuracy`, `accuracy_low`, `accuracy_high`.

    Raises
    ------
    ValueError
        If y holds labels that the model never saw, lengths differ or a feature is unknown.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.inspection import slices
    >>> texts, labels = make_reviews(300, length=40, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> table = slices(pipe.fit(texts, labels), texts, labels, "length", n_bins=2)
    >>> table["n_reviews"].sum()
    np.int64(300)
    """
    reviews = read_reviews(estimator, X)
    names = [features] if isinstance(features, str) else list(features)
    evaluation = evaluate(reviews, y)
    built_in = [name for name in names if name != "cluster" or "cluster" in reviews.columns]
    given = resolve_features(built_in, data, len(reviews), reviews) if built_in else {}
    if len(built_in) < len(names):
        given["cluster"] = find_clusters(reviews.latent, clusterer, random_state).astype(str)
    ordered = {name: given[name] for name in names}
    return slice_table(
        evaluation, ordered, metric=metric, n_bins=n_bins, confidence_level=confidence_level
    )


def slice_table(
    evaluation: Evaluation,
    features: dict[str, np.ndarray],
    *,
    metric: str = "loss",
    n_bins: int = 4,
    confidence_level: float = 0.95,
) -> "DataFrame":
    """Give each subgroup's size, loss and accuracy, worst first."""
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
    """Cut a feature into subgroups: a description and the rows of each."""
    values = np.asarray(values)
    if values.dtype.kind not in "iuf":
        missing = np.array([value is None or value != value for value in values.tolist()])
        if missing.any():
            _, present = without_missing(name, np.where(missing, np.nan, 0.0))
        else:
            present = np.ones(len(values), dtype=bool)
        rows = np.flatnonzero(present)
        texts = np.array([str(value) for value in values[rows].tolist()])
        for text in np.unique(texts).tolist():
            yield f"{name} = {text}", rows[texts == text]
        return
    numbers, present = without_missing(name, values)
    rows = np.flatnonzero(present)
    codes, limits = quantile_bins(numbers, n_bins)
    for k, (low, high) in enumerate(limits):
        text = f"{name} = {low:.4g}" if low == high else f"{name} {low:.4g} to {high:.4g}"
        yield text, rows[codes == k]


def default_slices(
    reviews: Reviews, evaluation: Evaluation, cluster: np.ndarray | None, data: Any
) -> dict[str, np.ndarray]:
    """Give the features that the report cuts into subgroups."""
    given = resolve_features(("length", "oov_rate", "truncated"), None, len(reviews), reviews)
    if cluster is not None:
        given["cluster"] = cluster.astype(str)
    if data is not None:
        given.update(resolve_features(list(data), data, len(reviews)))
    given["label"] = evaluation.classes[evaluation.truth].astype(str)
    return given
