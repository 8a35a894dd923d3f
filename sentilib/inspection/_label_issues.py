"""find_label_issues: reviews whose label is likely wrong, by confident learning."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from sentilib._optional import import_pandas
from sentilib._pipelines import Progress, as_series, named_rows, read_reviews, snippets
from sentilib._sklearn import StrOptions
from sentilib.inspection._measures._confident_learning import (
    FILTERS,
    calibrated,
    confident_joint,
    prune,
)
from sentilib.inspection._measures._evaluation import Evaluation, evaluate, labels
from sentilib.inspection._measures._out_of_fold import mean_out_of_fold_proba, opinions
from sentilib.inspection._measures._parameters import COUNT, MODEL, check_parameters

if TYPE_CHECKING:
    from pandas import DataFrame


@check_parameters(
    estimator=MODEL,
    filter_by=[StrOptions(set(FILTERS))],
    second_opinion=["boolean"],
    n_repeats=COUNT,
)
def find_label_issues(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    text_column: str | int | None = None,
    cv: Any = 10,
    groups: Any = None,
    filter_by: str = "prune_by_noise_rate",
    second_opinion: bool = True,
    n_repeats: int = 1,
    snippet_length: int = 40,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int | bool = 0,
) -> "DataFrame":
    """Find reviews whose label is likely wrong, by confident learning.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Model whose clones are fitted on the folds. If it is a pipeline that begins with an
        HTMLTokenizer, the text is read once for all folds. A fitted pipeline or classifier in a
        :class:`~sklearn.frozen.FrozenEstimator` predicts as it is, without folds and without
        second opinions; this is for reviews on which it was not fitted.
    X : array-like of shape (n_samples, ...)
        Input of the estimator.
    y : array-like of shape (n_samples,)
        Labels of any type and number, some of which may be wrong.
    text_column : str or int, default=None
        Column of a DataFrame X that contains the reviews; None means its only column of text.
    cv : int, cross-validation generator or iterable, default=10
        Folds for out-of-fold probabilities: a number of stratified folds (None means 5), a splitter
        or pairs of training and test rows.
    groups : array-like of shape (n_samples,), default=None
        Group of each review (movie, author, ...): no group is in two folds.
    filter_by : {"prune_by_noise_rate", "prune_by_class", "both", "confident_joint"}, \
default="prune_by_noise_rate"
        Rule that chooses the issues: for each pair of labels, the estimated number of reviews with
        the largest margins; for each label, the estimated number of reviews with the lowest
        probabilities; the reviews chosen by both rules; or those counted off the diagonal of the
        confident joint.
    second_opinion : bool, default=True
        Whether to average the probabilities with those of other models, if the estimator reads
        token ids: logistic regressions on n-grams and on latent topics, fitted on the same folds,
        and fitted again without the reviews whose labels all models together doubt. Models of
        different kinds err in different reviews, so that more of the contradicted labels are wrong.
    n_repeats : int, default=1
        Number of cross-validations, each on other folds, whose probabilities are averaged.
    snippet_length : int, default=40
        Maximum number of characters in `snippet`; pandas prints tables of 80 characters.
    n_jobs : int or None, default=None
        Number of folds fitted in parallel. None means 1 unless in a
        :obj:`joblib.parallel_backend` context; -1 means all processors.
    random_state : int, RandomState instance or None, default=None
        Random state of the folds, where `cv` is a number. The estimator has its own.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long, 2 also a line per fold.

    Returns
    -------
    DataFrame
        One row per review, issues first, then by `label_quality`. The index is that of a Series or
        DataFrame X, otherwise the position. Columns: `given`, `suggested` (most probable
        label), `label_quality` (normalized margin of the given label, from 0, the models contradict
        it, to 1, they agree), `self_confidence` (probability of the given label), `row` (position
        in X), `is_issue` and, of text, `snippet` (beginning of the visible text). Its `attrs`
        contain the `confident_joint`, the estimated `joint`
        distribution of given and true labels and the `thresholds`, as (nested) lists in the order
        of the sorted labels.

    Raises
    ------
    ValueError
        If y contains a single class or missing labels, lengths differ, a class has fewer reviews
        (or groups) than there are folds, or a parameter is invalid.
    NotFittedError
        If a frozen estimator is not fitted.
    ImportError
        If pandas is not installed.

    References
    ----------
    C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident Learning: Estimating Uncertainty in
    Dataset Labels", JAIR 70 (2021): equations 1 to 3, section 3.2.

    S. Wang, C. D. Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic
    Classification", ACL 2012, section 2; S. Deerwester et al., "Indexing by Latent Semantic
    Analysis", JASIS 41 (1990): the second opinions.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.inspection import find_label_issues
    >>> texts, labels = make_reviews(300, length=40, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> table = find_label_issues(pipe, texts, labels, cv=2, random_state=0)
    >>> table.columns.tolist()
    ['given', 'suggested', 'label_quality', 'self_confidence', 'row', 'is_issue', 'snippet']
    """
    pandas = import_pandas("find_label_issues")
    progress = Progress(verbose, "find_label_issues")
    progress("Reading the reviews")
    if isinstance(estimator, FrozenEstimator):
        reviews = read_reviews(estimator.estimator, X, text_column, any_words=True)
        texts, index = reviews.texts, reviews.index
        progress(f"Predicting {len(reviews):,} reviews")
        evaluation = evaluate(reviews, y)
    else:
        models, texts, index = opinions(estimator, X, text_column, second_opinion=second_opinion)
        y = labels(y, len(models[0][1]))
        proba = mean_out_of_fold_proba(
            models,
            y,
            cv=cv,
            groups=groups,
            n_repeats=n_repeats,
            n_jobs=n_jobs,
            random_state=random_state,
            progress=progress,
        )
        evaluation = Evaluation.of(np.unique(y), y, proba)
    if len(np.unique(evaluation.truth)) < 2:
        label = evaluation.classes[evaluation.truth[:1]].tolist()[0]
        raise ValueError(f"y contains a single class ({label!r}): no label contradicts another.")
    counts, thresholds, off_diagonal = confident_joint(evaluation)
    joint = calibrated(counts, evaluation.truth)
    rows = np.arange(len(evaluation))
    table = pandas.DataFrame(
        {
            "given": as_series(evaluation.classes[evaluation.truth]),
            "suggested": as_series(evaluation.classes[evaluation.predicted]),
            "label_quality": evaluation.label_quality,
            "self_confidence": evaluation.proba[rows, evaluation.truth],
            "row": rows,
            "is_issue": prune(evaluation, joint, off_diagonal, filter_by),
        }
    )
    if texts is not None:
        table["snippet"] = snippets(texts, snippet_length)
    table = named_rows(table, index)
    table.attrs = {
        "confident_joint": counts.tolist(),
        "joint": joint.tolist(),
        "thresholds": thresholds.tolist(),
    }
    progress.done()
    return table.sort_values(["is_issue", "label_quality"], ascending=[False, True], kind="stable")
