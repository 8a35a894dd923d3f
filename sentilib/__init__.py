"""Learn sentiment, or any label, from raw HTML text: scikit-learn outside, Keras inside."""

from sentilib._optional import lazy_names

TYPE_CHECKING = False  # type checkers assume True; importing typing would double the import time
if TYPE_CHECKING:
    from sentilib import datasets, explain, export, inspection
    from sentilib._compiled._show_versions import show_versions
    from sentilib._conv_classifier import ConvSentimentClassifier
    from sentilib._dense_classifier import DenseSentimentClassifier
    from sentilib._html_tokenizer import HTMLTokenizer
    from sentilib._pipelines._chunks import predict_proba_in_chunks
    from sentilib._pipelines._compression import compress
    from sentilib._pipelines._distillation import DistilledClassifier
    from sentilib._text._word_vectors import WordVectors
    from sentilib.explain._explainer import TokenShapExplainer

__version__ = "0.1.0"

_HOME = {
    "ConvSentimentClassifier": "_conv_classifier",
    "DenseSentimentClassifier": "_dense_classifier",
    "DistilledClassifier": "_pipelines._distillation",
    "HTMLTokenizer": "_html_tokenizer",
    "TokenShapExplainer": "explain._explainer",
    "WordVectors": "_text._word_vectors",
    "compress": "_pipelines._compression",
    "predict_proba_in_chunks": "_pipelines._chunks",
    "show_versions": "_compiled._show_versions",
}
_MODULES = {
    "datasets": "datasets",
    "explain": "explain",
    "export": "export",
    "inspection": "inspection",
    "keras_layers": "_training._layers",
}

#: Names of the types that a file of skops may contain besides arrays, containers and scikit-learn's
#: estimators: this library's, and what pipelines, searches without a metric, votes, stacks and
#: calibrations contain. A list of str, for ``skops.io.load(path, trusted=sentilib.TRUSTED_TYPES)``.
TRUSTED_TYPES = [
    "sentilib.ConvSentimentClassifier",
    "sentilib.DenseSentimentClassifier",
    "sentilib.DistilledClassifier",
    "sentilib.HTMLTokenizer",
    "sentilib.TokenShapExplainer",
    "sentilib.WordVectors",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.GroupShuffleSplit",
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
    "WordVectors",
    "__version__",
    "compress",
    "datasets",
    "explain",
    "export",
    "inspection",
    "predict_proba_in_chunks",
    "show_versions",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME, _MODULES)
