"""What an explainer is asked about: the parts of a pipeline, ids, and the words behind them."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sentilib._classifier import BaseSentimentClassifier
from sentilib._html_tokenizer import HTMLTokenizer
from sentilib._ids import OOV_WORD, PAD
from sentilib._text._documents import as_documents

_MOST_NUMERALS = 2**20


class Parts(NamedTuple):
    """Steps of a pipeline, or a classifier alone."""

    tokenizer: HTMLTokenizer | None
    between: list  # fitted transformers of ids
    classifier: BaseSentimentClassifier

    @classmethod
    def of(cls, estimator: Any) -> "Parts":
        """Take a fitted classifier, or a pipeline that ends in one, apart.

        Raises
        ------
        TypeError
            If it is neither.
        NotFittedError
            If it is not fitted.
        """
        steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else []
        classifier = steps.pop() if steps else estimator
        if not isinstance(classifier, BaseSentimentClassifier):
            what = type(estimator).__name__
            if isinstance(estimator, Pipeline):
                what = f"a Pipeline that ends in {type(classifier).__name__}"
            raise TypeError(
                "estimator must be a fitted DenseSentimentClassifier or ConvSentimentClassifier, "
                f"or a Pipeline that ends in one, got {what}. Of a search, take its "
                "best_estimator_."
            )
        check_is_fitted(classifier)
        steps = [step for step in steps if step is not None and step != "passthrough"]
        if steps and isinstance(steps[0], HTMLTokenizer):
            check_is_fitted(steps[0])
            return cls(steps[0], steps[1:], classifier)
        return cls(None, steps, classifier)

    def ids_of_texts(self, texts: list[str]) -> np.ndarray:
        """Ids that reach the classifier.

        Raises
        ------
        ValueError
            If the steps between change the width of the matrix or make something else of ids.
        """
        assert self.tokenizer is not None
        ids: Any = self.tokenizer.transform(texts)
        first = ids.shape
        for step in self.between:
            ids = step.transform(ids)
            shape = getattr(ids, "shape", None)
            if shape != first:
                raise ValueError(
                    f"{type(step).__name__} stands between tokenizer and classifier and turns ids "
                    f"of shape {first} into {shape}. To explain words, each column must "
                    "stay a word's place. Explain the classifier itself with ids: "
                    "TokenShapExplainer(pipeline[-1])(ids)."
                )
        return self.classifier._known_ids(ids)

    def word_weights(self) -> np.ndarray:
        """Weight of each id in the mean word: document frequencies, or 1 for each word seen."""
        classifier = self.classifier
        seen = np.zeros(classifier.vocabulary_size_)
        seen[: len(classifier._seen)] = classifier._seen
        seen[:2] = 0  # padding and unknown words
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

    def names(self) -> np.ndarray | None:
        """Word of each id, if there is a tokenizer that knows and ids reach the classifier."""
        if self.tokenizer is None or self.between:
            return None
        self.tokenizer._check_vocabulary()
        return np.array(["", OOV_WORD, *self.tokenizer.vocabulary_], dtype=object)


class Words(NamedTuple):
    """The players of each review, in words; each a list with a list of str for each review."""

    segments: list[list[str]]  # visible text from the word to the next; the first from its head
    words: list[list[str]]  # as they stand in the visible text
    tokens: list[list[str]]


def is_text(X: Any) -> bool:
    """Whether X holds documents rather than ids."""
    if isinstance(X, str | bytes):
        return True
    if hasattr(X, "dtypes") and not hasattr(X, "dtype"):  # a DataFrame
        return bool(X.shape[1] == 1 and not all(d.kind in "iufb" for d in X.dtypes))
    dtype = getattr(X, "dtype", None)
    if getattr(dtype, "kind", "O") in "iufb":
        return False
    if isinstance(X, Iterator):
        return True
    first = next(iter(X), None) if hasattr(X, "__iter__") else None
    return isinstance(first, str | bytes | None)


def as_texts(X: Any) -> list[str]:
    """List of documents.

    Raises
    ------
    ValueError, TypeError
        If X is one string, or no strings.
    """
    return list(as_documents(X))


def words_of_texts(
    tokenizer: HTMLTokenizer, texts: list[str], ids: np.ndarray, n_threads: int
) -> Words:
    """Words behind the ids of each text, after truncation and padding."""
    width = ids.shape[1]
    result = Words([], [], [])
    cut = slice(-width, None) if tokenizer.truncating == "pre" else slice(width)
    kept: dict[str, str] = {}  # equal strings are one object, as few of many reviews' differ
    shared = kept.setdefault
    readings = tokenizer._read(texts, n_threads)
    for number, row in enumerate(ids):
        tokens, offsets, visible = readings[number]
        names = tokens[cut]
        starts, ends = offsets[cut].T.tolist()
        next_starts = np.append(offsets[:, 0], len(visible.rstrip()))[1:][cut].tolist()
        words = [visible[a:b] for a, b in zip(starts, ends, strict=True)]
        head_is_whole = tokenizer.truncating == "post" or len(tokens) <= width
        if words and head_is_whole and words[0] not in visible[: starts[0]]:
            starts[0] = len(visible) - len(visible.lstrip())  # a quotation mark, a bracket
        segments = [visible[a:b] for a, b in zip(starts, next_starts, strict=True)]
        (columns,) = (row != PAD).nonzero()
        first = width - len(names) if tokenizer.padding == "pre" else 0
        n = len(columns)
        if n != len(names) or (n and (columns[0] != first or columns[-1] != first + n - 1)):
            # A step between put words in, or took some out.
            known = dict(enumerate(zip(segments, words, names, strict=True)))
            spare = map(str, row[columns].tolist())
            chosen = [
                known.get(place, (f"{name} ", name, name))
                for place, name in zip((columns - first).tolist(), spare, strict=True)
            ]
            segments, words, names = ([word[k] for word in chosen] for k in range(3))
        result.segments.append(list(map(shared, segments, segments)))
        result.words.append(list(map(shared, words, words)))
        result.tokens.append(list(map(shared, names, names)))
    return result


def _numerals(ids: np.ndarray) -> np.ndarray:
    """Names of those ids that occur, each written out once, at their places in an array."""
    numerals = np.full(min(int(ids.max(initial=0)) + 1, _MOST_NUMERALS), "", dtype=object)
    occurs = np.zeros(len(numerals), dtype=bool)
    occurs[ids[ids < len(numerals)]] = True
    present = np.flatnonzero(occurs)
    numerals[present] = [str(i) for i in present.tolist()]
    return numerals


def words_of_ids(ids: np.ndarray, names: np.ndarray | None) -> Words:
    """Names of the ids of each row, as far as they are known."""
    is_token = ids != PAD
    flat = ids[is_token]
    if names is None:
        names = _numerals(flat)
    bounds = np.concatenate([[0], np.cumsum(is_token.sum(axis=1))]).tolist()
    if flat.max(initial=0) < len(names):
        tokens = [names[flat[a:b]].tolist() for a, b in pairwise(bounds)]
    else:
        known = names[np.minimum(flat, len(names) - 1)]
        beyond = np.flatnonzero(flat >= len(names))
        known[beyond] = [str(i) for i in flat[beyond].tolist()]
        tokens = [known[a:b].tolist() for a, b in pairwise(bounds)]
    return Words(tokens, tokens, tokens)
