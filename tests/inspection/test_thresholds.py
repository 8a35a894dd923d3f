"""Thresholds of the report: the figures are scikit-learn's, and few points keep what matters."""

import json
import re

import numpy as np
import pytest
from sklearn.metrics import (
    auc,
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from sentilib.inspection import report
from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._report._thresholds import ThresholdCurve, threshold_curves


def labelled(n, decimals, seed=0):
    rng = np.random.RandomState(seed)
    score = rng.beta(0.7, 0.7, size=n).round(decimals)
    return rng.uniform(size=n) < score, score


@pytest.mark.parametrize("decimals", [1, 17])
def test_the_counts_are_scikit_learn_s_at_each_threshold(decimals):
    y, score = labelled(500, decimals)
    curve = ThresholdCurve.of(y, score)
    fall_out, recall, thresholds = roc_curve(y, score, drop_intermediate=False)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    found = [curve.figures(k) for k in range(len(curve))]
    np.testing.assert_array_equal([f["false_positive_rate"] for f in found], fall_out)
    np.testing.assert_array_equal([f["recall"] for f in found], recall)
    precision, recall, thresholds = precision_recall_curve(y, score)
    np.testing.assert_array_equal(curve.thresholds[:0:-1], thresholds)
    assert found[0]["precision"] is None and (precision[-1], recall[-1]) == (1, 0)
    np.testing.assert_array_equal([f["precision"] for f in found[:0:-1]], precision[:-1])
    for threshold, f in zip(curve.thresholds, found, strict=True):
        counts = [f[name] for name in ("true_negatives", "false_positives", "false_negatives",
                                       "true_positives")]  # fmt: skip
        assert counts == confusion_matrix(y, score >= threshold).ravel().tolist()
        assert f["cost"] == np.mean(y != (score >= threshold))


def test_any_threshold_has_the_counts_of_its_point():
    y, score = labelled(200, 2)
    curve = ThresholdCurve.of(y, score)
    for threshold in (0.0, 0.013, 0.5, 0.995, 1.0):
        expected = confusion_matrix(y, score >= threshold).ravel()[[1, 3]].tolist()
        point = curve.at(threshold)
        assert [curve.false_positives[point], curve.true_positives[point]] == expected


def test_a_small_curve_loses_no_vertex():
    y, score = labelled(400, 17)
    fall_out, recall, thresholds = roc_curve(y, score)
    curve = ThresholdCurve.of(y, score)
    middle = curve.thresholds[curve.at(0.5)]
    reduced = curve.reduced(1000)
    np.testing.assert_array_equal(reduced.thresholds, np.union1d(thresholds, middle)[::-1])
    is_vertex = np.isin(reduced.thresholds, thresholds)
    np.testing.assert_array_equal(
        (reduced.false_positives / reduced.n_negative)[is_vertex], fall_out
    )
    np.testing.assert_array_equal((reduced.true_positives / reduced.n_positive)[is_vertex], recall)


def test_a_large_curve_is_thinned_and_keeps_the_cheapest_point_for_any_costs():
    y, score = labelled(100_000, 17)
    curve = ThresholdCurve.of(y, score)
    reduced = curve.reduced(300)
    assert 200 < len(reduced) <= 300 < 1000 < len(curve.reduced(10**9))
    at = np.searchsorted(-curve.thresholds, -reduced.thresholds)
    np.testing.assert_array_equal(curve.thresholds[at], reduced.thresholds)
    np.testing.assert_array_equal(curve.true_positives[at], reduced.true_positives)
    np.testing.assert_array_equal(curve.false_positives[at], reduced.false_positives)
    for missed, alarm in np.random.RandomState(1).uniform(0, 9, size=(200, 2)):
        costs = [
            missed * (c.n_positive - c.true_positives) + alarm * c.false_positives
            for c in (curve, reduced)
        ]
        assert costs[0].min() == costs[1].min()
    assert reduced.thresholds[reduced.fewest_errors()] == curve.thresholds[curve.fewest_errors()]
    assert curve.thresholds[curve.at(0.5)] == reduced.thresholds[reduced.at(0.5)]
    rates = reduced.true_positives / curve.n_positive, reduced.false_positives / curve.n_negative
    assert max(np.diff(rate).max() for rate in rates) < 0.03
    assert auc(*rates[::-1]) == pytest.approx(roc_auc_score(y, score), abs=1e-4)


@pytest.mark.parametrize(("n_classes", "n_curves"), [(2, 1), (4, 4), (40, 30)])
def test_the_page_s_data_are_bounded(n_classes, n_curves):
    rng = np.random.RandomState(0)
    truth = rng.randint(n_classes, size=6_000)
    proba = rng.dirichlet(np.ones(n_classes), size=6_000)
    content, data = threshold_curves(Evaluation.of(np.arange(n_classes), truth, proba))
    assert len(data["curves"]) == len(content["names"]) == n_curves
    assert len(json.dumps(data)) + len(str(content)) < 110_000
    for curve in data["curves"]:
        is_class, score = truth == curve["class"], proba[:, curve["class"]]
        assert curve["area"] == pytest.approx(roc_auc_score(is_class, score), abs=1e-4)
        expected = average_precision_score(is_class, score)
        assert curve["averagePrecision"] == pytest.approx(expected, abs=1e-4)


def test_a_page_without_script_has_the_figures_of_one_half_and_of_the_cheapest_threshold(
    dense, held_out, tmp_path
):
    X, y = held_out
    score = dense.predict_proba(X)[:, 1]
    path = report(dense, X, y, path=tmp_path / "r.html", n_explained=0, random_state=0)
    with open(path, encoding="utf-8") as stream:
        page = stream.read()
    (table,) = re.findall(r'<table id="figures">.*?</table>', page, re.DOTALL)
    cells = [
        re.findall(r">([^<>\n]+)</t[hd]>", row)[1:] for row in table.split("<tr>")[2:]
    ]  # two columns for each figure
    fewest = min(np.mean(y != (score >= t)) for t in [*score, np.inf])
    for column, threshold in enumerate([0.5, float(cells[0][1])]):
        tn, fp, fn, tp = confusion_matrix(y, score >= threshold - 5e-5 * column).ravel()
        values = [float(row[column].replace(",", "")) for row in cells]
        expected = [threshold, tp / (tp + fp), tp / (tp + fn), fp / (fp + tn), tp, fp, fn, tn]
        assert values[:8] == pytest.approx(expected, abs=5e-5)
    assert values[8] == pytest.approx(fewest, abs=5e-5)
    assert "TunedThresholdClassifierCV" in page and "new reviews will cost more" in page
