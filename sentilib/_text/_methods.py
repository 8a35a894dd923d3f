"""HTMLTokenizer's methods that show how documents are read."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter, is_not
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.utils import Bunch, metadata_routing

from sentilib._compiled._states import SavedState, restoring, snapshot
from sentilib._ids import OOV_WORD, PAD
from sentilib._sklearn import Estimator, check_fitted, check_parameters_of
from sentilib._text._documents import sequence_of_documents

if TYPE_CHECKING:
    from sentilib._text._reader import Reader
    from sentilib._text._readings import Readings
    from sentilib._text._vocabulary import Vocabulary
    from sentilib._text._words import WordTable

# Parameters that determine a vocabulary's table if its words are given
_GIVEN = (
    "vocabulary", "stop_words", "lowercase", "strip_accents", "punctuation", "normalization",
    "unspaced", "negation_scope", "negations",
)  # fmt: skip
_given = attrgetter(*_GIVEN)


class ReadingMethods(SavedState, Estimator):
    """Methods that split single documents, and words of ids; inherited by `HTMLTokenizer`."""

    # Documents are X under another name, no metadata
    __metadata_request__fit: ClassVar = {"raw_documents": metadata_routing.UNUSED}
    __metadata_request__partial_fit: ClassVar = {"raw_documents": metadata_routing.UNUSED}
    __metadata_request__transform: ClassVar = {"raw_documents": metadata_routing.UNUSED}

    max_length: int
    verbose: int
    vocabulary: Any
    stop_words: Any
    vocabulary_: Mapping[str, int]
    document_frequency_: np.ndarray
    _vocabulary: "Vocabulary"
    _counts: "WordTable"
    _given: tuple = (None,)  # parameters from which a vocabulary was derived without `fit`

    def inverse_transform(self, X: Any) -> list[np.ndarray]:
        """Return the words of rows of token ids, without padding.

        Parameters
        ----------
        X : array-like of int of shape (n_samples, n_tokens)
            Token ids.

        Returns
        -------
        words : list of n_samples ndarrays of str
            Words of each row; ``"[OOV]"`` stands for id 1.
        """
        self._check_vocabulary()
        ids = np.asarray(X)
        if ids.ndim != 2 or ids.dtype.kind not in "iu":
            raise ValueError(
                "Expected a 2D array of integer ids, as transform returns it, got "
                f"{ids.ndim}D of type {ids.dtype}."
            )
        words = np.array(["", OOV_WORD, *self.vocabulary_], dtype=object)
        if ids.size and (ids.min() < 0 or ids.max() >= len(words)):
            raise ValueError(
                f"Ids must be between 0 and {len(words) - 1}, got {ids.min()} to {ids.max()}."
            )
        return [words[row[row != PAD]] for row in ids]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the matrix's columns, which are positions: token0, token1, ...

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str of shape (max_length,)
            Column names. The words are the keys of `vocabulary_`.
        """
        check_fitted(self)
        return np.array([f"token{k}" for k in range(self.max_length)], dtype=object)

    def document_statistics(self, raw_documents: Iterable[str]) -> Bunch:
        """Return what the token ids of documents leave out: words that are cut off, or unknown.

        Parameters
        ----------
        raw_documents : iterable of str
            Documents.

        Returns
        -------
        statistics : Bunch
            Dictionary with these keys, which are attributes too; each is an ndarray of shape
            (n_samples,):

            - `length`: number of tokens of the whole document, before runs of marks are shortened;
            - `truncated`: whether these are more than `max_length`;
            - `unknown_share`: share of unknown tokens in what `transform` keeps of the document.
              Punctuation marks, symbols and emoji that are in the vocabulary do not count.

        Examples
        --------
        >>> from sentilib import HTMLTokenizer
        >>> tokenizer = HTMLTokenizer(max_length=4).fit(["A great film.", "A bad film!"])
        >>> found = tokenizer.document_statistics(["A good film!", "ça va", "A film, a film."])
        >>> found.unknown_share.round(2)
        array([0.33, 1.  , 0.33])
        >>> found.truncated
        array([False, False,  True])
        """
        self._check_vocabulary()
        reader, vocabulary = self._reader(), self._vocabulary
        readings = reader.read(sequence_of_documents(raw_documents), vocabulary)
        matrix = reader.matrix(len(readings))
        readings.fill(matrix)
        return Bunch(
            length=readings.lengths,
            truncated=readings.lengths > matrix.rows.shape[1],
            unknown_share=reader.unknown_share(matrix.rows, vocabulary),
        )

    def tokenize(self, text: str) -> list[str]:
        """Split one document into folded tokens, without stop words. Needs no `fit`.

        Parameters
        ----------
        text : str
            Document, with or without markup.

        Returns
        -------
        tokens : list of str
            Tokens.
        """
        return self.tokenize_with_offsets(text)[0]

    def tokenize_with_offsets(self, text: str) -> tuple[list[str], np.ndarray, str]:
        r"""Split one document into tokens, and locate each in its visible text.

        Parameters
        ----------
        text : str
            Document, with or without markup.

        Returns
        -------
        tokens : list of str
            Folded tokens, without stop words.
        offsets : ndarray of shape (n_tokens, 2), dtype=int64
            Start and end of each token, in characters: ``visible[start:end]`` is the token as it is
            written in the text.
        visible : str
            Visible text of the document, as `visible_text` returns it.

        Examples
        --------
        >>> from sentilib import HTMLTokenizer
        >>> tokenizer = HTMLTokenizer()
        >>> tokens, offsets, visible = tokenizer.tokenize_with_offsets("A<br>Mas&shy;terpiece!")
        >>> tokens
        ['a', 'masterpiece', '!']
        >>> [visible[start:end] for start, end in offsets]
        ['A', 'Mas\xadterpiece', '!']
        """
        return self._reader_of(text).read([text])[0]

    def visible_text(self, text: str) -> str:
        """Return the text of a document that a browser would show, as `markup` interprets it.

        Parameters
        ----------
        text : str
            Document, with or without markup.

        Returns
        -------
        visible : str
            Visible text, normalized, with a line feed wherever an element separates words.
        """
        return self._reader_of(text).scanner.visible_text(text)

    def __getstate__(self) -> dict:
        """Leave out what is derived of the vocabulary, and write its words as one array."""
        state = super().__getstate__()
        for name in ("vocabulary_", "document_frequency_"):
            state.pop(name, None)
        vocabulary, counts = state.pop("_vocabulary", None), state.pop("_counts", None)
        if counts is not None:
            state["_counts"] = counts.state()
        given = state.pop("_given", self._given)
        is_stale = counts is None and any(map(is_not, self._given_now(), given))
        if vocabulary is not None and not is_stale:
            state["_vocabulary"] = vocabulary.state()
        return state

    __copy__ = snapshot  # shares the vocabulary

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        with restoring("saved vocabulary"):
            saved = {name: self.__dict__.pop(name, None) for name in ("_vocabulary", "_counts")}
            if saved["_vocabulary"] is None:
                return
            from sentilib._text._vocabulary import Vocabulary
            from sentilib._text._words import WordTable

            vocabulary = Vocabulary.from_state(saved["_vocabulary"])
            self.__dict__.update(vocabulary_=vocabulary.numbered, _vocabulary=vocabulary)
            if saved["_counts"] is None:
                self._given = self._given_now()
                return
            self._counts = WordTable.from_state(saved["_counts"])
            self.document_frequency_ = vocabulary.document_frequency(self._counts)

    def _given_now(self) -> tuple:
        return _given(self)

    def _check_vocabulary(self) -> None:
        """Ensure that there is a vocabulary; the parameter of that name needs no `fit`."""
        check_fitted(self)
        given = self._given_now()  # `set_params` may have changed them
        if not hasattr(self, "_counts") and any(map(is_not, given, self._given)):
            check_parameters_of(self)
            words = self._reader().given_vocabulary()
            self.__dict__.update(vocabulary_=words.numbered, _vocabulary=words, _given=given)

    def _read(self, documents: Sequence[str], n_jobs: int | None = None) -> "Readings":
        """Read documents once; `transform` accepts the result, which has words and offsets too."""
        self._check_vocabulary()
        return self._reader().read(documents, self._vocabulary, n_jobs)

    def _reader_of(self, text: Any) -> "Reader":
        check_parameters_of(self)
        if not isinstance(text, str):
            raise TypeError(f"Expected one document, a string, got {type(text).__name__}.")
        return self._reader()

    def _reader(self) -> "Reader":
        from sentilib._text._reader import Reader

        return Reader(self)
