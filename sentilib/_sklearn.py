"""scikit-learn's private helpers, imported by this module only.

They may move in any release of scikit-learn. The rest of the package imports public names from
scikit-learn itself and these from here, so that a move has to be fixed in one place only.
"""

from numbers import Integral

from sklearn.base import BaseEstimator
from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    RealNotInt,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import check_is_fitted

COUNT = Interval(Integral, 1, 2**31 - 1, closed="both")  # constraint of a parameter that counts
N_JOBS = Interval(Integral, None, 2**15, closed="right")
SHARE = Interval(RealNotInt, 0, 1, closed="both")


def check_fitted(estimator: BaseEstimator) -> None:
    """Raise NotFittedError if an estimator is not fitted; scikit-learn's check builds its tags."""
    if not estimator.__sklearn_is_fitted__():
        check_is_fitted(estimator)


def check_parameters_of(estimator: BaseEstimator) -> None:
    """Validate an estimator's parameters against its `_parameter_constraints`, as `fit` does."""
    estimator._validate_params()


__all__ = [
    "COUNT",
    "N_JOBS",
    "SHARE",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "check_fitted",
    "check_parameters_of",
    "check_sample_weight",
    "fit_context",
    "validate_params",
]
