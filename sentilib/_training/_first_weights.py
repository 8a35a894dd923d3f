"""First weights of the layers, drawn with NumPy so that every Keras backend starts alike."""

import numpy as np

from sentilib._ids import OOV


def glorot_uniform(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw the first weights of a layer, uniform within sqrt(6 / (fan_in + fan_out)).

    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.
    """
    receptive_field = int(np.prod(shape[:-2]))
    limit = np.sqrt(6 / ((shape[-2] + shape[-1]) * receptive_field))
    return rng.uniform(-limit, limit, size=shape).astype(np.float32)


def uniform_embedding(rng: np.random.Generator, n_ids: int, dim: int) -> np.ndarray:
    """Draw the first embedding, uniform between -0.05 and 0.05 as Keras does by default."""
    return rng.uniform(-0.05, 0.05, size=(n_ids, dim)).astype(np.float32)


def balanced_output(n_latent: int, n_classes: int) -> np.ndarray:
    """Return first weights of the output layer: the latent units speak for the classes in turn.

    A rectified unit that is averaged over a review finds evidence for one class, decided by the
    sign of its output weight. Random signs leave some fits with one unit for a class and all
    others against it: seven of eight, and the CNN loses a point of accuracy.
    """
    size = np.sqrt(6 / (n_latent + n_classes)) / 2  # the mean size of Glorot's uniform weights
    speaks_for = np.arange(n_latent)[:, None] % n_classes == np.arange(n_classes)
    return np.where(speaks_for, size, -size / (n_classes - 1)).astype(np.float32)


def with_unseen_words(embedding: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return an embedding in which ids that training never saw are unknown words.

    Where there was no unknown word either, it is the mean of the words.
    """
    embedding = embedding.copy()
    if not seen[OOV]:
        words = np.flatnonzero(seen[OOV + 1 :]) + OOV + 1
        embedding[OOV] = embedding[words].mean(axis=0) if len(words) else 0
    embedding[~seen] = embedding[OOV]
    return embedding
