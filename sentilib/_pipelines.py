"""Parts of a fitted pipeline, and the reviews that it reads, each of them once."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sentilib._classifier import BaseSentimentClassifier
from sentilib._html_tokenizer import HTMLTokenizer
from sentilib._ids import FIRST_WORD, OOV, OOV_WORD, PAD, as_token_ids, check_matrix
from sentilib._text._documents import texts_and_columns
from sentilib._text._places import Places

if TYPE_CHECKING:
    from sentilib._text._readings import Readings


class Parts(NamedTuple):
    """The steps of a pipeline, or a classifier alone, fitted or not."""

    estimator: Any  # without a search or FrozenEstimator around it
    tokenizer: HTMLTokenizer | None
    between: list[Any]  # transformers of ids
    classifier: Any

    @classmethod
    def of(cls, estimator: Any) -> "Parts":
        """Split a pipeline, a fitted search over one, a frozen one, or a classifier into parts."""
        estimator = _unwrapped(estimator)
        steps = [estimator]
        if isinstance(estimator, Pipeline):
            steps = [_unwrapped(step) for _, step in estimator.steps]
        *steps, classifier = steps
        steps = [step for step in steps if step is not None and step != "passthrough"]
        tokenizer = steps.pop(0) if steps and isinstance(steps[0], HTMLTokenizer) else None
        return cls(estimator, tokenizer, steps, classifier)

    def check_fitted(self) -> None:
        """Raise NotFittedError unless tokenizer and classifier are fitted."""
        check_is_fitted(self.classifier)
        if self.tokenizer is not None:
            check_is_fitted(self.tokenizer)

    def why_not_explained(self) -> str | None:
        """Return why the classifier's words cannot be explained, None if they can."""
        if isinstance(self.classifier, BaseSentimentClassifier):
            return None
        what = type(self.classifier).__name__
        if isinstance(self.estimator, Pipeline):
            what = f"a Pipeline that ends in {what}"
        return (
            "estimator must be a fitted DenseSentimentClassifier or ConvSentimentClassifier, or a "
            f"Pipeline that ends in one, got {what}. A search must be fitted, with refit=True."
        )

    def check_explained(self) -> None:
        """Raise TypeError unless the classifier's words can be explained."""
        if (reason := self.why_not_explained()) is not None:
            raise TypeError(reason)

    def word_weights(self) -> np.ndarray:
        """Return the weights of ids in the mean word: document frequency, or 1 for words seen."""
        classifier = self.classifier
        seen = np.zeros(classifier.vocabulary_size_)
        seen[: len(classifier._trained.seen)] = classifier._trained.seen
        seen[:FIRST_WORD] = 0
        frequency = getattr(self.tokenizer, "document_frequency_", None)
        if frequency is not None and not self.between:
            n = min(len(frequency), len(seen))
            seen[:n] *= frequency[:n]
            seen[n:] = 0
        if not seen.any():
            raise ValueError(
                "baseline='mean' averages the words seen in training, but there are none. Use "
                "baseline='oov' or 'pad'."
            )
        return seen


