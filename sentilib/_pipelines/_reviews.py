"""Reviews as a fitted estimator reads them, each of them once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sentilib._classifier import BaseSentimentClassifier
from sentilib._compiled._progress import printable
from sentilib._html_tokenizer import HTMLTokenizer
from sentilib._ids import OOV, OOV_WORD, PAD, as_token_ids, check_matrix
from sentilib._pipelines._frames import Frame, read_frame
from sentilib._pipelines._parts import Parts
from sentilib._text._documents import column_names
from sentilib._text._places import Places, TokenPlaces

if TYPE_CHECKING:
    from sentilib._text._readings import Readings


@dataclass
class Reviews:
    """Reviews as a fitted estimator reads them; each review is read once.

    Parameters
    ----------
    parts : Parts
        Parts of the estimator.
    texts : sequence of str or None
        Raw reviews, None for ids.
    reading : Readings or None
        Visible texts and tokens, as the tokenizer read them.
    ids : ndarray of shape (n_samples, n_tokens), int32
        Token ids, as the tokenizer returns them or as given.
    inputs : array-like of shape (n_samples, ...)
        Input of the last step: the ids, unless there are other steps between.
    given : array-like of shape (n_samples, ...)
        Input of the classifier that predicts: `inputs`, or reviews if it reads these itself.
    columns : dict of str to ndarray
        Further columns of X, if it is a table with one column of reviews.
    index : pandas Index or None
        Names of the reviews, if X is a Series or DataFrame.
    moved : str, default=""
        Message about a step between that does not keep one column per token, if any.
    """

    parts: Parts
    texts: Sequence[str] | None
    reading: "Readings | None"
    ids: np.ndarray
    inputs: Any
    given: Any
    columns: dict[str, np.ndarray]
    index: Any
    moved: str = ""

    @classmethod
    def read(
        cls, parts: Parts, X: Any, n_jobs: int | None = None, text_column: Any = None
    ) -> "Reviews":
        """Read reviews.

        Parameters
        ----------
        parts : Parts
            Parts of a fitted estimator.
        X : iterable of str, table, or array-like of ids of shape (n_samples, n_tokens)
            Reviews. The other columns of a table become `columns`. Ids are passed to the
            classifier directly, without the other steps.
        n_jobs : int or None, default=None
            Number of threads; None uses the tokenizer's.
        text_column : str, int or None, default=None
            Column of reviews of a table, as in `read_frame`.

        Raises
        ------
        ValueError, TypeError
            If X is neither text that the estimator can read nor token ids.
        """
        parts = parts.snapshot()
        frame = _frame_of(parts, X, text_column)
        if frame.texts is None:
            return cls._of_ids(parts, X, frame)
        if parts.tokenizer is None:
            raise ValueError(
                "X contains text, but the estimator has no HTMLTokenizer to read it: "
                f"{parts.name} reads token ids of shape (n_samples, n_tokens). Pass a fitted "
                "Pipeline([('tokenizer', HTMLTokenizer()), ('classifier', ...)]), or ids."
            )
        given = documents = X if parts.tables is not None else frame.source
        for step in parts.front:
            documents = step.transform(documents)
        texts = _frame_of(parts, documents, text_column).texts if parts.front else frame.texts
        assert texts is not None
        reading = parts.tokenizer._read(texts, n_jobs)
        inputs = parts.tokenizer.transform(reading)
        ids, moved = np.ascontiguousarray(inputs), ""
        if not (parts.between or hasattr(parts.model, "feature_names_in_")):
            inputs = ids  # not the container of scikit-learn's setting at the time
        steps = [step.transform for step in parts.between]
        if parts.tables is not None:
            steps.insert(0, lambda _: parts.tables.transform(documents))
        for step in steps:
            inputs = step(inputs)
            shape = getattr(inputs, "shape", None)
            if shape != ids.shape and not moved:
                owner = getattr(step, "__self__", parts.tables)
                moved = (
                    f"{type(owner).__name__} is between tokenizer and classifier and turns ids "
                    f"of shape {ids.shape} into {shape}"
                )
        if not parts.reads_documents:
            given = inputs
        elif getattr(parts.classifier, "n_features_in_", 0) == getattr(given, "ndim", 1) == 1:
            given = np.array(frame.texts, dtype=object)[:, np.newaxis]  # as BaggingClassifier does
        return cls(parts, texts, reading, ids, inputs, given, frame.columns, frame.index, moved)

    @classmethod
    def _of_ids(cls, parts: Parts, X: Any, frame: Frame) -> "Reviews":
        check_matrix(X, parts.name)
        ids = np.asarray(X)
        if parts.reads_documents:
            raise ValueError(
                f"{parts.name} contains the tokenizer and reads text, got an array of shape "
                f"{ids.shape} and type {ids.dtype}. Pass the reviews."
            )
        if ids.ndim != 2 or ids.dtype.kind not in "iufb":
            raise ValueError(
                f"{parts.name} reads token ids of shape (n_samples, n_tokens), got an array of "
                f"shape {ids.shape} and type {ids.dtype}. For text "
                "pass a fitted Pipeline([('tokenizer', HTMLTokenizer()), ('classifier', ...)])."
            )
        if not ids.size:
            raise ValueError(f"There are no reviews: X is empty, of shape {ids.shape}.")
        return cls(parts, None, None, as_token_ids(ids), X, X, {}, frame.index)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def classifier(self) -> Any:
        """Classifier that predicts: the last step, or an estimator around the pipeline."""
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
        return self.parts.model._known_ids(self.inputs)

    def why_not_explained(self) -> str | None:
        """Return why the words of these reviews cannot be explained, None if they can."""
        return self.parts.why_not_explained() or (f"{self.moved}." if self.moved else None)

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
        """Word of each id that the model knows, or "#" and the id if it has no name."""
        n_ids = min(int(self.ids.max()) + 1, getattr(self.parts.model, "vocabulary_size_", 2**20))
        names = ["", OOV_WORD] if self.names is None else self.names.tolist()
        numerals = (f"#{k}" for k in range(len(names), n_ids))
        return np.array([*names, *numerals], dtype=object)

    @cached_property
    def names(self) -> np.ndarray | None:
        """Word of each id of the vocabulary, or None if the ids are not the tokenizer's."""
        if self.tokenizer is None or (self.reading is None and self.parts.between):
            return None
        self.tokenizer._check_vocabulary()
        return np.array(["", OOV_WORD, *self.tokenizer.vocabulary_], dtype=object)

    @property
    def knows_words(self) -> bool:
        """Whether the estimator has a vocabulary, or reads token ids."""
        return not self.parts.counts_only

    @property
    def has_latent(self) -> bool:
        """Whether there is one model with a latent space."""
        parts = self.parts
        if parts.model is not None:
            return True
        return hasattr(parts.classifier, "transform") and not (
            parts.members or parts.reads_documents
        )

    @cached_property
    def latent(self) -> np.ndarray:
        """Pooled latent space, shape (n_samples, n_latent)."""
        if not self.has_latent:
            raise TypeError(
                f"{self.parts.name} has no latent space: expected a classifier "
                "with a transform method, such as DenseSentimentClassifier."
            )
        model = self.parts.model or self.classifier
        return np.asarray(model.transform(self.inputs))

    def visible_text(self, row: int) -> str:
        """Return the text of a review without markup; for ids, its words."""
        if self.reading is None:
            return " ".join(self.names_of(row))
        return self.reading.visible_text(row)

    def snippet(self, row: int, n_characters: int) -> str:
        """Return the start of a review's visible text, on one line."""
        return _short(self.visible_text(row), n_characters)

    def names_of(self, row: int) -> list[str]:
        """Return the words of a review that was given as ids."""
        ids = self.ids[row][self.ids[row] != PAD]
        n_words = len(self.words)
        return [self.words[k] if k < n_words else f"#{k}" for k in ids.tolist()]

    @cached_property
    def token_places(self) -> TokenPlaces:
        """What locates the tokens of reviews that reach the classifier."""
        assert self.reading is not None and self.tokenizer is not None
        return TokenPlaces(
            self.reading,
            self.ids.shape[1],
            self.tokenizer.truncating,
            self.tokenizer.padding == "pre",
            self.known_ids if self.parts.between else None,
        )

    def places(self, row: int) -> Places:
        """Return the places of those tokens of a review that reach the classifier."""
        return self.token_places.of(row)


