"""Pretrained word vectors: words and a matrix, from wherever they come."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

_WORDS_SHOWN = 3


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
        strange = [w for w in self.words if not isinstance(w, str) or not w.strip()]
        if strange:
            raise ValueError(f"words contains {strange[0]!r}, which is not a word.")
        values = np.asarray(matrix, dtype=np.float32)
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
            path of a text file of GloVe or word2vec, a word and its numbers on each line.
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
        """
        if max_words is not None and max_words < 1:
            raise ValueError(f"max_words must be positive, got {max_words!r}.")
        words: Any
        if isinstance(source, str | os.PathLike):
            words, matrix = _read(source, max_words)
        elif isinstance(source, cls):
            words, matrix = source.words, source.matrix
        elif hasattr(source, "index_to_key") and hasattr(source, "vectors"):
            words, matrix = source.index_to_key, source.vectors
        elif hasattr(source, "tokens") and hasattr(source, "embedding"):
            words, matrix = source.tokens, source.embedding
        elif isinstance(source, tuple | list) and len(source) == 2:
            words, matrix = source
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
        self.__init__(state["words"].split("\n"), state["matrix"])  # type: ignore[misc]


def _read(path: Any, max_words: int | None) -> tuple[list[str], np.ndarray]:
    """Read a text file; a first line of two whole numbers, as in word2vec's, announces its size."""
    announced = None
    words: list[str] = []
    rows: list[np.ndarray] = []
    for number, (word, values) in _lines(path):
        if number == 1 and word.isdigit() and len(values) == 1 and values[0].isdigit():
            announced = int(word)
            continue
        if max_words is not None and len(words) == max_words:
            break
        try:
            row = np.array(values, dtype=np.float32)
        except ValueError:
            row = np.empty(0, dtype=np.float32)
        if not row.size or (rows and len(row) != len(rows[0])):
            expected = f"{len(rows[0])} numbers" if rows else "numbers"
            raise ValueError(
                f"Line {number} of {path} must be a word and {expected}, but it is "
                f"{' '.join([word, *values])!r:.60}. The file may be cut short, or no text file of "
                "word vectors."
            )
        words.append(word)
        rows.append(row)
    if not rows:
        raise ValueError(f"{path} contains no word vectors.")
    if announced is not None and max_words is None and announced != len(words):
        raise ValueError(
            f"{path} announces {announced} words, but contains {len(words)}: it is cut short."
        )
    return words, np.array(rows)


def _lines(path: Any) -> Iterator[tuple[int, tuple[str, list[str]]]]:
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            word, *values = line.rstrip("\r\n ").split(" ")
            yield number, (word, values)
