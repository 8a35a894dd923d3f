"""Scores of predictions, as text or JSON."""

import json
from typing import Any

import numpy as np

from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._metrics import confusion, metrics

_LEVEL = 0.95


def scores(classes: list[str], codes: np.ndarray, proba: np.ndarray, predicted: Any) -> dict:
    """Return metrics with confidence intervals, and the confusion matrix, as plain values."""
    evaluation = Evaluation.of(np.arange(len(classes)), codes, proba, predicted=predicted)
    found = metrics(evaluation, _LEVEL, 0)
    return {
        "rows": len(codes),
        "metrics": {
            metric.name.lower().partition(" (")[0].replace(" ", "_"): {
                "value": float(metric.value),
                "low": float(metric.low),
                "high": float(metric.high),
            }
            for metric in found
        },
        "labels": classes,
        "confusion_matrix": confusion(evaluation).tolist(),
    }


def as_text(found: dict) -> str:
    """Return the scores as a table for people."""
    lines = [f"{found['rows']:,} reviews; 95 % confidence intervals in brackets", ""]
    for name, metric in found["metrics"].items():
        title = name.replace("_", " ")
        interval = f"[{metric['low']:.4f}, {metric['high']:.4f}]"
        lines.append(f"{title:28}{metric['value']:8.4f}  {interval}")
    labels, counts = found["labels"], found["confusion_matrix"]
    if len(labels) <= 12:
        width = max(10, *(len(label) + 2 for label in labels))
        lines += ["", "Confusion matrix: a row per true label, a column per prediction"]
        lines.append(" " * width + "".join(f"{label:>{width}}" for label in labels))
        for label, row in zip(labels, counts, strict=True):
            lines.append(f"{label:>{width}}" + "".join(f"{count:{width},}" for count in row))
    return "\n".join(lines)


def as_json(found: dict) -> str:
    """Return the scores as JSON; what is undefined is null."""
    text = json.dumps(found, allow_nan=True)
    plain = json.loads(text, parse_constant=lambda _: None)
    return json.dumps(plain, ensure_ascii=False, indent=2)
