"""Explain predictions: exact Shapley values of words, plots of them, and their faithfulness."""

from typing import TYPE_CHECKING

from sentilib._optional import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, _HOME, {"plots": "plots"})
