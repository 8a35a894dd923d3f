"""The interface of an architecture to training: the complete list of its hooks."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from sentilib._tables._base import Tables
from sentilib._tables._ngram_table import NgramTable
from sentilib._training._batches import Encoded

Weights = dict[str, np.ndarray]  # float32, by name; those of the output layer are "head" and "bias"


# Number of neutral tokens in the average over a row without padding. They draw short texts towards
# the prior. Chosen on IMDB's training reviews by movie, cut to 1 to 100 words.
N_NEUTRAL = 30.0


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


class Architecture(Protocol):
    """Layers with all their parameters, as a value: equal architectures share a trainer.

    Think twice before adding a hook: the n-grams, the optimizer, the loop and the output do not
    depend on the layers.
    """

    dropout: float
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
