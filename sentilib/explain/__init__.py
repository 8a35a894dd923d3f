"""Explain predictions: exact Shapley values of words, plots of them, and their faithfulness."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentilib.explain import plots
    from sentilib.explain._counterfactual import Counterfactuals, counterfactual
    from sentilib.explain._displays import TokenImportanceDisplay, TokenInteractionDisplay
    from sentilib.explain._explainer import TokenShapExplainer
    from sentilib.explain._explanation import TokenExplanation, TokenInteractions
    from sentilib.explain._faithfulness import (
        Faithfulness,
        SamplingAgreement,
        faithfulness,
        sampling_agreement,
    )
    from sentilib.explain._masker import TokenIdMasker

_HOME = {
    "Counterfactuals": "_counterfactual",
    "Faithfulness": "_faithfulness",
    "SamplingAgreement": "_faithfulness",
    "TokenExplanation": "_explanation",
    "TokenIdMasker": "_masker",
    "TokenImportanceDisplay": "_displays",
    "TokenInteractionDisplay": "_displays",
    "TokenInteractions": "_explanation",
    "TokenShapExplainer": "_explainer",
    "counterfactual": "_counterfactual",
    "faithfulness": "_faithfulness",
    "plots": None,
    "sampling_agreement": "_faithfulness",
}

__all__ = [
    "Counterfactuals",
    "Faithfulness",
    "SamplingAgreement",
    "TokenExplanation",
    "TokenIdMasker",
    "TokenImportanceDisplay",
    "TokenInteractionDisplay",
    "TokenInteractions",
    "TokenShapExplainer",
    "counterfactual",
    "faithfulness",
    "plots",
    "sampling_agreement",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'sentilib.explain' has no attribute {name!r}")
    home = _HOME[name]
    if home is None:
        return importlib.import_module(f"sentilib.explain.{name}")
    value = getattr(importlib.import_module(f"sentilib.explain.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
