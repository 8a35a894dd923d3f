"""Training that continues: ids and weights of a former fit, extended to new data."""

import numpy as np

from sentilib._ids import FIRST_WORD, OOV, occurring
from sentilib._training._architecture import Weights

_GROWING = "embedding", "ngram_deviation", "ngram_ratio"  # weights with a row per id or n-gram


def seen_ids(ids: np.ndarray, before: np.ndarray | None, vectors: np.ndarray | None) -> np.ndarray:
    """Return which ids occurred in any training data so far; those of vectors have rows too."""
    n_before = 0 if before is None else len(before)
    n_vectors = 0 if vectors is None else FIRST_WORD + len(vectors)
    seen = occurring(ids, max(OOV + 1, n_before, n_vectors))
    if before is not None:
        seen[:n_before] |= before
    return seen


def resumed(before: Weights, fresh: Weights, are_same_layers: bool) -> Weights:
    """Return the previous weights, with rows for new ids and n-grams.

    A new word starts as an unknown word, a new n-gram with its log-count ratio.
    """
    shapes, fresh_shapes = (
        {name: value.shape[name in _GROWING :] for name, value in weights.items()}
        for weights in (before, fresh)
    )
    if shapes != fresh_shapes or not are_same_layers:
        raise ValueError(
            "Training continues from fitted weights, but parameters of the layers, or whether "
            "ngram_range includes more than single words, have changed since. Restore them, or "
            "call fit with warm_start=False to start again."
        )
    weights = {name: value.copy() for name, value in before.items()}
    embedding = before["embedding"]
    n_new = len(fresh["embedding"]) - len(embedding)
    weights["embedding"] = np.vstack([embedding, np.tile(embedding[OOV], (n_new, 1))])
    if "ngram_ratio" in fresh:
        n_new = len(fresh["ngram_ratio"]) - len(before["ngram_ratio"])
        weights["ngram_deviation"] = np.pad(before["ngram_deviation"], [(0, n_new), (0, 0)])
        weights["ngram_ratio"] = fresh["ngram_ratio"]
    return weights
