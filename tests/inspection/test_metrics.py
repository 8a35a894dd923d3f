"""Metrics that are computed block by block are those of whole arrays, in little memory."""

import tracemalloc

import numpy as np
import pytest
from scipy.stats import rankdata

from sentilib.inspection._measures import _metrics
from sentilib.inspection._measures._evaluation import Evaluation


@pytest.fixture
def evaluation(monkeypatch):
    monkeypatch.setattr(_metrics, "_BLOCK", 300)
    rng = np.random.RandomState(0)
    p = rng.uniform(size=20_000).round(3)  # with ties
    return Evaluation.of(np.array([0, 1]), (rng.uniform(size=20_000) < p).astype(int), p)


def test_blocks_give_the_figures_of_whole_arrays_to_the_bit(evaluation):
    found = {m.name: m for m in _metrics.metrics(evaluation, 0.9, 7)}
    n, p = len(evaluation), evaluation.proba[:, 1]
    rng = np.random.RandomState(7)
    counts = _metrics.confusion(evaluation).ravel()
    rng.multinomial(n, counts / n, size=500)  # of macro F1
    confidence = np.maximum(p, 1 - p)
    bins = np.minimum((confidence * 15).astype(int), 14)
    gap = evaluation.correct - confidence
    errors = [
        np.abs(np.bincount(bins[rows], weights=gap[rows])).sum() / n
        for rows in rng.randint(n, size=(100, n))
    ]
    calibration = found["Expected calibration error"]
    assert calibration.value == np.abs(np.bincount(bins, weights=gap)).sum() / n
    assert (calibration.low, calibration.high) == tuple(np.quantile(errors, [0.05, 0.95]))

    is_positive = evaluation.truth == 1
    positive, negative = p[is_positive], p[~is_positive]
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    above = (ranks - rankdata(positive)) / len(negative)
    assert found["ROC AUC"].value == above.mean()
    brier = (evaluation.proba - np.eye(2)[evaluation.truth]) ** 2
    assert found["Brier score"].value == (brier.sum(axis=1) / 2).mean()


def test_metrics_need_less_than_a_hundred_bytes_per_review(evaluation):
    tracemalloc.start()
    try:
        _metrics.metrics(evaluation, 0.95, 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 * len(evaluation)