def read_reviews(
    estimator: Any, X: Any, text_column: Any = None, *, any_words: bool = False
) -> Reviews:
    """Read reviews with a fitted estimator that predicts probabilities.

    Parameters
    ----------
    estimator : Pipeline or classifier
        A fitted Pipeline from HTMLTokenizer to a classifier, a fitted classifier of token ids, or
        a fitted estimator around them (search, calibration, vote, stack, ...).
    X : iterable of str, table, or array-like of ids of shape (n_samples, n_tokens)
        As in `Reviews.read`.
    text_column : str, int or None, default=None
        Column of reviews of a table, as in `read_frame`.
    any_words : bool, default=False
        Whether an estimator without HTMLTokenizer is accepted too. The words are then those of the
        default tokenizer, and none is unknown.

    Returns
    -------
    Reviews
        Reviews with the parts of the estimator, the ids and the input of the classifier.

    Raises
    ------
    TypeError
        If the estimator predicts no probabilities, or contains no tokenizer at its beginning.
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
            f"Inspection needs probabilities, but {parts.name} has no predict_proba. Use a "
            "classifier that has one, or fit a CalibratedClassifierCV around this one."
        )
    if parts.tokenizer is None and any_words:
        texts = read_frame(X, text_column).texts
        if texts is not None and not isinstance(parts.model, BaseSentimentClassifier):
            tokenizer = HTMLTokenizer(max_features=None, decode_error="replace").fit(texts)
            parts = Parts(
                estimator, [], tokenizer, [], parts.estimator, None, True, counts_only=True
            )
    if parts.tokenizer is None and parts.between:
        raise TypeError(
            "Expected a Pipeline whose first step is an HTMLTokenizer, got "
            f"{type(parts.between[0]).__name__}."
        )
    return Reviews.read(parts, X, text_column=text_column)


def documents(X: Any, text_column: Any = None) -> tuple[list[str], Frame]:
    """Return the reviews of X, which must be text, and all its content."""
    frame = read_frame(X, text_column)
    if frame.texts is None:
        raise TypeError(f"Expected reviews as text, got a {type(X).__name__} of numbers.")
    return list(frame.texts), frame


def snippets(texts: Sequence[str], n_characters: int) -> list[str]:
    """Return the start of the visible text of each review, on one line."""
    reading = HTMLTokenizer(decode_error="replace")._reader().read(texts)
    return [_short(reading.visible_text(row), n_characters) for row in range(len(texts))]


def _short(text: str, n_characters: int) -> str:
    """Return the start of a text, on one line."""
    n_words = n_characters + 1  # with spaces between them longer than n_characters
    text = printable(" ".join(text.split(None, n_words)[:n_words]))
    return text if len(text) <= n_characters else text[: n_characters - 1].rstrip() + "…"


def _frame_of(parts: Parts, X: Any, text_column: Any) -> Frame:
    """Read a container of reviews; the ColumnTransformer of a pipeline names its column."""
    if parts.tables is None:
        return read_frame(X, text_column)
    names, found = column_names(X), parts.text_columns
    column = found[0] if text_column is None and len(found) == 1 else text_column
    if column not in found:
        raise ValueError(
            f"The tokenizers of the pipeline read the columns {found}: name one of them by "
            f"text_column, got {column!r}."
        )
    if names is None:
        return read_frame(np.asarray(X, dtype=object)[:, column])
    return read_frame(X, names[column] if isinstance(column, int | np.integer) else column)
