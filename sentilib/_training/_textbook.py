"""Textbook Keras models of trained weights. Importing this module imports Keras."""

from typing import Any

from sentilib._ngrams._dictionary import NgramDictionary
from sentilib._training._architecture import Architecture, Weights, n_neutral_ngrams
from sentilib._training._keras import python_random_kept
from sentilib._training._layers import Ngrams, keras


@python_random_kept()
def textbook_model(
    architecture: Architecture, weights: Weights, dictionary: NgramDictionary | None
) -> tuple[Any, dict[str, Any]]:
    """Build a Keras model from token ids to logits; return it with its variables by name."""
    n_classes = len(weights["bias"])
    layers = architecture.textbook(len(weights["embedding"]), n_classes)
    (ids,), logits, variables = layers.inputs, layers.logits, dict(layers.weights)
    if dictionary is not None:
        options = dictionary.min_n, dictionary.max_n, n_neutral_ngrams(architecture)
        ngrams = Ngrams(len(dictionary), n_classes, *options)
        logits = ngrams(ids) + logits
        ngrams.set_dictionary(dictionary)
        variables |= {"ngram_deviation": ngrams.deviation, "ngram_ratio": ngrams.ratio}
    for name, variable in variables.items():
        variable.assign(weights[name])
    name = type(architecture).__name__.removesuffix("Architecture").lower()
    return keras.Model(ids, logits, name=f"{name}_sentiment"), variables
