"""find_label_issues: confident learning, written from Northcutt, Jiang & Chuang (2021)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from sentilib._optional import import_pandas
from sentilib._sklearn import StrOptions
from sentilib.inspection._measures._evaluation import Evaluation, evaluate, labels, read_reviews
from sentilib.inspection._measures._out_of_fold import mean_out_of_fold_proba, opinions
from sentilib.inspection._measures._parameters import COUNT, MODEL, check_parameters

if TYPE_CHECKING:
    from pandas import DataFrame

_FILTERS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_joint")


@check_parameters(
    estimator=MODEL,
    filter_by=[StrOptions(set(_FILTERS))],
    second_opinion=["boolean"],
    n_repeats=COUNT,
)
def find_label_issues(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = 10,
    groups: Any = None,
    filter_by: str = "prune_by_noise_rate",
    second_opinion: bool = True,
    n_repeats: int = 1,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> "DataFrame":
    """Find reviews whose label is likely wrong, by confident learning.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Model whose clones are fitted on the folds. Where a pipeline begins with an HTMLTokenizer,
        the text is read once for all folds. To use a fitted model as it is, on reviews that it was
        not fitted on, wrap it in a :class:`~sklearn.frozen.FrozenEstimator`: it is then asked
        alone, without folds.
    X : array-like of shape (n_samples, ...)
        What the estimator reads.
    y : array-like of shape (n_samples,)
        Labels of any type and number, some of them perhaps wrong.
    cv : int, cross-validation generator or iterable, default=10
        Folds for out-of-fold probabilities: a number of stratified folds, by group if `groups` are
        given, or a splitter.
    groups : array-like of shape (n_samples,), default=None
        Movie, author, ...: no group comes to lie in two folds.
    filter_by : {"prune_by_noise_rate", "prune_by_class", "both", "confident_joint"}, \
default="prune_by_noise_rate"
        Which reviews count as issues: for each pair of labels the estimated number with the
        largest margin; for each label the estimated number with the lowest probability; those in
        both; or those counted off the diagonal of the confident joint.
    second_opinion : bool, default=True
        Whether to ask other models too, where the estimator reads token ids: logistic regressions
        on n-grams and on latent topics, on the same folds. They are fitted again without the
        reviews whose labels all models together doubt. Probabilities are averaged: models of
        different kinds err in different reviews, so that more of the contradicted labels are wrong.
    n_repeats : int, default=1
        How often to predict out of folds, each time on other folds; probabilities are averaged.
    n_jobs : int or None, default=None
        Folds fitted at once.
    random_state : int, RandomState instance or None, default=None
        For the folds. The estimator has its own.

    Returns
    -------
    DataFrame
        A row a review, its index the position in X, likely errors first: `given`, `suggested`
        (most probable label), `self_confidence` (probability of the given label),
        `label_quality` (normalized margin, 0 contradicted to 1 agreed with), `is_issue`.
        `attrs` holds the `confident_joint`, its calibrated share `joint` and the `thresholds`, as
        nested lists in the order of the sorted labels.

    Raises
    ------
    ValueError
        If y holds one class only, lengths differ or a class has fewer reviews than folds.

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
    ['given', 'suggested', 'self_confidence', 'label_quality', 'is_issue']
    """
    pandas = import_pandas("find_label_issues")
    if isinstance(estimator, FrozenEstimator):
        evaluation = evaluate(read_reviews(estimator.estimator, X), y)
    else:
        models = opinions(estimator, X, second_opinion=second_opinion)
        y = labels(y, len(models[0][1]))
        proba = mean_out_of_fold_proba(
            models,
            y,
            cv=cv,
            groups=groups,
            n_repeats=n_repeats,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        evaluation = Evaluation.of(np.unique(y), y, proba)
    if len(np.unique(evaluation.truth)) < 2:
        raise ValueError(
            f"y holds one class only ({evaluation.classes[evaluation.truth[0]]!r}): no label "
            "contradicts another."
        )
    counts, thresholds, off_diagonal = confident_joint(evaluation)
    joint = calibrated(counts, evaluation.truth)
    is_issue = prune(evaluation, joint, off_diagonal, filter_by)
    rows = np.arange(len(evaluation))
    table = pandas.DataFrame(
        {
            "given": evaluation.classes[evaluation.truth],
            "suggested": evaluation.classes[evaluation.predicted],
            "self_confidence": evaluation.proba[rows, evaluation.truth],
            "label_quality": evaluation.label_quality,
            "is_issue": is_issue,
        }
    )
    table.attrs = {
        "confident_joint": counts.tolist(),
        "joint": joint.tolist(),
        "thresholds": thresholds.tolist(),
    }
    return table.sort_values("label_quality", kind="stable")


def confident_joint(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count reviews by given label and by the label that the model is confident of.

    Returns
    -------
    counts : ndarray of shape (n_classes, n_classes), int
        Equation 1: reviews with given label i whose probability of j reaches the threshold of j;
        where it does for several labels, the most probable counts.
    thresholds : ndarray of shape (n_classes,)
        Equation 2: mean probability of each label over the reviews that were given it; infinite
        for labels that none was given.
    off_diagonal : ndarray of shape (n_samples,), bool
        Which reviews are counted off the diagonal.
    """
    proba, given = evaluation.proba, evaluation.truth
    n_classes = proba.shape[1]
    thresholds = np.array(
        [proba[given == k, k].mean() if (given == k).any() else np.inf for k in range(n_classes)]
    )
    confident = np.where(proba >= thresholds, proba, -1.0)
    likely = confident.argmax(axis=1)
    counted = confident.max(axis=1) >= 0
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (given[counted], likely[counted]), 1)
    return counts, thresholds, counted & (likely != given)


def calibrated(counts: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Scale the counts' rows to the given labels' frequencies and their sum to 1 (equation 3)."""
    filled = counts.astype(np.float64)
    empty = filled.sum(axis=1) == 0
    filled[empty, empty] = 1.0  # nothing confident: nothing said against the label
    sizes = np.bincount(given, minlength=len(counts))
    joint = filled / filled.sum(axis=1, keepdims=True) * sizes[:, np.newaxis]
    return joint / joint.sum()


def prune(
    evaluation: Evaluation, joint: np.ndarray, off_diagonal: np.ndarray, filter_by: str
) -> np.ndarray:
    """Choose the issues (section 3.2, methods 2 to 5)."""
    if filter_by == "confident_joint":
        return off_diagonal
    proba, given = evaluation.proba, evaluation.truth
    n_classes = proba.shape[1]
    expected = np.rint(joint * len(given)).astype(np.int64)
    by_class = np.zeros(len(given), dtype=bool)
    by_rate = np.zeros(len(given), dtype=bool)
    for i in range(n_classes):
        rows = np.flatnonzero(given == i)
        n_wrong = expected[i].sum() - expected[i, i]
        by_class[rows[np.argsort(proba[rows, i], kind="stable")[:n_wrong]]] = True
        for j in range(n_classes):
            if j != i:
                margin = proba[rows, j] - proba[rows, i]
                by_rate[rows[np.argsort(-margin, kind="stable")[: expected[i, j]]]] = True
    if filter_by == "both":
        return by_class & by_rate
    return by_class if filter_by == "prune_by_class" else by_rate
