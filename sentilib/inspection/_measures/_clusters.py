"""Clusters of the latent space, and the words that distinguish each from the others."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans

from sentilib._ids import FIRST_WORD, OOV
from sentilib._optional import import_pandas
from sentilib._pipelines import Reviews
from sentilib.inspection._measures._evaluation import Evaluation

if TYPE_CHECKING:
    from pandas import DataFrame

_PRIOR_WORDS = 1000  # alpha_0 of the prior: its weight, as a number of words


def seeded_clone(estimator: Any, random_state: Any) -> Any:
    """Clone an estimator, and set its random_state if that is None."""
    estimator = clone(estimator)
    parameters = estimator.get_params()
    if "random_state" in parameters and parameters["random_state"] is None:
        estimator.set_params(random_state=random_state)
    return estimator


def find_clusters(latent: np.ndarray, clusterer: Any, random_state: Any) -> np.ndarray:
    """Find clusters of points, numbered from 0 by falling size; noise is -1."""
    if clusterer is None:
        n_distinct = len(np.unique(latent, axis=0))
        clusterer = KMeans(min(8, max(1, len(latent) // 5), n_distinct), n_init=4)
    found = np.asarray(seeded_clone(clusterer, random_state).fit_predict(latent))
    names, codes, sizes = np.unique(found, return_inverse=True, return_counts=True)
    order = np.argsort(np.where(names == -1, 1, -sizes), kind="stable")
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    rank[names == -1] = -1
    return rank[codes]


def describe_clusters(
    cluster: np.ndarray,
    evaluation: Evaluation,
    reviews: Reviews | None = None,
    *,
    n_words: int = 8,
) -> "DataFrame":
    """Describe each cluster: size, error rate, mean loss, length, OOV rate and its words.

    Parameters
    ----------
    cluster : ndarray of shape (n_samples,), int
        Cluster of each review.
    evaluation : Evaluation
        Predictions and losses.
    reviews : Reviews, default=None
        Source of lengths and words; None leaves those columns out.
    n_words : int, default=8
        Maximum number of words per cluster.

    Returns
    -------
    DataFrame
        One row per cluster.
    """
    pandas = import_pandas("A table of clusters")
    words = characteristic_words(cluster, reviews, n_words) if reviews is not None else {}
    rows = []
    for name in np.unique(cluster).tolist():
        part = cluster == name
        row = {
            "cluster": name,
            "n_reviews": int(part.sum()),
            "error_rate": 1 - evaluation.correct[part].mean(),
            "loss": evaluation.loss[part].mean(),
        }
        if reviews is not None:
            row["length"] = reviews.length[part].mean()
            row["oov_rate"] = reviews.oov_rate[part].mean()
            row["words"] = " ".join(words[name])
        rows.append(row)
    return pandas.DataFrame(rows).set_index("cluster")


def characteristic_words(
    cluster: np.ndarray, reviews: Reviews, n_words: int
) -> dict[int, list[str]]:
    """Find the words that stand out in each cluster against all others.

    Words are sorted by the z-score of the log-odds ratio under a Dirichlet prior with the words'
    overall frequencies (Monroe, Colaresi & Quinn, "Fightin' Words", 2008, equations 15, 18 and 22).
    """
    size = len(reviews.words)
    ids = np.where(reviews.ids < size, reviews.ids, OOV)
    counts = {
        name: np.bincount(ids[cluster == name].ravel(), minlength=size)[FIRST_WORD:]
        for name in np.unique(cluster).tolist()
    }
    total = np.sum(list(counts.values()), axis=0).astype(np.float64)
    if total.sum() == 0:
        return {name: [] for name in counts}
    prior = _PRIOR_WORDS * (total + 0.01) / (total + 0.01).sum()
    found = {}
    for name, inside in counts.items():
        here, there = inside + prior, total - inside + prior
        log_odds = np.log(here / (here.sum() - here)) - np.log(there / (there.sum() - there))
        score = log_odds / np.sqrt(1 / here + 1 / there)
        best = np.argsort(-score, kind="stable")[:n_words]
        found[name] = [str(reviews.words[k + FIRST_WORD]) for k in best if inside[k]]
    return found
