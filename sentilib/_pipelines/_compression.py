"""Smaller copies of fitted estimators: fewer n-grams, rounded weights."""

import copy
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from sentilib._classifier import BaseSentimentClassifier
from sentilib._compiled._states import snapshot
from sentilib._ids import OOV
from sentilib._sklearn import Interval, Options, validate_params
from sentilib._training._fit import Model


@validate_params(
    {
        "estimator": [BaseEstimator],
        "max_ngrams": [Interval(Integral, 0, None, closed="left")],
        "bits": [Options(Integral, {8, 16, 32})],
    },
    prefer_skip_nested_validation=True,
)
def compress(estimator: Any, *, max_ngrams: int = 350_000, bits: int = 8) -> Any:
    """Return a copy of a fitted estimator that takes less memory, and less room in a file.

    The n-grams of the least weight are dropped, and weights are rounded. Nothing is trained again.

    Parameters
    ----------
    estimator : estimator
        Fitted classifier of this library, or an estimator that contains some: a pipeline, a search,
        an ensemble, ... It remains as it is.
    max_ngrams : int, default=350_000
        Max number of n-grams of two or more words in each model: those with the largest weights,
        and those that they extend. Weights of single words remain.
    bits : {8, 16, 32}, default=8
        Number of bits in a file of each weight of a word or an n-gram; 32 does not round.

    Returns
    -------
    estimator : estimator
        Copy of the estimator, deep but for callbacks. It can be trained further like the estimator
        itself; from there on, its weights are no longer rounded.

    Raises
    ------
    NotFittedError
        If the estimator contains no fitted classifier of this library.

    See Also
    --------
    DenseSentimentClassifier : Its `ngram_max_features` limits the n-grams of a fit.

    Examples
    --------
    >>> import pickle
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer, compress
    >>> from sentilib.datasets import make_reviews
    >>> from sklearn.pipeline import make_pipeline
    >>> reviews, labels = make_reviews(400, length=40, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> small = compress(pipe.fit(reviews, labels), max_ngrams=500)
    >>> len(pickle.dumps(small)) < len(pickle.dumps(pipe)) / 2
    True
    """
    models: dict[int, BaseSentimentClassifier] = {}
    _collect(estimator, models, set())
    if not models:
        raise NotFittedError(
            f"This {type(estimator).__name__} contains no fitted DenseSentimentClassifier or "
            "ConvSentimentClassifier. Fit it before you compress it."
        )
    memo: dict[int, Any] = {}  # what `deepcopy` finds here, it does not copy
    for key, model in models.items():
        small = snapshot(model)
        small._trained = _compressed(model._trained, max_ngrams, bits)
        small.tables_ = small._trained.tables()
        memo[key] = small
    return copy.deepcopy(estimator, memo)


def _collect(value: Any, models: dict[int, BaseSentimentClassifier], seen: set[int]) -> None:
    """Find the fitted classifiers of this library within an estimator."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, BaseSentimentClassifier):
        if hasattr(value, "_trained"):
            models[id(value)] = value
        return
    parts: Any = ()
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, list | tuple):
        parts = value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        parts = value.ravel()
    elif isinstance(value, BaseEstimator) or type(value).__module__.startswith("sklearn."):
        parts = getattr(value, "__dict__", {}).values()
    for part in parts:
        _collect(part, models, seen)


def _compressed(model: Model, max_ngrams: int, bits: int) -> Model:
    """Return a model with fewer n-grams and rounded weights, without what streams need."""
    weights = dict(model.weights)
    ngrams = model.ngrams
    if ngrams is not None:
        worth = model.tables().ngrams.worth  # type: ignore[union-attr]
        kept = ngrams.strongest(np.abs(worth).max(axis=1), max_ngrams)
        ngrams = ngrams.restricted_to(kept)
        weights["ngram_ratio"] = _rounded(worth[kept].astype(np.float32), bits)
        weights["ngram_deviation"] = np.zeros((len(kept), 1), dtype=np.float32)
    embedding = weights["embedding"]
    # The unknown word is to contribute to no class: it remains exact, and so do words like it.
    rounded = _rounded(embedding, bits, embedding.shape[1])
    weights["embedding"] = np.where(embedding == embedding[OOV], embedding, rounded)
    return model._replace(weights=weights, ngrams=ngrams, optimizer_state=None, stream=None)


def _rounded(weights: np.ndarray, bits: int, n_reserved: int = 0) -> np.ndarray:
    """Round weights to values that are evenly spaced about 0, of which there are 2 ** bits.

    `n_reserved` of these are left to values that are not rounded.
    """
    limit = np.abs(weights).max(initial=0)
    if bits == 32 or limit == 0:
        return weights.copy()
    n_values = max(2**bits - n_reserved, 2 ** (bits - 1))
    step = float(limit) / ((n_values - 1) // 2)
    return (np.rint(weights / step) * step).astype(np.float32)
