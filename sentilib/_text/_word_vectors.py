"""Pretrained word vectors: words and a matrix, from wherever they come."""

import gzip
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from sentilib._compiled._states import restoring
from sentilib._text._words import check_words, is_word

_WORDS_SHOWN = 3
_WORD_START = "▁"  # of SentencePiece's tokens that begin a word


class WordVectors:
    """Words with a vector each, which tokenizer and classifier read.

    The same object is passed to both: the tokenizer gives these words the first ids, in their
    order, whether training texts contain them or not, and the classifier learns what they say.

    Parameters
    ----------
    words : sequence of str
        Distinct words.
    matrix : array-like of shape (n_words, n_dimensions)
        Vector of each word. Its scale does not matter.

    Attributes
    ----------
    words : tuple of str
        The words.
    matrix : ndarray of shape (n_words, n_dimensions), dtype=float32
        The vectors, read-only.

    Notes
    -----
    The object is a value that never changes: copies, and so clones of estimators, share it.

    Examples
    --------
    >>> from sentilib import WordVectors
    >>> WordVectors(["good", "bad"], [[1.0, 0.2], [-1.0, 0.1]])
    WordVectors(n_words=2, n_dimensions=2)
    """

    __module__ = "sentilib"  # saved files name the public path

    def __init__(self, words: Any, matrix: Any) -> None:
        if isinstance(words, str):
            raise TypeError("words must be a sequence of words, not a string.")
        self.words = tuple(words)
        check_words("words", self.words)
        try:
            values = np.asarray(matrix, dtype=np.float32)
        except ValueError as error:
            raise ValueError(
                f"matrix must contain numbers, in rows of one length ({error})."
            ) from None
        if values.ndim != 2 or len(values) != len(self.words) or not values.size:
            raise ValueError(
                f"matrix must have one row for each of the {len(self.words)} words and at least "
                f"one column, but its shape is {values.shape}."
            )
        is_finite = np.isfinite(values).all(axis=1)
        if not is_finite.all():
            word = self.words[int(np.argmin(is_finite))]
            raise ValueError(
                f"{np.count_nonzero(~is_finite)} vectors contain NaN or infinity, such as that of "
                f"{word!r}. Leave these words out."
            )
        if len(set(self.words)) < len(self.words):
            repeated = [w for w, n in Counter(self.words).items() if n > 1][:_WORDS_SHOWN]
            raise ValueError(f"words must be distinct, but these occur again: {repeated}.")
        self.matrix = values.copy()
        self.matrix.flags.writeable = False

    @classmethod
    def of(cls, source: Any, *, max_words: int | None = None) -> Self:
        """Return the vectors of another library's object, a pair or a file.

        Parameters
        ----------
        source : WordVectors, pair of words and matrix, KeyedVectors, StaticModel or path
            Words with their matrix; `gensim.models.KeyedVectors`; `model2vec.StaticModel`; or the
            path of a text file of GloVe or word2vec, a word and its numbers on each line, which
            may be compressed by gzip (.gz). Tokens that cannot be words are left out.
        max_words : int or None, default=None
            Number of words to keep, from the first on, which are the most frequent ones in such
            sources. A model needs memory for each.

        Returns
        -------
        WordVectors

        Raises
        ------
        TypeError
            If the source is none of these.
        ValueError
            If a line of the file has another number of values than the first, as the last one has
            in a file that was cut short, or the vectors are invalid.

        Notes
        -----
        The tokens of a StaticModel are often pieces of words. Vectors of whole words come from
        `WordVectors.of((words, model.encode(words)))`.
        """
        if max_words is not None and max_words < 1:
            raise ValueError(f"max_words must be positive, got {max_words!r}.")
        words: Any
        if isinstance(source, cls):
            words, matrix = source.words, source.matrix
        elif isinstance(source, tuple | list) and len(source) == 2:
            words, matrix = source
        elif isinstance(source, str | os.PathLike):
            words, matrix = _read(source, max_words)
        elif hasattr(source, "index_to_key") and hasattr(source, "vectors"):
            words, matrix = _words_of(source.index_to_key, source.vectors)
        elif hasattr(source, "tokens") and hasattr(source, "embedding"):
            words, matrix = _words_of(source.tokens, _matrix_of(source))
        else:
            raise TypeError(
                "Word vectors are a pair of words and matrix, a KeyedVectors of gensim, a "
                "StaticModel of model2vec or the path of a text file, got "
                f"{type(source).__name__}."
            )
        if max_words is not None:
            words, matrix = list(words)[:max_words], matrix[:max_words]
        return cls(words, matrix)

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        n_words, n_dimensions = self.matrix.shape
        return f"WordVectors(n_words={n_words}, n_dimensions={n_dimensions})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {"words": "\n".join(self.words), "matrix": self.matrix}

    def __setstate__(self, state: dict[str, Any]) -> None:
        with restoring("saved WordVectors"):
            self.__init__(state["words"].split("\n"), state["matrix"])  # type: ignore[misc]


def _words_of(tokens: Any, matrix: Any) -> tuple[list[str], np.ndarray]:
    """Return the tokens that are words, and their vectors."""
    tokens = list(tokens)
    is_marked = any(token.startswith(_WORD_START) for token in tokens)
    words: dict[str, int] = {}
    for place, token in enumerate(tokens):
        word = token.removeprefix(_WORD_START)
        if is_word(word) and (word != token or not is_marked):
            words[word] = place
    return list(words), np.asarray(matrix)[list(words.values())]


def _matrix_of(model: Any) -> np.ndarray:
    """Return a vector for each token of a StaticModel, several of which may share one."""
    matrix, places, weights = (
        getattr(model, name, None) for name in ("embedding", "token_mapping", "weights")
    )
    matrix = np.asarray(matrix) if places is None else np.asarray(matrix)[places]
    return matrix if weights is None else matrix * np.asarray(weights)[:, None]


def _read(path: Any, max_words: int | None) -> tuple[list[str], np.ndarray]:
    """Read a text file; a first line of two whole numbers, as in word2vec's, announces its size."""
    announced = n_numbers = None
    words: list[str] = []
    rows: list[np.ndarray] = []
    for number, line in enumerate(_lines(path), 1):
        if max_words is not None and len(words) == max_words:
            break
        values = line.split(" ")
        if number == 1 and len(values) == 2 and all(value.isdigit() for value in values):
            announced, n_numbers = map(int, values)
            continue
        n_numbers = n_numbers or len(values) - 1
        word = " ".join(values[:-n_numbers])  # GloVe's of 840 billion tokens contain spaces
        try:
            if not word:
                raise ValueError
            rows.append(np.array(values[-n_numbers:], dtype=np.float32))
        except ValueError:
            raise ValueError(
                f"Line {number} of {path} must be a word and {n_numbers or 'its'} numbers, but it "
                f"is {line!r:.60}. The file may be cut short, or no text file of word vectors."
            ) from None
        words.append(word)
    if not rows:
        raise ValueError(f"{path} contains no word vectors.")
    if announced is not None and max_words is None and announced != len(words):
        raise ValueError(
            f"{path} announces {announced} words, but contains {len(words)}: it is cut short."
        )
    return words, np.array(rows)


def _lines(path: Any) -> Iterator[str]:
    opened = gzip.open if os.fspath(path).endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line.rstrip("\r\n ")
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is cut short, or no text file of word vectors in UTF-8 ({error}). Load binary "
            "files of word2vec with gensim, and pass its KeyedVectors."
        ) from error
