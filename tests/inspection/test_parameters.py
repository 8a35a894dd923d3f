"""Every parameter of the public functions is checked, and a wrong one is named."""

from inspect import Parameter, isclass, signature

import pytest

from sentilib import DenseSentimentClassifier, datasets, inspection
from sentilib.inspection._measures._parameters import check_parameters

# What each parameter without a default is given, so that only the one under test is wrong.
VALID = {
    **{name: DenseSentimentClassifier() for name in ("estimator", "estimator_a", "estimator_b")},
    **{name: ["a"] for name in ("X", "X_new", "X_train", "texts")},
    **{name: [0] for name in ("y", "y_true", "y_proba", "latent")},
    "data": {},
    "path": "page.html",
    "self": None,
}


def public_functions():
    for module in (datasets, inspection):
        for name in module.__all__:
            public = getattr(module, name)
            if not isclass(public):
                yield public
            else:
                yield from (
                    getattr(public, method)
                    for method in ("from_estimator", "from_predictions", "report")
                    if hasattr(public, method)
                )


CASES = [
    pytest.param(function, name, id=f"{function.__qualname__}-{name}")
    for function in public_functions()
    for name in signature(function).parameters
    if name != "self"
]


@pytest.mark.parametrize(("function", "name"), CASES)
def test_a_parameter_that_is_no_such_thing_is_named(function, name):
    arguments = {
        other: VALID[other]
        for other, parameter in signature(function).parameters.items()
        if parameter.default is Parameter.empty
    }
    expected = f"The '{name}' parameter of {function.__qualname__} must be"
    with pytest.raises(ValueError, match=expected):
        function(**arguments | {name: object()})


def test_a_parameter_without_a_constraint_is_an_error_of_ours():
    with pytest.raises(KeyError, match="surprise"):
        check_parameters()(lambda X, surprise: None)
