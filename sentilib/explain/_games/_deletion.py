"""Games in which absent words are deleted, so that every word changes the divisor."""

from functools import cache

import numpy as np


@cache
def deletion_share(
    length: int, n_tokens: int, power: float, n_neutral: float
) -> tuple[float, float]:
    """Compute Shapley values of the game of one span of tokens, divided by the number of tokens.

    The game of a span of k tokens in a row of n is v(S) = 1 / (|S| + c) ** power if S contains the
    span, otherwise 0, where c is the number of neutral tokens. All tokens of the span have the
    same value, and so have all others, which only increase the divisor.

    Parameters
    ----------
    length : int
        Number of tokens of the span, k.
    n_tokens : int
        Number of tokens of the row, n.
    power : float
        1 for a mean over words, 0.5 for a sum divided by the square root of their number.
    n_neutral : float
        Number of neutral tokens, which the row has in addition.

    Returns
    -------
    inside, outside : float
        Value of a token of the span, and of any other.
    """
    if n_tokens < length:
        return 0.0, 0.0
    sizes = n_neutral + np.arange(length, n_tokens)
    others = joining_weights(length, n_tokens - 1 - length, n_tokens)
    change = (sizes + 1.0) ** -power - sizes**-power
    outside = float(others @ change) if len(sizes) else 0.0
    whole = (n_neutral + n_tokens) ** -power
    return (whole - (n_tokens - length) * outside) / length, outside


def joining_weights(size: int, n_others: int, n_players: int) -> np.ndarray:
    """Return the weights of joining a coalition of `size` given players and q others.

    Entry q is C(n_others, q) s! (n - 1 - s)! / n! for s = size + q and n players: the probability
    that exactly these players precede in a random order, summed over the choices of the q others.
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
