"""Out-of-fold probabilities of one or more models; the text is read once for all folds.

It is read once more where the second opinions need marks that the tokenizer drops.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import (
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
    cross_val_predict,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import check_random_state

from sentilib._classifier import BaseSentimentClassifier
from sentilib._html_tokenizer import HTMLTokenizer
from sentilib._ids import as_token_ids
from sentilib._pipelines import Parts, Progress, documents, read_frame, resamples, row_names
from sentilib.inspection._measures._evaluation import Evaluation, labels
from sentilib.inspection._measures._second_opinions import second_opinions

_EACH_FOLD = 11  # joblib's verbosity that prints a line for each
_DOUBTED = 0.15  # label quality below which a review is left out of the second fit


def opinions(
    estimator: Any, X: Any, text_column: Any = None, *, second_opinion: bool
) -> tuple[list[tuple[Any, Any]], Sequence[str] | None, Any]:
    """Return the models whose predictions judge the labels, each with its input.

    The first is the estimator. Of a pipeline that begins with a tokenizer, only the other steps are
    fitted on folds: the tokenizer is fitted once on all reviews, which uses no labels, and words
    that only held-out reviews contain are never trained on. Models of other kinds follow if
    `second_opinion` is set and there are token ids; where there is text, their ids include marks
    such as "!".

    Returns
    -------
    models : list of tuple of an estimator and its input
        Unfitted estimators.
    texts : sequence of str or None
        Reviews, None if X is not text.
    index : pandas Index or None
        Names of the reviews, as in `Frame`.
    """
    parts = Parts.of(estimator)
    estimator = parts.estimator
    begins = parts.tokenizer is not None and not (parts.front or parts.reads_documents)
    if isinstance(estimator, Pipeline) and any(resamples(step) for _, step in estimator.steps):
        begins = False  # the sampler belongs to the fits
    if not begins or parts.tables is not None:
        return _opinions_of_any(estimator, X, text_column, second_opinion)
    texts, frame = documents(X, text_column)
    rest = parts.classifier
    if parts.between:
        rest = make_pipeline(*parts.between, rest)
    tokenizer = clone(parts.tokenizer)
    ids = with_marks = tokenizer.fit_transform(texts)
    first = clone(rest), ids if parts.between else np.ascontiguousarray(ids)
    if not second_opinion:
        return [first], texts, frame.index
    if tokenizer.punctuation != "token":
        with_marks = tokenizer.set_params(punctuation="token").fit_transform(texts)
    models = [first, *second_opinions(np.ascontiguousarray(with_marks))]
    return models, texts, frame.index


def _opinions_of_any(
    estimator: Any, X: Any, text_column: Any, second_opinion: bool
) -> tuple[list[tuple[Any, Any]], Sequence[str] | None, Any]:
    """Return what `opinions` returns, for an estimator that does not begin with a tokenizer."""
    if second_opinion and isinstance(estimator, BaseSentimentClassifier):
        models = [(estimator, X), *second_opinions(as_token_ids(np.asarray(X)))]
        return models, None, row_names(X)
    try:
        frame = read_frame(X, text_column)
    except ValueError:
        if text_column is not None:
            raise
        return [(estimator, X)], None, row_names(X)  # any columns, which the estimator knows
    inside = tuple(estimator.get_params().values())
    reads_text = text_column is not None or any(isinstance(part, HTMLTokenizer) for part in inside)
    if reads_text and not any(isinstance(part, ColumnTransformer) for part in inside):
        X = X if frame.source is None else frame.source
    return [(estimator, X)], frame.texts, frame.index


def mean_out_of_fold_proba(
    models: list[tuple[Any, Any]],
    y: Any,
    *,
    cv: Any,
    groups: Any,
    n_repeats: int,
    n_jobs: Any,
    random_state: Any,
    progress: Progress,
) -> np.ndarray:
    """Compute out-of-fold probabilities, averaged over the models and over repeats.

    All models are fitted on the same folds. All but the first, which are quick, are fitted twice:
    the second time without the reviews whose labels all models together doubted.
    """
    rng = check_random_state(random_state)
    first, *others = models
    found = []
    name = type(first[0]).__name__
    if isinstance(first[0], Pipeline):
        name = f"Pipeline of {type(first[0][-1]).__name__}"
    for seed in rng.randint(2**31 - 1, size=n_repeats).tolist():
        splits = folds(y, cv=cv, groups=groups, random_state=seed)

        def predict(model: Any, X: Any, splits: Any = splits) -> np.ndarray:
            return cross_val_predict(
                model,
                X,
                y,
                cv=splits,
                n_jobs=n_jobs,
                method="predict_proba",
                verbose=_EACH_FOLD if progress.verbose > 1 else 0,
            )

        progress(f"Fitting {name} on {len(splits)} folds of {len(y):,} reviews")
        proba = [predict(*first)]
        if others:
            progress("Fitting models of other kinds for second opinions, twice")
            proba += [predict(*other) for other in others]
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
            f"y contains a single class ({names.tolist()[0]!r}): there is nothing to distinguish."
        )
    if groups is not None:
        groups = labels(groups, len(y), "groups")
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
