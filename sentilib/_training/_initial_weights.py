"""First weights of the layers, drawn with NumPy so that every Keras backend starts alike."""

import numpy as np


def glorot_uniform(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """First weights of a layer, uniform within sqrt(6 / (fan_in + fan_out)).

    Glorot & Bengio, Understanding the difficulty of training deep feedforward neural networks,
    AISTATS 2010, equation 16.
    """
    receptive_field = int(np.prod(shape[:-2]))
    limit = np.sqrt(6 / ((shape[-2] + shape[-1]) * receptive_field))
    return rng.uniform(-limit, limit, size=shape).astype(np.float32)


def uniform_embedding(rng: np.random.Generator, vocabulary_size: int, dim: int) -> np.ndarray:
    """First embedding, Keras's default: uniform between -0.05 and 0.05."""
    return rng.uniform(-0.05, 0.05, size=(vocabulary_size, dim)).astype(np.float32)


def balanced_output(n_latent: int, n_classes: int) -> np.ndarray:
    """First weights of the output layer: the latent units speak for the classes in turn.

    A rectified unit that is averaged over a review finds evidence for one class, decided by the
    sign of its output weight. Random signs leave some fits with one unit for a class and all
    others against it: seven of eight, and the CNN loses a point of accuracy.
    """
    size = np.sqrt(6 / (n_latent + n_classes)) / 2  # the mean size of Glorot's uniform weights
    speaks_for = np.arange(n_latent)[:, None] % n_classes == np.arange(n_classes)
    return np.where(speaks_for, size, -size / (n_classes - 1)).astype(np.float32)
