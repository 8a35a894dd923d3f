"""Two collections of texts: what tells them apart, and which texts lie far from the others."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.utils.extmath import randomized_svd

from sentilib.inspection._measures._metrics import Metric, area_under_curve

if TYPE_CHECKING:
    from sentilib._text._readings import Readings

_MIN_REVIEWS = 3  # that contain a word from which the classifier may learn
_N_TOPICS = 50
_N_NEIGHBOURS = 5
_ROWS_AT_ONCE = 1000


class Separation(NamedTuple):
    """How well a classifier tells two collections apart, and by which words."""

    auc: Metric
    coefficients: np.ndarray  # (n_words,); positive for words of the second collection
    importance: np.ndarray  # (n_words,); coefficient times the difference of the mean weights


def word_counts(readings: "Readings") -> scipy.sparse.csr_array:
    """Count the words of documents: (n_documents, n_words)."""
    rows = np.repeat(np.arange(len(readings)), readings.lengths)
    counts = scipy.sparse.csr_array(
        (np.ones(len(rows)), (rows, readings.numbers)), shape=(len(readings), len(readings.words))
    )
    counts.sum_duplicates()
    return counts


def document_frequency(counts: scipy.sparse.csr_array) -> np.ndarray:
    """Return the number of documents that contain each word."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


def unknown_shares(counts: scipy.sparse.csr_array, n_first: int) -> np.ndarray:
    """Return the share of each document's words that are in no other document of the first ones.

    The first documents are compared with the others among them, so that both shares are zero on
    average only if both collections have the same words.
    """
    known_by = document_frequency(counts[:n_first])
    parts = [counts[:n_first] @ (known_by == 1), counts[n_first:] @ (known_by == 0)]
    return np.concatenate(parts) / np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1)


def weighted(counts: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """Weight words by TF-IDF with sublinear counts; rows have length 1."""
    if counts.shape[1] == 0:
        return counts  # scikit-learn refuses documents without any word
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts)


def separate(
    weights: scipy.sparse.csr_array,
    is_second: np.ndarray,
    splits: list[tuple[np.ndarray, np.ndarray]],
    confidence_level: float,
) -> Separation:
    """Cross-validate logistic regression that tells the second documents from the first.

    Parameters
    ----------
    weights : csr_array of shape (n_documents, n_words)
        What `weighted` returns.
    is_second : ndarray of shape (n_documents,), bool
        Collection of each document.
    splits : list of tuple of two ndarray
        Rows for training and rows for prediction.
    confidence_level : float
        Confidence level of the AUC.
    """
    common = np.flatnonzero(document_frequency(weights) >= _MIN_REVIEWS)
    coefficients, importance = np.zeros((2, weights.shape[1]))
    score = np.zeros(len(is_second))
    if len(common):
        X = weights[:, common]
        model = LogisticRegression(class_weight="balanced", max_iter=300, tol=1e-6)
        score = cross_val_predict(model, X, is_second, cv=splits, method="decision_function")
        coefficients[common] = model.fit(X, is_second).coef_[0]
        means = [np.asarray(weights[rows].mean(axis=0)).ravel() for rows in (~is_second, is_second)]
        importance = coefficients * (means[1] - means[0])
    auc = area_under_curve(score[is_second], score[~is_second], confidence_level)
    return Separation(auc, coefficients, importance)


def similarities(weights: scipy.sparse.csr_array, n_first: int, random_state: int) -> np.ndarray:
    """Return the mean similarity of each document to the five most similar of the first ones.

    Similarities are products of the documents' projections on the principal directions of all. A
    document's words that few others contain are outside of these, and lower its similarity.
    """
    n_topics = min(_N_TOPICS, *(size - 1 for size in weights.shape))
    if n_topics < 1:
        return np.zeros(weights.shape[0])
    _, _, directions = randomized_svd(weights, n_topics, n_iter=1, random_state=random_state)
    points = np.asarray(weights @ directions.T, dtype=np.float32)
    first = points[:n_first]
    n_neighbours = min(_N_NEIGHBOURS, n_first - 1)
    found = np.empty(len(points))
    for start in range(0, len(points), _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(points)))
        products = points[rows] @ first.T
        own = rows < n_first
        products[np.flatnonzero(own), rows[own]] = -np.inf  # each is compared with the others
        nearest = np.partition(products, -n_neighbours, axis=1)[:, -n_neighbours:]
        found[rows] = nearest.mean(axis=1)
    return found
