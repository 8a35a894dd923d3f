"""HTMLTokenizer's work on documents."""

import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from sentilib._compiled._progress import announce
from sentilib._compiled._threads import resolve_n_jobs
from sentilib._ids import FIRST_WORD, OOV, PAD
from sentilib._text._documents import as_documents, sequence_of_documents
from sentilib._text._kernels import IS_MARK
from sentilib._text._negation import negated, negation_table
from sentilib._text._readings import Readings
from sentilib._text._scan import Matrix, Scanner, Stream
from sentilib._text._vocabulary import (
    Vocabulary,
    choose_words,
    folded,
    given_words,
    normalize_words,
    unmatchable,
)
from sentilib._text._words import WordTable

_FOLDING = "lowercase", "strip_accents", "punctuation", "normalization", "unspaced"
_MOSTLY = 0.5  # share of unknown words above which the reader warns of a document


class Reader:
    """Reader that scans documents, chooses words and fills matrices.

    Parameters
    ----------
    parameters : HTMLTokenizer
        Tokenizer of which only the parameters are used.
    """

    def __init__(self, parameters: Any) -> None:
        folding = {name: getattr(parameters, name) for name in _FOLDING}
        markup, decode_error = parameters.markup, parameters.decode_error
        self.scanner = Scanner(markup=markup, decode_error=decode_error, **folding)
        if parameters.negation_scope:
            negations = negation_table(parameters.negations, folding)
            self.scanner.mark_negation(parameters.negation_scope, negations)
        self._parameters = parameters

    def count(
        self, raw_documents: Any, *, keep_streams: bool = False
    ) -> tuple[WordTable, int, list[Stream]]:
        """Count the words of all documents, as `Scanner.count_all` does."""
        announce(self._parameters.verbose, "Counting the words of the documents ...")
        counts, n_documents, streams = self.scanner.count_all(
            as_documents(raw_documents), self._n_threads, keep_streams=keep_streams
        )
        if n_documents == 0:
            raise ValueError("There are no documents: raw_documents is empty.")
        return counts, n_documents, streams

    def chosen_vocabulary(
        self, counts: WordTable, n_documents: int, allow_empty: bool
    ) -> Vocabulary:
        """Choose the vocabulary from the words of `n_documents` documents."""
        if counts.size == 0 and not allow_empty:
            raise ValueError(
                "Empty vocabulary: the documents contain no token. They may be empty, or contain "
                "only markup or punctuation."
            )
        min_df, max_df = self._parameters.min_df, self._parameters.max_df
        min_count, max_count = (
            limit if isinstance(limit, Integral) else limit * n_documents
            for limit in (min_df, max_df)
        )
        if max_count < min_count and not allow_empty:
            raise ValueError(
                f"max_df={max_df!r} corresponds to fewer documents than min_df={min_df!r}: no word "
                "can satisfy both."
            )
        stop_words = self._folded_stop_words()
        limit = self._parameters.max_features
        words = choose_words(
            counts, stop_words, min_df=min_count, max_df=max_count, max_features=limit
        )
        if words.size == 0 and not allow_empty:
            raise ValueError(
                f"Empty vocabulary: min_df={min_df!r}, max_df={max_df!r} and the stop words leave "
                f"none of the {counts.size} distinct words. Lower min_df, raise max_df, or pass "
                "more documents."
            )
        first, spellings = self._words_of_vectors()
        table = first.merged(counts, words)[0]
        return Vocabulary.of(table, stop_words, self.scanner, spellings)

    def _words_of_vectors(self) -> tuple[WordTable, dict[str, str]]:
        """Return the words that get the first ids, and spellings that documents cannot match."""
        vectors = self._parameters.vectors
        if vectors is None:
            return WordTable(), {}
        words = list(vectors.words)
        spellings = normalize_words(words, self.scanner)
        return WordTable.of(words), spellings

    def given_vocabulary(self) -> Vocabulary:
        """Return the vocabulary parameter's words; warn of words that no document can match."""
        if self._parameters.vectors is not None:
            raise ValueError(
                "vectors give their words the first ids, and vocabulary fixes all ids: pass one of "
                "them."
            )
        words = given_words(self._parameters.vocabulary)
        spellings = normalize_words(words, self.scanner)
        never = unmatchable(words, self.scanner)
        # A mark that is dropped may have kept apart what normalization joins: "e" and its accent.
        apart = self.scanner.tokens(["\u2039".join(word) for word in never]) if never else []
        never = [word for word, found in zip(never, apart, strict=True) if found != [word]]
        if never:
            warnings.warn(
                f"{len(never)} words of the vocabulary can match no token, such as {never[0]!r}: "
                "with these parameters, documents are folded or split differently.",
                stacklevel=5,  # the user's call of `fit` or `transform`
            )
        stop_words = self._folded_stop_words()
        return Vocabulary.of(WordTable.of(words), stop_words, self.scanner, spellings)

    def encode(self, raw_documents: Any, vocabulary: Vocabulary) -> np.ndarray:
        """Return the ids of documents, or of readings of them: int32 (n_documents, max_length)."""
        if isinstance(raw_documents, Readings):
            matrix = self.matrix(len(raw_documents))
            raw_documents.fill(matrix)
            return self._finished(matrix, vocabulary)
        documents = sequence_of_documents(raw_documents)
        if not documents:
            raise ValueError("There are no documents: raw_documents is empty.")
        matrix = self.matrix(len(documents))
        n_threads = self._n_threads if len(documents) > 1 else 1  # to know it takes time
        self.scanner.encode_all(documents, vocabulary.table, vocabulary.ids, matrix, n_threads)
        return self._finished(matrix, vocabulary)

    def rows(
        self,
        streams: Iterable[Stream],
        vocabulary: Vocabulary,
        counts: WordTable,
        n_documents: int,
    ) -> np.ndarray:
        """Return the ids of documents whose words were counted."""
        matrix = self.matrix(n_documents)
        ids = vocabulary.ids_of(counts, self.scanner)
        matrix.fill_all(streams, ids, self._n_threads)
        return self._finished(matrix, vocabulary, stacklevel=6)

    def matrix(self, n_documents: int) -> Matrix:
        """Return a matrix of zeros for that many documents."""
        parameters = self._parameters
        return Matrix(
            n_documents,
            parameters.max_length,
            padding=parameters.padding,
            truncating=parameters.truncating,
        )

    def unknown_share(self, rows: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
        """Return the share of unknown tokens in each row, not counting the marks that are known."""
        is_counted = np.ones(len(vocabulary.words) + FIRST_WORD, dtype=bool)
        is_counted[PAD] = False
        ids = vocabulary.ids[: len(vocabulary.words)]
        is_counted[FIRST_WORD:] = (ids < 0) | (ids & IS_MARK == 0)
        n_counted = is_counted[rows].sum(axis=1)
        return np.count_nonzero(rows == OOV, axis=1) / np.maximum(n_counted, 1)

    def _finished(
        self, matrix: Matrix, vocabulary: Vocabulary, *, stacklevel: int = 5
    ) -> np.ndarray:
        """Return the rows, and warn of what they do not tell, if the tokenizer is asked to."""
        if self._parameters.warn:
            n_unknown = np.count_nonzero(self.unknown_share(matrix.rows, vocabulary) > _MOSTLY)
            for n, reason in [
                (matrix.n_truncated, f"are longer than max_length={self._parameters.max_length}"),
                (n_unknown, "consist mostly of unknown words"),
            ]:
                if n:
                    warnings.warn(
                        f"{n} of {len(matrix.rows)} documents {reason}.",
                        stacklevel=stacklevel,  # the user's call of `transform` or `fit_transform`
                    )
        return matrix.rows

    def read(
        self,
        documents: Sequence[str],
        vocabulary: Vocabulary | None = None,
        n_jobs: int | None = None,
    ) -> Readings:
        """Read documents once; without a vocabulary, only stop words are known."""
        if vocabulary is None:
            table = WordTable.of(sorted(self._folded_stop_words()))
            vocabulary = Vocabulary([], table, np.full(table.size, -1, dtype=np.int32))
        n_threads = 1
        if len(documents) > 1:
            n_threads = self._n_threads if n_jobs is None else resolve_n_jobs(n_jobs)
        return Readings(self.scanner, documents, vocabulary.table, vocabulary.ids, n_threads)

    @property
    def _n_threads(self) -> int:
        return resolve_n_jobs(self._parameters.n_jobs)

    def _folded_stop_words(self) -> set[str]:
        words = self._parameters.stop_words
        if words == "english":
            from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

            words = ENGLISH_STOP_WORDS
        found = folded(words or (), self.scanner)
        return found | negated(found) if self.scanner.negation_scope else found
