"""What a fitted estimator says of labelled reviews: computed once, shared by all of inspection."""

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sentilib._html_tokenizer import HTMLTokenizer
from sentilib._ids import OOV, OOV_WORD, PAD

_SMALLEST = np.finfo(np.float64).tiny


@dataclass
class Reviews:
    """Reviews as an estimator reads them.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Fitted; a search is replaced by its best estimator.
    classifier : classifier
        Its last step.
    tokenizer : HTMLTokenizer or None
        Its first step, where it reads text.
    texts : list of str or None
        Raw reviews, where it reads text.
    ids : ndarray of shape (n_samples, n_tokens), int
        Token ids.
    inputs : array-like
        What the classifier reads: the ids, unless other steps stand between.
    columns : dict of str to ndarray
        Further columns of X, where it is a DataFrame that holds the reviews in one column.
    """

    estimator: Any
    classifier: Any
    tokenizer: HTMLTokenizer | None
    texts: list[str] | None
    ids: np.ndarray
    inputs: Any
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def length(self) -> np.ndarray:
        """Number of tokens of each whole review, those included that were cut off."""
        lengths = np.count_nonzero(self.ids != PAD, axis=1)
        if self.texts is None or self.tokenizer is None:
            return lengths
        width = self.tokenizer.max_length
        full = np.flatnonzero(lengths >= width)
        while len(full):
            width *= 4
            wider = copy.copy(self.tokenizer).set_params(max_length=width)
            for rows in np.array_split(full, -(-len(full) * width // 2**24)):
                ids = wider.transform([self.texts[row] for row in rows])
                lengths[rows] = np.count_nonzero(ids != PAD, axis=1)
            full = full[lengths[full] >= width]
        return lengths

    @cached_property
    def truncated(self) -> np.ndarray:
        """Whether tokens were cut off; of ids alone, whether the row is full."""
        n_read = np.count_nonzero(self.ids != PAD, axis=1)
        return self.length > n_read if self.texts is not None else n_read == self.ids.shape[1]

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
        """Word of each id."""
        if self.tokenizer is None:
            return np.array(["", OOV_WORD, *(f"#{k}" for k in range(2, self.ids.max() + 1))])
        return np.array(["", OOV_WORD, *self.tokenizer.vocabulary_])

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
        """Text of a review without markup; of ids alone, its words."""
        if self.texts is None or self.tokenizer is None:
            return " ".join(self.words[self.ids[row][self.ids[row] != PAD]])
        return self.tokenizer.visible_text(self.texts[row])

    def snippet(self, row: int, n_characters: int) -> str:
        """Start of a review's visible text, on one line."""
        if self.texts is None or self.tokenizer is None:
            ids = self.ids[row][self.ids[row] != PAD]
            text = " ".join(self.words[ids[:n_characters]])
        else:
            # Markup and white space take room too; four times the text is nearly always enough.
            text = " ".join(
                self.tokenizer.visible_text(self.texts[row][: 4 * n_characters]).split()
            )
        return text if len(text) <= n_characters else text[: n_characters - 1].rstrip() + "…"


@dataclass
class Evaluation:
    """Labels beside predicted probabilities.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels, ascending.
    truth : ndarray of shape (n_samples,), int
        Position of each true label among the classes.
    proba : ndarray of shape (n_samples, n_classes)
        Predicted probabilities.
    loss : ndarray of shape (n_samples,)
        Cross-entropy of each review in nats, -log p(true label).
    """

    classes: np.ndarray
    truth: np.ndarray
    proba: np.ndarray
    loss: np.ndarray

    @classmethod
    def of(cls, classes: np.ndarray, y: Any, proba: Any, log_proba: Any = None) -> "Evaluation":
        """Compare labels with probabilities, after checks."""
        proba = np.asarray(proba, dtype=np.float64)
        y = labels(y, len(proba))
        if proba.ndim == 1:
            proba = np.column_stack([1 - proba, proba])
        if proba.ndim != 2 or proba.shape[1] != len(classes):
            raise ValueError(
                f"Expected probabilities of shape ({len(y)}, {len(classes)}), a column for each "
                f"of the classes {list(classes)}, got shape {proba.shape}."
            )
        if not np.isfinite(proba).all() or proba.min() < 0 or proba.max() > 1 + 1e-6:
            raise ValueError("Probabilities must lie between 0 and 1, but some do not.")
        unknown = [label for label in np.unique(y).tolist() if label not in classes.tolist()]
        if unknown:
            raise ValueError(
                f"y holds labels that the model never saw: {unknown}. It knows "
                f"{classes.tolist()}: drop or relabel those reviews."
            )
        truth = np.searchsorted(classes, y)
        rows = np.arange(len(y))
        if log_proba is None:
            log_proba = np.log(np.maximum(proba, _SMALLEST))
        return cls(classes, truth, proba, -log_proba[rows, truth])

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Position of each predicted label among the classes."""
        return self.proba.argmax(axis=1)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether the prediction is the label."""
        return self.predicted == self.truth

    @cached_property
    def label_quality(self) -> np.ndarray:
        """Normalized margin of the given label: 1 is agreed with, 0 contradicted."""
        rows = np.arange(len(self))
        others = self.proba.copy()
        others[rows, self.truth] = -np.inf
        return (1 + self.proba[rows, self.truth] - others.max(axis=1)) / 2


def read_reviews(estimator: Any, X: Any) -> Reviews:
    """Take a fitted estimator apart and let its tokenizer read the reviews, once.

    Parameters
    ----------
    estimator : Pipeline or classifier
        A fitted Pipeline from HTMLTokenizer to a classifier, a fitted search over one, or a
        fitted classifier of token ids.
    X : array-like of str, DataFrame, or array-like of ids of shape (n_samples, n_tokens)
        Reviews. A DataFrame has one column of text; its others become `columns`.

    Returns
    -------
    Reviews
        The parts, the ids and what the classifier reads.

    Raises
    ------
    TypeError
        If the estimator cannot say probabilities or its pipeline reads no text.
    NotFittedError
        If the estimator is not fitted.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            "Expected a fitted Pipeline from HTMLTokenizer to a classifier, or a classifier, got "
            f"{estimator!r}."
        )
    check_is_fitted(estimator)
    classifier = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not hasattr(classifier, "predict_proba"):
        raise TypeError(
            f"Inspection needs probabilities, but {type(classifier).__name__} has no "
            "predict_proba. End the pipeline with a classifier that has."
        )
    if not isinstance(estimator, Pipeline):
        ids = np.asarray(X)
        if ids.ndim != 2 or ids.dtype.kind not in "iuf":
            raise ValueError(
                f"{type(classifier).__name__} reads token ids of shape (n_samples, n_tokens), got "
                f"an array of shape {ids.shape} and type {ids.dtype}. For text pass a fitted "
                "Pipeline([('tokenizer', HTMLTokenizer()), ('classifier', ...)])."
            )
        return Reviews(estimator, classifier, None, None, ids.astype(np.int64), X, {})
    tokenizer = estimator[0]
    if not isinstance(tokenizer, HTMLTokenizer):
        raise TypeError(
            "Expected a Pipeline whose first step is an HTMLTokenizer, got "
            f"{type(tokenizer).__name__}."
        )
    texts, columns = documents(X)
    ids = tokenizer.transform(texts)
    inputs = ids if len(estimator) == 2 else estimator[1:-1].transform(ids)
    return Reviews(estimator, classifier, tokenizer, texts, ids, inputs, columns)


def evaluate(reviews: Reviews, y: Any) -> Evaluation:
    """Predict the reviews and compare with their labels."""
    y = labels(y, len(reviews))
    classifier = reviews.classifier
    if hasattr(classifier, "predict_log_proba"):  # exact where a probability would round to 0
        log_proba = np.asarray(classifier.predict_log_proba(reviews.inputs), dtype=np.float64)
        log_proba = np.maximum(log_proba, np.log(_SMALLEST))
        return Evaluation.of(classifier.classes_, y, np.exp(log_proba), log_proba)
    return Evaluation.of(classifier.classes_, y, classifier.predict_proba(reviews.inputs))


def documents(X: Any) -> tuple[list[str], dict[str, np.ndarray]]:
    """Give the texts, and the further columns where X is a DataFrame."""
    columns: dict[str, np.ndarray] = {}
    if hasattr(X, "columns") and X.shape[1] > 1:
        columns = {str(name): np.asarray(X[name]) for name in X.columns}
        texts = [
            name
            for name, values in columns.items()
            if len(values) and all(isinstance(value, str) for value in values[:100])
        ]
        if len(texts) != 1:
            raise ValueError(
                f"Expected one column of text among {list(columns)}, found {texts}. Pass that "
                "column as X, and the others as data."
            )
        X = columns.pop(texts[0])
    if isinstance(X, str | bytes):
        raise ValueError("Expected a collection of reviews, got one string. Put it in a list.")
    values = np.asarray(X, dtype=object) if hasattr(X, "shape") else X
    if getattr(values, "ndim", 1) == 2 and values.shape[1] == 1:
        values = values[:, 0]
    texts = list(values)
    if not texts:
        raise ValueError("There are no reviews: X is empty.")
    return texts, columns


def labels(y: Any, n_samples: int) -> np.ndarray:
    """Check labels: one dimension, one a review, none missing."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"y must hold one label a review, got an array of shape {y.shape}.")
    if len(y) != n_samples:
        raise ValueError(
            f"X and y must be of the same length, got {n_samples} reviews and {len(y)} labels."
        )
    if y.dtype.kind == "f" and np.isnan(y).any():
        raise ValueError(f"y holds {np.isnan(y).sum()} missing labels (NaN): drop those reviews.")
    return y
