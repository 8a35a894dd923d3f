"""Tune a pipeline by a grid search on folds by movie
==================================================

Tune the parameters of the pipeline by a grid search on folds by movie.

::

    python examples/grid_search.py              # generated reviews
    python examples/grid_search.py --data imdb  # real ones

The pipeline's ``memory`` caches the tokenizer's ids, so that text is read once per fold and set of
tokenizer parameters, not once per fit. All reviews of a movie are in the same fold: random folds
test a model on movies whose names it has learnt, which favours parameters that learn names. The
test reviews are used once, at the end.
"""

import argparse
import tempfile
import time
from typing import NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupShuffleSplit,
    ParameterGrid,
    StratifiedGroupKFold,
)
from sklearn.pipeline import Pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb, make_reviews

GRID = {
    "tokenizer__punctuation": ["split", "token"],
    "classifier__ngram_range": [(1, 1), (1, 2), (1, 3)],
    "classifier__epochs": [3, 5],
}
N_TRAIN, N_TEST = 3_000, 5_000  # of the IMDB reviews


class Reviews(NamedTuple):
    """Raw documents, their labels (0 negative, 1 positive) and the movie of each."""

    text: list[str]
    label: np.ndarray
    movie: np.ndarray

    def rows(self, rows: np.ndarray) -> "Reviews":
        """Return some of the reviews."""
        return Reviews([self.text[row] for row in rows], self.label[rows], self.movie[rows])


def load(source: str, n_generated: int) -> tuple[Reviews, Reviews]:
    """Sample the IMDB reviews, or generate reviews."""
    if source == "imdb":
        rng = np.random.default_rng(0)
        parts = load_imdb("train"), load_imdb("test")
        train, test = (
            Reviews(part.data, part.target, part.movie).rows(rng.permutation(len(part.data))[:size])
            for part, size in zip(parts, (N_TRAIN, N_TEST), strict=True)
        )
        return train, test
    bunch = make_reviews(n_generated, random_state=0, return_X_y=False)
    reviews = Reviews(bunch.data, bunch.target, bunch.movie)
    splitter = GroupShuffleSplit(1, test_size=0.25, random_state=0)
    train, test = next(splitter.split(reviews.text, groups=reviews.movie))
    return reviews.rows(train), reviews.rows(test)


def search(train: Reviews, grid: dict, memory: str) -> GridSearchCV:
    """Try all combinations on three folds without common movies and select by log loss."""
    pipe = Pipeline(
        [("tokenizer", HTMLTokenizer()), ("classifier", DenseSentimentClassifier(random_state=0))],
        memory=memory,
    )
    found = GridSearchCV(
        pipe,
        grid,
        cv=StratifiedGroupKFold(3, shuffle=True, random_state=0),
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
    )
    start = time.perf_counter()
    n_fits = len(ParameterGrid(grid)) * found.cv.get_n_splits() + 1
    n_movies = len(np.unique(train.movie))
    print(
        f"{n_fits} fits on {len(train.text):,} reviews of {n_movies:,} movies ...",
        end=" ",
        flush=True,
    )
    found.fit(train.text, train.label, groups=train.movie)
    print(f"{time.perf_counter() - start:.0f} s.")
    return found


def print_results(found: GridSearchCV) -> None:
    """Print all combinations, best first."""
    results = found.cv_results_
    names = [name.partition("__")[2] for name in results["params"][0]]
    print(
        "\n" + "".join(f"{name:14}" for name in names) + f"{'accuracy':>18}{'log loss':>18}{'s':>6}"
    )
    for row in np.argsort(results["rank_test_neg_log_loss"]):
        values = "".join(f"{value!s:14}" for value in results["params"][row].values())
        scores = ""
        for score in ("accuracy", "neg_log_loss"):
            mean, spread = (results[f"{part}_test_{score}"][row] for part in ("mean", "std"))
            scores += f"{abs(mean):9.4f} ± {spread:.4f}"
        print(f"{values}{scores}{results['mean_fit_time'][row]:6.1f}")


def main(argv: list[str] | None = None, n_generated: int = 4000, grid: dict = GRID) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data",
        choices=("generated", "imdb"),
        default="generated",
        help="imdb: real reviews, downloaded once (84 MB) if they are not found",
    )
    options = parser.parse_args(argv)
    train, test = load(options.data, n_generated)
    with tempfile.TemporaryDirectory() as memory:
        found = search(train, grid, memory)
        print_results(found)
        proba = found.predict_proba(test.text)
    accuracy = accuracy_score(test.label, found.classes_[proba.argmax(axis=1)])
    print(f"\nThe best pipeline on {len(test.text):,} reviews of other movies:", end=" ")
    print(f"accuracy {accuracy:.4f}, log loss {log_loss(test.label, proba):.4f}.")


if __name__ == "__main__":
    main()