@dataclass
class Reviews:
    """Reviews as a fitted estimator reads them; each review is read once.

    Parameters
    ----------
    parts : Parts
        Parts of the estimator.
    texts : list of str or None
        Raw reviews, None for ids.
    reading : Readings or None
        Visible texts and tokens, as the tokenizer read them.
    ids : ndarray of shape (n_samples, n_tokens), int32
        Token ids, as the tokenizer returns them or as given.
    inputs : array-like of shape (n_samples, ...)
        Input of the classifier: the ids, unless there are other steps between.
    columns : dict of str to ndarray
        Further columns of X, if it is a table with one column of reviews.
    moved : str, default=""
        Message about a step between that does not keep one column per token, if any.
    """

    parts: Parts
    texts: list[str] | None
    reading: "Readings | None"
    ids: np.ndarray
    inputs: Any
    columns: dict[str, np.ndarray]
    moved: str = ""

    @classmethod
    def read(cls, parts: Parts, X: Any, n_jobs: int | None = None) -> "Reviews":
        """Read reviews.

        Parameters
        ----------
        parts : Parts
            Parts of a fitted estimator.
        X : iterable of str, table, or array-like of ids of shape (n_samples, n_tokens)
            Reviews. A table has one column of text; its other columns become `columns`. Ids are
            passed to the classifier directly, without the other steps.
        n_jobs : int or None, default=None
            Number of threads; None uses the tokenizer's.

        Raises
        ------
        ValueError, TypeError
            If X is neither text that the estimator can read nor token ids.
        """
        texts, columns = texts_and_columns(X)
        if texts is None:
            check_matrix(X, type(parts.classifier).__name__)
            ids = np.asarray(X)
            if ids.ndim != 2 or ids.dtype.kind not in "iufb":
                raise ValueError(
                    f"{type(parts.classifier).__name__} reads token ids of shape (n_samples, "
                    f"n_tokens), got an array of shape {ids.shape} and type {ids.dtype}. For text "
                    "pass a fitted Pipeline([('tokenizer', HTMLTokenizer()), ('classifier', ...)])."
                )
            if not ids.size:
                raise ValueError(f"There are no reviews: X is empty, of shape {ids.shape}.")
            return cls(parts, None, None, as_token_ids(ids), X, {})
        if parts.tokenizer is None:
            raise ValueError(
                "X contains text, but the estimator has no HTMLTokenizer to read it: "
                f"{type(parts.classifier).__name__} reads token ids of shape (n_samples, "
                "n_tokens). Pass a fitted Pipeline([('tokenizer', HTMLTokenizer()), "
                "('classifier', ...)]), or ids."
            )
        reading = parts.tokenizer._read(texts, n_jobs)
        inputs = parts.tokenizer.transform(reading)
        ids, moved = np.asarray(inputs), ""
        for step in parts.between:
            inputs = step.transform(inputs)
            shape = getattr(inputs, "shape", None)
            if shape != ids.shape and not moved:
                moved = (
                    f"{type(step).__name__} is between tokenizer and classifier and turns ids "
                    f"of shape {ids.shape} into {shape}"
                )
        return cls(parts, texts, reading, ids, inputs, columns, moved)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def classifier(self) -> Any:
        """Classifier, the last step."""
        return self.parts.classifier

    @property
    def tokenizer(self) -> HTMLTokenizer | None:
        """Tokenizer, the first step, or None if the pipeline has none."""
        return self.parts.tokenizer

    @cached_property
    def known_ids(self) -> np.ndarray:
        """Ids as a classifier of this library reads them, OOV for ids unknown to it."""
        if self.moved:
            raise ValueError(
                f"{self.moved}. To explain words, each column must correspond to one word. Explain "
                "the classifier itself with ids: TokenShapExplainer(pipeline[-1])(ids)."
            )
        return self.classifier._known_ids(self.inputs)

    @cached_property
    def length(self) -> np.ndarray:
        """Number of tokens of each review, including those that were cut off."""
        if self.reading is None:
            return np.count_nonzero(self.ids != PAD, axis=1)
        return self.reading.lengths

    @cached_property
    def truncated(self) -> np.ndarray:
        """Whether tokens were cut off; for ids, whether the row is full."""
        width = self.ids.shape[1]
        return self.length > width if self.reading is not None else self.length == width

    @cached_property
    def oov_count(self) -> np.ndarray:
        """Number of unknown words among the tokens that the model reads."""
        return np.count_nonzero(self.ids == OOV, axis=1)

    @cached_property
    def oov_rate(self) -> np.ndarray:
        """Share of unknown words among the tokens that the model reads."""
        return self.oov_count / np.maximum(np.count_nonzero(self.ids != PAD, axis=1), 1)

    @cached_property
    def words(self) -> np.ndarray:
        """Word of each id, or "#" and the id if it has no name."""
        names = ["", OOV_WORD] if self.names is None else self.names.tolist()
        numerals = (f"#{k}" for k in range(len(names), self.ids.max() + 1))
        return np.array([*names, *numerals], dtype=object)

    @cached_property
    def names(self) -> np.ndarray | None:
        """Word of each id of the vocabulary, or None if the ids are not the tokenizer's."""
        if self.tokenizer is None or (self.reading is None and self.parts.between):
            return None
        self.tokenizer._check_vocabulary()
        return np.array(["", OOV_WORD, *self.tokenizer.vocabulary_], dtype=object)

    @cached_property
    def latent(self) -> np.ndarray:
        """Pooled latent space, shape (n_samples, n_latent)."""
        if not hasattr(self.classifier, "transform"):
            raise TypeError(
                f"{type(self.classifier).__name__} has no latent space: expected a classifier "
                "with a transform method, such as DenseSentimentClassifier."
            )
        return np.asarray(self.classifier.transform(self.inputs))

    def visible_text(self, row: int) -> str:
        """Return the text of a review without markup; for ids, its words."""
        if self.reading is None:
            return " ".join(self.names_of(row))
        return self.reading.visible_text(row)

    def snippet(self, row: int, n_characters: int) -> str:
        """Return the start of a review's visible text, on one line."""
        n_words = n_characters + 1  # with spaces between them longer than n_characters
        text = " ".join(self.visible_text(row).split(None, n_words)[:n_words])
        return text if len(text) <= n_characters else text[: n_characters - 1].rstrip() + "…"

    def names_of(self, row: int) -> list[str]:
        """Return the words of a review that was given as ids."""
        ids = self.ids[row][self.ids[row] != PAD]
        return self.words[ids].tolist()

    def places(self, row: int) -> Places:
        """Return the places of those tokens of a review that reach the classifier."""
        assert self.reading is not None and self.tokenizer is not None
        width, tokenizer = self.ids.shape[1], self.tokenizer
        places = Places.of(self.reading[row], width, tokenizer.truncating)
        if not self.parts.between:
            return places
        ids = self.known_ids[row]
        return places.through_steps(ids, pads_front=tokenizer.padding == "pre")


