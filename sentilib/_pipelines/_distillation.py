"""DistilledClassifier: a fast model that learns from a slow one on unlabelled texts."""

import copy
from typing import Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, check_consistent_length, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sentilib._sklearn import (
    CallbackSupportMixin,
    Estimator,
    FitTasks,
    HasMethods,
    fit_context,
)
from sentilib._text._documents import as_documents, column_names
from sentilib._training._rows import checked_labels, checked_weight, listed, two_or_more_classes

_TOLERANCE = 1e-3  # of the sum of probabilities, which may have been rounded


def _student_has(name: str) -> Any:
    def check(self: "DistilledClassifier") -> bool:
        getattr(getattr(self, "student_", self.student), name)  # its AttributeError says why
        return True

    return check


class DistilledClassifier(CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, Estimator):
    """Train a fast student on texts without labels, which a slow teacher labels.

    The teacher learns from the labelled texts and predicts probabilities for the unlabelled ones.
    The student then learns from all texts: each unlabelled one has the label that the teacher finds
    most probable, and as its weight the lead of that label's probability over the next one's: a
    text about which the teacher is undecided counts for nothing, one that is certain as much as a
    labelled one. Predictions and explanations are those of the student alone.

    Parameters
    ----------
    student : estimator
        Classifier of raw text whose `fit` accepts `sample_weight`, such as a Pipeline from
        HTMLTokenizer to DenseSentimentClassifier. It is cloned.
    teacher : estimator or None, default=None
        Classifier of raw text with `predict_proba`, such as a sentence encoder with
        LogisticRegression. It is cloned; a fitted one is passed as ``FrozenEstimator(teacher)``.
        None if `fit` receives `probabilities`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    student_ : estimator
        Fitted student. It does not refer to the teacher, so that a file of it is small.

    See Also
    --------
    sklearn.semi_supervised.SelfTrainingClassifier : Teaches a classifier by itself.

    Notes
    -----
    The fitted teacher is not kept. A search tunes parameters of both, such as
    ``teacher__logisticregression__C``, and passes `X_unlabeled` on to each fit::

        GridSearchCV(distilled, grid).fit(X, y, X_unlabeled=texts)

    scikit-learn splits every parameter of `fit` that is as long as X. If there happen to be as many
    unlabelled texts as labelled ones, each fold therefore learns from a part of them.

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015.
    D.-H. Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep
    Neural Networks", 2013.

    Examples
    --------
    >>> from sentilib import DenseSentimentClassifier, DistilledClassifier, HTMLTokenizer
    >>> from sentilib.datasets import make_reviews
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> reviews, labels = make_reviews(400, length=40, random_state=0)
    >>> student = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> teacher = make_pipeline(TfidfVectorizer(), LogisticRegression())
    >>> distilled = DistilledClassifier(student, teacher)
    >>> distilled.fit(reviews[:100], labels[:100], X_unlabeled=reviews[100:]).classes_
    array([0, 1])
    >>> distilled.predict_proba(["What a superb film!"]).shape
    (1, 2)
    """

    __module__ = "sentilib"  # saved files name the public path

    _parameter_constraints: dict = {
        "student": [HasMethods(["fit"])],
        "teacher": [HasMethods(["fit"]), None],
    }

    def __init__(self, student: Any, teacher: Any = None) -> None:
        self.student = student
        self.teacher = teacher

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_unlabeled: Any = None,
        probabilities: Any = None,
    ) -> Self:
        """Fit the teacher to the labelled texts, and the student to all texts.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Texts with labels.
        y : array-like of shape (n_samples,)
            Labels of any type, with at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the labelled texts. The teacher receives them as they are, the
            student divided by their mean.
        X_unlabeled : iterable of str of length n_unlabeled
            Texts without labels.
        probabilities : array-like of shape (n_unlabeled, n_classes), default=None
            What a teacher thinks of `X_unlabeled`: a large model's probabilities, or the shares of
            the votes of several annotators. Columns in the sorted order of the labels, unless a
            DataFrame names them. Requires ``teacher=None``.

        Returns
        -------
        self : estimator
            Fitted estimator. If `fit` fails or is interrupted, it remains unchanged.

        Raises
        ------
        ValueError
            If the texts, labels or probabilities are invalid, or the teacher predicts other classes
            than those of y.
        TypeError
            If the teacher predicts no probabilities, or an estimator accepts no weights.
        """
        if not hasattr(self.student, "predict"):
            raise TypeError(f"student must be a classifier, got {self.student!r}.")
        fits_teacher = self.teacher is not None and not isinstance(self.teacher, FrozenEstimator)
        tasks = FitTasks(self, n_inner=1 + fits_teacher)
        texts, unlabeled = list(as_documents(X)), _unlabeled(X_unlabeled)
        y = column_or_1d(checked_labels(y), warn=True)
        check_consistent_length(texts, y)
        check_classification_targets(y)
        weight = checked_weight(sample_weight, texts)
        if weight is not None and not weight.all():
            kept = np.flatnonzero(weight)
            texts, y, weight = [texts[row] for row in kept], y[kept], weight[kept]
        classes = two_or_more_classes(y, type(self).__name__)
        tasks.begin(texts, y, weight, np.arange(len(y)))
        with config_context(enable_metadata_routing=False):  # weights are passed by name
            if probabilities is None:
                probabilities = self._taught(tasks, texts, y, weight, unlabeled, classes)
                source = "The teacher's predict_proba"
            elif self.teacher is not None:
                raise ValueError("Pass either a teacher or probabilities, not both.")
            else:
                source = "probabilities"
            probabilities = _checked(probabilities, len(unlabeled), classes, source)
            labels = np.concatenate([y, classes[probabilities.argmax(axis=1)]])
            own = np.ones(len(y)) if weight is None else weight / weight.mean()
            second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T
            weights = np.concatenate([own, first - second])
            student = _fitted(tasks, self.student, "student", texts + unlabeled, labels, weights)
        draft: Any = copy.copy(self)
        draft.classes_, draft.student_ = classes, student
        tasks.end(draft)
        self.classes_, self.student_ = classes, student
        return self

    def _taught(
        self,
        tasks: FitTasks,
        texts: list[str],
        y: Any,
        weight: Any,
        unlabeled: list[str],
        classes: np.ndarray,
    ) -> Any:
        """Return what the teacher thinks of the unlabelled texts, columns as in `classes`."""
        if self.teacher is None:
            raise ValueError(
                "There is no teacher: pass one to DistilledClassifier, or pass the probabilities "
                "of X_unlabeled to fit."
            )
        if not hasattr(self.teacher, "predict_proba"):
            raise TypeError(
                f"The teacher must predict probabilities, but {type(self.teacher).__name__} has no "
                "predict_proba. Use a classifier that has one, or CalibratedClassifierCV around "
                "this one."
            )
        teacher = _fitted(tasks, self.teacher, "teacher", texts, y, weight)
        found = np.asarray(getattr(teacher, "classes_", classes))
        taught = teacher.predict_proba(unlabeled)
        if sorted(map(repr, found.tolist())) != sorted(map(repr, classes.tolist())):
            raise ValueError(
                f"The teacher predicts the classes {listed(found)}, but y contains "
                f"{listed(classes)}. Fit it to the labels of y."
            )
        taught = np.asarray(taught)
        if taught.ndim == 2 and taught.shape[1] == len(found):
            taught = taught[:, [found.tolist().index(label) for label in classes.tolist()]]
        return taught

    @available_if(_student_has("predict"))
    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable class of each text.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Texts.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels, of the type of `y`.
        """
        return self._predicted("predict", X)

    @available_if(_student_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Compute the student's class probabilities.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Texts.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`; each row sums to 1.
        """
        return self._predicted("predict_proba", X)

    @available_if(_student_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Compute the logarithm of the student's class probabilities.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Texts.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return self._predicted("predict_log_proba", X)

    @available_if(_student_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Compute the student's margin.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Texts.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes the margin of the second one.
        """
        return self._predicted("decision_function", X)

    def _predicted(self, method: str, X: Any) -> np.ndarray:
        check_is_fitted(self)
        documents = as_documents(X)
        return getattr(self.student_, method)(documents)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "student_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _unlabeled(X_unlabeled: Any) -> list[str]:
    """Return the unlabelled texts; raise ValueError if there are none."""
    unlabeled = [] if X_unlabeled is None else list(as_documents(X_unlabeled))
    if not unlabeled:
        what = "None" if X_unlabeled is None else "empty"
        raise ValueError(
            f"There are no unlabelled texts to learn from: X_unlabeled is {what}. Pass them to "
            "fit, or fit the student itself to the labelled texts."
        )
    return unlabeled


def _checked(probabilities: Any, n_rows: int, classes: np.ndarray, source: str) -> np.ndarray:
    """Validate probabilities of the unlabelled texts, and return them in the order of `classes`."""
    names = column_names(probabilities)
    values = np.asarray(probabilities)
    if values.shape != (n_rows, len(classes)):
        raise ValueError(
            f"{source} must have one row per unlabelled text and one column per class, shape "
            f"{(n_rows, len(classes))}, got {values.shape}."
        )
    if values.dtype.kind not in "biufO":
        raise ValueError(f"{source} must be numbers, got an array of type {values.dtype}.")
    values = values.astype(np.float64)
    if names is not None and set(names) == set(classes.tolist()):
        values = values[:, [list(names).index(label) for label in classes.tolist()]]
    total = values.sum(axis=1)
    for is_bad, what in (
        (~np.isfinite(values).all(axis=1), "is not finite"),
        ((values < 0).any(axis=1), "contains a negative number"),
        (~(np.abs(total - 1) <= _TOLERANCE), "does not sum to 1"),
    ):
        if is_bad.any():
            row = int(is_bad.argmax())
            raise ValueError(
                f"{source} must be one distribution over the classes per row, but row {row} "
                f"{what}: {values[row].tolist()}. Divide votes or scores by their sum first."
            )
    return values


def _fitted(
    tasks: FitTasks, estimator: Any, name: str, texts: list[str], y: Any, weight: Any
) -> Any:
    """Fit a clone, with weights if there are any."""
    if isinstance(estimator, FrozenEstimator):
        return estimator
    fit_params = {} if weight is None else {_weight_parameter(estimator, name): weight}
    fitted = clone(estimator)
    with tasks.inner(f"fit-{name}", fitted):
        return fitted.fit(texts, y, **fit_params)


def _weight_parameter(estimator: Any, role: str) -> str:
    """Return the name under which an estimator's `fit` accepts the weights of rows."""
    prefix, last = "", estimator
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        prefix += f"{name}__"
    if not has_fit_parameter(last, "sample_weight"):
        raise TypeError(
            f"The {role} must accept weights, but the fit of {type(last).__name__} has no "
            "sample_weight. "
            + (
                "Use another student; a search belongs around DistilledClassifier."
                if role == "student"
                else "Leave sample_weight out, or fit the teacher before and pass "
                "FrozenEstimator(teacher)."
            )
        )
    return f"{prefix}sample_weight"
