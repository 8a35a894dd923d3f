"""Packages that only some functions need, and messages on how to install them."""

import importlib
import sys
import warnings
from typing import Any


def missing(what: str, package: str, extra: str | None) -> str:
    """Return a message that names what needs a package, and how to install it."""
    source = package if extra is None else f"'sentilib[{extra}]'"
    return f"{what} needs {package}: pip install {source}."


def import_optional(module: str, what: str, extra: str | None) -> Any:
    """Import a module, or raise an error that names what needs it and how to install it.

    Parameters
    ----------
    module : str
        Module to import, such as "matplotlib.pyplot".
    what : str
        Function or object that needs it, as the subject of the message.
    extra : str or None
        Extra of sentilib that installs it; None for a requirement of sentilib, which installations
        for prediction leave out.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(missing(what, module.partition(".")[0], extra)) from error


def import_quietly(module: str) -> Any:
    """Import a module without the warnings of its own import."""
    if sys.modules.get(module) is not None:
        return sys.modules[module]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(module)


def import_pandas(what: str) -> Any:
    """Import pandas for a function that returns a DataFrame."""
    return import_optional("pandas", what, "inspect")


def import_pyplot(what: str) -> Any:
    """Import matplotlib.pyplot for a plot."""
    return import_optional("matplotlib.pyplot", what, "plot")
