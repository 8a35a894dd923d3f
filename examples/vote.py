"""Combine the Dense model and the CNN
===================================

Average the probabilities of both models, and compare the ensemble with its members.

::

    python examples/vote.py              # generated reviews
    python examples/vote.py --data imdb  # real ones

scikit-learn's VotingClassifier averages their probabilities. It follows one tokenizer in a
pipeline, so that the text is read once and each model is fitted once; the predictions of the
members come from the fitted ensemble.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb, make_reviews


class Data(NamedTuple):
    """Training reviews and labels (0 negative, 1 positive), and test ones of other movies."""

    train: list[str]
    label: np.ndarray
    test: list[str]
    test_label: np.ndarray


def load(source: str, n_generated: int) -> Data:
    """Load the IMDB reviews, or generate reviews, a quarter of which, by movie, are for testing."""
    if source == "imdb":
        train, test = load_imdb("train"), load_imdb("test")
        return Data(train.data, train.target, test.data, test.target)
    bunch = make_reviews(n_generated, random_state=0, return_X_y=False)
    splitter = GroupShuffleSplit(1, test_size=0.25, random_state=0)
    parts = next(splitter.split(bunch.data, groups=bunch.movie))
    (train, label), (test, test_label) = (
        ([bunch.data[row] for row in rows], bunch.target[rows]) for rows in parts
    )
    return Data(train, label, test, test_label)


def fit(data: Data) -> Pipeline:
    """Fit both models on the ids of one tokenizer."""
    members = [
        ("Dense", DenseSentimentClassifier(random_state=0)),
        ("CNN", ConvSentimentClassifier(random_state=0)),
    ]
    pipe = make_pipeline(HTMLTokenizer(n_jobs=-1), VotingClassifier(members, voting="soft"))
    start = time.perf_counter()
    print(f"Training both models on {len(data.train):,} reviews ...", end=" ", flush=True)
    pipe.fit(data.train, data.label)
    print(f"{time.perf_counter() - start:.0f} s.")
    return pipe


def compare(pipe: Pipeline, data: Data) -> None:
    """Print the scores of members and ensemble, and how often the members disagree."""
    ids, vote = pipe[0].transform(data.test), pipe[-1]
    # The members predict indices into `vote.classes_`.
    proba = {name: member.predict_proba(ids) for name, member in vote.named_estimators_.items()}
    proba["together"] = vote.predict_proba(ids)
    predicted = {name: vote.classes_[p.argmax(axis=1)] for name, p in proba.items()}

    print(
        f"\nOn {len(data.test):,} reviews of other movies\n{'':10}{'accuracy':>10}{'log loss':>10}"
    )
    for name, p in proba.items():
        accuracy, loss = (
            accuracy_score(data.test_label, predicted[name]),
            log_loss(data.test_label, p),
        )
        print(f"{name:10}{accuracy:10.4f}{loss:10.4f}")

    differ = predicted["Dense"] != predicted["CNN"]
    print(f"\nDense and CNN disagree on {differ.mean():.1%} of the reviews.", end=" ")
    right = {
        name: np.mean(labels[differ] == data.test_label[differ])
        for name, labels in predicted.items()
    }
    print(
        "There,",
        ", ".join(f"{name} is correct in {share:.0%}" for name, share in right.items()) + ".",
    )


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
    data = load(options.data, n_generated)
    compare(fit(data), data)


if __name__ == "__main__":
    main()
