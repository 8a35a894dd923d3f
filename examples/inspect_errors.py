"""Inspect the errors of two models
================================

Inspect the errors of two models: a report for each, and a page that compares them.

::

    python examples/inspect_errors.py              # generated reviews
    python examples/inspect_errors.py --data imdb  # real ones

The script also tests two common claims about such models: that the loss decreases with the length
of a review, and that it increases with the number of unknown words.
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("agg")

import numpy as np
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import Pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb, make_reviews
from sentilib.inspection import (
    LatentSpaceDisplay,
    LossByFeatureDisplay,
    compare,
    error_table,
    find_leaks,
    report,
    slices,
)


class Reviews(NamedTuple):
    """Raw documents, their labels (0 negative, 1 positive), their movies and stars."""

    text: list[str]
    label: np.ndarray
    movie: np.ndarray
    rating: np.ndarray

    def split_by_movie(self, fraction: float) -> tuple["Reviews", "Reviews"]:
        """Hold out a fraction of the movies."""
        splitter = GroupShuffleSplit(1, test_size=fraction, random_state=0)
        rows, held_out = next(splitter.split(self.text, groups=self.movie))
        return self.rows(rows), self.rows(held_out)

    def rows(self, rows: np.ndarray) -> "Reviews":
        """Return some of the reviews."""
        text = [self.text[row] for row in rows]
        return Reviews(text, self.label[rows], self.movie[rows], self.rating[rows])


def load(source: str, n_generated: int) -> tuple[Reviews, Reviews, HTMLTokenizer]:
    """Load training and test reviews, and a tokenizer for them.

    The generated reviews consist of 480 words. The tokenizer knows the 205 most frequent ones, so
    that all reviews contain unknown words, and some of these are opinions.
    """
    if source == "imdb":
        parts = load_imdb("train"), load_imdb("test")
        train, test = (Reviews(p.data, p.target, p.movie, p.rating) for p in parts)
        return train, test, HTMLTokenizer()
    bunch = make_reviews(n_generated, random_state=0, return_X_y=False)
    reviews = Reviews(bunch.data, bunch.target, bunch.movie, bunch.rating)
    return *reviews.split_by_movie(0.25), HTMLTokenizer(max_features=205)


def fit(tokenizer: HTMLTokenizer, reviews: Reviews) -> dict[str, Pipeline]:
    """Fit the tokenizer and both classifiers, with validation on held-out movies."""
    train, validation = reviews.split_by_movie(0.1)
    X, X_val = tokenizer.fit_transform(train.text), tokenizer.transform(validation.text)
    models = {}
    for name, kind in (("Dense", DenseSentimentClassifier), ("CNN", ConvSentimentClassifier)):
        print(f"Training {name} on {len(train.text):,} reviews ...", flush=True)
        classifier = kind(random_state=0)
        classifier.fit(X, train.label, X_val=X_val, y_val=validation.label)
        models[name] = Pipeline([("tokenizer", tokenizer), ("classifier", classifier)])
    return models


def check(name: str, pipe: Pipeline, test: Reviews, output: Path) -> None:
    """Print how the loss depends on length and on unknown words, with intervals."""
    display = LossByFeatureDisplay.from_estimator(
        pipe, test.text, test.label, features=["length", "oov_count", "oov_rate"], n_bins=10
    )
    print(f"\n{name}: rank correlation of the loss with a feature, 95 % interval")
    for feature, (rho, low, high) in display.trends.iterrows():
        bins = display.bins[feature]
        first, last = bins.iloc[0], bins.iloc[-1]
        print(
            f"  {feature:10} {rho:+.3f} [{low:+.3f}, {high:+.3f}];  mean loss of the lowest bin "
            f"{first.loss:.3f} [{first.loss_low:.3f}, {first.loss_high:.3f}], of the highest "
            f"{last.loss:.3f} [{last.loss_low:.3f}, {last.loss_high:.3f}]"
        )
    display.figure_.savefig(output / f"loss_by_feature_{name}.png", dpi=100)
    latent = LatentSpaceDisplay.from_estimator(pipe, test.text, test.label)
    latent.figure_.savefig(output / f"latent_space_{name}.png", dpi=100)


def show_errors(name: str, pipe: Pipeline, test: Reviews, output: Path) -> None:
    """Print the worst subgroups and errors, and write the report."""
    print(f"\n{name}: the subgroups with the highest loss")
    data = {"rating": test.rating}
    worst = slices(pipe, test.text, test.label, data=data, random_state=0).head(5)
    print(worst[["slice", "n_reviews", "loss", "loss_low", "loss_high"]].to_string(index=False))
    print(f"\n{name}: the errors with the highest confidence")
    errors = error_table(pipe, test.text, test.label, n_explained=5).head(5)
    print(errors[["truth", "probability", "words_for", "words_against"]].to_string())
    start = time.perf_counter()
    path = output / f"report_{name}.html"
    report(pipe, test.text, test.label, path=path, data=data, random_state=0)
    print(f"\n{path}: {path.stat().st_size / 1e6:.1f} MB in {time.perf_counter() - start:.1f} s")


def main(argv: list[str] | None = None, n_generated: int = 6000) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data",
        choices=("generated", "imdb"),
        default="generated",
        help="imdb: real reviews, downloaded once (84 MB) if they are not found",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("inspect_output"), help="folder to write"
    )
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)

    train, test, tokenizer = load(options.data, n_generated)
    models = fit(tokenizer, train)
    for name, pipe in models.items():
        check(name, pipe, test, options.output)
        show_errors(name, pipe, test, options.output)

    found = compare(models["Dense"], models["CNN"], test.text, test.label, names=("Dense", "CNN"))
    print(f"\n{found}")
    print(found.report(options.output / "compare.html"))
    leaks = find_leaks(
        train.text,
        test.text,
        y_train=train.label,
        y_test=test.label,
        groups_train=train.movie,
        groups_test=test.movie,
    )
    print(f"\n{leaks}")


if __name__ == "__main__":
    main()
