"""Every public name is documented as numpydoc asks."""

import doctest
import inspect

import pytest
from numpydoc.validate import validate

import sentilib
from sentilib import datasets, explain, export, inspection
from sentilib.explain import plots

IGNORED = {
    "ES01": "a summary that says everything needs no further text",
    "EX01": "a method is shown in its class's example",
    "RT02": "scikit-learn names what is returned: 'self : object'",
    "SA01": "only a name with relatives lists them",
}


def members(cls):
    """Yield the public methods and properties of a class that stand in this package."""
    for base in cls.__mro__:
        for name, member in vars(base).items():
            written_here = str(getattr(base, "__module__", "")).startswith("sentilib")
            routine = inspect.isroutine(member) or isinstance(member, property | classmethod)
            made_by_scikit_learn = type(member).__name__ == "RequestMethod"
            if written_here and routine and not made_by_scikit_learn and not name.startswith("_"):
                yield name


def public_names():
    """Return the paths of all public functions and classes, and of the members of these."""
    paths = set()
    for module in (sentilib, datasets, explain, export, inspection, plots):
        for name in module.__all__:
            value = getattr(module, name)
            path = f"{module.__name__}.{name}"
            if inspect.isclass(value):
                paths |= {path} | {f"{path}.{member}" for member in members(value)}
            elif inspect.isroutine(value):
                paths.add(path)
    return sorted(paths)


def test_public_names_are_found():
    assert {
        "sentilib.HTMLTokenizer",
        "sentilib.DenseSentimentClassifier.predict_proba",  # of a base class
        "sentilib.inspection.LatentSpaceDisplay.from_estimator",  # a class method
        "sentilib.inspection.report",
    } <= set(public_names())


@pytest.mark.parametrize("path", public_names())
def test_docstring_is_complete(path):
    errors = [f"{code}: {text}" for code, text in validate(path)["errors"] if code not in IGNORED]
    assert errors == []


@pytest.mark.parametrize(
    "name", [name for name in sentilib.__all__ if inspect.isclass(getattr(sentilib, name))]
)
def test_examples_of_classes_run(name):
    """pytest finds examples by the name of a module, which for these classes is the public one."""
    tests = doctest.DocTestFinder().find(getattr(sentilib, name), module=False)
    found = [test for test in tests if test.examples]
    assert found
    for test in found:
        assert doctest.DocTestRunner().run(test).failed == 0, test.name
