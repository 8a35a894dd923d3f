"""Train three models and show what they learn
===========================================

Train three models on movie reviews, show what they learnt and draw their training curves.

Words is a Dense model of single words, Dense the default one with phrases of up to four words, and
CNN reads windows of seven words as well. Only the last two can distinguish "good" from "not good".

Run it as ``make demo``, which needs no network: the reviews are generated. ``make demo
ARGS="--data imdb"`` uses real reviews.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib.datasets import load_imdb, make_reviews
from sentilib.explain import TokenImportanceDisplay

SENTENCES = (
    "A <b>superb</b> film: moving, funny &amp; brilliant.",
    "The cast was not good, and the ending hardly funny.",
    "Bland script, boring plot.<br />What a terrible film!",
)
CLASS_NAMES = ("negative", "positive")
COLORS = ("#009E73", "#0072B2", "#D55E00")  # distinguishable with colour blindness


class Reviews(NamedTuple):
    """Raw documents, their labels (0 negative, 1 positive) and the movie of each."""

    text: list[str]
    label: np.ndarray
    movie: np.ndarray

    def split_by_movie(self, fraction: float) -> tuple["Reviews", "Reviews"]:
        """Hold out a fraction of the movies, which the model must not see in training."""
        splitter = GroupShuffleSplit(1, test_size=fraction, random_state=0)
        rows, held_out = next(splitter.split(self.text, groups=self.movie))
        return self.rows(rows), self.rows(held_out)

    def rows(self, rows: np.ndarray) -> "Reviews":
        """Return some of the reviews."""
        return Reviews([self.text[i] for i in rows], self.label[rows], self.movie[rows])


class Result(NamedTuple):
    """A fitted classifier with its times and its predictions of the test reviews."""

    name: str
    classifier: DenseSentimentClassifier | ConvSentimentClassifier
    fit_seconds: float
    predict_seconds: float
    proba: np.ndarray


def load_reviews(source: str, n_generated: int) -> tuple[Reviews, Reviews]:
    """Load training and test reviews, which have (almost) no movie in common."""
    if source == "imdb":
        parts = load_imdb("train"), load_imdb("test")
        train, test = (Reviews(part.data, part.target, part.movie) for part in parts)
        print(f"IMDB reviews, official split: {len(train.text):,} for training,", end=" ")
        print(f"{len(test.text):,} for testing.")
        return train, test
    bunch = make_reviews(n_generated, label_noise=0, random_state=0, return_X_y=False)
    train, test = Reviews(bunch.data, bunch.target, bunch.movie).split_by_movie(0.25)
    print(f"Generated reviews: {len(train.text):,} for training, {len(test.text):,}", end=" ")
    print("of other movies for testing.")
    return train, test


def warm_up() -> None:
    """Import Keras and load all kernels, so that the times below do not include it."""
    start = time.perf_counter()
    print("Importing Keras ...", flush=True)
    texts, labels = make_reviews(64, random_state=0)
    for classifier in DenseSentimentClassifier(epochs=1), ConvSentimentClassifier(epochs=1):
        pipe = make_pipeline(HTMLTokenizer(), classifier).fit(texts, labels)
        TokenShapExplainer(pipe).explain(texts)
    print(f"Ready after {time.perf_counter() - start:.1f} s.")


def train_and_test(
    train: Reviews, test: Reviews, classifiers: dict
) -> tuple[HTMLTokenizer, list[Result]]:
    """Fit one tokenizer and, on its ids, each classifier, and predict the test reviews."""
    train, validation = train.split_by_movie(0.1)
    print(f"Validation for the curves: {len(validation.text):,} reviews of held-out movies.")

    start = time.perf_counter()
    tokenizer = HTMLTokenizer()
    X_train = tokenizer.fit_transform(train.text)
    tokenize_train = time.perf_counter() - start
    megabytes = sum(len(text.encode()) for text in train.text) / 1e6
    print(f"Tokenized {megabytes:.1f} MB of raw HTML in {tokenize_train:.2f} s", end=" ")
    print(f"({len(tokenizer.vocabulary_):,} words).")
    X_validation = tokenizer.transform(validation.text)

    start = time.perf_counter()
    X_test = tokenizer.transform(test.text)
    tokenize_test = time.perf_counter() - start

    results = []
    for name, classifier in classifiers.items():
        heading(f"Training {name}")
        start = time.perf_counter()
        classifier.fit(X_train, train.label, X_val=X_validation, y_val=validation.label)
        fitted = time.perf_counter()
        proba = classifier.predict_proba(X_test)
        predicted = time.perf_counter()
        results.append(
            Result(
                name,
                classifier,
                fit_seconds=tokenize_train + fitted - start,
                predict_seconds=tokenize_test + predicted - fitted,
                proba=proba,
            )
        )
    return tokenizer, results


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def print_table(results: list[Result], labels: np.ndarray) -> None:
    """Print accuracy, log loss and speed of each model on the test reviews."""
    heading("On the test reviews")
    print(f"{'':8}{'accuracy':>10}{'log loss':>10}{'fit, s':>10}{'reviews/s':>12}")
    for result in results:
        accuracy = accuracy_score(labels, result.proba.argmax(axis=1))
        loss = log_loss(labels, result.proba)
        speed = len(labels) / result.predict_seconds
        print(
            f"{result.name:8}{accuracy:10.3f}{loss:10.3f}{result.fit_seconds:10.1f}{speed:12,.0f}"
        )
    print("Both times start from raw text; the fit includes a validation after each epoch.")


def print_confusion(result: Result, labels: np.ndarray) -> None:
    """Print the confusion matrix."""
    heading(f"Confusion of {result.name}")
    counts = confusion_matrix(labels, result.proba.argmax(axis=1))
    print(" " * 18 + "".join(f"{'predicted ' + name:>20}" for name in CLASS_NAMES))
    for name, row in zip(CLASS_NAMES, counts, strict=True):
        print(f"{'true ' + name:18}" + "".join(f"{count:20,}" for count in row))


def print_words(tokenizer: HTMLTokenizer, result: Result, texts: list[str]) -> None:
    """Print the words that contribute most to the predictions of some test reviews.

    A contribution is a Shapley value: the word's share in the log-odds of its review.
    """
    heading(f"Words that contribute most to the predictions of {result.name}")
    pipe = Pipeline([("tokenizer", tokenizer), ("classifier", result.classifier)])
    explanation = TokenShapExplainer(pipe).explain(texts)
    words = TokenImportanceDisplay.from_explanation(explanation, min_count=len(texts) // 10)
    order = np.argsort(words.mean)
    for class_name, extremes in zip(CLASS_NAMES, (order[:12], order[::-1][:12]), strict=True):
        found = " ".join(f"{words.tokens[k]} ({words.mean[k]:+.2f})" for k in extremes)
        print(f"{class_name}: {found}")
    print("A word that is as often negated as not contributes little by itself.")


def print_opinions(tokenizer: HTMLTokenizer, results: list[Result]) -> None:
    """Print the predictions for three sentences, from a pipeline of fitted steps."""
    heading("Predicted probability that the review is positive")
    opinions = [
        Pipeline([("tokenizer", tokenizer), ("classifier", result.classifier)]).predict_proba(
            SENTENCES
        )[:, 1]
        for result in results
    ]
    print("".join(f"{result.name:>8}" for result in results))
    for sentence, probabilities in zip(SENTENCES, np.transpose(opinions), strict=True):
        print("".join(f"{p:8.2f}" for p in probabilities), f"  {sentence}")
    print("Logits are means over the words of a text, so short texts get extreme probabilities.")


def draw_training_curves(results: list[Result], path: Path) -> None:
    """Draw loss and accuracy per epoch, in training and on held-out movies."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, measure, label in (
        (left, "loss", "Log loss, log scale"),
        (right, "accuracy", "Accuracy"),
    ):
        for result, color in zip(results, COLORS, strict=True):
            history = result.classifier.history_
            epochs = np.arange(1, result.classifier.n_iter_ + 1)
            for prefix, style, part in (("", "o--", "training"), ("val_", "o-", "held-out movies")):
                name = f"{result.name}, {part}"
                axes.plot(epochs, history[prefix + measure], style, color=color, label=name)
        axes.set(xlabel="Epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_yscale("log")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"\nTraining curves: {path}")


def main(argv: list[str] | None = None, n_generated: int = 8_000) -> list[Result]:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data",
        choices=("generated", "imdb"),
        default="generated",
        help="imdb: real reviews, downloaded once (84 MB) if they are not found",
    )
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder to write")
    options = parser.parse_args(argv)

    start = time.perf_counter()
    train, test = load_reviews(options.data, n_generated)
    warm_up()
    verbose = 1 if sys.stdout.isatty() else 2  # a progress bar would fill a log file
    classifiers = {
        "Words": DenseSentimentClassifier(ngram_range=(1, 1), random_state=0, verbose=verbose),
        "Dense": DenseSentimentClassifier(random_state=0, verbose=verbose),
        "CNN": ConvSentimentClassifier(random_state=0, verbose=verbose),
    }
    tokenizer, results = train_and_test(train, test, classifiers)
    print_table(results, test.label)
    for result in results:
        print_confusion(result, test.label)
        print_words(tokenizer, result, test.text[:1000])
    print_opinions(tokenizer, results)
    draw_training_curves(results, options.output / "training_curves.png")
    print(f"Total time: {time.perf_counter() - start:.0f} s.")
    return results


if __name__ == "__main__":
    main()
