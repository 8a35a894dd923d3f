"""Predict stars: labels that have an order
========================================

Three ways to use that labels have an order, compared on reviews of other movies:

* The most probable number of stars, as ``predict`` returns it.
* The median of the predicted distribution, which has the least expected distance, and its mean.
* One model per question "more than k stars?", fitted by MultiOutputClassifier behind one tokenizer
  pass (E. Frank, M. Hall, "A Simple Approach to Ordinal Classification", 2001). Each of them is
  explained like any model of two classes.

::

    python examples/stars.py              # generated reviews, 1 to 5 stars
    python examples/stars.py --data imdb  # real ones, 1 to 4 and 7 to 10 stars
"""

import argparse
import time

import numpy as np
from sklearn.model_selection import GroupShuffleSplit
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from sentilib import DenseSentimentClassifier, HTMLTokenizer, TokenShapExplainer
from sentilib.datasets import load_imdb, make_reviews


def load(source: str, n_generated: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return reviews, their stars and their movies."""
    if source == "imdb":
        bunch = load_imdb("train")
        stars = bunch.rating
    else:
        bunch = make_reviews(n_generated, n_classes=5, random_state=0, return_X_y=False)
        stars = bunch.target + 1
    return np.array(bunch.data, dtype=object), np.asarray(stars), np.asarray(bunch.movie)


def fit_thresholds(text: np.ndarray, stars: np.ndarray, values: np.ndarray) -> Pipeline:
    """Fit a model per threshold; label k is whether a review has more than values[k] stars."""
    models = MultiOutputClassifier(DenseSentimentClassifier(random_state=0))
    return make_pipeline(HTMLTokenizer(), models).fit(text, stars[:, np.newaxis] > values[:-1])


def distribution(thresholds: Pipeline, text: np.ndarray) -> np.ndarray:
    """Return probabilities of the numbers of stars from those of the thresholds."""
    more = np.column_stack([proba[:, 1] for proba in thresholds.predict_proba(text)])
    more = np.minimum.accumulate(more, axis=1)  # more than 4 is never likelier than more than 3
    ends = np.ones((len(text), 1)), np.zeros((len(text), 1))
    return -np.diff(np.hstack([ends[0], more, ends[1]]))


def predictions(proba: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the number of stars of each review: most probable, median, and nearest to the mean."""
    mean = proba @ values
    return {
        "most probable": values[proba.argmax(axis=1)],
        "median": values[(proba.cumsum(axis=1) < 0.5).sum(axis=1).clip(max=len(values) - 1)],
        "mean, rounded": values[np.abs(mean[:, np.newaxis] - values).argmin(axis=1)],
        "mean": mean,
    }


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
    text, stars, movie = load(options.data, n_generated)
    splitter = GroupShuffleSplit(1, test_size=0.25, random_state=0)
    train, test = next(splitter.split(text, groups=movie))
    values, truth = np.unique(stars), stars[test]

    native = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    native.fit(text[:100], stars[:100])  # imports Keras, which takes seconds
    start = time.perf_counter()
    native.fit(text[train], stars[train])
    seconds = {"one model": time.perf_counter() - start}
    start = time.perf_counter()
    thresholds = fit_thresholds(text[train], stars[train], values)
    seconds["thresholds"] = time.perf_counter() - start
    found = {
        "one model": native.predict_proba(text[test]),
        "thresholds": distribution(thresholds, text[test]),
    }

    print(f"{len(train):,} reviews for training, {len(test):,} of other movies:")
    print(f"{'':28}{'exact':>8}{'distance':>10}{'RMSE':>8}{'fit, s':>8}")
    for name, proba in found.items():
        for way, predicted in predictions(proba, values).items():
            off = predicted - truth
            exact = f"{np.mean(off == 0):8.3f}" if way != "mean" else f"{'':8}"
            errors = f"{np.abs(off).mean():10.3f}{np.sqrt(np.mean(off**2)):8.3f}"
            print(f"{name + ', ' + way:28}{exact}{errors}{seconds[name]:8.1f}")

    k = len(values) // 2
    question = make_pipeline(thresholds[0], thresholds[-1].estimators_[k])
    explanation = TokenShapExplainer(question).explain(text[test][:1])
    words, contributions = explanation.feature_names[0], explanation.values[0]
    strongest = np.argsort(-np.abs(contributions))[:5]
    print(f"\nMore than {values[k]} stars? The strongest words of the first review of the test:")
    print(", ".join(f"{words[i]} {contributions[i]:+.2f}" for i in strongest))


if __name__ == "__main__":
    main()
