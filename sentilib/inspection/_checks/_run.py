"""checks: what may be wrong with a model and its data, in plain words, with codes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.utils import check_random_state

from sentilib._compiled._progress import printable
from sentilib._optional import import_pandas
from sentilib._pipelines import Progress, as_column, is_missing, read_reviews
from sentilib.inspection._checks import _of_data, _of_model, _of_split
from sentilib.inspection._checks._evidence import WARNING, Evidence, Outcome
from sentilib.inspection._data_shift import DataShift, data_shift
from sentilib.inspection._leaks import find_leaks
from sentilib.inspection._measures._evaluation import evaluate
from sentilib.inspection._measures._parameters import REVIEWS, check_parameters
from sentilib.inspection._measures._training_data import read_training_data

if TYPE_CHECKING:
    from pandas import DataFrame

_FOLDS = 5


class Check(NamedTuple):
    """A check: its code, which never changes, what makes it warn and why, and what to do then."""

    code: str
    title: str
    threshold: str
    advice: str
    run: Callable[[Evidence], Outcome]


CHECKS = (
    Check(
        "SL101",
        "Overfitting",
        f"Warns if the lower limit of the gap between the accuracies on training and on evaluated "
        f"reviews exceeds {_of_model.MAX_GAP:.2f}. Models of n-grams know nearly all of their "
        "training reviews by heart, so a gap of several points is usual and harmless.",
        "Train fewer epochs or with early stopping, raise dropout or min_df, use fewer n-grams, or "
        "collect more training reviews. Choose by the score on reviews that were not trained on.",
        _of_model.overfitting,
    ),
    Check(
        "SL102",
        "No better than chance",
        "Warns if the interval of the gain in accuracy over always predicting the most frequent "
        "class includes zero: the reviews then do not show that the model has learnt anything.",
        "Check that texts and labels belong together, train longer, or evaluate more reviews. With "
        "classes of very different size, judge by recall or AUC and set class weights.",
        _of_model.chance,
    ),
    Check(
        "SL103",
        "Probabilities miscalibrated",
        f"Warns if the expected calibration error exceeds {_of_model.MAX_CALIBRATION_ERROR:.2f}, "
        f"so that probabilities are ten points off on average, and {_of_model.CHANCE:.0%} of the "
        "errors that a perfectly calibrated model has by chance on as many reviews.",
        "Do not read the probabilities as frequencies. Fit CalibratedClassifierCV(FrozenEstimator("
        "model)) on reviews that were not trained on. The decisions need not be worse for it.",
        _of_model.miscalibration,
    ),
    Check(
        "SL201",
        "Reviews on both sides",
        f"Warns if more than {_of_split.MAX_LEAKED:.0%} of the evaluated reviews have a duplicate "
        "or near duplicate in training: the accuracy may be too high by that share.",
        "Remove these reviews from one side: find_leaks lists them. Then fit and evaluate again.",
        _of_split.leaked_reviews,
    ),
    Check(
        "SL202",
        "Groups on both sides",
        f"Warns if the groups (movie, product, author, ...) of more than "
        f"{_of_split.MAX_LEAKED:.0%} of the evaluated reviews are in training too: their names "
        "then tell the label.",
        "Split by group, with GroupShuffleSplit or StratifiedGroupKFold. find_leaks(estimator=...) "
        "measures how optimistic the random split is.",
        _of_split.leaked_groups,
    ),
    Check(
        "SL203",
        "Shift",
        f"Warns if the lower limit of the AUC of a classifier that tells evaluated from training "
        f"reviews exceeds {_of_split.MAX_AUC:.2f}. 0.5 means that it cannot; two parts of IMDB "
        "that share no movie have 0.70, although nothing is wrong with them.",
        "Look at the telling words and at the outliers (data_shift). If the evaluated reviews are "
        "those to come, add such reviews to the training data; if a difference is an artefact of "
        "collecting, such as a footer, remove it from both.",
        _of_split.shift,
    ),
    Check(
        "SL301",
        "Class too small",
        f"Warns if the interval of a class's recall is wider than {_of_data.MAX_WIDTH:.2f}: models "
        "that differ by ten points can then not be told apart.",
        "Label more reviews of this class, or do not decide by its recall. About 100 reviews of a "
        "class are always enough, 35 if the recall is 0.9.",
        _of_data.small_classes,
    ),
    Check(
        "SL302",
        "Trivially separable",
        f"Warns if a rule of a single word, pair of words or of the length, chosen on other "
        f"reviews, has a balanced accuracy above {_of_data.MAX_OF_RULE:.2f}, by its lower limit. "
        "No such rule is that good at sentiment.",
        "Look for the label in the text: a rating, a template, another source for each class. "
        "Remove it, then fit and evaluate again.",
        _of_data.trivial_rule,
    ),
    Check(
        "SL303",
        "Labels doubted",
        f"Warns if confident learning doubts more than {_of_data.MAX_DOUBTED:.0%} of the labels, "
        "by the lower limit: as many as in the worst of ten well-known test sets, which have 3.3 % "
        "of wrong labels on average (Northcutt, Athalye & Mueller 2021).",
        "Read the likely label errors and correct them (find_label_issues, also for the training "
        "reviews). If the labels are right, these are errors of the model.",
        _of_data.doubted_labels,
    ),
    Check(
        "SL304",
        "Reviews truncated",
        f"Warns if more than {_of_data.MAX_TRUNCATED:.0%} of the reviews are longer than what the "
        "model reads, by the lower limit: these are judged by a part of their words.",
        "Raise max_length of the tokenizer, or choose by truncating which end is read: reviews "
        "often conclude at their end.",
        _of_data.truncated_reviews,
    ),
    Check(
        "SL305",
        "Unknown words",
        f"Warns if more than {_of_data.MAX_UNKNOWN:.0%} of the tokens of a review are unknown, on "
        "average, by the lower limit. On IMDB, with as many, the loss is one and a half times that "
        "of reviews without any.",
        "Raise max_features or lower min_df of the tokenizer, train on more reviews or on such as "
        "these. Check language, encoding and markup of the reviews.",
        _of_data.unknown_words,
    ),
)


@check_parameters(
    X_train=[*REVIEWS, None],
    y_train=["array-like", None],
    groups_train=["array-like", None],
)
def checks(
    estimator: Any,
    X: Any,
    y: Any,
    X_train: Any = None,
    y_train: Any = None,
    *,
    text_column: str | int | None = None,
    groups: Any = None,
    groups_train: Any = None,
    confidence_level: float = 0.95,
    random_state: Any = None,
    verbose: int | bool = 0,
) -> "DataFrame":
    """Check a model and its data for what often goes wrong, and say what to do.

    Limits are chosen so that chance alone hardly ever makes a check warn.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Fitted pipeline from HTMLTokenizer to a classifier, fitted classifier of token ids, or an
        estimator around them, such as CalibratedClassifierCV or a search.
    X : array-like of shape (n_samples,), DataFrame, or ids of shape (n_samples, n_tokens)
        Reviews that the estimator was not fitted on.
    y : array-like of shape (n_samples,)
        Labels.
    X_train : array-like of shape (n_train,), DataFrame, or ids of shape (n_train, n_tokens), \
            default=None
        Reviews that the estimator was fitted on.
    y_train : array-like of shape (n_train,), default=None
        Labels of `X_train`.
    text_column : str or int, default=None
        Column of DataFrames that contains the reviews; None means their only column of text.
    groups, groups_train : array-like of shapes (n_samples,) and (n_train,), default=None
        Group of each review: movie, product, author, ...
    confidence_level : float, default=0.95
        Confidence level of all intervals.
    random_state : int, RandomState instance or None, default=None
        Controls samples, folds and simulations.
    verbose : int or bool, default=0
        1 prints a line before each step that may take long.

    Returns
    -------
    DataFrame
        One row per check. The index is its code, which remains the same in later versions. Columns:

        - `title`
        - `verdict`: "ok", "warning" or "not checked"
        - `figure`: what was found, as a sentence; or what the check needs
        - `what_to_do`: advice, if the verdict is "warning"
        - `threshold`: when the check warns, and why then
        - `value`, `low`, `high`: the figure and its interval as numbers, NaN where there is none

    Raises
    ------
    ValueError
        If y or y_train contains labels that the model never saw, lengths differ, only one of
        X_train and y_train is passed, or a parameter is invalid.
    TypeError
        If the estimator has no `predict_proba` or reads no text.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    report : Shows the checks beside what they rest on.
    find_leaks : Lists duplicates and groups on both sides.
    data_shift : Compares training and evaluated reviews.

    References
    ----------
    C. Northcutt, A. Athalye, J. Mueller, "Pervasive Label Errors in Test Sets Destabilize Machine
    Learning Benchmarks", NeurIPS 2021.
    J. Bröcker, L. Smith, "Increasing the Reliability of Reliability Diagrams", Weather and
    Forecasting 22 (2007).

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sentilib.inspection import checks
    >>> X, y = make_reviews(600, length=40, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> found = checks(pipe.fit(X[:400], y[:400]), X[400:], y[400:], X[:400], y[:400],
    ...                random_state=0)
    >>> found.loc["SL201", ["title", "verdict"]].tolist()
    ['Reviews on both sides', 'ok']
    """
    progress = Progress(verbose, "checks")
    progress("Reading the reviews")
    rng = check_random_state(random_state)
    reviews = read_reviews(estimator, X, text_column)
    training = read_training_data(reviews, X_train, y_train, text_column)
    progress(f"Predicting {len(reviews):,} reviews")
    evaluation = evaluate(reviews, y)
    evidence = Evidence(reviews, evaluation, training, None, None, False, confidence_level, rng)
    progress("Comparing training and evaluated reviews")
    compare_with_training(evidence, groups, groups_train)
    progress("Checking")
    table = check_all(evidence)
    progress.done()
    return table


def compare_with_training(
    evidence: Evidence, groups: Any = None, groups_train: Any = None
) -> DataShift | None:
    """Add leaks and shift to the evidence, if there are training reviews as text."""
    reviews, training = evidence.reviews, evidence.training
    if training is None or training.reviews.texts is None or reviews.texts is None:
        return None
    evidence.leaks = find_leaks(
        training.reviews.texts, reviews.texts, groups_train=groups_train, groups_test=groups
    )
    sides: list[Any] = [range(len(training)), range(len(reviews))]
    if groups is not None and groups_train is not None:
        evidence.has_groups = True
        sides = [_names(groups_train), _names(groups)]
    if min(len(set(side)) for side in sides) >= _FOLDS:
        evidence.shift = data_shift(
            training.reviews.texts,
            reviews.texts,
            groups_train=sides[0] if evidence.has_groups else None,
            groups_new=sides[1] if evidence.has_groups else None,
            cv=_FOLDS,
            confidence_level=evidence.confidence_level,
            random_state=evidence.rng.randint(2**31 - 1),
        )
    return evidence.shift


def _names(groups: Any) -> list[str]:
    """Return the names of groups; a review without one is a group of its own."""
    values = as_column(groups).tolist()
    return [f"review {k}" if is_missing(value) else str(value) for k, value in enumerate(values)]


def check_all(evidence: Evidence) -> "DataFrame":
    """Return a table with the outcome of each check."""
    pandas = import_pandas("checks")
    rows = []
    for check in CHECKS:
        found = check.run(evidence)
        rows.append(
            {
                "code": check.code,
                "title": check.title,
                "verdict": found.verdict,
                "figure": printable(found.figure),
                "what_to_do": check.advice if found.verdict == WARNING else "",
                "threshold": check.threshold,
                "value": found.value,
                "low": found.low,
                "high": found.high,
            }
        )
    return pandas.DataFrame(rows).set_index("code")
