"""Teach a fast model by a slow one
================================

The slow model labels reviews without labels, from which the fast one learns.

::

    python examples/teach.py              # generated reviews
    python examples/teach.py --data imdb  # real ones

The slow model is a vote of CNNs and Dense models that somebody has trained on many labels. We have
100 labels and thousands of reviews without any. The fast model learns from the labels alone, and
then from all reviews, labelled by the slow one. docs/few_labels.md does the same with a sentence
encoder.
"""

import argparse
import time
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    DistilledClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib.datasets import load_imdb, make_reviews

N_LABELS = 100


def load(source: str, n_generated: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return reviews and labels: the slow model's, ours, and those of the test; by movie."""
    if source == "imdb":
        bunch = load_imdb("train")
    else:
        bunch = make_reviews(n_generated, random_state=0, return_X_y=False)
    text, movie = np.array(bunch.data, dtype=object), np.asarray(bunch.movie)
    rest, parts = np.arange(len(text)), []
    for share in (0.4, 0.75):
        splitter = GroupShuffleSplit(1, train_size=share, random_state=0)
        first, second = next(splitter.split(rest, groups=movie[rest]))
        parts.append((text[rest[first]], bunch.target[rest[first]]))
        rest = rest[second]
    return [*parts, (text[rest], bunch.target[rest])]


def slow_model() -> VotingClassifier:
    """Return a vote of four pipelines, each of which reads the text by itself."""
    kinds = {"dense": DenseSentimentClassifier, "cnn": ConvSentimentClassifier}
    members = [
        (f"{name}_{seed}", make_pipeline(HTMLTokenizer(), kind(random_state=seed)))
        for seed in range(2)
        for name, kind in kinds.items()
    ]
    return VotingClassifier(members, voting="soft")


def print_scores(name: str, model: Any, text: np.ndarray, label: np.ndarray) -> None:
    """Print accuracy, log loss and speed on the test reviews."""
    model.predict_proba(text)  # of a warm process
    start = time.perf_counter()
    proba = model.predict_proba(text)
    speed = len(text) / (time.perf_counter() - start)
    accuracy = np.mean(model.classes_[proba.argmax(axis=1)] == label)
    print(f"{name:24}{accuracy:8.3f}{log_loss(label, proba):10.3f}{speed:10,.0f}")


def main(argv: list[str] | None = None, n_generated: int = 6000) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data",
        choices=("generated", "imdb"),
        default="generated",
        help="imdb: real reviews, downloaded once (84 MB) if they are not found",
    )
    options = parser.parse_args(argv)
    theirs, ours, test = load(options.data, n_generated)
    print(f"Training the slow model on {len(theirs[0]):,} reviews ...")
    teacher = FrozenEstimator(slow_model().fit(*theirs))

    text, label = ours[0][:N_LABELS], ours[1][:N_LABELS]
    unlabeled = ours[0][N_LABELS:]
    student = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    alone = student.fit(text, label)
    distilled = DistilledClassifier(student, teacher).fit(text, label, X_unlabeled=unlabeled)

    print(f"\n{len(test[0]):,} reviews of other movies:")
    print(f"{'':24}{'accuracy':>8}{'log loss':>10}{'texts/s':>10}")
    print_scores(f"{N_LABELS} labels", alone, *test)
    print_scores(f"taught, {len(unlabeled):,} more texts", distilled, *test)
    print_scores("the slow model", teacher, *test)
    explanation = TokenShapExplainer(distilled).explain(test[0][:1])
    words, values = explanation.feature_names[0], explanation.values[0]
    strongest = np.argsort(-np.abs(values))[:5]
    print("\nThe strongest words of the first review, as the taught model reads them:")
    print(", ".join(f"{words[k]} {values[k]:+.2f}" for k in strongest))


if __name__ == "__main__":
    main()
