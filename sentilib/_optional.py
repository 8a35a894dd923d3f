"""Imports on first use: of public names, and of packages that only some functions need."""

from __future__ import annotations

import importlib
import sys
import warnings

TYPE_CHECKING = False  # `import sentilib` imports this module, and typing takes longer than both
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str], modules: Mapping[str, str] | None = None
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package that imports nothing itself (PEP 562).

    Parameters
    ----------
    package : str
        `__name__` of the package, whose `__all__` is complete when a name is first used.
    homes : dict of str to str
        Module of each name, relative to the package.
    modules : dict of str to str, default=None
        Names that are modules themselves, and where these are, relative to the package.

    Returns
    -------
    __getattr__, __dir__ : callable
        Functions to assign at the package's level.
    """
    modules = modules or {}

    def __getattr__(name: str) -> object:
        if name in modules:
            return importlib.import_module(f"{package}.{modules[name]}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__, lambda: sorted(sys.modules[package].__all__)


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
