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
