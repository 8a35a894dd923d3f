"""HTMLTokenizer's methods that count the words of further documents."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from sentilib._compiled._states import snapshot
from sentilib._sklearn import check_parameters_of, fit_context
from sentilib._text._merging import merged_counts
from sentilib._text._methods import ReadingMethods

if TYPE_CHECKING:
    from sentilib._html_tokenizer import HTMLTokenizer
    from sentilib._text._vocabulary import Vocabulary
    from sentilib._text._words import WordTable


class LearningMethods(ReadingMethods):
    """Methods that add to the counts of a vocabulary; inherited by `HTMLTokenizer`."""

    n_documents_: int

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, raw_documents: Iterable[str], y: Any = None) -> Self:
        """Learn from further documents, as if they had been part of the last `fit`.

        The ids change with each call, since they follow the term counts, and the vocabulary is
        chosen anew: prefer a few large calls to many small ones.

        Parameters
        ----------
        raw_documents : iterable of str
            Documents.
        y : None
            Ignored.

        Returns
        -------
        self : HTMLTokenizer
            Fitted estimator.
        """
        check_parameters_of(self)  # scikit-learn skips this if a vocabulary is given
        counts, n_documents, _ = self._reader().count(raw_documents)
        before = snapshot(self)
        if hasattr(before, "_counts"):
            counts, _ = before._counts.merged(counts)
            n_documents += before.n_documents_
        self._learn(counts, n_documents, allow_empty=True)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def merge(self, tokenizers: "Iterable[HTMLTokenizer]") -> Self:
        """Learn from tokenizers fitted on other documents, as if these had been one `fit`.

        Parts of a corpus can thus be counted by `partial_fit` in other processes or on other
        machines. The vocabulary does not depend on how they are divided, nor on their order.

        Parameters
        ----------
        tokenizers : iterable of HTMLTokenizer
            Fitted tokenizers that read documents as this one does; they remain unchanged. Those
            of a generator are merged one by one.

        Returns
        -------
        self : HTMLTokenizer
            Fitted estimator.
        """
        check_parameters_of(self)
        counts, n_documents = merged_counts(self, tokenizers)
        self._learn(counts, n_documents, allow_empty=True)
        return self

    def _learn(
        self, counts: "WordTable", n_documents: int, *, allow_empty: bool = False
    ) -> "Vocabulary":
        """Choose the vocabulary; attributes are set only after everything that can fail."""
        reader, is_given = self._reader(), self.vocabulary is not None
        chosen = counts, n_documents, allow_empty
        vocabulary = reader.given_vocabulary() if is_given else reader.chosen_vocabulary(*chosen)
        self.__dict__.update(  # in one step, which no Ctrl-C can interrupt
            vocabulary_=vocabulary.numbered,
            document_frequency_=vocabulary.document_frequency(counts),
            n_documents_=n_documents,
            _vocabulary=vocabulary,
            _counts=counts,
        )
        return vocabulary
