"""Textbook Keras models of fitted models. Importing this module imports Keras."""

from typing import Any

from sentilib._training._fit import Model
from sentilib._training._layers import Ngrams, keras


def textbook_model(model: Model) -> Any:
    """Build a Keras model with the trained weights, from token ids to logits."""
    n_classes = len(model.weights["bias"])
    layers = model.architecture.textbook(len(model.seen), n_classes)
    (ids,), logits, variables = layers.inputs, layers.logits, dict(layers.weights)
    if model.ngrams is not None:
        dictionary = model.ngrams
        ngrams = Ngrams(len(dictionary), n_classes, dictionary.min_n, dictionary.max_n)
        logits = ngrams(ids) + logits
        ngrams.set_dictionary(dictionary)
        variables |= {"ngram_deviation": ngrams.deviation, "ngram_ratio": ngrams.ratio}
    for name, variable in variables.items():
        variable.assign(model.weights[name])
    name = type(model.architecture).__name__.removesuffix("Architecture").lower()
    return keras.Model(ids, logits, name=f"{name}_sentiment")
