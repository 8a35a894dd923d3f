"""Say why: exact Shapley values of words, pictures of them, and how faithful they are."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentilib.explain import plots
    from sentilib.explain._explainer import TokenShapExplainer
    from sentilib.explain._explanation import TokenExplanation, TokenInteractions
    from sentilib.explain._masker import TokenIdMasker

_HOME = {
    "TokenExplanation": "_explanation",
    "TokenIdMasker": "_masker",
    "TokenInteractions": "_explanation",
    "TokenShapExplainer": "_explainer",
}

__all__ = [
    "TokenExplanation",
    "TokenIdMasker",
    "TokenInteractions",
    "TokenShapExplainer",
    "plots",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name == "plots":
        return importlib.import_module("sentilib.explain.plots")
    if name not in _HOME:
        raise AttributeError(f"module 'sentilib.explain' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"sentilib.explain.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
