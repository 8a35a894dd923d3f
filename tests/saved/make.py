"""Write the files of the current version of states: python tests/saved/make.py.

`test_saved_files.py` reads them, and those of earlier versions, which remain. The models are small,
and use what a state can contain: n-grams, a stream, an optimizer, labels that are strings, rounded
weights, a given vocabulary, word vectors, negation scopes. Only kinds in `CHANGED` are written:
those whose state contains something that is new in this version.
"""

import json
import pickle
from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline

from sentilib import (
    ConvSentimentClassifier,
    DenseSentimentClassifier,
    HTMLTokenizer,
    TokenShapExplainer,
    WordVectors,
    compress,
)
from sentilib._compiled._states import STATE_VERSION
from sentilib.datasets import make_reviews

CHANGED = ("negation",)
FOLDER = Path(__file__).parent
TEXTS = ["A <b>superb</b> film!", "Not good &ndash; a dull film, and badly written.", "ça va", ""]


def models():
    """Fit a small pipeline of each kind."""
    reviews, labels = make_reviews(24, length=20, random_state=0)
    three = np.array(["bad", "good", "so-so"])[(labels + (np.arange(24) % 5 == 0)) % 3]
    options = {"embedding_dim": 4, "epochs": 1, "ngram_max_features": 100, "random_state": 0}
    vectors = WordVectors(["the", "superb", "film", "ça"], np.eye(4, 3) - np.eye(4, 3, -1))
    tokenizer = HTMLTokenizer(
        max_features=100, max_length=20, stop_words=["the"], vectors=vectors
    ).fit(reviews)
    ids = tokenizer.transform(reviews)
    stream = DenseSentimentClassifier(hidden_units=4, vectors=vectors, **options)
    stream.partial_fit(ids, labels, classes=[0, 1]).partial_fit(ids, labels)
    conv = ConvSentimentClassifier(filters=(4, 4), **options).fit(ids, three)
    given = HTMLTokenizer(vocabulary=["film", "superb", "!", "café"], max_length=20)
    plain = DenseSentimentClassifier(hidden_units=4, **options).fit(
        given.transform(reviews), labels
    )
    negation = HTMLTokenizer(max_length=20, negation_scope=3, negations=["not", "no"])
    few = ["good film", "bad film", "not good", "no bad film"]
    layers = DenseSentimentClassifier(
        hidden_units=2, embedding_dim=2, epochs=1, ngram_max_features=20, random_state=0
    )
    layers.fit(negation.fit_transform(few), [1, 0, 0, 1])
    pipes = {
        "negation": compress(Pipeline([("tokenizer", negation), ("classifier", layers)])),
        "stream": Pipeline([("tokenizer", tokenizer), ("classifier", stream)]),
        "conv": compress(Pipeline([("tokenizer", tokenizer), ("classifier", conv)])),
        "given": Pipeline([("tokenizer", given), ("classifier", plain)]),
    }
    return {**pipes, "explainer": TokenShapExplainer(pipes["stream"], baseline="pad")}


def outputs(model):
    """Return what a restored model must compute again."""
    if isinstance(model, TokenShapExplainer):
        values = [row.tolist() for row in model.explain(TEXTS[:2]).values]
        return {"texts": TEXTS[:2], "values": values}
    return {
        "texts": TEXTS,
        "ids": model[0].transform(TEXTS).tolist(),
        "probabilities": model.predict_proba(TEXTS).tolist(),
        "labels": model.predict(TEXTS).tolist(),
    }


if __name__ == "__main__":
    expected = {}
    for name, model in models().items():
        if name not in CHANGED:
            continue
        path = FOLDER / f"{name}-{STATE_VERSION}"
        skops.io.dump(model, f"{path}.skops", compression=ZIP_DEFLATED)
        with open(f"{path}.pickle", "wb") as stream:
            pickle.dump(model, stream, protocol=4)
        expected[name] = outputs(model)
    with open(FOLDER / f"expected-{STATE_VERSION}.json", "w") as stream:
        json.dump(expected, stream)
