"""Learning curves in comparison with TF-IDF
=========================================

Plot learning curves: accuracy against training size, in comparison with TF-IDF.

::

    python examples/learning_curve.py              # generated reviews
    python examples/learning_curve.py --data imdb  # real ones

Training sets of each size are sampled from the reviews outside a fold, and the model is scored on
the fold, which has no movie in common with them. Points are means over the folds, bands their
standard deviation.
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, learning_curve
from sklearn.pipeline import make_pipeline

from sentilib import ConvSentimentClassifier, DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import load_imdb, make_reviews

MODELS = {
    "Dense": make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0)),
    "CNN": make_pipeline(HTMLTokenizer(), ConvSentimentClassifier(random_state=0)),
    "TF-IDF + LogisticRegression": make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()
    ),
}
STYLES = (("#D55E00", "o"), ("#0072B2", "s"), ("#009E73", "^"))  # safe for colour blindness
N_IMDB = 8_000  # reviews, two thirds of which are the largest size
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)  # of the largest size


class Reviews(NamedTuple):
    """Raw documents, their labels (0 negative, 1 positive), their movies, and a name."""

    text: np.ndarray
    label: np.ndarray
    movie: np.ndarray
    name: str


def load(source: str, n_generated: int) -> Reviews:
    """Sample the IMDB training reviews, or generate reviews."""
    if source == "imdb":
        train = load_imdb("train")
        rows = np.random.default_rng(0).permutation(len(train.data))[:N_IMDB]
        text = np.array(train.data, dtype=object)[rows]
        return Reviews(text, train.target[rows], train.movie[rows], "IMDB reviews")
    bunch = make_reviews(n_generated, random_state=0, return_X_y=False)
    text = np.array(bunch.data, dtype=object)
    return Reviews(text, bunch.target, bunch.movie, "generated reviews")


def measure(reviews: Reviews) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the training sizes, and the accuracies (n_sizes, n_folds) of each model."""
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    accuracies = {}
    for name, model in MODELS.items():
        start = time.perf_counter()
        print(f"{name}: {len(SHARES) * folds.n_splits} fits ...", end=" ", flush=True)
        sizes, _, accuracies[name] = learning_curve(
            model,
            reviews.text,
            reviews.label,
            groups=reviews.movie,
            train_sizes=SHARES,
            cv=folds,
            shuffle=True,
            random_state=0,
        )
        print(f"{time.perf_counter() - start:.0f} s.")
    return sizes, accuracies


def print_table(sizes: np.ndarray, accuracies: dict[str, np.ndarray]) -> None:
    """Print mean accuracies."""
    print("\nMean accuracy\n" + "training reviews".ljust(30), end="")
    print("".join(f"{size:8,}" for size in sizes))
    for name, values in accuracies.items():
        print(name.ljust(30) + "".join(f"{mean:8.3f}" for mean in values.mean(axis=1)))


def draw(sizes: np.ndarray, accuracies: dict[str, np.ndarray], name: str, path: Path) -> None:
    """Draw the curves."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for (model, values), (color, marker) in zip(accuracies.items(), STYLES, strict=False):
        mean, spread = values.mean(axis=1), values.std(axis=1)
        axes.plot(sizes, mean, marker=marker, color=color, label=model)
        axes.fill_between(sizes, mean - spread, mean + spread, color=color, alpha=0.15, lw=0)
    axes.set(
        title=f"Learning curves, {name}, folds by movie",
        xlabel="Training reviews (log scale)",
        ylabel="Accuracy on held-out movies",
        xscale="log",
    )
    axes.set_xticks(sizes, minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"\nFigure: {path}")


def main(argv: list[str] | None = None, n_generated: int = 3000) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data",
        choices=("generated", "imdb"),
        default="generated",
        help="imdb: real reviews, downloaded once (84 MB) if they are not found",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("learning_curve_output"), help="folder to write"
    )
    options = parser.parse_args(argv)
    reviews = load(options.data, n_generated)
    sizes, accuracies = measure(reviews)
    print_table(sizes, accuracies)
    draw(sizes, accuracies, reviews.name, options.output / "learning_curve.png")


if __name__ == "__main__":
    main()
