"""Sections of the report as plain values; the template of a section is in `sections/`."""

import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import clone

from sentilib._ids import FIRST_WORD
from sentilib._pipelines import Reviews
from sentilib.inspection._measures._clusters import describe_clusters
from sentilib.inspection._measures._evaluation import Evaluation
from sentilib.inspection._measures._metrics import calibration, confusion
from sentilib.inspection._measures._training_data import TrainingData
from sentilib.inspection._report._figures import calibration_figure

if TYPE_CHECKING:
    from pandas import DataFrame

_MAX_SLICES = 15
_MAX_ISSUES = 50
_MAX_CLASSES = 30


class Section(NamedTuple):
    """One section of the page."""

    name: str  # of the anchor and of the template
    title: str
    content: Any  # values for the template; a section with content None is omitted


def subtitle(evaluation: Evaluation, confidence_level: float) -> str:
    """Return a line with the number of reviews and errors, and the date."""
    wrong = int((~evaluation.correct).sum())
    return (
        f"{len(evaluation):,} reviews, {wrong:,} errors; {confidence_level:.0%} confidence "
        f"intervals in brackets. {date.today():%d %B %Y}."
    )


def model_and_data(
    reviews: Reviews, evaluation: Evaluation, training: TrainingData | None
) -> dict[str, list[tuple[str, str]]]:
    """Return pairs of name and value that describe the model, and that describe the data."""
    parts = reviews.parts
    around = [] if parts.model is parts.classifier or parts.model is None else [parts.classifier]
    classifier = parts.model or parts.classifier
    model = [("Classifier", " in ".join(type(step).__name__ for step in (classifier, *around)))]
    for name, step in (("Tokenizer", reviews.tokenizer), ("Classifier", classifier)):
        if step is not None:
            model.append((f"{name}, non-default", _unusual(step)))
    if reviews.tokenizer is not None:
        model.append(("Vocabulary", f"{len(reviews.words) - FIRST_WORD:,} words"))
    for name, text in (("n_iter_", "Epochs"), ("device_", "Trained on")):
        if hasattr(classifier, name):
            model.append((text, str(getattr(classifier, name))))
    labels = evaluation.classes[:_MAX_CLASSES].tolist()
    model.append((f"{len(evaluation.classes)} classes", ", ".join(map(str, labels))))
    model.append(("Versions", _versions()))

    quartiles = np.quantile(reviews.length, [0, 0.25, 0.5, 0.75, 1]).astype(int).tolist()
    data = [
        ("Reviews", f"{len(reviews):,}"),
        ("Labels", _shares(labels, evaluation.truth)),
        ("Tokens per review, quartiles", " / ".join(f"{q:,}" for q in quartiles)),
        ("Truncated", f"{int(reviews.truncated.sum()):,} ({reviews.truncated.mean():.1%})"),
        ("Unknown words", f"{reviews.oov_rate.mean():.2%} of the tokens of a review, on average"),
    ]
    if training is not None:
        data.append(("Training reviews", f"{len(training):,}"))
        data.append(("Labels of these", _shares(labels, training.truth)))
    if reviews.texts is not None:
        texts = [text for text, n in zip(reviews.texts, reviews.length, strict=True) if n]
        copies = len(texts) - len(set(texts))
        data.append(("Duplicate reviews", f"{copies:,}"))
    return {"model": model, "data": data}


def calibration_and_confusion(evaluation: Evaluation, confidence_level: float) -> dict[str, Any]:
    """Return the calibration figure, and the confusion matrix with its labels."""
    labels = [str(label) for label in evaluation.classes.tolist()][:_MAX_CLASSES]
    counts = confusion(evaluation)[: len(labels)]
    return {
        "figure": calibration_figure(
            calibration(evaluation, confidence_level), 1 / len(evaluation.classes)
        ),
        "head": [("", ""), *((f"predicted {label}", "n") for label in labels)],
        "labels": labels,
        "counts": counts[:, : len(labels)].tolist(),
        "totals": np.maximum(counts.sum(axis=1), 1).tolist(),
    }


def clusters(cluster: np.ndarray, evaluation: Evaluation, reviews: Reviews) -> list[dict[str, Any]]:
    """Return one row per cluster of the latent space."""
    described = describe_clusters(cluster, evaluation, reviews)
    return [
        {"name": "noise" if name == -1 else str(name), **row}
        for name, row in described.to_dict(orient="index").items()
    ]


def worst_slices(table: "DataFrame") -> list[dict[str, Any]]:
    """Return the first rows of a table of subgroups as dicts."""
    return table.head(_MAX_SLICES).to_dict(orient="records")


def label_issues(
    issues: np.ndarray, evaluation: Evaluation, snippets: list[str], names: list[str] | None
) -> dict[str, Any]:
    """Return the number of likely label errors, and a row for each of the most likely ones."""
    return {
        "n_issues": len(issues),
        "named": names is not None,
        "rows": [
            {
                "row": row,
                "name": "" if names is None else names[row],
                "snippet": snippets[row],
                "label": evaluation.classes[evaluation.truth[row]],
                "likelier": evaluation.classes[evaluation.predicted[row]],
                "quality": evaluation.label_quality[row],
            }
            for row in issues[:_MAX_ISSUES].tolist()
        ],
    }


def _shares(labels: list, truth: np.ndarray) -> str:
    """Return the number and the share of reviews with each label, as text."""
    counts = np.bincount(truth, minlength=len(labels)).tolist()
    return ", ".join(
        f"{label}: {count:,} ({count / len(truth):.1%})"
        for label, count in zip(labels, counts, strict=False)
    )


def _unusual(estimator: Any) -> str:
    """Return the parameters that differ from their defaults, as text."""
    try:
        default = type(estimator)().get_params(deep=False)
    except TypeError:
        default = {}
    parameters = clone(estimator).get_params(deep=False)
    unusual = [
        f"{name}={value!r:.60}"
        for name, value in parameters.items()
        if name not in default or repr(default[name]) != repr(value)
    ]
    return ", ".join(unusual) or "none"


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for package in ("sentilib", "scikit-learn", "keras", "numpy"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
