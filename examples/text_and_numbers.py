"""Predict from a text and numbers beside it, and compare with either alone.

    python examples/text_and_numbers.py

A classifier of this library reads a matrix of token ids, and any integer in it is a word: an age of
30 in a further column is the word with the id 30. Numbers and categories therefore join the text
behind a classifier: its `transform` returns the latent features of a review, which a
ColumnTransformer puts beside them for another classifier.

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


def make_orders(n: int) -> pd.DataFrame:
    """Generate reviews of orders, and whether the customer orders again."""
    texts, is_positive = make_reviews(n, length=50, random_state=0)
    rng = np.random.default_rng(0)
    days_late, shop = rng.poisson(2.0, n), rng.choice(["north", "south"], n)
    logit = 3.0 * (2 * is_positive - 1) - 1.0 * (days_late - 2) + 1.0 * (shop == "north")
    again = rng.random(n) < 1 / (1 + np.exp(-logit))
    return pd.DataFrame({"text": texts, "days_late": days_late, "shop": shop, "again": again})


def text_model() -> Pipeline:
    """Return a pipeline that reads text; without its last step, it returns latent features."""
    return make_pipeline(HTMLTokenizer(max_length=200), DenseSentimentClassifier(random_state=0))


def models() -> dict[str, Pipeline]:
    """Return four classifiers of a frame of orders."""
    numbers = [
        ("number", StandardScaler(), ["days_late"]),
        ("category", OneHotEncoder(), ["shop"]),
    ]
    only_text = make_pipeline(
        ColumnTransformer([("ids", HTMLTokenizer(max_length=200), "text")]),
        DenseSentimentClassifier(random_state=0),
    )
    only_numbers = make_pipeline(ColumnTransformer(numbers), LogisticRegression())
    # The pipeline is fitted with the labels, and its last step transforms: latent features.
    latent = make_pipeline(
        ColumnTransformer([("text", text_model(), "text"), *numbers]),
        StandardScaler(),
        LogisticRegression(C=0.01),
    )
    # Latent features of the training rows know their labels. A stack uses predictions out of fold.
    stack = StackingClassifier(
        [("text", only_text), ("numbers", only_numbers)], LogisticRegression(), cv=3
    )
    return {
        "text": only_text,
        "numbers": only_numbers,
        "latent features and numbers": latent,
        "stack of text and numbers": stack,
    }


def main(n: int = 3000) -> None:
    """Run the example."""
    orders = make_orders(n)
    train, test = train_test_split(orders, test_size=0.3, random_state=0, stratify=orders["again"])
    print(f"{len(train):,} orders to learn from, {len(test):,} to test\n")
    for name, model in models().items():
        model.fit(train, train["again"])
        print(f"{name:30}{model.score(test, test['again']):.3f}")


if __name__ == "__main__":
    main()
