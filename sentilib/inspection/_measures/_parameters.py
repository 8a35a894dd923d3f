"""Checks of the parameters of public functions; a name means the same in all of them."""

from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from numbers import Integral, Real
from typing import Any, TypeVar

from sentilib._sklearn import HasMethods, Interval, validate_params

_Function = TypeVar("_Function", bound=Callable[..., Any])

COUNT = [Interval(Integral, 1, None, closed="left")]
REVIEWS: list = ["array-like", Iterable]
TABLE: list = [Mapping, HasMethods("__dataframe__"), HasMethods("__arrow_c_stream__")]
MODEL = [HasMethods(["fit", "predict_proba"])]
_OPTIONAL_ARRAY = ["array-like", None]
_CONSTRAINTS: dict[str, list] = {
    "X": REVIEWS,
    "ax": [HasMethods("get_figure"), "array-like", None],
    "clusterer": [HasMethods("fit_predict"), None],
    "confidence_level": [Interval(Real, 0, 1, closed="neither")],
    "cv": ["cv_object"],
    "data": [*TABLE, None],
    "estimator": [HasMethods("fit")],
    "features": [str, Iterable],
    "groups": _OPTIONAL_ARRAY,
    "labels": _OPTIONAL_ARRAY,
    "n_bins": COUNT,
    "n_explained": [Interval(Integral, 0, None, closed="left"), None],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "snippet_length": COUNT,
    "text_column": [str, Integral, None],
    "verbose": ["verbose"],
    "y": ["array-like"],
    "y_proba": ["array-like"],
    "y_true": ["array-like"],
}


def check_parameters(**constraints: list) -> Callable[[_Function], _Function]:
    """Decorate a public function so that each of its parameters is checked before it runs.

    Parameters
    ----------
    **constraints : list of constraints
        Constraints, as scikit-learn writes them, on parameters that only this function has.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    KeyError
        If a parameter of the function has no constraint.
    """

    def decorate(function: _Function) -> _Function:
        names = [name for name in signature(function).parameters if name not in ("self", "cls")]
        constraints_of = {name: (_CONSTRAINTS | constraints)[name] for name in names}
        # Nested checks stay: these functions call estimators of the user.
        return validate_params(constraints_of, prefer_skip_nested_validation=False)(function)

    return decorate
