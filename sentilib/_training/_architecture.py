"""The interface of an architecture to training: the complete list of its hooks."""

from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from sentilib._ids import count_tokens
from sentilib._tables._base import Tables
from sentilib._tables._ngram_table import NgramTable
from sentilib._training._batches import Encoded

Weights = dict[str, np.ndarray]  # float32, by name; those of the output layer are "head" and "bias"

# Number of neutral tokens in a row's average, as a part of the mean length of the training rows.
# They draw texts that are short for the model towards the prior. Chosen on IMDB's training reviews
# by movie, cut to 1 to 100 words. A power of two, so that folds share a trainer.
_NEUTRAL_PART = 1 / 9
_MAX_NEUTRAL = 32.0
_NGRAM_PART = 1 / 4  # of them for the sum of n-grams


class Defaults(NamedTuple):
    """Default options for a number of rows and a device."""

    batch_size: int
    learning_rate: float
    ngram_share: float  # initial fraction of the best scale of log-count ratios


class Layers(NamedTuple):
    """Layers of a Keras graph, from its inputs to the logits."""

    inputs: list[Any]
    logits: Any
    weights: dict[str, Any]  # variables by the names of `first_weights`
    dropouts: list[Any]  # dropout layers of a training graph, of the type SharedDropout
    steps: Any = None  # class of compiled steps of a training graph, for Adam on a processor


class Architecture(Protocol):
    """Layers with all their parameters, as a value: equal architectures share a trainer.

    Think twice before adding a hook: the n-grams, the optimizer, the loop and the output do not
    depend on the layers.
    """

    dropout: float
    n_neutral: float  # number of neutral tokens in an average over a row without padding
    mask_padding: bool  # if True, the bias of the output is not trained: it stays the prior

    def textbook(self, n_ids: int, n_classes: int) -> Layers:
        """Build the layers as textbooks define them, from ids to logits, for `to_keras`."""

    def training(self, n_ids: int, n_classes: int, policy: str) -> Layers:
        """Build mathematically equivalent layers with the same weights, optimized for speed."""

    def first_weights(self, n_ids: int, n_classes: int, rng: np.random.Generator) -> Weights:
        """Draw the initial weights; the first axis of "embedding" is the ids."""

    def encode(self, X: np.ndarray, n_ids: int) -> Encoded:
        """Prepare rows of ids for the training layers, from which batches are cut."""

    def tables(self, weights: Weights, ngrams: NgramTable | None) -> Tables:
        """Derive the tables of prediction from trained weights."""

    def with_statistics(self, weights: Weights, X: np.ndarray, seen: np.ndarray) -> Weights:
        """Replace weights that are not trained: batch statistics, embeddings of unknown words."""

    def defaults(self, X: np.ndarray, n_classes: int, *, on_gpu: bool) -> Defaults:
        """Return default options for the training data and the device."""


def with_neutral_tokens(
    architecture: Architecture, X: np.ndarray, before: Architecture | None
) -> Any:
    """Set the number of neutral tokens, for training rows or as in the fit before."""
    n_neutral = getattr(before, "n_neutral", None)
    if n_neutral is None:
        n_tokens = max(_NEUTRAL_PART * count_tokens(X).mean(), 1.0)
        n_neutral = min(float(2 ** np.round(np.log2(n_tokens))), _MAX_NEUTRAL)
    return replace(architecture, n_neutral=n_neutral)  # type: ignore[type-var]


def n_neutral_ngrams(architecture: Architecture) -> float:
    """Return the number of neutral tokens by which a sum of n-grams is divided too."""
    return _NGRAM_PART * architecture.n_neutral
