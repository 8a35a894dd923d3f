"""Probabilities of logits; scipy's functions, and NumPy's methods, take longer for a row."""

import numpy as np


@np.errstate(under="ignore")  # a probability may be 0
def softmax(logits: np.ndarray) -> np.ndarray:
    """Compute probabilities from logits (n_rows, n_classes)."""
    powers = np.exp(logits - np.maximum.reduce(logits, axis=1, keepdims=True))
    powers /= np.add.reduce(powers, axis=1, keepdims=True)
    return powers


@np.errstate(under="ignore")
def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Compute the logarithms of probabilities from logits (n_rows, n_classes)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
