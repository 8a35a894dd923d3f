"""Learn sentiment, or any label, from raw HTML text: scikit-learn outside, Keras inside."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentilib import datasets, explain, export, inspection
    from sentilib._conv_classifier import ConvSentimentClassifier
    from sentilib._dense_classifier import DenseSentimentClassifier
    from sentilib._html_tokenizer import HTMLTokenizer
    from sentilib._pipelines._chunks import predict_proba_in_chunks
    from sentilib._pipelines._compression import compress
    from sentilib._pipelines._distillation import DistilledClassifier
    from sentilib.explain._explainer import TokenShapExplainer

__version__ = "0.1.0"

_HOME = {
    "HTMLTokenizer": "sentilib._html_tokenizer",
    "DenseSentimentClassifier": "sentilib._dense_classifier",
    "ConvSentimentClassifier": "sentilib._conv_classifier",
    "TokenShapExplainer": "sentilib.explain._explainer",
    "predict_proba_in_chunks": "sentilib._pipelines._chunks",
    "compress": "sentilib._pipelines._compression",
    "DistilledClassifier": "sentilib._pipelines._distillation",
    "datasets": None,
    "explain": None,
    "export": None,
    "inspection": None,
    "keras_layers": "sentilib._training._layers",
}

# What a file of skops may contain besides arrays, containers and scikit-learn's estimators
TRUSTED_TYPES = [
    "sentilib.ConvSentimentClassifier",
    "sentilib.DenseSentimentClassifier",
    "sentilib.DistilledClassifier",
    "sentilib.HTMLTokenizer",
    "sentilib.TokenShapExplainer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedGroupKFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.utils._bunch.Bunch",
]

__all__ = [
    "TRUSTED_TYPES",
    "ConvSentimentClassifier",
    "DenseSentimentClassifier",
    "DistilledClassifier",
    "HTMLTokenizer",
    "TokenShapExplainer",
    "__version__",
    "compress",
    "datasets",
    "explain",
    "export",
    "inspection",
    "predict_proba_in_chunks",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that `import sentilib` stays light (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'sentilib' has no attribute {name!r}")
    home = _HOME[name]
    if home is None:
        return importlib.import_module(f"sentilib.{name}")
    module = importlib.import_module(home)
    value = module if name == "keras_layers" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
