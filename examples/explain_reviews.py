"""Why did the models predict this class?
======================================

An explanation of one review, word by word, of its pairs of words, and of all reviews.

A well-known example trains two models on movie reviews and asks why a negative review that praises
in parts ("mildly entertaining", "masterpiece because of their sympathy") is predicted positive.
This script asks three models (a Dense model of single words, a Dense model with n-grams, and the
CNN) which words caused the prediction, which pairs of words change each other's meaning, which
words matter in all reviews, and where the last two models disagree.

::

    python examples/explain_reviews.py              # generated reviews, and a similar question
    python examples/explain_reviews.py --data imdb  # real ones
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
)
from sentilib.datasets import load_imdb, make_reviews
from sentilib.explain import (
    TokenImportanceDisplay,
    TokenInteractionDisplay,
    TokenInteractions,
    plots,
)

REVIEW = "train/neg/8000_4"
WORDS = ("mildly", "entertaining", "masterpiece", "because", "of", "sympathy")
GENERATED_REVIEW = "The plot was mildly entertaining, but hardly a masterpiece. Not great, not bad."
GENERATED_WORDS = ("mildly", "entertaining", "hardly", "masterpiece", "not", "great", "bad")
CLASS_NAMES = ("negative", "positive")


class Data(NamedTuple):
    """Training reviews, test reviews to explain, the review of the question and its words."""

    train: list[str]
    label: np.ndarray
    test: list[str]
    test_label: np.ndarray
    review: str
    words: tuple[str, ...]


def load(source: str, n_generated: int) -> Data:
    """Load the IMDB reviews, or generate reviews."""
    if source == "imdb":
        train, test = load_imdb("train"), load_imdb("test")
        # The models must not be trained on the review of the question.
        rest = np.flatnonzero(train.ids != REVIEW)
        (review,) = np.flatnonzero(train.ids == REVIEW)
        return Data(
            [train.data[i] for i in rest], train.target[rest], test.data, test.target,
            train.data[review], WORDS,
        )  # fmt: skip
    reviews, labels = make_reviews(n_generated, random_state=0)
    n = 3 * n_generated // 4
    return Data(reviews[:n], labels[:n], reviews[n:], labels[n:], GENERATED_REVIEW, GENERATED_WORDS)


def fit(data: Data) -> dict[str, Pipeline]:
    """Fit the Dense model without and with n-grams, and the CNN, on the ids of one tokenizer."""
    tokenizer = HTMLTokenizer(n_jobs=-1)
    ids = tokenizer.fit_transform(data.train)
    models = {}
    for name, classifier in (
        ("Words", DenseSentimentClassifier(ngram_range=(1, 1), random_state=0)),
        ("Dense", DenseSentimentClassifier(random_state=0)),
        ("CNN", ConvSentimentClassifier(random_state=0)),
    ):
        print(f"Training {name} on {len(data.train):,} reviews ...", flush=True)
        models[name] = make_pipeline(tokenizer, classifier.fit(ids, data.label))
    return models


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def explain_review(models: dict[str, Pipeline], data: Data, folder: Path) -> None:
    """Print the values of the words in question, and draw the whole review."""
    review, words = data.review, data.words
    print(f"\nThe review in question: {review}")
    for name, model in models.items():
        explainer = TokenShapExplainer(model)
        explanation = explainer.explain([review])
        error = explanation.additivity_error.max()
        explanation = explanation[0]
        proba = model.predict_proba([review])[0, 1]
        margin = explanation.base_values + explanation.values.sum()
        heading(f"{name}: {proba:.1%} positive")
        print(
            f"log-odds {margin:+.3f} = {explanation.base_values:+.3f} (all words unknown) "
            f"{explanation.values.sum():+.3f} (words); exact, error {error:.0e}"
        )
        for token, value in zip(explanation.feature_names, explanation.values, strict=True):
            if token in words:
                is_known = token in model[0].vocabulary_
                note = "" if is_known else " (unknown: no training review contains it)"
                print(f"  {value:+.4f}  {token}{note}")
        interactions = explainer.interactions([review])
        print_pairs(interactions, explanation.feature_names, words)
        page = plots.text(explanation, class_names=CLASS_NAMES, title=f"{name}: word by word")
        (folder / f"review_{name.lower()}.html").write_text(page, encoding="utf-8")
        if interactions.pairs(0):
            TokenInteractionDisplay(interactions).plot()
            save(folder / f"interactions_{name.lower()}.png")


def print_pairs(interactions: TokenInteractions, tokens: list[str], words: tuple[str, ...]) -> None:
    """Print the pairs of words in question, and the strongest of all pairs."""
    pairs = interactions.pairs(0, n=10**6)
    asked = [pair for pair in pairs if {tokens[pair[2]], tokens[pair[3]]} <= set(words)]
    for title, chosen in (("Pairs among them", asked[:6]), ("Strongest pairs", pairs[:6])):
        print(f"{title}: " + ("" if chosen else "none, no words interact."))
        for left, right, i, j, value in chosen:
            print(f"  {value:+.4f}  {left} + {right}" + (f", {j - i} apart" if j > i + 1 else ""))


def explain_all(models: dict[str, Pipeline], data: Data, folder: Path) -> None:
    """Draw which words matter in all test reviews."""
    heading(f"Words that matter in {len(data.test):,} test reviews, by mean absolute value")
    for name, model in models.items():
        explainer = TokenShapExplainer(model, n_jobs=-1)
        ids = model[0].transform(data.test)
        explanation = explainer.explain(ids)
        display = TokenImportanceDisplay.from_explanation(
            explanation, min_count=max(5, len(data.test) // 50)
        ).plot(by="mean_abs")
        order = np.argsort(-display.mean_abs)[:12]
        words = " ".join(f"{display.tokens[k]}({display.mean[k]:+.2f})" for k in order)
        print(f"{name}: {words}")
        print(f"  largest additivity error: {explanation.additivity_error.max():.0e}")
        save(folder / f"importance_{name.lower()}.png")


def explain_disagreement(models: dict[str, Pipeline], data: Data, folder: Path) -> None:
    """Show the reviews with the largest difference between the models, and the CNN's pairs."""
    margins = {name: models[name].decision_function(data.test) for name in ("Dense", "CNN")}
    difference = margins["CNN"] - margins["Dense"]
    differ = np.sign(margins["CNN"]) != np.sign(margins["Dense"])
    correct = {
        name: np.mean((margin > 0)[differ] == data.test_label[differ])
        for name, margin in margins.items()
    }
    heading(f"Dense and CNN disagree on {differ.mean():.1%} of the test reviews")
    print(", ".join(f"{name} is correct in {share:.0%}" for name, share in correct.items()))
    rows = np.argsort(-np.abs(np.where(differ, difference, 0)))[:3]
    interactions = TokenShapExplainer(models["CNN"]).interactions([data.test[i] for i in rows])
    for number, row in enumerate(rows):
        label = CLASS_NAMES[int(data.test_label[row])]
        said = ", ".join(f"{name} {margin[row]:+.2f}" for name, margin in margins.items())
        print(f"\nReview {row} ({label}): log-odds {said}. Strongest pairs of the CNN:")
        for left, right, i, j, value in interactions.pairs(number, 5):
            print(f"  {value:+.4f}  {left} + {right}" + (f", {j - i} apart" if j > i + 1 else ""))
    if len(rows):
        texts = [data.test[i] for i in rows]
        page = plots.text(
            TokenShapExplainer(models["CNN"])(texts),
            class_names=CLASS_NAMES,
            title="Reviews on which the models disagree, explained by the CNN",
        )
        (folder / "disagreement_cnn.html").write_text(page, encoding="utf-8")


def save(path: Path) -> None:
    """Save the current figure."""
    plt.savefig(path, dpi=150)
    plt.close()


def main(argv: list[str] | None = None, n_generated: int = 4000) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data",
        choices=("generated", "imdb"),
        default="generated",
        help="imdb: real reviews, downloaded once (84 MB) if they are not found",
    )
    parser.add_argument("--output", type=Path, default=Path("explain_output"))
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)

    data = load(options.data, n_generated)
    models = fit(data)
    explain_review(models, data, options.output)
    explain_all(models, data, options.output)
    explain_disagreement(models, data, options.output)
    print(f"\nPages and figures: {options.output}")


if __name__ == "__main__":
    main()
