"""Out-of-fold probabilities, with one pass of the tokenizer over all reviews."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from sentilib._classifier import BaseSentimentClassifier
from sentilib._html_tokenizer import HTMLTokenizer
from sentilib.inspection._evaluation import documents, labels
from sentilib.inspection._ngram_regression import NgramRegression


def tokenized_once(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Split a pipeline behind its tokenizer: what is left to fit, and what that reads.

    The vocabulary is then learnt from all reviews, without their labels; a word that only held-out
    reviews have is one that the model never trained on, and so as good as unknown.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(estimator, Pipeline) or not isinstance(estimator[0], HTMLTokenizer):
        return estimator, X
    texts, _ = documents(X)
    ids = clone(estimator[0]).fit_transform(texts)
    rest = estimator[1:] if len(estimator) > 2 else estimator[-1]
    return clone(rest), ids


def opinions(estimator: Any, X: Any, *, second_opinion: bool) -> tuple[list[Any], Any]:
    """Give the models to ask about labels, and what they read.

    They are the estimator, or what is left of it behind its tokenizer, and a model of another kind
    that reads the same token ids, if it is asked for and there are any.
    """
    model, inputs = tokenized_once(estimator, X)
    reads_ids = inputs is not X or isinstance(model, BaseSentimentClassifier)
    return [model, NgramRegression()] if second_opinion and reads_ids else [model], inputs


def mean_out_of_fold_proba(
    models: list[Any],
    X: Any,
    y: Any,
    *,
    cv: Any,
    groups: Any,
    n_repeats: int,
    n_jobs: Any,
    random_state: Any,
) -> np.ndarray:
    """Average what models, fitted on the same folds, predict out of them, and that over repeats."""
    rng = check_random_state(random_state)
    seeds = rng.randint(2**31 - 1, size=n_repeats)
    return np.mean(
        [
            out_of_fold_proba(model, X, y, cv=cv, groups=groups, n_jobs=n_jobs, random_state=seed)
            for seed in seeds.tolist()
            for model in models
        ],
        axis=0,
    )


def out_of_fold_proba(
    estimator: Any, X: Any, y: Any, *, cv: Any, groups: Any, n_jobs: Any, random_state: Any
) -> np.ndarray:
    """Predict each review by a model that was not trained on it (nor on its group).

    Parameters
    ----------
    estimator : classifier
        Cloned for each fold.
    X : array-like
        What it reads.
    y : ndarray of shape (n_samples,)
        Labels, at least two different ones.
    cv : int or splitter
        Number of stratified folds, by group where there are any; or a splitter.
    groups : array-like of shape (n_samples,) or None
        No group comes to lie on both sides.
    n_jobs : int or None
        Folds at once.
    random_state : int, RandomState instance or None
        For the folds, where `cv` is a number.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Columns in ascending order of the labels.
    """
    names, sizes = np.unique(y, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"y holds one class only ({names[0]!r}): there is nothing to tell apart.")
    if groups is not None:
        groups = labels(groups, len(y))
    if isinstance(cv, (int, np.integer)):
        n_units = sizes.min()
        if groups is not None:
            n_units = min(len(np.unique(groups[y == name])) for name in names)
        if not 2 <= cv <= n_units:
            what = "reviews" if groups is None else "groups"
            raise ValueError(
                f"cv={cv} folds need at least {max(cv, 2)} {what} of each class, but the rarest "
                f"has {n_units}. Lower cv (2 at least) or drop rare classes."
            )
        seed = check_random_state(random_state).randint(2**31 - 1)
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = kind(int(cv), shuffle=True, random_state=seed)
    return cross_val_predict(
        estimator, X, y, cv=cv, groups=groups, n_jobs=n_jobs, method="predict_proba"
    )
