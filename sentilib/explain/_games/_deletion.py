"""Games in which absent words are deleted, so that all words of a row share the divisor."""

from functools import cache

import numpy as np


@cache
def deletion_share(length: int, n_tokens: int, power: float) -> tuple[float, float]:
    """Shapley values where a span counts if it is whole, and all tokens present dilute it.

    The game of a span of k tokens among the n of a row is v(S) = 1 / |S| ** power where S holds
    the span, else 0. The span's tokens are alike, and so are all others, which only dilute it.

    Parameters
    ----------
    length : int
        Tokens of the span, k.
    n_tokens : int
        Tokens of the row, n.
    power : float
        1 for a mean over words, 0.5 for a sum divided by the root of their number.

    Returns
    -------
    inside, outside : float
        Value of a token of the span, and of any other.
    """
    if n_tokens < length:
        return 0.0, 0.0
    sizes = np.arange(length, n_tokens, dtype=np.float64)
    others = joining_weights(length, n_tokens - 1 - length, n_tokens)
    change = (sizes + 1.0) ** -power - sizes**-power
    outside = float(others @ change) if len(sizes) else 0.0
    return (n_tokens**-power - (n_tokens - length) * outside) / length, outside


def joining_weights(size: int, n_others: int, n_players: int) -> np.ndarray:
    """Weights with which a player joins a coalition of `size` given players and q others.

    Entry q is C(n_others, q) s! (n - 1 - s)! / n! for s = size + q and n players: the probability
    that in a random order just those come before, summed over which q of the others they are.
    """
    if n_others < 0:
        return np.empty(0)
    q = np.arange(n_others)
    s = size + q
    first = 1 / n_players
    for k in range(size):  # s! (n - 1 - s)! / n! for s = size
        first *= (k + 1) / (n_players - 1 - k)
    return first * np.cumprod(
        np.concatenate([[1.0], (n_others - q) * (s + 1) / ((q + 1) * (n_players - 1 - s))])
    )
