"""Out-of-fold probabilities of one or more models; the text is read once for all folds.

It is read once more where the second opinions need marks that the tokenizer drops.
"""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import (
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_random_state

from sentilib._classifier import BaseSentimentClassifier
from sentilib._ids import as_token_ids
from sentilib._pipelines import Parts, documents
from sentilib.inspection._measures._evaluation import Evaluation, labels
from sentilib.inspection._measures._second_opinions import second_opinions

_DOUBTED = 0.15  # label quality below which a review is left out of the second fit


def opinions(estimator: Any, X: Any, *, second_opinion: bool) -> list[tuple[Any, Any]]:
    """Return the models whose predictions judge the labels, each with its input.

    The first is the estimator. Of a pipeline that begins with a tokenizer, only the other steps are
    fitted on folds: the tokenizer is fitted once on all reviews, which uses no labels, and words
    that only held-out reviews contain are never trained on. Models of other kinds follow if
    `second_opinion` is set and there are token ids; where there is text, their ids include marks
    such as "!".
    """
    estimator, tokenizer, between, classifier = Parts.of(estimator)
    if tokenizer is not None:
        texts, _ = documents(X)
        rest = make_pipeline(*between, classifier) if between else classifier
        tokenizer = clone(tokenizer)
        ids = with_marks = tokenizer.fit_transform(texts)
        first = clone(rest), ids
        if not second_opinion:
            return [first]
        if tokenizer.punctuation != "token":
            with_marks = tokenizer.set_params(punctuation="token").fit_transform(texts)
        return [first, *second_opinions(with_marks)]
    if second_opinion and isinstance(estimator, BaseSentimentClassifier):
        return [(estimator, X), *second_opinions(as_token_ids(np.asarray(X)))]
    return [(estimator, X)]


def mean_out_of_fold_proba(
    models: list[tuple[Any, Any]],
    y: Any,
    *,
    cv: Any,
    groups: Any,
    n_repeats: int,
    n_jobs: Any,
    random_state: Any,
) -> np.ndarray:
    """Compute out-of-fold probabilities, averaged over the models and over repeats.

    All models are fitted on the same folds. All but the first, which are quick, are fitted twice:
    the second time without the reviews whose labels all models together doubted.
    """
    rng = check_random_state(random_state)
    first, *others = models
    found = []
    for seed in rng.randint(2**31 - 1, size=n_repeats).tolist():
        splits = folds(y, cv=cv, groups=groups, random_state=seed)

        def predict(model: Any, X: Any, splits: Any = splits) -> np.ndarray:
            return cross_val_predict(model, X, y, cv=splits, n_jobs=n_jobs, method="predict_proba")

        proba = [predict(*first), *(predict(*other) for other in others)]
        if others:
            quality = Evaluation.of(np.unique(y), y, np.mean(proba, axis=0)).label_quality
            trusted = [(_without(train, quality < _DOUBTED, y), test) for train, test in splits]
            proba[1:] = [predict(*other, trusted) for other in others]
        found.append(np.mean(proba, axis=0))
    return np.mean(found, axis=0)


def _without(train: np.ndarray, doubted: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the training rows without doubted ones, unless a whole class would be lost."""
    kept = train[~doubted[train]]
    return kept if len(np.unique(y[kept])) == len(np.unique(y[train])) else train


def folds(
    y: np.ndarray, *, cv: Any, groups: Any, random_state: Any
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split the reviews so that each can be predicted by a model that was not fitted on it.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels of at least two classes.
    cv : int, cross-validation generator, iterable or None
        Number of stratified folds, by group if there are groups (None means 5); or a splitter or
        pairs of rows.
    groups : array-like of shape (n_samples,) or None
        Group of each review; no group is in two folds.
    random_state : int, RandomState instance or None
        Random state of the folds, where `cv` is a number.

    Returns
    -------
    list of tuple of two ndarray
        Rows for training and rows for prediction, one pair per fold.
    """
    names, sizes = np.unique(y, return_counts=True)
    if len(names) < 2:
        raise ValueError(
            f"y contains a single class ({names[0]!r}): there is nothing to distinguish."
        )
    if groups is not None:
        groups = labels(groups, len(y))
    cv = 5 if cv is None else cv
    if isinstance(cv, (int, np.integer)):
        n_units = sizes.min()
        if groups is not None:
            n_units = min(len(np.unique(groups[y == name])) for name in names)
        if not 2 <= cv <= n_units:
            what = "reviews" if groups is None else "groups"
            raise ValueError(
                f"cv={cv} folds need at least {max(cv, 2)} {what} of each class, but the rarest "
                f"has {n_units}. Lower cv (to no less than 2) or drop rare classes."
            )
        seed = check_random_state(random_state).randint(2**31 - 1)
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = kind(int(cv), shuffle=True, random_state=seed)
    return list(check_cv(cv).split(np.zeros(len(y)), y, groups))
