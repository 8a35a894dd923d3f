"""scikit-learn's private helpers, imported by this module only, and calls of its callbacks.

They may move in any release of scikit-learn. The rest of the package imports public names from
scikit-learn itself and these from here, so that a move has to be fixed in one place only.
"""

import copy
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any, Self

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.base import _fit_context as fit_context
from sklearn.utils import ClassifierTags, Tags, TransformerTags
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    RealNotInt,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples, check_is_fitted

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Mixin that says what is missing."""

        def set_callbacks(self, *callbacks: Any) -> Self:
            """Raise an error, since this version of scikit-learn has no callbacks.

            Parameters
            ----------
            *callbacks : callback instances
                Callbacks of `sklearn.callback`.

            Returns
            -------
            self : estimator
                With scikit-learn 1.9 or later, the estimator itself.

            Raises
            ------
            ImportError
                If scikit-learn is older than 1.9.
            """
            raise ImportError(
                "set_callbacks needs scikit-learn 1.9 or later, but the installed version is "
                f"{sklearn.__version__}: pip install 'scikit-learn>=1.9'."
            )


COUNT = Interval(Integral, 1, 2**31 - 1, closed="both")  # constraint of a parameter that counts
N_JOBS = Interval(Integral, None, 2**15, closed="right")
SHARE = Interval(RealNotInt, 0, 1, closed="both")

# Address of a built site (`make docs`), to which estimators link in notebooks; none by default
SITE = os.environ.get("SENTILIB_SITE", "").rstrip("/")


class _CopiedFast:
    """Mixin of tags whose values are strings, flags or lists of these."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict) -> Self:
        other = object.__new__(type(self))
        for name in self.__match_args__:  # type: ignore[attr-defined]
            value = getattr(self, name)
            setattr(other, name, value[:] if isinstance(value, list) else value)
        return other


class _ClassifierTags(_CopiedFast, ClassifierTags):
    __slots__ = ()


class _TransformerTags(_CopiedFast, TransformerTags):
    __slots__ = ()


def copied_fast(tags: Tags) -> Tags:
    """Return a classifier's tags that a Pipeline, which copies them in each call, copies fast."""
    tags.classifier_tags.__class__ = _ClassifierTags
    tags.transformer_tags.__class__ = _TransformerTags
    return tags


class Estimator(BaseEstimator):
    """Base class of the public estimators, whose HTML representation links to their page."""

    _doc_link_module = "sentilib"
    _doc_link_template = (
        f"{SITE}/generated/api/{{estimator_module}}.{{estimator_name}}.html" if SITE else ""
    )


def positive_label(threshold: BaseEstimator) -> object:
    """Return the class whose score an estimator with a threshold compares, None for the second."""
    if hasattr(threshold, "pos_label"):
        return threshold.pos_label
    return threshold._curve_scorer._get_pos_label()


def check_fitted(estimator: BaseEstimator) -> None:
    """Raise NotFittedError if an estimator is not fitted; scikit-learn's check builds its tags."""
    is_fitted = getattr(estimator, "__sklearn_is_fitted__", None)
    if is_fitted is None or not is_fitted():
        check_is_fitted(estimator)


_IMMUTABLE = {str, int, float, bool, type(None)}
_VALID: set = set()  # parameters that were valid, since scikit-learn's check takes 0.1 ms
_MANY = 1000


def check_parameters_of(estimator: BaseEstimator) -> None:
    """Validate an estimator's parameters against its `_parameter_constraints`, as `fit` does."""
    constraints = estimator._parameter_constraints
    values = [getattr(estimator, name) for name in constraints if constraints[name] != [object]]
    types = [*map(type, values)]
    checked = (type(estimator), *values, *types) if _IMMUTABLE.issuperset(types) else None
    if checked is None or checked not in _VALID:
        estimator._validate_params()
        if checked is not None and len(_VALID) < _MANY:
            _VALID.add(checked)


class FitTasks:
    """The tasks of one fit: calls of the estimator's callbacks, if `set_callbacks` has set any.

    The fit is a task, and each epoch is one of its subtasks, or each fit of an inner estimator.

    Parameters
    ----------
    estimator : estimator
        Estimator whose `fit` was called.
    n_epochs : int, default=0
        Max number of epochs.
    n_inner : int, default=0
        Number of fits of inner estimators, which may have callbacks of their own.
    """

    def __init__(self, estimator: Any, n_epochs: int = 0, n_inner: int = 0) -> None:
        self._estimator, self._epochs, self._n_ended = estimator, list[Any](), 0
        self._fit = None
        if hasattr(estimator, "_skl_callbacks" if not n_inner else "_init_callback_context"):
            self._fit = estimator._init_callback_context(max_subtasks=n_epochs + n_inner)

    def __bool__(self) -> bool:
        """Return whether there is a callback."""
        return self._fit is not None

    def begin(self, X: Any, y: Any, weight: np.ndarray | None, rows: np.ndarray) -> None:
        """Begin the fit on some rows of X and y; `weight` has their weights only."""
        if self and len(rows) < _num_samples(y):
            X, y = safe_indexing(X, rows), safe_indexing(y, rows)
        self._begin(X=X, y=y, metadata=None if weight is None else {"sample_weight": weight})

    def _begin(self, **given: Any) -> None:
        self._given = {"estimator": self._estimator, **given}
        if self._fit is not None:
            self._fit.call_on_fit_task_begin(**self._given)

    def begin_epoch(self, epoch: int) -> None:
        """Begin an epoch, once: training may start again with smaller batches."""
        if self._fit is not None and epoch == len(self._epochs):
            self._epochs.append(self._fit.subcontext(task_name="epoch"))
            self._epochs[epoch].call_on_fit_task_begin(**self._given)

    def end_epoch(self, epoch: int, fitted: Callable[[], Any]) -> bool:
        """End an epoch, once; return whether a callback asks to stop.

        A callback that has the parameter `fitted_estimator` receives what `fitted` returns.
        """
        if epoch < self._n_ended:
            return False
        self._n_ended += 1
        return self._epochs[epoch].call_on_fit_task_end(
            **self._given, reconstruction_attributes=lambda: vars(fitted())
        )

    @contextmanager
    def inner(self, name: str, estimator: Any) -> Iterator[None]:
        """Run the fit of an inner estimator as a subtask, with the callbacks that reach it."""
        if self._fit is None:
            yield
            return
        task = self._fit.subcontext(task_name=name)
        with task.propagate_callback_context(estimator):
            task.call_on_fit_task_begin(**self._given)
            yield
            task.call_on_fit_task_end(**self._given)

    def end(self, fitted: Any) -> None:
        """End the fit; `fitted` is the estimator as it will be."""
        if self._fit is not None:
            self._fit.call_on_fit_task_end(
                **self._given, reconstruction_attributes=copy.copy(vars(fitted))
            )


@contextmanager
def fit_task(estimator: Any, X: Any, y: Any = None) -> Iterator[None]:
    """Call the estimator's callbacks before and after a fit that has no epochs."""
    tasks = FitTasks(estimator)
    tasks._begin(X=X, y=y)
    yield
    tasks.end(estimator)


__all__ = [
    "COUNT",
    "N_JOBS",
    "SHARE",
    "SITE",
    "CallbackSupportMixin",
    "Estimator",
    "FitTasks",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "check_fitted",
    "check_parameters_of",
    "check_sample_weight",
    "copied_fast",
    "fit_context",
    "fit_task",
    "validate_params",
]
