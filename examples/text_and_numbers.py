"""Predict from a text and numbers beside it
=========================================

Two ways to combine them, and a comparison with either alone.

::

    python examples/text_and_numbers.py

A classifier of this library reads a matrix of token ids, and any integer in it is a word: an age of
30 in a further column is the word with the id 30. Numbers and categories therefore join the text
after a classifier, in two ways:

* A StackingClassifier combines a model of the text with a model of the numbers. It learns how far
  to trust each from predictions for rows that the model was not fitted on.
* A ColumnTransformer puts the latent features of a classifier, the result of ``transform``, beside
  the numbers, for another classifier. One fit instead of several; but the latent features of the
  training rows already know their labels, so the last classifier trusts the text too much.

The data are generated: whether customers order again depends on their opinion, on how late the
parcel came, and on the shop.
"""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sentilib import DenseSentimentClassifier, HTMLTokenizer
from sentilib.datasets import make_reviews

NUMBERS = [("number", StandardScaler(), ["days_late"]), ("category", OneHotEncoder(), ["shop"])]


def make_orders(n: int) -> pd.DataFrame:
    """Generate reviews of orders, and whether the customer orders again."""
    texts, is_positive = make_reviews(n, length=50, random_state=0)
    rng = np.random.default_rng(0)
    days_late, shop = rng.poisson(2.0, n), rng.choice(["north", "south"], n)
    logit = 2.0 * (2 * is_positive - 1) - 1.5 * (days_late - 2) + 1.0 * (shop == "north")
    again = rng.random(n) < 1 / (1 + np.exp(-logit))
    return pd.DataFrame({"text": texts, "days_late": days_late, "shop": shop, "again": again})


def models() -> dict[str, Pipeline | StackingClassifier]:
    """Return classifiers of a frame of orders, by name."""
    ids = ColumnTransformer([("ids", HTMLTokenizer(max_length=200), "text")])
    text = make_pipeline(ids, DenseSentimentClassifier(random_state=0))
    numbers = make_pipeline(ColumnTransformer(NUMBERS), LogisticRegression())
    # Fitted with the labels, the pipeline inside returns what its last step's `transform` does.
    latent = make_pipeline(HTMLTokenizer(max_length=200), DenseSentimentClassifier(random_state=0))
    return {
        "text": text,
        "numbers": numbers,
        "stack of both": StackingClassifier([("text", text), ("numbers", numbers)], cv=3),
        "latent features and numbers": make_pipeline(
            ColumnTransformer([("text", latent, "text"), *NUMBERS]),
            StandardScaler(),
            LogisticRegression(C=0.1),
        ),
    }


def main(n: int = 2000) -> None:
    """Run the example."""
    orders = make_orders(n)
    train, test = train_test_split(orders, test_size=0.3, random_state=0, stratify=orders["again"])
    print(f"Accuracy on {len(test):,} orders, after {len(train):,} to learn from\n")
    for name, model in models().items():
        model.fit(train, train["again"])
        print(f"{name:30}{model.score(test, test['again']):.3f}")


if __name__ == "__main__":
    main()
