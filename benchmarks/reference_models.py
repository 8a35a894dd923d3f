"""Accuracy of the well-known IMDB example's two models, beside sentilib's defaults.

    python benchmarks/reference_models.py --seeds 3

Each model is scored on three parts, after training on the rest:

* test: the official test reviews, after training on all of train;
* random: a stratified random fifth of train, which is optimistic, because most of its movies were
  trained on;
* movies: a fifth of train that shares no movie with the rest, like test.

`--limit` takes a sample of the reviews, for a quick check that the script runs.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb

REFERENCE_TOKENIZER = HTMLTokenizer(max_features=10_000, max_length=250, punctuation="drop")
REFERENCE_TRAINING = {
    "mask_padding": False,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "learning_rate_schedule": "constant",
}
MODELS = {
    "dense, example's settings": make_pipeline(
        REFERENCE_TOKENIZER,
        DenseSentimentClassifier(ngram_range=(1, 1), dropout=0.2, epochs=5, **REFERENCE_TRAINING),
    ),
    "dense, defaults": make_pipeline(HTMLTokenizer(), DenseSentimentClassifier()),
    "cnn, example's settings": make_pipeline(
        REFERENCE_TOKENIZER,
        ConvSentimentClassifier(ngram_range=(1, 1), dropout=0.2, **REFERENCE_TRAINING),
    ),
    "cnn, example's layers, masked": make_pipeline(
        HTMLTokenizer(max_length=512, punctuation="split"),
        ConvSentimentClassifier(ngram_range=(1, 1), dropout=0.2),
    ),
    "cnn, defaults": make_pipeline(HTMLTokenizer(), ConvSentimentClassifier()),
}
PARTS = ("test", "random", "movies")


class Score(NamedTuple):
    """Accuracy and log loss of a fit on the held-out part, and its seconds from raw text."""

    accuracy: float
    loss: float
    seconds: float


def load(limit: int | None) -> tuple[Any, Any]:
    """Load train and test in random order, since the release is sorted by label."""
    loaded = []
    for name in ("train", "test"):
        reviews = load_imdb(name)
        rows = np.random.default_rng(0).permutation(len(reviews.data))[:limit]
        reviews.data = np.array(reviews.data, dtype=object)[rows]
        reviews.target, reviews.movie = reviews.target[rows], reviews.movie[rows]
        loaded.append(reviews)
    return loaded[0], loaded[1]


def held_out(part: str, train: Any, test: Any, seed: int) -> tuple[Any, Any, Any, Any]:
    """Return texts and labels to learn from, and texts and labels to score on."""
    if part == "test":
        return train.data, train.target, test.data, test.target
    if part == "random":
        folds = StratifiedKFold(5, shuffle=True, random_state=seed).split(train.data, train.target)
    else:
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(
            train.data, train.target, train.movie
        )
    kept, scored = next(folds)
    return train.data[kept], train.target[kept], train.data[scored], train.target[scored]


def measure(pipe: Pipeline, texts: Any, labels: Any, new_texts: Any, new_labels: Any) -> Score:
    """Fit from raw text and score."""
    start = time.perf_counter()
    pipe.fit(texts, labels)
    seconds = time.perf_counter() - start
    proba = pipe.predict_proba(new_texts)
    accuracy = accuracy_score(new_labels, proba.argmax(axis=1))
    return Score(accuracy, log_loss(new_labels, proba), seconds)


def all_scores(options: argparse.Namespace) -> Iterator[tuple[str, str, list[Score]]]:
    """Measure every model on every part, once per seed."""
    train, test = load(options.limit)
    # Loads Keras and the compiled tokenizer before anything is timed.
    clone(MODELS["dense, defaults"]).fit(train.data[:64], train.target[:64])
    for name, pipe in MODELS.items():
        for part in options.parts:
            scores = []
            for seed in range(options.seeds):
                pipe[-1].set_params(random_state=seed)
                scores.append(measure(pipe, *held_out(part, train, test, seed)))
                accuracy, loss, seconds = scores[-1]
                print(
                    f"{name}, {part}, seed {seed}: accuracy {accuracy:.4f}, log loss {loss:.4f},",
                    f"{seconds:.1f} s",
                    file=sys.stderr,
                    flush=True,
                )
            yield name, part, scores


def main(argv: list[str] | None = None) -> None:
    """Print the table in Markdown: means ± standard deviations over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="fits per model and part")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--limit", type=int, help="maximum number of reviews per split")
    options = parser.parse_args(argv)

    print("| model | held out | accuracy | log loss | fit, s |", "|---|---|---|---|---|", sep="\n")
    for name, part, scores in all_scores(options):
        mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=len(scores) > 1)
        columns = [
            f"{m:.{digits}f} ± {s:.{digits}f}"
            for m, s, digits in zip(mean, spread, (4, 4, 1), strict=True)
        ]
        print("| " + " | ".join([name, part, *columns]) + " |", flush=True)


if __name__ == "__main__":
    main()
