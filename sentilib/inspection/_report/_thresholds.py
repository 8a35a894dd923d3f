"""Thresholds of a class's probability: exact points of its ROC and precision-recall curves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._report._page_data import packed

_MAX_POINTS = 1000  # of all curves together, if there are few classes
_FEWEST_POINTS = 100  # of a curve
_MAX_CLASSES = 30
_SIDE = 300  # of a figure's axes, as in `sections/thresholds.html`


@dataclass
class ThresholdCurve:
    """Counts of "one class against the rest" by threshold, from the highest threshold on.

    A review is predicted as the class if its probability is at least the threshold.

    Parameters
    ----------
    thresholds : ndarray of shape (n_points,)
        Decreasing thresholds: infinity, then probabilities of reviews.
    true_positives, false_positives : ndarray of shape (n_points,), int
        Number of reviews of the class, and of the others, that are predicted as the class.
    n_positive, n_negative : int
        Number of reviews of the class, and of the others.
    """

    thresholds: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    n_positive: int
    n_negative: int

    @classmethod
    def of(cls, is_positive: np.ndarray, score: np.ndarray) -> "ThresholdCurve":
        """Count at each distinct probability.

        Parameters
        ----------
        is_positive : ndarray of shape (n_samples,), bool
            Whether a review is of the class.
        score : ndarray of shape (n_samples,)
            Probability of the class.
        """
        order = np.argsort(-score, kind="stable")
        score, hits = score[order], np.cumsum(is_positive[order])
        last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
        return cls(
            np.append(np.inf, score[last]),
            np.append(0, hits[last]),
            np.append(0, last + 1 - hits[last]),
            int(hits[-1]),
            len(score) - int(hits[-1]),
        )

    def __len__(self) -> int:
        return len(self.thresholds)

    def at(self, threshold: float) -> int:
        """Return the point whose predictions are those of a threshold."""
        return int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1

    def fewest_errors(self) -> int:
        """Return the point with the fewest errors, of several the one of the highest threshold."""
        return int(np.argmin(self.false_positives - self.true_positives))

    def reduced(self, n_points: int) -> "ThresholdCurve":
        """Return a curve of some of the points.

        Points between two others on one line of the ROC curve are left out. If more than `n_points`
        remain, those are kept that divide the length of both curves evenly, and always the vertices
        of the ROC curve's convex hull, since one of them is the cheapest point whatever the two
        errors cost, and the points of the highest probability and of the threshold 0.5.
        """
        hits, alarms = self.true_positives, self.false_positives
        is_kept = np.ones(len(self), dtype=bool)
        is_kept[1:-1] = (np.diff(hits, 2) != 0) | (np.diff(alarms, 2) != 0)
        is_kept[[1, self.at(0.5)]] = True
        kept = np.flatnonzero(is_kept)
        if len(kept) > n_points:
            needed = np.union1d(self._hull(kept), [1, self.at(0.5)])
            precision = hits / np.maximum(hits + alarms, 1)
            rates = hits / self.n_positive, alarms / self.n_negative, precision
            steps = np.abs(np.diff([rate[kept] for rate in rates], prepend=0))
            length = steps.sum(axis=0).cumsum()
            even = np.linspace(0, length[-1], max(0, n_points - len(needed)))
            kept = np.union1d(needed, kept[np.searchsorted(length, even)])
        return ThresholdCurve(
            self.thresholds[kept], hits[kept], alarms[kept], self.n_positive, self.n_negative
        )

    def _hull(self, kept: np.ndarray) -> np.ndarray:
        """Return those points that are vertices of the upper convex hull (monotone chain)."""
        hull: list[tuple[int, int, int]] = []
        points = zip(
            self.false_positives[kept].tolist(), self.true_positives[kept].tolist(), kept.tolist(),
            strict=True,
        )  # fmt: skip
        for x, y, k in points:
            while len(hull) > 1:
                (x0, y0, _), (x1, y1, _) = hull[-2:]
                if (x1 - x0) * (y - y0) < (y1 - y0) * (x - x0):
                    break
                hull.pop()
            hull.append((x, y, k))
        return np.array([k for _, _, k in hull])

    def figures(self, point: int) -> dict[str, Any]:
        """Return counts and rates of a point; the precision is None if nothing is predicted."""
        hits, alarms = int(self.true_positives[point]), int(self.false_positives[point])
        missed = self.n_positive - hits
        return {
            "precision": hits / (hits + alarms) if hits + alarms else None,
            "recall": hits / self.n_positive,
            "false_positive_rate": alarms / self.n_negative,
            "true_positives": hits,
            "false_positives": alarms,
            "false_negatives": missed,
            "true_negatives": self.n_negative - alarms,
            "cost": (missed + alarms) / (self.n_positive + self.n_negative),
        }


def threshold_curves(evaluation: Evaluation) -> tuple[dict[str, Any] | None, dict | None]:
    """Return the content of the section of thresholds, and the data of its script.

    Both are None if no class has reviews of it and of others. Of two classes, only the second one
    has curves.
    """
    n_classes = len(evaluation.classes)
    classes = range(min(n_classes, _MAX_CLASSES)) if n_classes > 2 else [1]
    counts = np.bincount(evaluation.truth, minlength=n_classes)
    classes = [k for k in classes if 0 < counts[k] < len(evaluation)]
    if not classes:
        return None, None
    n_points = max(_FEWEST_POINTS, _MAX_POINTS // len(classes))
    curves, data = [], []
    for k in classes:
        is_positive, score = evaluation.truth == k, evaluation.proba[:, k]
        curve = ThresholdCurve.of(is_positive, score).reduced(n_points)
        curves.append(curve)
        data.append(
            {
                "class": k,
                "area": round(float(roc_auc_score(is_positive, score)), 4),
                "averagePrecision": round(float(average_precision_score(is_positive, score)), 4),
                "positive": curve.n_positive,
                "negative": curve.n_negative,
                "thresholds": packed(curve.thresholds, "f8"),
                "hits": packed(curve.true_positives, "u4"),
                "alarms": packed(curve.false_positives, "u4"),
            }
        )
    content = {
        **_content(curves[0]),
        "area": data[0]["area"],
        "average_precision": data[0]["averagePrecision"],
        "names": [str(evaluation.classes[k]) for k in classes],
        "own_rule": n_classes == 2
        and not np.array_equal(evaluation.predicted, evaluation.proba.argmax(axis=1)),
    }
    return content, {"curves": data}


def _content(curve: ThresholdCurve) -> dict[str, Any]:
    """Return what the page shows without its script."""
    middle, best = curve.at(0.5), curve.fewest_errors()
    hits, alarms = curve.true_positives, curve.false_positives
    x, y = alarms / curve.n_negative, hits / curve.n_positive
    precision = hits / np.maximum(hits + alarms, 1)
    precision[0] = 1.0
    return {
        "n_points": len(curve),
        "roc": "M" + "L".join(map(_place, x, y)),
        "precision_recall": f"M{_place(0, precision[1])}"
        + "".join(
            f"V{_number(1 - p)}H{_number(r)}" for r, p in zip(y[1:], precision[1:], strict=True)
        ),
        "prevalence": curve.n_positive / (curve.n_positive + curve.n_negative),
        "markers": [
            (kind, [_place(x[point], y[point]), _place(y[point], precision[point])])
            for kind, point in (("middle", middle), ("cheapest", best))
        ],
        "columns": [
            {"threshold": "0.5", **curve.figures(middle)},
            {"threshold": _name(curve, best), **curve.figures(best)},
        ],
    }


def _name(curve: ThresholdCurve, point: int) -> str:
    """Return the threshold of a point as text."""
    if point == 0:
        return f"above {curve.thresholds[1]:.4f}"
    return f"{curve.thresholds[point]:.4f}"


def _place(x: float, y: float) -> str:
    return f"{_number(x)} {_number(1 - y)}"


def _number(share: float) -> str:
    return f"{_SIDE * share:.1f}".removesuffix(".0")
