"""Confidence intervals of means, shares and rank correlations."""

import numpy as np
import scipy.stats


def mean_interval(values: np.ndarray, confidence_level: float) -> tuple[float, float]:
    """Return Student's interval of a mean, NaN for fewer than two values."""
    n = len(values)
    if n < 2:
        return np.nan, np.nan
    half = scipy.stats.t.ppf(0.5 + confidence_level / 2, n - 1) * values.std(ddof=1) / n**0.5
    return values.mean() - half, values.mean() + half


def share_interval(successes: int, n: int, confidence_level: float) -> tuple[float, float]:
    """Return Wilson's interval of a share, NaN for n = 0."""
    if n == 0:
        return np.nan, np.nan
    interval = scipy.stats.binomtest(int(successes), int(n)).proportion_ci(
        confidence_level, method="wilson"
    )
    return float(interval.low), float(interval.high)


def combined_interval(
    weights: tuple[float, float],
    successes: tuple[int, int],
    sizes: tuple[int, int],
    confidence_level: float,
) -> tuple[float, float, float]:
    """Return a weighted sum of two shares and its interval (Newcombe 1998, method 10)."""
    value, below, above = 0.0, 0.0, 0.0
    for weight, k, n in zip(weights, successes, sizes, strict=True):
        share, ends = k / n, share_interval(k, n, confidence_level)
        low, high = sorted(weight * (end - share) for end in ends)
        value, below, above = value + weight * share, below + low**2, above + high**2
    return value, value - below**0.5, value + above**0.5


def difference_interval(
    first: np.ndarray, second: np.ndarray, confidence_level: float
) -> tuple[float, float]:
    """Return Welch's interval of the difference of two means, NaN for fewer than two values."""
    m, n = len(first), len(second)
    if min(m, n) < 2:
        return np.nan, np.nan
    a, b = first.var(ddof=1) / m, second.var(ddof=1) / n
    difference = first.mean() - second.mean()
    if a + b == 0:
        return difference, difference
    freedom = (a + b) ** 2 / (a**2 / (m - 1) + b**2 / (n - 1))
    half = scipy.stats.t.ppf(0.5 + confidence_level / 2, freedom) * (a + b) ** 0.5
    return difference - half, difference + half


def mcnemar(a: np.ndarray, b: np.ndarray) -> tuple[int, int, float]:
    """Return how often only the first and only the second is right, and McNemar's exact p-value.

    Parameters
    ----------
    a, b : ndarray of shape (n_samples,), bool
        Whether each of two models is right.
    """
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    if only_a + only_b == 0:
        return 0, 0, 1.0
    return only_a, only_b, float(scipy.stats.binomtest(only_a, only_a + only_b).pvalue)


def rank_correlation(
    x: np.ndarray, y: np.ndarray, confidence_level: float
) -> tuple[float, float, float]:
    """Return Spearman's correlation and its interval (Bonett & Wright 2000, Fisher's z)."""
    if len(x) < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan, np.nan
    rho = float(scipy.stats.spearmanr(x, y).statistic)
    if abs(rho) > 1 - 1e-12:
        return rho, rho, rho
    half = scipy.stats.norm.ppf(0.5 + confidence_level / 2)
    half *= ((1 + rho**2 / 2) / (len(x) - 3)) ** 0.5
    z = np.arctanh(rho)
    return rho, float(np.tanh(z - half)), float(np.tanh(z + half))
