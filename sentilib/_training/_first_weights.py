"""Initial weights of the layers, drawn with NumPy so that all Keras backends start equal."""

import numpy as np

from sentilib._ids import OOV


def glorot_uniform(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw the initial weights of a layer, uniform within +-sqrt(6 / (fan_in + fan_out)).

    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.
    """
    receptive_field = int(np.prod(shape[:-2]))
    limit = np.sqrt(6 / ((shape[-2] + shape[-1]) * receptive_field))
    return rng.uniform(-limit, limit, size=shape).astype(np.float32)


def uniform_embedding(rng: np.random.Generator, n_ids: int, dim: int) -> np.ndarray:
    """Draw the initial embedding, uniform between -0.05 and 0.05 as Keras does by default."""
    return rng.uniform(-0.05, 0.05, size=(n_ids, dim)).astype(np.float32)


def balanced_output(n_latent: int, n_classes: int) -> np.ndarray:
    """Return initial weights of the output layer: latent units are assigned to classes in turn.

    A ReLU unit that is averaged over a review is evidence for one class, which the sign of its
    output weight determines. With random signs, some fits have one unit for a class and all others
    against it (seven of eight), which costs the CNN a point of accuracy.
    """
    size = np.sqrt(6 / (n_latent + n_classes)) / 2  # mean size of Glorot's uniform weights
    speaks_for = np.arange(n_latent)[:, None] % n_classes == np.arange(n_classes)
    return np.where(speaks_for, size, -size / (n_classes - 1)).astype(np.float32)


def with_unseen_words(embedding: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return an embedding in which ids that did not occur in training equal the unknown word.

    If the unknown word did not occur either, its vector is the mean of the words.
    """
    embedding = embedding.copy()
    if not seen[OOV]:
        words = np.flatnonzero(seen[OOV + 1 :]) + OOV + 1
        embedding[OOV] = embedding[words].mean(axis=0) if len(words) else 0
    embedding[~seen] = embedding[OOV]
    return embedding
