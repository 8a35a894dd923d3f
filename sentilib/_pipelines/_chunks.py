"""Prediction of more texts than there is room for their ids."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from sentilib._compiled._states import snapshot
from sentilib._sklearn import COUNT, HasMethods, validate_params
from sentilib._text._columns import TextColumn
from sentilib._text._documents import as_documents


@validate_params(
    {
        "estimator": [HasMethods(["predict_proba"])],
        "raw_documents": "no_validation",
        "chunk_size": [COUNT],
    },
    prefer_skip_nested_validation=True,
)
def predict_proba_in_chunks(
    estimator: Any, raw_documents: Iterable[str], *, chunk_size: int = 10_000
) -> np.ndarray:
    """Compute the class probabilities of any number of texts, in bounded memory.

    The ids of a chunk are made, scored and dropped before those of the next one. A Pipeline's own
    `predict_proba` keeps those of all texts at once, 4 KB per text by default.

    Parameters
    ----------
    estimator : Pipeline
        Fitted estimator that reads texts and has `predict_proba`.
    raw_documents : iterable of str
        Texts. A generator is read chunk by chunk, and never kept in memory as a whole.
    chunk_size : int, default=10_000
        Number of texts per chunk. It limits the memory and never changes probabilities.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Columns in the order of `estimator.classes_`; each row sums to 1.

    Raises
    ------
    ValueError, TypeError
        If there are no texts, or `estimator.predict_proba` raises it; a note then tells where its
        chunk begins.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sentilib import DenseSentimentClassifier, HTMLTokenizer, predict_proba_in_chunks
    >>> from sentilib.datasets import make_reviews
    >>> reviews, labels = make_reviews(500, length=40, random_state=0)
    >>> pipe = make_pipeline(HTMLTokenizer(), DenseSentimentClassifier(random_state=0))
    >>> pipe.fit(reviews, labels).classes_
    array([0, 1])
    >>> lines = (review for review in reviews)
    >>> predict_proba_in_chunks(pipe, lines, chunk_size=100).shape
    (500, 2)
    """
    model = _snapshot(estimator)
    parts = []
    for first, chunk in _chunks(as_documents(raw_documents), int(chunk_size)):
        try:
            parts.append(model.predict_proba(chunk))
        except Exception as error:
            error.add_note(f"Documents are numbered from {first:,} on, where their chunk begins.")
            raise
    if not parts:
        raise ValueError("There are no documents: raw_documents is empty.")
    return np.concatenate(parts)


def _chunks(documents: Iterable[str], size: int) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield chunks of documents, each with the index of its first."""
    if isinstance(documents, TextColumn):
        for first in range(0, len(documents), size):
            yield first, documents[first : first + size]
        return
    iterator, first = iter(documents), 0
    while chunk := list(islice(iterator, size)):
        yield first, chunk
        first += len(chunk)


def _snapshot(estimator: Any) -> Any:
    """Return an estimator of which no fit in another thread changes a step."""
    model = snapshot(estimator)
    if isinstance(model, Pipeline):
        model.steps = [
            (name, step if isinstance(step, str | None) else snapshot(step))
            for name, step in model.steps
        ]
    return model