def read_reviews(estimator: Any, X: Any) -> Reviews:
    """Read reviews with a fitted estimator that predicts probabilities.

    Parameters
    ----------
    estimator : Pipeline or classifier
        A fitted Pipeline from HTMLTokenizer to a classifier, a fitted search over one, or a
        fitted classifier of token ids; each may be frozen.
    X : iterable of str, table, or array-like of ids of shape (n_samples, n_tokens)
        As in `Reviews.read`.

    Returns
    -------
    Reviews
        Reviews with the parts of the estimator, the ids and the input of the classifier.

    Raises
    ------
    TypeError
        If the estimator predicts no probabilities, or its pipeline does not start with a tokenizer.
    NotFittedError
        If the estimator is not fitted.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            "Expected a fitted Pipeline from HTMLTokenizer to a classifier, or a classifier, got "
            f"{estimator!r}."
        )
    parts = Parts.of(estimator)
    parts.check_fitted()
    if not hasattr(parts.classifier, "predict_proba"):
        raise TypeError(
            f"Inspection needs probabilities, but {type(parts.classifier).__name__} has no "
            "predict_proba. End the pipeline with a classifier that has one."
        )
    if parts.tokenizer is None and parts.between:
        raise TypeError(
            "Expected a Pipeline whose first step is an HTMLTokenizer, got "
            f"{type(parts.between[0]).__name__}."
        )
    return Reviews.read(parts, X)


def documents(X: Any) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return reviews, which must be text, and the further columns if X is a table."""
    texts, columns = texts_and_columns(X)
    if texts is None:
        raise TypeError(f"Expected reviews as text, got a {type(X).__name__} of numbers.")
    return texts, columns


def _unwrapped(estimator: Any) -> Any:
    """Return the estimator inside frozen estimators and fitted searches."""
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator
